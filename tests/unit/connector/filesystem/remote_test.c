/* remote_test.c - tables in a store that isn't local: read ahead and written in the background.
 * The store is the disk behind one that is slow and fails as told; its URIs begin with slow:. */
#include "tests/unit/connector/harness.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/filesystem/part.h"
#include "fs/faulty.h"
#include "fs/stores.h"
#include "fs/walk.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ROWS = 300000 };

static char dir[64];
static struct fs *disk, *slow;
static sem_t woken;

static void on_wake(void *self) {
    sem_post(&woken);
}

static const char *uri_of(const char *name) {
    static char uris[4][160];
    static int next;
    char *p = uris[next++ % 4];
    snprintf(p, sizeof uris[0], "slow://%s/%s", dir, name);
    return p;
}

static void write_file(const char *name, const char *data, size_t n) {
    struct err err = ERR_INIT;
    if (fs_put(slow, uri_of(name), data, n, 0, NULL, &err)) fail_msg("%s", err.msg);
}

static int setup(void **state) {
    struct err err = ERR_INIT;
    AUTO_STR text = STR_INIT;
    strcpy(dir, "/tmp/penstock-remote-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sem_init(&woken, 0, 0);
    if (fs_find(dir, &disk, &err)) fail_msg("%s", err.msg);
    slow = faulty_fs_new(disk, false, 1);
    fs_stores_add(fs_used(), "slow:", slow);
    for (int i = 1; i <= ROWS; i++) /* 10 MB: several chunks, several splits */
        str_addf(&text, "%d,row number %d of the file\n", i, i);
    write_file("in/rows.csv", text.ptr, text.len);
    uLongf n = compressBound(text.len) + 64;
    AUTO_FREE Bytef *packed = mem_alloc(n);
    z_stream z = {.next_in = (Bytef *)text.ptr,
                  .avail_in = (uInt)text.len,
                  .next_out = packed,
                  .avail_out = (uInt)n};
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    write_file("packed/rows.csv.gz", (char *)packed, z.total_out);
    deflateEnd(&z);
    return 0;
}

static int teardown(void **state) {
    struct err err = ERR_INIT;
    if (fs_delete_tree(disk, dir, NULL, &err)) fail_msg("%s", err.msg);
    return 0;
}

static void fault(struct fault f) {
    faulty_fs_clear(slow);
    if (f.kind || f.nth || f.probability) faulty_fs_add(slow, &f);
}

/* ---- reading ---- */

static struct source *open_source(struct harness *h, const cJSON *splits) {
    struct err err = ERR_INIT;
    struct source_ctx ctx = {.parallelism = 1,
                             .env = &h->env,
                             .produced = connector_produced(&h->arena, &h->table),
                             .batch_rows = 4096,
                             .wake = on_wake};
    struct source *s = NULL;
    const struct connector_desc *d = connector_find("filesystem");
    const cJSON *split;
    if (d->check(&h->table, false, &err) || d->source_new(&h->table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    cJSON_ArrayForEach(split, splits) {
        if (s->ops->add_split(s, split, &err)) fail_msg("%s", err.msg);
    }
    s->ops->no_more_splits(s);
    return s;
}

struct totals {
    uint64_t rows, ids, waits;
};

/* Reads so many batches at most; the status of the last poll. */
static int read_some(struct source *s, uint64_t batches, struct totals *t, struct err *err) {
    while (batches) {
        struct batch *b = NULL;
        int64_t wake;
        int rc = s->ops->poll(s, &b, &wake, err);
        if (rc < 0 || rc == SOURCE_END) return rc;
        if (rc == SOURCE_WAIT) {
            t->waits++;
            sem_wait(&woken);
        }
        if (!b) continue;
        const int64_t *ids = b->cols[0].data;
        for (uint32_t i = 0; i < b->n; i++)
            t->ids += (uint64_t)ids[i];
        t->rows += b->n;
        batches--;
        batch_unref(b);
    }
    return SOURCE_DATA;
}

static cJSON *enumerate(struct harness *h, int parallelism) {
    struct err err = ERR_INIT;
    cJSON *splits = NULL;
    if (connector_find("filesystem")->enumerate(&h->table, parallelism, &splits, &err))
        fail_msg("%s", err.msg);
    return splits;
}

static void table(struct harness *h, const char *path) {
    harness_init(h, "ROW<id BIGINT, text STRING>",
                 OPTIONS("path", path, "format", "csv", "csv.disable-quote-character", "true"));
}

static void assert_all(const struct totals *t) {
    assert_int_equal(t->rows, ROWS);
    assert_int_equal(t->ids, (uint64_t)ROWS * (ROWS + 1) / 2);
}

static void test_read(void **state) {
    static const char *const paths[] = {"in", "in/*.csv", "packed"};
    uint64_t waits = 0;
    for (size_t i = 0; i < 6; i++) {
        struct harness h;
        struct err err = ERR_INIT;
        struct totals t = {0};
        table(&h, uri_of(paths[i % 3]));
        AUTO_JSON *splits = enumerate(&h, i < 3 ? 1 : 4);
        assert_int_equal(cJSON_GetArraySize(splits) > 1, i >= 3 && i % 3 != 2);
        fault(
            (struct fault){.kind = FAULT_SLOW, .op = FS_OP_READ, .probability = 1, .delay_ms = 2});
        struct source *s = open_source(&h, splits);
        int rc = read_some(s, UINT64_MAX, &t, &err);
        if (rc != SOURCE_END) fail_msg("%d %s", rc, err.msg);
        assert_all(&t);
        waits += t.waits;
        s->ops->free(s);
        harness_release(&h);
    }
    assert_true(waits > 0); /* it isn't the executor that waits */
}

/* Given up in the middle, with reads under way, and resumed from where it was. */
static void test_snapshots(void **state) {
    static const char *const paths[] = {"in", "packed"};
    for (size_t i = 0; i < 2; i++) {
        struct harness h;
        struct err err = ERR_INIT;
        struct totals t = {0};
        table(&h, uri_of(paths[i]));
        fault(
            (struct fault){.kind = FAULT_SLOW, .op = FS_OP_READ, .probability = 1, .delay_ms = 1});
        cJSON *splits = enumerate(&h, 2);
        for (int rc = SOURCE_DATA; rc != SOURCE_END;) {
            struct source *s = open_source(&h, splits);
            rc = read_some(s, 7, &t, &err);
            if (rc < 0) fail_msg("%s", err.msg);
            cJSON_Delete(splits);
            if (s->ops->snapshot(s, &splits, &err)) fail_msg("%s", err.msg);
            s->ops->free(s);
        }
        assert_all(&t);
        cJSON_Delete(splits);
        harness_release(&h);
    }
}

static void test_read_errors(void **state) {
    static const uint64_t nth[] = {1, 3};
    for (size_t i = 0; i < ARRAY_LEN(nth); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        struct totals t = {0};
        table(&h, uri_of("in"));
        AUTO_JSON *splits = enumerate(&h, 1);
        fault((struct fault){
            .kind = FAULT_ERROR, .op = FS_OP_READ, .nth = nth[i], .code = ERR_PERMISSION});
        struct source *s = open_source(&h, splits);
        assert_int_equal(read_some(s, UINT64_MAX, &t, &err), ERR_PERMISSION);
        if (!strstr(err.msg, "rows.csv")) fail_msg("%s", err.msg);
        s->ops->free(s);
        harness_release(&h);
    }
}

/* ---- writing ---- */

static struct sink *open_sink(struct harness *h, const char *path) {
    struct err err = ERR_INIT;
    struct sink_ctx ctx = {.parallelism = 1,
                           .env = &h->env,
                           .job_id = "job",
                           .op_uid = "sink",
                           .attempt = 1,
                           .wake = on_wake};
    struct sink *s = NULL;
    const struct connector_desc *d = connector_find("filesystem");
    table(h, path);
    if (d->check(&h->table, true, &err) || d->sink_new(&h->table, &ctx, &s, &err))
        fail_msg("%s", err.msg);
    return s;
}

static struct batch *wide_batch(struct harness *h) {
    AUTO_STR json = STR_INIT;
    for (int i = 0; i < 64; i++) {
        str_addf(&json, "{\"id\":%d,\"text\":\"", i);
        for (int k = 0; k < 1000; k++)
            str_add(&json, "0123456789");
        str_add(&json, "\"}\n");
    }
    return harness_batch(h, str_text(&json), NULL);
}

/* Writes until the sink says no, or n batches. */
static int write_some(struct sink *s, struct batch *b, int n, int *ret_busy, struct err *err) {
    for (int i = 0; i < n;) {
        int rc = s->ops->write(s, b, err);
        if (rc < 0) return rc;
        if (rc == SINK_BUSY) {
            ++*ret_busy;
            sem_wait(&woken);
        } else {
            i++;
        }
    }
    return 0;
}

static size_t count_files(const char *name, bool hidden) {
    struct arena a;
    struct fs_list list;
    struct err err = ERR_INIT;
    size_t n = 0;
    arena_init(&a);
    if (fs_list_all(slow, uri_of(name), NULL, &a, &list, &err)) fail_msg("%s", err.msg);
    for (size_t i = 0; i < list.n; i++)
        n += (strrchr(list.entries[i].uri, '/')[1] == '.') == hidden;
    arena_release(&a);
    return n;
}

static void test_write(void **state) {
    enum { ROUND = 80 }; /* 50 MB: more than may be queued */
    struct harness h, back;
    struct err err = ERR_INIT;
    struct totals t = {0};
    int busy = 0, rc;
    fault((struct fault){0});
    struct sink *s = open_sink(&h, uri_of("out"));
    struct batch *b = wide_batch(&h);
    uint64_t batches = 0;
    /* Slower and slower, until the store holds the encoder up, however fast either is. */
    for (int64_t delay_ms = 4; !busy; delay_ms *= 2, batches += ROUND) {
        fault((struct fault){
            .kind = FAULT_SLOW, .op = FS_OP_WRITE, .probability = 1, .delay_ms = delay_ms});
        assert_int_equal(write_some(s, b, ROUND, &busy, &err), 0);
    }
    cJSON *one = NULL, *all = cJSON_CreateArray();
    while ((rc = s->ops->prepare(s, 1, true, &one, &err)) == SINK_BUSY)
        sem_wait(&woken);
    assert_int_equal(rc, SINK_OK);
    cJSON_AddItemToArray(all, one);
    assert_int_equal(count_files("out", false), 0);
    const struct connector_desc *d = connector_find("filesystem");
    for (int i = 0; i < 2; i++) { /* again is harmless */
        if (d->commit(&h.table, all, true, &err)) fail_msg("%s", err.msg);
    }
    assert_int_equal(count_files("out", false), 1);
    assert_int_equal(count_files("out", true), 0);
    s->ops->free(s);
    batch_unref(b);
    cJSON_Delete(all);
    fault((struct fault){0});
    table(&back, uri_of("out"));
    AUTO_JSON *splits = enumerate(&back, 1);
    struct source *src = open_source(&back, splits);
    assert_int_equal(read_some(src, UINT64_MAX, &t, &err), SOURCE_END);
    assert_int_equal(t.rows, batches * 64);
    assert_int_equal(t.ids, batches * 64 * 63 / 2);
    src->ops->free(src);
    harness_release(&back);
    harness_release(&h);
}

/* A failure in the background comes out, and nothing is left. */
static void test_write_errors(void **state) {
    static const enum fs_op ops[] = {FS_OP_CREATE, FS_OP_WRITE, FS_OP_STAGE};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        struct harness h;
        struct err err = ERR_INIT;
        int busy = 0;
        cJSON *one = NULL;
        fault((struct fault){.kind = FAULT_NO_SPACE, .op = ops[i], .nth = 1});
        struct sink *s = open_sink(&h, uri_of("failed"));
        struct batch *b = wide_batch(&h);
        int rc = write_some(s, b, 3, &busy, &err);
        while (!rc && (rc = s->ops->prepare(s, 1, true, &one, &err)) == SINK_BUSY) {
            sem_wait(&woken);
            rc = 0;
        }
        assert_int_equal(rc, ERR_NO_SPACE);
        assert_null(one);
        s->ops->free(s);
        batch_unref(b);
        harness_release(&h);
    }
    /* What was under way is removed in the background: soon. */
    for (int i = 0; i < 2000 && count_files("failed", true); i++)
        fs_cancel_sleep(NULL, clock_mono_ns() + 1000000);
    assert_int_equal(count_files("failed", true) + count_files("failed", false), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),         cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_read_errors),  cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
