/* source.c - reading: splits one after another, each a range of a file; blocks decoded into column
 * builders, with partition and metadata columns added. What poll has returned and what it has not
 * is kept exact by record, for snapshots. */
#include "connector/filesystem/filesystem.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/filesystem/partition.h"
#include "connector/filesystem/reader.h"
#include "vector/func/func.h"
#include "vector/value.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MAX_BYTES = 4 << 20, EXCERPT_BYTES = 120 };

/* Where reading is. A record that makes several rows may be returned in parts. */
struct place {
    uint64_t offset, line; /* lines in front of it, counted from the split's first record */
    uint32_t skip;         /* rows behind offset that were returned already */
};

struct split {
    cJSON *json; /* as given, without "position" */
    const char *path;
    enum codec codec;
    uint64_t start, end;
    int64_t size_bytes, mtime_ms;
    bool restored;
    struct place at;
};

enum column_source { FROM_FILE, FROM_PARTITION, FROM_METADATA };

struct out_column {
    enum column_source from;
    int builder;                /* FROM_FILE */
    const struct field *field;  /* the table's */
    const char *key;            /* FROM_METADATA */
    const struct column *value; /* of the current split; in split_arena */
};

struct fs_source {
    struct source base;
    struct arena arena, split_arena;
    struct source_ctx ctx;
    const struct connector_table *table;
    struct filesystem_options options;
    const struct format_desc *format;
    struct decoder *decoder;
    int n_out;
    struct out_column *out;
    bool has_constants, changelog;
    int n_builders;
    struct col_builder *builders;
    struct col_builder kinds;
    struct split **splits; /* [cur, n) are to be read; [0, cur) are done */
    size_t n_splits, cap_splits, cur;
    bool no_more, open;
    bool opening; /* of a remote store: reader_opened tells when it is done */
    struct reader reader;
    uint64_t counted;      /* of the file, in base.stats.bytes: sizes as they are on disk */
    uint64_t record;       /* of the current block's decode, for messages */
    struct batch *pending; /* rows decoded beyond what a batch holds */
    uint32_t pending_from;
    struct place pending_start; /* where the pending batch's first row was read */
};

/* ---- splits ---- */

static void split_free(struct split *s) {
    cJSON_Delete(s->json);
    free(s);
}

static int split_parse(const cJSON *json, struct split *s, struct err *err) {
    int64_t start, end;
    const char *path;
    int rc = json_get_str(json, "path", &path, err);
    if (!rc) rc = json_get_i64(json, "start", &start, err);
    if (!rc) rc = json_get_i64(json, "end", &end, err);
    if (!rc) rc = codec_of_path(path, &s->codec, err);
    if (rc) return err_wrap(err, "split");
    s->start = (uint64_t)start;
    s->end = (uint64_t)end;
    s->size_bytes = json_opt_i64(json, "size", end);
    s->mtime_ms = json_opt_i64(json, "mtime", 0);
    s->at.offset = s->start;
    const cJSON *p = json_opt(json, "position");
    if (p) {
        s->restored = true;
        s->at = (struct place){(uint64_t)json_opt_i64(p, "offset", start),
                               (uint64_t)json_opt_i64(p, "line", 0),
                               (uint32_t)json_opt_i64(p, "skip", 0)};
    }
    s->json = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObject(s->json, "position");
    s->path = cJSON_GetObjectItem(s->json, "path")->valuestring;
    return 0;
}

static int source_add_split(struct source *base, const cJSON *json, struct err *err) {
    struct fs_source *f = CONTAINER_OF(base, struct fs_source, base);
    struct split *s = mem_zalloc(sizeof *s);
    int rc = split_parse(json, s, err);
    if (rc) {
        free(s);
        return rc;
    }
    MEM_GROW(f->splits, f->n_splits, f->cap_splits);
    f->splits[f->n_splits++] = s;
    return 0;
}

static void source_no_more(struct source *base) {
    CONTAINER_OF(base, struct fs_source, base)->no_more = true;
}

/* The value of a partition or metadata column for this split. */
static int constant_of(struct fs_source *f, const struct split *s, struct out_column *c,
                       struct err *err) {
    const struct type *t = c->field->type;
    struct arena *a = &f->split_arena;
    if (c->from == FROM_PARTITION) {
        const char *text = partition_find(a, s->path, c->field->name);
        if (!text)
            return err_set(err, ERR_RUNTIME, "%s: the path has no partition '%s=...'", s->path,
                           c->field->name);
        if (strcmp(text, f->options.default_partition) == 0) text = NULL;
        int rc = partition_value(a, t, text, f->ctx.env->zone, &c->value, err);
        return rc ? err_wrap(err, "%s: partition '%s'", s->path, c->field->name) : 0;
    }
    const char *slash = strrchr(s->path, '/');
    const char *name = slash ? slash + 1 : s->path;
    if (strcmp(c->key, "file.path") == 0)
        c->value = value_str(a, t, s->path, strlen(s->path));
    else if (strcmp(c->key, "file.name") == 0)
        c->value = value_str(a, t, name, strlen(name));
    else if (strcmp(c->key, "file.size") == 0)
        c->value = value_int(a, t, s->size_bytes);
    else
        c->value = value_int(a, t, s->mtime_ms);
    return 0;
}

/* Opens the file at the split's first record. READER_WAIT: to be called again. */
static int split_open(struct fs_source *f, struct split *s, struct err *err) {
    struct reader_range range = {s->at.offset, s->end, (uint64_t)s->size_bytes, s->restored};
    int rc = f->opening ? reader_opened(&f->reader, err)
                        : reader_open(&f->reader, f->options.fs, s->path, s->codec, &range,
                                      f->ctx.wake, f->ctx.wake_self, err);
    f->opening = rc == READER_WAIT;
    if (rc) return rc;
    if (s->codec == CODEC_NONE) s->at.offset = f->reader.offset;
    f->open = true;
    f->counted = f->reader.offset;
    f->decoder->at_file_start = s->at.offset == 0;
    arena_clear(&f->split_arena);
    for (int i = 0; i < f->n_out && !rc; i++) {
        if (f->out[i].from != FROM_FILE) rc = constant_of(f, s, &f->out[i], err);
    }
    return rc;
}

static void split_close(struct fs_source *f) {
    reader_close(&f->reader);
    f->open = false;
    split_free(f->splits[f->cur]);
    f->splits[f->cur++] = NULL;
    if (f->cur == f->n_splits) f->cur = f->n_splits = 0;
}

/* ---- records ---- */

/* "path:line offset n"; the line is known only where the split begins the file. */
static void print_place(const struct split *s, const struct record_error *bad, struct str *out) {
    str_add(out, s->path);
    if (!s->start) str_addf(out, ":%llu", (unsigned long long)(s->at.line + bad->line + 1));
    str_addf(out, " offset %llu", (unsigned long long)(s->at.offset + bad->offset));
}

static void source_on_bad(void *self, const struct record_error *bad, struct sv raw) {
    struct fs_source *f = self;
    AUTO_STR place = STR_INIT;
    print_place(f->splits[f->cur], bad, &place);
    __atomic_fetch_add(&f->base.stats.errors, 1, __ATOMIC_RELAXED);
    if (f->ctx.skipped) f->ctx.skipped(f->ctx.report_self, raw, str_text(&place), &bad->err);
}

static int bad_record(struct fs_source *f, const struct record_error *bad, struct err *err) {
    struct split *s = f->splits[f->cur];
    AUTO_STR text = STR_INIT;
    print_place(s, bad, &text);
    str_addf(&text, ": %s", bad->err.msg);
    const char *raw = (const char *)f->reader.block->data + f->reader.from + bad->offset;
    size_t n = MIN(bad->length, (uint64_t)EXCERPT_BYTES);
    if (n) {
        str_add(&text, "; the record: ");
        str_add_n(&text, raw, n);
        if (n < bad->length) str_add(&text, "...");
    }
    if (opt_find(&f->format->options, "ignore-parse-errors"))
        str_addf(&text,
                 " ('%s.ignore-parse-errors' = 'true' skips such records, 'penstock.dead-letter' "
                 "sets them aside)",
                 f->format->name);
    __atomic_fetch_add(&f->base.stats.errors, 1, __ATOMIC_RELAXED);
    return err_set(err, ERR_RECORD, "%s", str_text(&text));
}

/* Skips a byte order mark at the file's very beginning. */
static void skip_mark(struct fs_source *f, struct split *s) {
    struct reader *r = &f->reader;
    if (s->at.offset == 0 && r->to - r->from >= 3 &&
        memcmp(r->block->data + r->from, "\xef\xbb\xbf", 3) == 0) {
        reader_consume(r, 3);
        s->at.offset = 3;
    }
}

/* Bytes as they are on disk, so that they compare with the sizes of files. */
static void count_bytes(struct fs_source *f) {
    uint64_t now = reader_position(&f->reader);
    __atomic_fetch_add(&f->base.stats.bytes, now - f->counted, __ATOMIC_RELAXED);
    f->counted = now;
}

/* Decodes from what is buffered; fills first where that is not a whole record. READER_WAIT. */
static int decode_some(struct fs_source *f, struct row_sink *sink, struct err *err) {
    struct split *s = f->splits[f->cur];
    struct reader *r = &f->reader;
    for (;;) {
        if (r->to > r->from) {
            struct record_error bad = {0};
            size_t used = 0;
            uint64_t lines = 0;
            sink->borrow = r->block;
            int rc =
                f->decoder->ops->decode(f->decoder, (char *)r->block->data + r->from,
                                        r->to - r->from, r->at_end, sink, &used, &lines, &bad, err);
            if (rc == ERR_RECORD) return bad_record(f, &bad, err);
            if (rc) return err_wrap(err, "%s", s->path);
            reader_consume(r, used);
            s->at.offset = r->offset;
            s->at.line += lines;
            count_bytes(f);
            if (used) return 0;
        }
        if (r->at_end) {
            if (r->to > r->from)
                return err_set(err, ERR_INTERNAL, "%s: the decoder left %zu bytes", s->path,
                               r->to - r->from);
            return 0;
        }
        bool first = !r->block;
        int rc = reader_fill(r, err);
        if (rc) return rc;
        if (first) skip_mark(f, s);
    }
}

/* ---- batches ---- */

/* The builders' rows as a batch of the produced columns. */
static struct batch *finish_batch(struct fs_source *f, uint32_t n) {
    struct batch *b = batch_new(f->n_out);
    b->n = n;
    for (int i = 0; i < f->n_out; i++) {
        struct out_column *c = &f->out[i];
        if (c->from == FROM_FILE)
            col_builder_finish(&f->builders[c->builder], &b->cols[i]);
        else
            col_repeat(&b->cols[i], c->value, c->field->type, n);
    }
    if (f->changelog) batch_take_kinds(b, &f->kinds);
    b->source_ns = clock_mono_ns();
    return b;
}

static int emit(struct fs_source *f, struct batch *b, struct batch **ret) {
    __atomic_fetch_add(&f->base.stats.records, b->n, __ATOMIC_RELAXED);
    *ret = b;
    return SOURCE_DATA;
}

/* The next part of a batch that came out too large. */
static int emit_pending(struct fs_source *f, struct batch **ret) {
    uint32_t n = MIN(f->pending->n - f->pending_from, f->ctx.batch_rows);
    struct batch *b = batch_slice(f->pending, f->pending_from, n);
    f->pending_from += n;
    if (f->pending_from == f->pending->n) {
        batch_unref(f->pending);
        f->pending = NULL;
    }
    return emit(f, b, ret);
}

/* Drops rows that were returned before the snapshot that this split was restored from. */
static struct batch *skip_returned(struct split *s, struct batch *b) {
    if (!s->at.skip) return b;
    uint32_t n = MIN(s->at.skip, b->n);
    struct batch *rest = batch_slice(b, n, b->n - n);
    batch_unref(b);
    s->at.skip -= n;
    return rest;
}

/* Nothing more has come: hands on the rows there are, or waits for wake. */
static int wait_or_emit(struct fs_source *f, uint32_t n_rows, struct batch **ret,
                        int64_t *ret_wake_ns) {
    if (n_rows) return emit(f, finish_batch(f, n_rows), ret);
    *ret_wake_ns = INT64_MAX;
    return SOURCE_WAIT;
}

static int source_poll(struct source *base, struct batch **ret, int64_t *ret_wake_ns,
                       struct err *err) {
    struct fs_source *f = CONTAINER_OF(base, struct fs_source, base);
    if (f->pending) return emit_pending(f, ret);
    struct row_sink sink = {.n_cols = f->n_builders,
                            .cols = f->builders,
                            .max_rows = f->ctx.batch_rows,
                            .kinds = f->changelog ? &f->kinds : NULL};
    uint64_t bytes = 0;
    for (;;) {
        if (f->cur == f->n_splits) {
            if (sink.n_rows) return emit(f, finish_batch(f, sink.n_rows), ret);
            *ret_wake_ns = INT64_MAX;
            return f->no_more ? SOURCE_END : SOURCE_IDLE;
        }
        struct split *s = f->splits[f->cur];
        int rc = f->open ? 0 : split_open(f, s, err);
        if (rc < 0) return rc;
        if (rc == READER_WAIT) return wait_or_emit(f, sink.n_rows, ret, ret_wake_ns);
        struct place start = s->at;
        while (sink.n_rows < sink.max_rows && bytes < POLL_MAX_BYTES &&
               !(f->reader.at_end && f->reader.from == f->reader.to)) {
            uint64_t before = f->reader.offset;
            rc = decode_some(f, &sink, err);
            if (rc < 0) return rc;
            if (rc == READER_WAIT) break;
            bytes += f->reader.offset - before;
        }
        bool waits = rc == READER_WAIT;
        bool done = !waits && f->reader.at_end && f->reader.from == f->reader.to;
        bool full = waits || sink.n_rows >= sink.max_rows || bytes >= POLL_MAX_BYTES;
        /* Rows of several files share a batch unless something tells them apart. */
        if (!full && !f->has_constants && !f->changelog && !start.skip) {
            split_close(f);
            continue;
        }
        struct batch *b = NULL;
        if (sink.n_rows) b = skip_returned(s, finish_batch(f, sink.n_rows));
        sink.n_rows = 0;
        if (b && b->n > f->ctx.batch_rows) {
            f->pending = b;
            f->pending_from = 0;
            f->pending_start = start;
            return emit_pending(f, ret);
        }
        if (done) split_close(f);
        if (b && b->n) return emit(f, b, ret);
        batch_unref(b);
        if (waits) return wait_or_emit(f, 0, ret, ret_wake_ns);
        if (full) return SOURCE_MORE;
    }
}

/* ---- snapshot ---- */

static int source_snapshot(struct source *base, cJSON **ret, struct err *err) {
    struct fs_source *f = CONTAINER_OF(base, struct fs_source, base);
    cJSON *out = cJSON_CreateArray();
    for (size_t i = f->cur; i < f->n_splits; i++) {
        struct split *s = f->splits[i];
        cJSON *j = cJSON_Duplicate(s->json, true);
        struct place at = s->at;
        if (i == f->cur && f->pending) {
            at = f->pending_start;
            at.skip += f->pending_from;
        }
        if (s->restored || (i == f->cur && f->open)) {
            cJSON *p = cJSON_CreateObject();
            json_set_i64(p, "offset", (int64_t)at.offset);
            json_set_i64(p, "line", (int64_t)at.line);
            if (at.skip) json_set_i64(p, "skip", at.skip);
            json_set(j, "position", p);
        }
        cJSON_AddItemToArray(out, j);
    }
    *ret = out;
    return 0;
}

static void source_free(struct source *base) {
    struct fs_source *f = CONTAINER_OF(base, struct fs_source, base);
    reader_close(&f->reader);
    batch_unref(f->pending);
    if (f->decoder) f->decoder->ops->free(f->decoder);
    for (size_t i = f->cur; i < f->n_splits; i++)
        split_free(f->splits[i]);
    for (int i = 0; i < f->n_builders; i++)
        col_builder_release(&f->builders[i]);
    col_builder_release(&f->kinds);
    free(f->splits);
    arena_release(&f->split_arena);
    arena_release(&f->arena);
    free(f);
}

static const struct source_ops source_ops = {source_add_split, source_no_more, source_poll,
                                             source_snapshot, source_free};

/* ---- making ---- */

/* Which builder, partition or metadata key each produced column comes from. */
static const int *map_columns(struct fs_source *f, const struct file_columns *cols) {
    const struct connector_table *t = f->table;
    int n = t->n_projection < 0 ? t->schema->n : t->n_projection;
    int *wanted = ARENA_NEW_N(&f->arena, int, n + 1);
    f->out = ARENA_NEW_N(&f->arena, struct out_column, n + 1);
    f->n_out = n;
    for (int i = 0; i < n; i++) {
        int column = t->n_projection < 0 ? i : t->projection[i];
        struct out_column *c = &f->out[i];
        c->field = &t->schema->fields[column];
        if (t->metadata && t->metadata[column]) {
            c->from = FROM_METADATA;
            c->key = t->metadata[column];
        } else if (is_partition_key(t, column)) {
            c->from = FROM_PARTITION;
        } else {
            c->builder = f->n_builders;
            int k = 0;
            while (cols->table_column[k] != column)
                k++;
            wanted[f->n_builders++] = k;
        }
        if (c->from != FROM_FILE) f->has_constants = true;
    }
    return wanted;
}

int filesystem_source_new(const struct connector_table *t, const struct source_ctx *ctx,
                          struct source **ret, struct err *err) {
    struct fs_source *f = mem_zalloc(sizeof *f);
    f->base.ops = &source_ops;
    f->ctx = *ctx;
    f->table = t;
    arena_init(&f->arena);
    arena_init(&f->split_arena);
    int rc = filesystem_options(t, &f->arena, &f->options, err);
    if (!rc) rc = format_of_table(t, &f->format, err);
    if (!rc) {
        struct file_columns cols = file_columns(&f->arena, t);
        const int *wanted = map_columns(f, &cols);
        struct format_ctx fc = {cols.schema, wanted, f->n_builders, t, ctx->env};
        rc = f->format->decoder_new(&fc, &f->decoder, err);
        f->changelog = f->format->source_mode != CHANGELOG_INSERT;
        f->builders = ARENA_NEW_N(&f->arena, struct col_builder, f->n_builders + 1);
        for (int i = 0; i < f->n_builders; i++)
            col_builder_init(&f->builders[i], cols.schema->fields[wanted[i]].type, ctx->batch_rows);
        col_builder_init(&f->kinds, type_of(TYPE_TINYINT), ctx->batch_rows);
    }
    if (rc) {
        source_free(&f->base);
        return rc;
    }
    f->decoder->skip_bad = t->dead_letter != NULL;
    f->decoder->bad_self = f;
    f->decoder->on_bad = source_on_bad;
    *ret = &f->base;
    return 0;
}
