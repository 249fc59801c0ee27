#!/usr/bin/env bash
# hdfs.sh get|up|down|kill NAME|wipe - HDFS: one NameNode (WebHDFS at $PORT+10) and two DataNodes. The jars come by Maven, once.
set -eu
. "$(dirname "$0")/lib.sh"
R=$RUN/hdfs
LIB=$CACHE/hdfs/lib
NN_HTTP=$((PORT + 10)) NN_RPC=$((PORT + 11))

get() {
    fetch_maven hdfs HDFS
}
property() {
    echo "<property><name>$1</name><value>$2</value></property>"
}
configure() {
    mkdir -p "$R/conf/webapps"/{hdfs,datanode,static} # the jars have no web pages: empty folders are enough
    {
        echo "<configuration>"
        property fs.defaultFS "hdfs://127.0.0.1:$NN_RPC"
        property hadoop.tmp.dir "$R/tmp"
        property hadoop.http.staticuser.user root
        echo "</configuration>"
    } >"$R/conf/core-site.xml"
    {
        echo "<configuration>"
        property dfs.replication 1
        property dfs.namenode.name.dir "file://$R/nn"
        property dfs.namenode.rpc-address "127.0.0.1:$NN_RPC"
        property dfs.namenode.http-address "127.0.0.1:$NN_HTTP"
        property dfs.datanode.hostname 127.0.0.1
        property dfs.namenode.datanode.registration.ip-hostname-check false
        property dfs.namenode.fs-limits.min-block-size 1024
        property dfs.blocksize 1048576
        property dfs.namenode.safemode.extension 0
        property dfs.namenode.heartbeat.recheck-interval 2000
        property dfs.heartbeat.interval 1
        property dfs.ls.limit 15
        property dfs.client.block.write.locateFollowingBlock.initial.delay.ms 20
        property dfs.client.block.write.replace-datanode-on-failure.policy NEVER
        echo "</configuration>"
    } >"$R/conf/hdfs-site.xml"
    cat >"$R/conf/log4j.properties" <<'X'
log4j.rootLogger=WARN,c
log4j.appender.c=org.apache.log4j.ConsoleAppender
log4j.appender.c.layout=org.apache.log4j.PatternLayout
log4j.appender.c.layout.ConversionPattern=%d %p %c: %m%n
X
}
java_() { # CLASS ARGS...: prints the command, one word a line
    printf '%s\n' java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true \
        --add-opens=java.base/java.lang=ALL-UNNAMED -cp "$R/conf:$LIB/*" "$@"
}
start() { # NAME CLASS ARGS...
    local name=$1 words
    shift
    mapfile -t words < <(java_ "$@")
    daemon "$R/$name.pid" "$R/$name.log" "${words[@]}"
}
is_ready() {
    curl -sf "http://127.0.0.1:$NN_HTTP/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState" | grep -q '"NumLiveDataNodes" : 2' &&
        curl -sf "http://127.0.0.1:$NN_HTTP/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo" | grep -q '"Safemode" : ""'
}
up() {
    local words i p
    get
    configure
    if [ ! -d "$R/nn/current" ]; then
        mapfile -t words < <(java_ org.apache.hadoop.hdfs.server.namenode.NameNode -format -nonInteractive)
        "${words[@]}" >"$R/format.log" 2>&1 || { tail -20 "$R/format.log"; exit 1; }
    fi
    start nn org.apache.hadoop.hdfs.server.namenode.NameNode
    for i in 1 2; do
        p=$((PORT + 10 + 10 * i))
        start dn$i org.apache.hadoop.hdfs.server.datanode.DataNode -D "dfs.datanode.data.dir=file://$R/dn$i" \
            -D dfs.datanode.address=127.0.0.1:$p \
            -D dfs.datanode.http.address=127.0.0.1:$((p + 1)) -D dfs.datanode.ipc.address=127.0.0.1:$((p + 2))
    done
    wait_for 120 "$R/nn.pid" "$R/nn.log" is_ready
}
down() {
    stop "$R/dn1.pid" "$R/dn2.pid" "$R/nn.pid"
}
case ${1:-} in
get | up | down) "$1" ;;
kill) kill -9 "$(cat "$R/$2.pid")" ;; # nn, dn1, dn2
wipe) down; rm -rf "$R" ;;
*) sed -n 2p "$0"; exit 2 ;;
esac
