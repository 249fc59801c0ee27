#!/usr/bin/env bash
# s3.sh get|up|down|rotate|wipe - three S3 servers with keys of their own: two MinIOs in different regions, and versitygw, which answers
# differently in places. Built once from the Go module proxy (MinIO: about 8 CPU minutes).
# rotate: versitygw comes back with the keys $GATEWAY_KEY and $GATEWAY_SECRET.
#   a: $PORT (minioAAAA, us-east-1)   b: $PORT+1 (minioBBBB, eu-west-1)   c: $PORT+2 (gatewayCCCC, us-east-1)
set -eu
. "$(dirname "$0")/lib.sh"
MINIO=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
GATEWAY=github.com/versity/versitygw/cmd/versitygw@v1.8.0

build() { # NAME MODULE
    [ -x "$CACHE/bin/$1" ] && return
    echo "building $1 ..."
    GOBIN=$CACHE/bin CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" "$2"
}
get() {
    build minio $MINIO
    build versitygw $GATEWAY
}
minio() { # NAME PORT KEY SECRET REGION
    mkdir -p "$RUN/s3/$1/data"
    MINIO_ROOT_USER=$3 MINIO_ROOT_PASSWORD=$4 MINIO_REGION=$5 MINIO_BROWSER=off MINIO_UPDATE=off HOME=$RUN/s3/$1 \
        daemon "$RUN/s3/$1/pid" "$RUN/s3/$1/log" "$CACHE/bin/minio" server --quiet --certs-dir "$RUN/s3/certs" \
        --address "127.0.0.1:$2" "$RUN/s3/$1/data"
}
gateway() {
    mkdir -p "$RUN/s3/c/data"
    daemon "$RUN/s3/c/pid" "$RUN/s3/c/log" "$CACHE/bin/versitygw" --access "${GATEWAY_KEY:-gatewayCCCC}" \
        --secret "${GATEWAY_SECRET:-secretCCCCCCCC}" --region us-east-1 --port "127.0.0.1:$((PORT + 2))" posix "$RUN/s3/c/data"
    wait_for 30 "$RUN/s3/c/pid" "$RUN/s3/c/log" curl -s -o /dev/null "http://127.0.0.1:$((PORT + 2))/"
}
rotate() {
    stop "$RUN/s3/c/pid"
    gateway
}
up() {
    get
    minio a "$PORT" minioAAAA secretAAAAAAAA us-east-1
    minio b $((PORT + 1)) minioBBBB secretBBBBBBBB eu-west-1
    wait_for 60 "$RUN/s3/a/pid" "$RUN/s3/a/log" curl -sf "http://127.0.0.1:$PORT/minio/health/ready"
    wait_for 60 "$RUN/s3/b/pid" "$RUN/s3/b/log" curl -sf "http://127.0.0.1:$((PORT + 1))/minio/health/ready"
    gateway
}
down() {
    stop "$RUN/s3/a/pid" "$RUN/s3/b/pid" "$RUN/s3/c/pid"
}
case ${1:-} in
get | up | down | rotate) "$1" ;;
wipe) down; rm -rf "$RUN/s3" ;;
*) sed -n 2p "$0"; exit 2 ;;
esac
