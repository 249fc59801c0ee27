# lib.sh - shared by the services' scripts beside it; sourced. What is downloaded or built stays per user in $CACHE; what a run
# makes lies in $RUN, below the build folder. Everything listens on 127.0.0.1, from $SERVICES_PORT on.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${PENSTOCK_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/penstock/services}
RUN=${SERVICES_RUN:-$HERE/../../build/services}
PORT=${SERVICES_PORT:-19100}
mkdir -p "$CACHE/bin" "$RUN"
RUN=$(cd "$RUN" && pwd)

# Is the process of a pid file alive, and still that very process?
alive() {
    local pid
    [ -f "$1" ] || return 1
    pid=$(cat "$1")
    [ "$(cat "$1.start" 2>/dev/null)" = "$(started "$pid")" ]
}
# The start time of a process; "dead" of one that has ended.
started() {
    [ -r "/proc/$1/stat" ] || { echo dead; return; }
    awk '{s = $0; sub(/^.*\) /, "", s); split(s, f, " "); print (f[1] ~ /[ZX]/) ? "dead" : f[20]}' "/proc/$1/stat" 2>/dev/null
}
# daemon PIDFILE LOG COMMAND...: in a session of its own; nothing if it runs already.
daemon() {
    local pidfile=$1 log=$2 pid
    shift 2
    alive "$pidfile" && return 0
    setsid "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    disown
    echo "$pid" >"$pidfile"
    started "$pid" >"$pidfile.start"
}
# wait_for SECONDS PIDFILE LOG COMMAND...: until the command succeeds; fails when the process dies or the time is over.
wait_for() {
    local end=$(($(date +%s) + $1)) pidfile=$2 log=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        alive "$pidfile" || { echo "$(basename "$pidfile" .pid) died:"; tail -5 "$log"; return 1; }
        [ "$(date +%s)" -lt "$end" ] || { echo "$(basename "$pidfile" .pid) isn't ready in time:"; tail -5 "$log"; return 1; }
        sleep 0.1
    done
}
# stop PIDFILE...
stop() {
    local pidfile pid i
    for pidfile in "$@"; do
        if alive "$pidfile"; then
            pid=$(cat "$pidfile")
            kill "$pid" 2>/dev/null
            for i in $(seq 100); do alive "$pidfile" || break; sleep 0.1; done
            alive "$pidfile" && kill -9 "$pid"
        fi
        rm -f "$pidfile" "$pidfile.start"
    done
}
# fetch_maven NAME TITLE: the jars of NAME.pom.xml, into $CACHE/NAME/lib; once.
fetch_maven() {
    local to=$CACHE/$1
    [ -f "$to/complete" ] && return
    echo "fetching $2 ..."
    mkdir -p "$to"
    cp "$HERE/$1.pom.xml" "$to/pom.xml"
    (cd "$to" && mvn -q -B -ntp dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$to/lib" >get.log 2>&1) ||
        { tail -20 "$to/get.log"; exit 1; }
    touch "$to/complete"
}
