#!/usr/bin/env python3
"""run.py - Kafka to Kafka, JSON, exactly-once, against a real broker: records per second and per core-second of the worker, beside
the figures of Apache Flink 2.3.0 on a machine of the same kind (docs/performance.md).

  run.py [--bin DIR] [--records N] [--runs N] [QUERY...]

The broker is the one of tests/services/kafka.sh (downloaded once), on this machine as well; it is stopped in the end. The records
are Nexmark's bids as JSON, some 400 bytes each. copy: every record, half: every second one, filter: q2's filter."""
import argparse, os, re, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICE = os.path.join(HERE, "../../tests/services/kafka.sh")
BROKER = "127.0.0.1:%d" % (int(os.environ.get("SERVICES_PORT", "19100")) + 40)
COLUMNS = "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING"
MAKE = """
CREATE TABLE events (event_type INT, bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING,
  `dateTime` TIMESTAMP(3), extra STRING>) WITH ('connector' = 'nexmark', 'events.num' = '{events}');
CREATE TABLE bids ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
  'properties.bootstrap.servers' = '{broker}', 'properties.compression.type' = 'none');
INSERT INTO bids SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, bid.`dateTime`,
  bid.extra || REPEAT('x', 400 - 260) FROM events WHERE event_type = 2;"""
RUN = """
CREATE TABLE bids ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
  'properties.bootstrap.servers' = '{broker}', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE copy ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}-out', 'format' = 'json',
  'properties.bootstrap.servers' = '{broker}', 'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '{topic}');
INSERT INTO copy SELECT * FROM bids {where};"""
# WHERE, k records read per second, k per core-second of Flink's TaskManager.
QUERIES = {"copy": ("", 48, 56), "half": ("WHERE MOD(bidder, 2) = 0", 31, 36), "filter": ("WHERE MOD(auction, 123) = 0", 84, 80)}


def seconds(text):
    units = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+) ([a-z]+)", text))


def penstock(args, sql):
    """(seconds from first to last record as the job counts them, CPU of the worker, records read)."""
    p = subprocess.run([os.path.join(args.bin, "penstock"), "run", "-", "-p", "2", "--progress", "never", "--usage"],
                       input=sql.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = p.stdout.decode()
    if p.returncode:
        sys.exit("failed: " + text)
    records, wall = re.search(r"([\d,]+) records read, .*?in ([\d. a-z]+)", text).groups()
    cpu = re.search(r"worker w0: peak memory .*CPU ([\d. a-z]+)", text).group(1)
    return seconds(wall), seconds(cpu), int(records.replace(",", ""))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=os.path.join(HERE, "../../build/bin"))
    p.add_argument("--records", type=int, default=300000)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("queries", nargs="*", default=[])
    args = p.parse_args()
    subprocess.run([SERVICE, "up"], check=True)
    try:
        topic = "bids-%d" % int(time.time())
        names = {"columns": COLUMNS, "topic": topic, "broker": BROKER, "events": args.records * 50 // 46}
        _, cpu, _ = penstock(args, MAKE.format(**names))
        print(f"{args.records} records written by {cpu:.2f} s of CPU")
        for name in args.queries or QUERIES:
            where, rate, core_rate = QUERIES[name]
            runs = [penstock(args, RUN.format(where=where, **names)) for _ in range(args.runs)]
            per_s = statistics.median(n / wall for wall, _, n in runs) / 1000
            per_core = statistics.median(n / cpu for _, cpu, n in runs) / 1000
            print(f"{name}: {per_s:.0f} k records/s ({per_s / rate:.1f} x Flink's {rate}), {per_core:.0f} k per core-second "
                  f"({per_core / core_rate:.1f} x Flink's {core_rate})", flush=True)
    finally:
        subprocess.run([SERVICE, "wipe"], check=True)


if __name__ == "__main__":
    main()
