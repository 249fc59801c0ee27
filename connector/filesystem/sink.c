/* sink.c - writing: rows go to one open part file per partition; files are closed by size, by time
 * and at every checkpoint, staged in the background, and listed in the committable, which commit.c
 * makes visible. */
#include "connector/filesystem/filesystem.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "connector/filesystem/part.h"
#include "connector/filesystem/partition.h"
#include "vector/func/func.h"

#include <stdlib.h>
#include <string.h>

enum { OPEN_PARTS_MAX = 256 };

struct fs_sink {
    struct sink base;
    struct arena arena;
    struct sink_ctx ctx;
    const struct connector_table *table;
    struct filesystem_options options;
    const struct format_desc *format;
    struct encoder *encoder;
    struct file_columns columns;
    char *prefix; /* of this subtask's part files, whatever the attempt */
    uint64_t seq;
    struct map open;     /* partition -> struct part */
    struct part *closed; /* not yet in a committable */
    struct part_group *group;
    int64_t checked_ms, watermark;
    struct str partition;
};

/* ---- part files ---- */

static int open_part(struct fs_sink *s, const char *partition, struct part **ret, struct err *err) {
    AUTO_STR name = STR_INIT;
    str_addf(&name, "%s%llu-%llu%s%s", s->prefix, (unsigned long long)s->ctx.attempt,
             (unsigned long long)s->seq++, s->format->file_suffix,
             codec_suffix((enum codec)s->options.compression));
    int rc = part_open(s->group, s->options.path, str_text(&name), partition,
                       (enum codec)s->options.compression, ret, err);
    if (!rc) map_put(&s->open, partition, *ret);
    return rc;
}

static void close_part(struct fs_sink *s, struct part *p) {
    map_remove(&s->open, p->partition);
    p->next = s->closed;
    s->closed = p;
    part_close(p);
}

/* Closes the parts for which due says so; all with due NULL. */
static void close_parts(struct fs_sink *s,
                        bool (*due)(const struct fs_sink *, const struct part *)) {
    struct map_entry e;
    for (size_t i = 0; map_next(&s->open, &i, &e);)
        if (!due || due(s, e.value)) close_part(s, e.value);
}

static bool over_time(const struct fs_sink *s, const struct part *p) {
    return s->checked_ms - p->opened_ms >= s->options.roll_interval_ms ||
           s->checked_ms - p->written_ms >= s->options.roll_inactivity_ms;
}

static void check_times(struct fs_sink *s) {
    int64_t now = clock_wall_ms();
    if (now - s->checked_ms < s->options.roll_check_ms) return;
    s->checked_ms = now;
    close_parts(s, over_time);
}

/* So many partitions at once: the one written to longest ago gives way. */
static void make_room(struct fs_sink *s) {
    if (map_size(&s->open) < OPEN_PARTS_MAX) return;
    struct map_entry e;
    struct part *oldest = NULL;
    for (size_t i = 0; map_next(&s->open, &i, &e);) {
        struct part *p = e.value;
        if (!oldest || p->written_ms < oldest->written_ms) oldest = p;
    }
    close_part(s, oldest);
}

static int part_of(struct fs_sink *s, const char *partition, struct part **ret, struct err *err) {
    *ret = map_get(&s->open, partition);
    if (*ret) return 0;
    make_room(s);
    return open_part(s, partition, ret, err);
}

/* ---- rows ---- */

static int write_rows(struct fs_sink *s, const struct batch *view, const char *partition,
                      uint32_t from, uint32_t n, struct err *err) {
    struct part *p;
    int rc = part_of(s, partition, &p, err);
    if (rc) return rc;
    size_t before = p->buf.len;
    rc = s->encoder->ops->encode(s->encoder, view, from, n, &p->buf, err);
    if (rc) return rc;
    p->records += n;
    __atomic_fetch_add(&s->base.bytes, p->buf.len - before, __ATOMIC_RELAXED);
    part_write(p);
    if (p->bytes + p->buf.len >= (uint64_t)s->options.roll_size_bytes) close_part(s, p);
    return 0;
}

/* Behind the rows from `from` on that are of one partition. */
static uint32_t end_of_partition(const struct fs_sink *s, const struct batch *b, uint32_t from) {
    uint32_t end = b->n;
    for (int i = 0; i < s->table->n_partition_keys; i++) {
        const struct column *c = &b->cols[s->table->partition_keys[i]];
        uint32_t to = from + 1;
        if (c->phys == PHYS_STR && !c->valid) {
            const struct strv *v = c->data;
            while (to < end && strv_eq(&v[from], &v[to]))
                to++;
        } else {
            while (to < end && col_eq(c, from, c, to))
                to++;
        }
        end = to;
    }
    return end;
}

static void print_partition(struct fs_sink *s, const struct batch *b, uint32_t row) {
    str_clear(&s->partition);
    for (int i = 0; i < s->table->n_partition_keys; i++) {
        int c = s->table->partition_keys[i];
        if (i) str_add_char(&s->partition, '/');
        partition_print(s->table->schema->fields[c].name, &b->cols[c], row, s->ctx.env->zone,
                        s->options.default_partition, &s->partition);
    }
}

/* The batch without its partition columns, which stand in the path. */
static struct batch *file_view(struct fs_sink *s, const struct batch *in) {
    struct batch *v = batch_new(s->columns.schema->n);
    v->n = in->n;
    for (int i = 0; i < v->n_cols; i++)
        col_ref(&v->cols[i], &in->cols[s->columns.table_column[i]]);
    v->kinds = in->kinds;
    v->kinds_buf = buffer_ref(in->kinds_buf);
    return v;
}

static int sink_write(struct sink *base, struct batch *in, struct err *err) {
    struct fs_sink *s = CONTAINER_OF(base, struct fs_sink, base);
    int rc = part_group_error(s->group, err);
    if (rc) return rc;
    check_times(s);
    if (!in->n) return SINK_OK;
    if (part_group_full(s->group)) return SINK_BUSY;
    struct batch *view = file_view(s, in);
    for (uint32_t from = 0, to; from < in->n && !rc; from = to) {
        to = end_of_partition(s, in, from);
        print_partition(s, in, from);
        rc = write_rows(s, view, str_text(&s->partition), from, to - from, err);
    }
    batch_unref(view);
    if (rc) return rc;
    __atomic_fetch_add(&base->records, in->n, __ATOMIC_RELAXED);
    return SINK_OK;
}

static int sink_flush(struct sink *base, struct err *err) {
    check_times(CONTAINER_OF(base, struct fs_sink, base));
    return 0;
}

static void sink_watermark(struct sink *base, int64_t wm) {
    struct fs_sink *s = CONTAINER_OF(base, struct fs_sink, base);
    if (wm > s->watermark) s->watermark = wm;
}

/* ---- checkpoints ---- */

static cJSON *committable(struct fs_sink *s) {
    cJSON *j = cJSON_CreateObject(), *files = cJSON_CreateArray();
    json_set_str(j, "prefix", s->prefix);
    AUTO_STR sink = STR_INIT; /* the prefix of all its subtasks */
    size_t n = strlen(s->prefix) - 1;
    while (n && s->prefix[n - 1] != '-')
        n--;
    str_add_n(&sink, s->prefix, n);
    json_set_str(j, "sink", str_text(&sink));
    json_set_i64(j, "attempt", (int64_t)s->ctx.attempt);
    json_set_i64(j, "watermark", s->watermark);
    while (s->closed) {
        struct part *p = s->closed;
        cJSON *f = cJSON_CreateObject();
        json_set_str(f, "dst", p->dst);
        json_set(f, "staged", part_take_staged(p));
        json_set_str(f, "partition", p->partition);
        json_set_i64(f, "bytes", (int64_t)p->bytes);
        json_set_i64(f, "records", (int64_t)p->records);
        cJSON_AddItemToArray(files, f);
        s->closed = p->next;
        part_free(p);
    }
    json_set(j, "files", files);
    return j;
}

static int sink_prepare(struct sink *base, uint64_t checkpoint, bool end, cJSON **ret,
                        struct err *err) {
    struct fs_sink *s = CONTAINER_OF(base, struct fs_sink, base);
    close_parts(s, NULL);
    if (part_group_pending(s->group)) return SINK_BUSY;
    int rc = part_group_error(s->group, err);
    if (rc) return rc;
    bool by_time = s->options.success_file && (s->options.commit_trigger == COMMIT_PARTITION_TIME ||
                                               s->options.commit_delay_ms > 0);
    if (s->closed || by_time || (end && s->options.overwrite)) *ret = committable(s);
    return SINK_OK;
}

static void sink_free(struct sink *base) {
    struct fs_sink *s = CONTAINER_OF(base, struct fs_sink, base);
    struct map_entry e;
    for (size_t i = 0; map_next(&s->open, &i, &e);)
        part_free(e.value);
    map_release(&s->open, NULL);
    while (s->closed) {
        struct part *p = s->closed;
        s->closed = p->next;
        part_free(p);
    }
    part_group_free(s->group);
    if (s->encoder) s->encoder->ops->free(s->encoder);
    str_release(&s->partition);
    free(s->prefix);
    arena_release(&s->arena);
    free(s);
}

static const struct sink_ops sink_ops = {
    .write = sink_write,
    .flush = sink_flush,
    .prepare = sink_prepare,
    .watermark = sink_watermark,
    .free = sink_free,
};

/* "part-<job>-<op>-<subtask>-". */
static char *file_prefix(const struct sink_ctx *ctx) {
    AUTO_STR name = STR_INIT;
    str_add(&name, "part-");
    for (const char *p = ctx->job_id; *p; p++) {
        bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        str_add_char(&name, ok ? *p : '_');
    }
    uint32_t hash = 2166136261u; /* FNV-1a: op uids have characters that file names haven't */
    for (const char *p = ctx->op_uid ? ctx->op_uid : ""; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    str_addf(&name, "-%08x-%d-", hash, ctx->subtask);
    return str_take(&name);
}

int filesystem_sink_new(const struct connector_table *t, const struct sink_ctx *ctx,
                        struct sink **ret, struct err *err) {
    struct fs_sink *s = mem_zalloc(sizeof *s);
    s->base.ops = &sink_ops;
    s->ctx = *ctx;
    s->table = t;
    s->watermark = WATERMARK_MIN;
    s->checked_ms = clock_wall_ms();
    s->prefix = file_prefix(ctx);
    arena_init(&s->arena);
    map_init(&s->open);
    s->columns = file_columns(&s->arena, t);
    int n = s->columns.schema->n;
    int *all = ARENA_NEW_N(&s->arena, int, n + 1);
    for (int i = 0; i < n; i++)
        all[i] = i;
    int rc = filesystem_options(t, &s->arena, &s->options, err);
    if (!rc) s->group = part_group_new(s->options.fs, ctx->wake, ctx->wake_self);
    if (!rc) rc = format_of_table(t, &s->format, err);
    struct format_ctx fc = {s->columns.schema, all, n, t, ctx->env};
    if (!rc) rc = s->format->encoder_new(&fc, &s->encoder, err);
    if (!rc && fs_is_local(s->options.fs)) /* an empty result is an empty directory */
        rc = fs_make_dirs(s->options.fs, s->options.path, NULL, err);
    if (rc) {
        sink_free(&s->base);
        return rc;
    }
    *ret = &s->base;
    return 0;
}
