#!/usr/bin/env bash
# kafka.sh get|up|down|kill|wipe - Kafka: one process that is broker and controller, at $PORT+40. The jars come by Maven, once.
set -eu
. "$(dirname "$0")/lib.sh"
R=$RUN/kafka
LIB=$CACHE/kafka/lib
BROKER=$((PORT + 40)) CONTROLLER=$((PORT + 41))

get() {
    fetch_maven kafka Kafka
}
configure() {
    mkdir -p "$R"
    cat >"$R/log4j2.properties" <<'X'
status=error
appender.c.type=Console
appender.c.name=c
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=c
X
    cat >"$R/server.properties" <<X
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$BROKER,CONTROLLER://127.0.0.1:$CONTROLLER
advertised.listeners=PLAINTEXT://127.0.0.1:$BROKER
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$R/logs
num.partitions=3
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
X
}
java_() { # MEMORY CLASS ARGS...
    local memory=$1
    shift
    java "-Xmx$memory" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
        "-Dlog4j2.configurationFile=$R/log4j2.properties" -cp "$LIB/*" "$@"
}
up() {
    get
    configure
    [ -f "$R/logs/meta.properties" ] ||
        java_ 128m kafka.tools.StorageTool format -t AAAAAAAAQACAAAAAAAAAAQ -c "$R/server.properties" >"$R/format.log" 2>&1 ||
        { tail -20 "$R/format.log"; exit 1; }
    daemon "$R/broker.pid" "$R/broker.log" java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
        "-Dlog4j2.configurationFile=$R/log4j2.properties" -cp "$LIB/*" kafka.Kafka "$R/server.properties"
    wait_for 120 "$R/broker.pid" "$R/broker.log" sh -c "kcat -b 127.0.0.1:$BROKER -L -m 2 2>/dev/null | grep -q 'broker 1 at'"
}
down() {
    stop "$R/broker.pid"
}
case ${1:-} in
get | up | down) "$1" ;;
kill) kill -9 "$(cat "$R/broker.pid")" ;;
wipe) down; rm -rf "$R" ;;
*) sed -n 2p "$0"; exit 2 ;;
esac
