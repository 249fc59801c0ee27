/* filesystem_test.c - reading and writing files: splits, snapshots at every place, partitions,
 * compression, two-phase commit. */
#include "tests/unit/connector/harness.h"

#include "base/core/json.h"
#include "connector/filesystem/partition.h"
#include "fs/stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char dir[64];

static int make_dir(void **state) {
    strcpy(dir, "/tmp/penstock-fs-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    return system(cmd) == 0 ? 0 : -1;
}

static const char *path_of(const char *name) {
    static char paths[8][256];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static void write_file(const char *name, const void *data, size_t n) {
    struct err err = ERR_INIT;
    char parent[256];
    snprintf(parent, sizeof parent, "%s", path_of(name));
    *strrchr(parent, '/') = 0;
    struct fs *disk;
    if (fs_find(parent, &disk, &err) || fs_make_dirs(disk, parent, NULL, &err))
        fail_msg("%s", err.msg);
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void write_text(const char *name, const char *text) {
    write_file(name, text, strlen(text));
}

/* ---- a reader: all splits to one source, rows as lines ---- */

struct skipped {
    struct str text;
};

static void on_skipped(void *self, struct sv raw, const char *place, const struct err *why) {
    str_addf(self, "skipped %s: %s: %.*s\n", strrchr(place, '/') + 1, why->msg, (int)raw.len,
             raw.ptr);
}

static struct source *open_source(struct harness *h, uint32_t batch_rows, struct str *skipped) {
    struct err err = ERR_INIT;
    struct source_ctx ctx = {.parallelism = 1,
                             .env = &h->env,
                             .produced = connector_produced(&h->arena, &h->table),
                             .batch_rows = batch_rows,
                             .report_self = skipped,
                             .skipped = on_skipped};
    struct source *s = NULL;
    const struct connector_desc *d = connector_find("filesystem");
    if (d->check(&h->table, false, &err) || d->source_new(&h->table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    return s;
}

static cJSON *enumerate(struct harness *h, int parallelism) {
    struct err err = ERR_INIT;
    cJSON *splits = NULL;
    if (connector_find("filesystem")->enumerate(&h->table, parallelism, &splits, &err))
        fail_msg("%s", err.msg);
    return splits;
}

static void add_splits(struct source *s, const cJSON *splits) {
    struct err err = ERR_INIT;
    const cJSON *split;
    cJSON_ArrayForEach(split, splits) {
        if (s->ops->add_split(s, split, &err)) fail_msg("%s", err.msg);
    }
    s->ops->no_more_splits(s);
}

/* Polls until the end or until `polls` batches came; true at the end. */
static bool drain(struct source *s, int polls, uint32_t max_rows, struct str *out) {
    while (polls--) {
        struct err err = ERR_INIT;
        struct batch *b = NULL;
        int64_t wake;
        int rc = s->ops->poll(s, &b, &wake, &err);
        if (rc < 0) {
            str_addf(out, "error: %s\n", err.msg);
            return true;
        }
        if (rc == SOURCE_END) return true;
        assert_int_not_equal(rc, SOURCE_WAIT);
        if (rc == SOURCE_MORE) continue;
        assert_in_range(b->n, 1, max_rows);
        struct err verr = ERR_INIT;
        if (batch_verify(b, &verr)) fail_msg("%s", verr.msg);
        harness_print(b, out);
        batch_unref(b);
    }
    return false;
}

static int64_t split_bytes(const cJSON *splits) {
    int64_t n = 0;
    const cJSON *s;
    cJSON_ArrayForEach(s, splits) n += json_opt_i64(s, "bytes", 0);
    return n;
}

/* Everything, at one batch size and enumerated for so many subtasks, read by one. What is counted
 * as read comes to what the splits announced: progress is their ratio. */
static char *read_all(struct harness *h, int parallelism, uint32_t batch_rows) {
    AUTO_STR out = STR_INIT;
    AUTO_JSON *splits = enumerate(h, parallelism);
    struct source *s = open_source(h, batch_rows, &out);
    add_splits(s, splits);
    assert_true(drain(s, 1 << 20, batch_rows, &out));
    if (!strstr(str_text(&out), "error: ")) assert_int_equal(s->stats.bytes, split_bytes(splits));
    s->ops->free(s);
    return arena_strndup(&h->arena, str_text(&out), out.len);
}

static void expect_rows(const char *row, const char *const *options, const char *want) {
    struct harness h;
    harness_init(&h, row, options);
    assert_string_equal(read_all(&h, 1, 4096), want);
    assert_string_equal(read_all(&h, 3, 2), want);
    harness_release(&h);
}

/* ---- reading ---- */

static void paths(void **state) {
    write_text("in/a.json", "{\"a\":1}\n{\"a\":2}");
    write_text("in/sub/b.json", "\xef\xbb\xbf{\"a\":3}\n");
    write_text("in/.hidden.json", "{\"a\":8}\n");
    write_text("in/_tmp/x.json", "{\"a\":9}\n");
    write_text("in/empty.json", "");
    const char *const all = "+I(1)\n+I(2)\n+I(3)\n";
    expect_rows("ROW<a INT>",
                OPTIONS("connector", "filesystem", "path", path_of("in"), "format", "json"), all);
    char uri[300];
    snprintf(uri, sizeof uri, "file://%s/", path_of("in"));
    expect_rows("ROW<a INT>", OPTIONS("connector", "filesystem", "path", uri, "format", "json"),
                all);
    expect_rows("ROW<a INT>", OPTIONS("path", path_of("in/a.json"), "format", "json"),
                "+I(1)\n+I(2)\n");
    expect_rows("ROW<a INT>", OPTIONS("path", path_of("in/[a-z].json"), "format", "json"),
                "+I(1)\n+I(2)\n");
    expect_rows("ROW<a INT>", OPTIONS("path", path_of("*/*/b.json"), "format", "json"), "+I(3)\n");
    expect_rows("ROW<a INT>",
                OPTIONS("path", path_of("in"), "format", "json", "source.path.regex-pattern",
                        ".*/[bc]\\.json"),
                "+I(3)\n");
    struct harness h;
    struct err err = ERR_INIT;
    cJSON *splits = NULL;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("nothing"), "format", "json"));
    assert_int_equal(connector_find("filesystem")->enumerate(&h.table, 1, &splits, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "nothing"));
    harness_release(&h);
}

static void compressed(void **state) {
    const char one[] = "{\"a\":1}\n{\"a\":2}\n", two[] = "{\"a\":3}\n";
    uint8_t buf[512];
    /* Two gzip members behind one another. */
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        const char *t = i ? two : one;
        z_stream z = {0};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, 0), Z_OK);
        z.next_in = (Bytef *)t;
        z.avail_in = (uInt)strlen(t);
        z.next_out = buf + n;
        z.avail_out = (uInt)(sizeof buf - n);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = sizeof buf - z.avail_out;
        deflateEnd(&z);
    }
    write_file("z/a.json.gz", buf, n);
    n = ZSTD_compress(buf, sizeof buf, one, strlen(one), 3);
    write_file("z/b.json.zst", buf, n);
    expect_rows("ROW<a INT>", OPTIONS("path", path_of("z"), "format", "json"),
                "+I(1)\n+I(2)\n+I(3)\n+I(1)\n+I(2)\n");
    write_file("cut.json.zst", buf, n - 3);
    struct harness h;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("cut.json.zst"), "format", "json"));
    assert_non_null(strstr(read_all(&h, 1, 4096), "the compressed data is cut off"));
    harness_release(&h);
    write_text("x.json.bz2", "BZh");
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("x.json.bz2"), "format", "json"));
    struct err err = ERR_INIT;
    cJSON *splits = NULL;
    assert_int_equal(connector_find("filesystem")->enumerate(&h.table, 1, &splits, &err),
                     ERR_UNSUPPORTED);
    harness_release(&h);
}

/* 3 MB of lines of uneven lengths, numbered. */
static size_t write_numbered(const char *name) {
    AUTO_STR text = STR_INIT;
    size_t n = 0;
    for (unsigned x = 1; text.len < 3000000; n++) {
        x = x * 1103515245 + 12345;
        str_addf(&text, "{\"a\":%zu,\"s\":\"%.*s\"}\n", n, (int)(x >> 16 & 127),
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                 "xxxxxxxxx"
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    }
    write_file(name, text.ptr, text.len);
    return n;
}

/* Each record is read once, whatever the split borders. */
static void splits_cover_all(void **state) {
    size_t n = write_numbered("big.json");
    static const int parallelism[] = {1, 2, 3, 7};
    for (size_t i = 0; i < ARRAY_LEN(parallelism); i++) {
        struct harness h;
        harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("big.json"), "format", "json"));
        AUTO_JSON *splits = enumerate(&h, parallelism[i]);
        if (parallelism[i] > 1) assert_true(cJSON_GetArraySize(splits) > 1);
        const char *text = read_all(&h, parallelism[i], 1000);
        for (size_t k = 0; k < n; k++) {
            char want[32];
            int len = snprintf(want, sizeof want, "+I(%zu)\n", k);
            if (strncmp(text, want, (size_t)len) != 0) fail_msg("row %zu: %.20s", k, text);
            text += len;
        }
        assert_int_equal(*text, 0);
        harness_release(&h);
    }
}

/* Borders at every byte of a small file. */
static void split_borders(void **state) {
    const char text[] = "{\"a\":1}\n{\"a\":22}\n\n{\"a\":333}\n{\"a\":4}";
    size_t n = strlen(text);
    write_text("small.json", text);
    for (size_t cut = 1; cut < n; cut++) {
        struct harness h;
        harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("small.json"), "format", "json"));
        AUTO_JSON *splits = enumerate(&h, 1);
        cJSON *first = cJSON_GetArrayItem(splits, 0), *second = cJSON_Duplicate(first, true);
        cJSON_SetNumberValue(cJSON_GetObjectItem(first, "end"), (double)cut);
        cJSON_SetNumberValue(cJSON_GetObjectItem(second, "start"), (double)cut);
        cJSON_AddItemToArray(splits, second);
        AUTO_STR out = STR_INIT;
        struct source *s = open_source(&h, 1, &out);
        add_splits(s, splits);
        drain(s, 1000, 1, &out);
        s->ops->free(s);
        assert_string_equal(str_text(&out), "+I(1)\n+I(22)\n+I(333)\n+I(4)\n");
        harness_release(&h);
    }
}

/* Stops after each number of batches, restores, and must go on with the next row. */
static void expect_restore(const char *format, const char *file, const char *want,
                           uint32_t batch_rows) {
    for (int polls = 0;; polls++) {
        struct harness h;
        harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of(file), "format", format));
        AUTO_STR out = STR_INIT;
        AUTO_JSON *splits = enumerate(&h, 1);
        struct source *s = open_source(&h, batch_rows, &out);
        add_splits(s, splits);
        bool end = drain(s, polls, batch_rows, &out);
        cJSON *snapshot;
        struct err err = ERR_INIT;
        if (s->ops->snapshot(s, &snapshot, &err)) fail_msg("%s", err.msg);
        s->ops->free(s);
        s = open_source(&h, batch_rows, &out);
        add_splits(s, snapshot);
        drain(s, 1000, batch_rows, &out);
        s->ops->free(s);
        cJSON_Delete(snapshot);
        if (strcmp(str_text(&out), want) != 0)
            fail_msg("after %d polls of %u: %s", polls, batch_rows, str_text(&out));
        harness_release(&h);
        if (end) break;
    }
}

static void snapshots(void **state) {
    const char text[] = "{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}\n{\"a\":4}\n{\"a\":5}";
    const char *want = "+I(1)\n+I(2)\n+I(3)\n+I(4)\n+I(5)\n";
    uint8_t buf[256];
    write_text("snap/a.json", text);
    write_file("snapz/a.json.zst", buf, ZSTD_compress(buf, sizeof buf, text, strlen(text), 3));
    for (uint32_t batch = 1; batch <= 3; batch++) {
        expect_restore("json", "snap", want, batch);
        expect_restore("json", "snapz", want, batch);
    }
}

static void bad_records(void **state) {
    write_text("bad.json", "{\"a\":1}\n\n{\"a\":\"x\"}\n{\"a\":3}\n");
    struct harness h;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("bad.json"), "format", "json"));
    char want[400];
    snprintf(want, sizeof want,
             "error: %s:3 offset 9: field 'a': 'x' is not an INT; the record: "
             "{\"a\":\"x\"} ('json.ignore-parse-errors' = 'true' skips such records, "
             "'penstock.dead-letter' sets them aside)\n",
             path_of("bad.json"));
    assert_string_equal(read_all(&h, 1, 4096), want);
    h.table.dead_letter = h.table.schema;
    assert_string_equal(read_all(&h, 1, 4096),
                        "skipped bad.json:3 offset 9: field 'a': 'x' is not an INT: {\"a\":\"x\"}\n"
                        "+I(1)\n+I(3)\n");
    harness_release(&h);
}

static void partitions_and_metadata(void **state) {
    write_text("p/dt=2024-01-01/h=1/a.json", "{\"a\":1}\n");
    write_text("p/dt=2024-01-02/h=__DEFAULT_PARTITION__/b%20.json", "{\"a\":2}\n");
    struct harness h;
    harness_init(&h, "ROW<dt DATE, a INT, h INT, name STRING NOT NULL, size BIGINT NOT NULL>",
                 OPTIONS("path", path_of("p"), "format", "json"));
    static const int keys[] = {0, 2};
    static const char *const metadata[] = {NULL, NULL, NULL, "file.name", "file.size"};
    h.table.partition_keys = keys;
    h.table.n_partition_keys = 2;
    h.table.metadata = metadata;
    assert_string_equal(read_all(&h, 1, 4096), "+I(2024-01-01, 1, 1, a.json, 8)\n"
                                               "+I(2024-01-02, 2, NULL, b%20.json, 8)\n");
    static const int projection[] = {4, 2};
    h.table.projection = projection;
    h.table.n_projection = 2;
    assert_string_equal(read_all(&h, 1, 4096), "+I(8, 1)\n+I(8, NULL)\n");
    h.table.n_projection = 0;
    assert_string_equal(read_all(&h, 1, 4096), "+I()\n+I()\n");
    harness_release(&h);
}

/* ---- writing ---- */

static _Atomic int woken;

static void on_wake(void *self) {
    woken++;
}

static struct sink *open_sink(struct harness *h, uint64_t attempt) {
    struct err err = ERR_INIT;
    struct sink_ctx ctx = {.parallelism = 1,
                           .env = &h->env,
                           .job_id = "job/1",
                           .op_uid = "sink",
                           .attempt = attempt,
                           .wake = on_wake};
    struct sink *s = NULL;
    const struct connector_desc *d = connector_find("filesystem");
    if (d->check(&h->table, true, &err) || d->sink_new(&h->table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    return s;
}

static void put(struct sink *s, struct harness *h, const char *json) {
    struct err err = ERR_INIT;
    struct batch *b = harness_batch(h, json, NULL);
    int rc = s->ops->write(s, b, &err);
    if (rc != SINK_OK) fail_msg("%d %s", rc, err.msg);
    batch_unref(b);
}

/* Array of what the sink prepared. */
static cJSON *prepare(struct sink *s, bool end) {
    struct err err = ERR_INIT;
    cJSON *one = NULL, *all = cJSON_CreateArray();
    for (;;) {
        int seen = woken;
        int rc = s->ops->prepare(s, 1, end, &one, &err);
        if (rc == SINK_OK) break;
        if (rc != SINK_BUSY) fail_msg("%s", err.msg);
        while (woken == seen)
            usleep(100); /* the sync runs on another thread, which wakes us */
    }
    if (one) cJSON_AddItemToArray(all, one);
    return all;
}

static void commit(struct harness *h, const cJSON *all, bool end) {
    struct err err = ERR_INIT;
    if (connector_find("filesystem")->commit(&h->table, all, end, &err)) fail_msg("%s", err.msg);
}

/* "relative path: content" of all files, hidden ones too, sorted by directory walk; part names
 * shortened. */
static char *tree(struct harness *h, const char *name) {
    char cmd[400];
    snprintf(
        cmd, sizeof cmd,
        "cd '%s' && find . -type f | LC_ALL=C sort | while read -r f; do printf '%%s: ' \"$f\" | "
        "sed -e 's/part-job_1-[0-9a-f]*-/part-/' -e 's/[.][0-9a-f]*[.]inprogress/.inprogress/'; tr "
        "'\\n' '|' <\"$f\"; echo; done",
        path_of(name));
    FILE *f = popen(cmd, "r");
    assert_non_null(f);
    AUTO_STR out = STR_INIT;
    char buf[256];
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        str_add_n(&out, buf, n);
    assert_int_equal(pclose(f), 0);
    return arena_strndup(&h->arena, str_text(&out), out.len);
}

static void two_phases(void **state) {
    struct harness h;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("out"), "format", "json"));
    struct sink *s = open_sink(&h, 1);
    put(s, &h, "{\"a\":1}\n{\"a\":2}\n");
    assert_string_equal(tree(&h, "out"), "./.part-0-1-0.json.inprogress: \n");
    AUTO_JSON *first = prepare(s, false);
    put(s, &h, "{\"a\":3}\n");
    assert_string_equal(tree(&h, "out"), "./.part-0-1-0.json.inprogress: {\"a\":1}|{\"a\":2}|\n"
                                         "./.part-0-1-1.json.inprogress: \n");
    commit(&h, first, false);
    commit(&h, first, false); /* again, as after a crash */
    assert_string_equal(tree(&h, "out"), "./.part-0-1-1.json.inprogress: \n"
                                         "./part-0-1-0.json: {\"a\":1}|{\"a\":2}|\n");
    /* What was not prepared goes with the sink; a crash leaves it to the next attempt's commit. */
    s->ops->free(s);
    s = open_sink(&h, 2);
    put(s, &h, "{\"a\":4}\n");
    AUTO_JSON *second = prepare(s, true);
    s->ops->free(s);
    const cJSON *prefix = cJSON_GetObjectItem(cJSON_GetArrayItem(second, 0), "prefix");
    char left[300];
    snprintf(left, sizeof left, "out/.%s1-9.json.0123456789abcdef.inprogress", prefix->valuestring);
    write_text(left, "left over");
    commit(&h, second, true);
    assert_string_equal(tree(&h, "out"), "./part-0-1-0.json: {\"a\":1}|{\"a\":2}|\n"
                                         "./part-0-2-0.json: {\"a\":4}|\n");
    /* A part that has vanished is an error, not silence. */
    char cmd[300];
    snprintf(cmd, sizeof cmd, "rm '%s'/part-*-2-0.json", path_of("out"));
    assert_int_equal(system(cmd), 0);
    struct err err = ERR_INIT;
    assert_int_equal(connector_find("filesystem")->commit(&h.table, second, true, &err),
                     ERR_CORRUPT);
    harness_release(&h);
}

static void abort_removes(void **state) {
    struct harness h;
    struct err err = ERR_INIT;
    harness_init(&h, "ROW<a INT>", OPTIONS("path", path_of("aborted"), "format", "json"));
    struct sink *s = open_sink(&h, 1);
    put(s, &h, "{\"a\":1}\n");
    AUTO_JSON *all = prepare(s, false);
    s->ops->free(s);
    assert_int_equal(connector_find("filesystem")->abort(&h.table, all, &err), 0);
    assert_string_equal(tree(&h, "aborted"), "");
    harness_release(&h);
}

static void rolling_and_compression(void **state) {
    static const char *const codecs[] = {"gzip", "zstd", "none"};
    for (int i = 0; i < 3; i++) {
        struct harness h;
        char name[32];
        snprintf(name, sizeof name, "roll-%s", codecs[i]);
        harness_init(&h, "ROW<a INT>",
                     OPTIONS("path", path_of(name), "format", "json", "sink.compression", codecs[i],
                             "sink.rolling-policy.file-size", "10 b"));
        struct sink *s = open_sink(&h, 1);
        put(s, &h, "{\"a\":1}\n{\"a\":2}\n");
        put(s, &h, "{\"a\":3}\n{\"a\":4}\n");
        AUTO_JSON *all = prepare(s, true);
        s->ops->free(s);
        const cJSON *files = cJSON_GetObjectItem(cJSON_GetArrayItem(all, 0), "files");
        assert_int_equal(cJSON_GetArraySize(files), 2);
        commit(&h, all, true);
        assert_string_equal(read_all(&h, 1, 4096), "+I(1)\n+I(2)\n+I(3)\n+I(4)\n");
        harness_release(&h);
    }
}

static void partitioned_sink(void **state) {
    struct harness h;
    static const int keys[] = {1, 2};
    harness_init(&h, "ROW<a INT, dt STRING, h INT>",
                 OPTIONS("path", path_of("parts"), "format", "json",
                         "sink.partition-commit.policy.kind", "success-file"));
    h.table.partition_keys = keys;
    h.table.n_partition_keys = 2;
    struct sink *s = open_sink(&h, 1);
    put(s, &h,
        "{\"a\":1,\"dt\":\"x/y\",\"h\":1}\n{\"a\":2,\"dt\":null,\"h\":1}\n"
        "{\"a\":3,\"dt\":\"x/y\",\"h\":1}\n");
    AUTO_JSON *all = prepare(s, true);
    s->ops->free(s);
    commit(&h, all, true);
    assert_string_equal(tree(&h, "parts"),
                        "./dt=__DEFAULT_PARTITION__/h=1/_SUCCESS: \n"
                        "./dt=__DEFAULT_PARTITION__/h=1/part-0-1-1.json: {\"a\":2}|\n"
                        "./dt=x%2Fy/h=1/_SUCCESS: \n"
                        "./dt=x%2Fy/h=1/part-0-1-0.json: {\"a\":1}|{\"a\":3}|\n");
    assert_string_equal(read_all(&h, 1, 4096), "+I(2, NULL, 1)\n+I(1, x/y, 1)\n+I(3, x/y, 1)\n");
    harness_release(&h);
}

/* A partition is marked when event time has passed its hour. */
static void partition_time_commit(void **state) {
    struct harness h;
    static const int keys[] = {1, 2};
    harness_init(&h, "ROW<a INT, dt STRING, h STRING>",
                 OPTIONS("path", path_of("timed"), "format", "json",
                         "sink.partition-commit.policy.kind", "success-file",
                         "sink.partition-commit.trigger", "partition-time",
                         "sink.partition-commit.delay", "1 h",
                         "partition.time-extractor.timestamp-pattern", "$dt $h:00:00"));
    h.table.partition_keys = keys;
    h.table.n_partition_keys = 2;
    struct sink *s = open_sink(&h, 1);
    put(s, &h,
        "{\"a\":1,\"dt\":\"2024-01-01\",\"h\":\"10\"}\n{\"a\":2,\"dt\":\"2024-01-01\",\"h\":\"11\"}"
        "\n");
    s->ops->watermark(s, 1704106799999); /* 10:59:59.999 */
    AUTO_JSON *first = prepare(s, false);
    commit(&h, first, false);
    assert_null(strstr(tree(&h, "timed"), "_SUCCESS"));
    s->ops->watermark(s, 1704106800000); /* 11:00 */
    AUTO_JSON *second = prepare(s, false);
    commit(&h, second, false);
    assert_non_null(strstr(tree(&h, "timed"), "./dt=2024-01-01/h=10/_SUCCESS"));
    assert_null(strstr(tree(&h, "timed"), "./dt=2024-01-01/h=11/_SUCCESS"));
    AUTO_JSON *third = prepare(s, true);
    commit(&h, third, true);
    assert_non_null(strstr(tree(&h, "timed"), "./dt=2024-01-01/h=11/_SUCCESS"));
    s->ops->free(s);
    harness_release(&h);
}

static void overwrites(void **state) {
    struct harness h;
    write_text("over/old.json", "{\"a\":9}\n");
    harness_init(&h, "ROW<a INT>",
                 OPTIONS("path", path_of("over"), "format", "json", "penstock.overwrite", "true"));
    struct err err = ERR_INIT;
    assert_int_equal(connector_find("filesystem")->check(&h.table, true, &err), ERR_VALIDATION);
    h.table.batch_mode = true;
    struct sink *s = open_sink(&h, 0);
    put(s, &h, "{\"a\":1}\n");
    AUTO_JSON *all = prepare(s, true);
    s->ops->free(s);
    commit(&h, all, true);
    commit(&h, all, true);
    assert_string_equal(tree(&h, "over"), "./part-0-0-0.json: {\"a\":1}|\n");
    /* Nothing written: nothing left. */
    struct sink_ctx ctx = {.parallelism = 1, .env = &h.env, .job_id = "job2", .wake = on_wake};
    assert_int_equal(connector_find("filesystem")->sink_new(&h.table, &ctx, &s, &err), 0);
    AUTO_JSON *none = prepare(s, true);
    s->ops->free(s);
    commit(&h, none, true);
    assert_string_equal(tree(&h, "over"), "");
    harness_release(&h);
}

static void options(void **state) {
    static const struct {
        const char *key, *value, *part;
        int code;
    } cases[] = {
        {"pathh", "x", "did you mean 'path'", ERR_VALIDATION},
        {"auto-compaction", "true", "auto-compaction", ERR_UNSUPPORTED},
        {"sink.partition-commit.policy.kind", "metastore", "'success-file' is", ERR_UNSUPPORTED},
        {"sink.partition-commit.policy.class", "a.B", "policy.class", ERR_UNSUPPORTED},
        {"format", "jsn", "unknown format 'jsn'", ERR_VALIDATION},
        {"json.nope", "1", "json.nope", ERR_VALIDATION},
        {"path", "s3://b/x", "no file system serves 's3://b'", ERR_VALIDATION},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        const char *const *o =
            strcmp(cases[i].key, "format") == 0 ? OPTIONS("path", "/x", "format", cases[i].value)
            : strcmp(cases[i].key, "path") == 0
                ? OPTIONS("path", cases[i].value, "format", "json")
                : OPTIONS("path", "/x", "format", "json", cases[i].key, cases[i].value);
        harness_init(&h, "ROW<a INT>", o);
        assert_int_equal(connector_find("filesystem")->check(&h.table, true, &err), cases[i].code);
        if (!strstr(err.msg, cases[i].part)) fail_msg("%s", err.msg);
        harness_release(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(compressed),
        cmocka_unit_test(splits_cover_all),
        cmocka_unit_test(split_borders),
        cmocka_unit_test(snapshots),
        cmocka_unit_test(bad_records),
        cmocka_unit_test(partitions_and_metadata),
        cmocka_unit_test(two_phases),
        cmocka_unit_test(abort_removes),
        cmocka_unit_test(rolling_and_compression),
        cmocka_unit_test(partitioned_sink),
        cmocka_unit_test(partition_time_commit),
        cmocka_unit_test(overwrites),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
