/* source.c - reading: librdkafka's threads fetch all partitions of a subtask into one queue, which
 * a poll empties without waiting. A batch has records of one partition, so that each has a
 * watermark of its own. */
#define LOG_MODULE "kafka"
#include "connector/kafka/kafka.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

enum { STOP_NEVER = -1, EXCERPT_BYTES = 120, TAKEN_MAX = 16 };

struct partition {
    cJSON *json; /* as given, without "position" */
    const char *topic;
    struct topic *of;
    int32_t number;
    uint32_t split; /* its number in the subtask */
    int64_t next;   /* offset of the next record to read, or RD_KAFKA_OFFSET_BEGINNING */
    int64_t stop;   /* or STOP_NEVER */
    uint32_t skip;  /* rows of the record at next that were returned already */
    bool started, done, told;
};

struct topic { /* the opaque of its handle */
    rd_kafka_topic_t *handle;
    struct partition **parts; /* by number; NULL where another subtask has it */
    size_t n_parts;
};

enum column_source { FROM_VALUE, FROM_KEY, FROM_RECORD };

struct out_column {
    enum column_source from;
    int builder;
    const char *key; /* FROM_RECORD */
};

/* One format's columns under construction. */
struct reading {
    struct decoder *decoder;
    int n;
    int *columns; /* numbers in the part's schema */
    struct col_builder *builders;
};

struct kafka_source {
    struct source base;
    struct arena arena;
    struct source_ctx ctx;
    struct kafka_table table;
    struct kafka_trouble trouble;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue, *main_queue;
    struct map topics;
    struct partition **parts;
    size_t n_parts, cap_parts, n_done, n_told; /* of n_done, those told to split_ended */
    bool no_more;
    struct reading value, key;
    bool key_by_row; /* key columns are produced; else keys are read for tombstones only */
    int *shared;     /* per key column: value builder of the same column, or -1 */
    int n_records;   /* FROM_RECORD builders */
    struct col_builder *records;
    const char **record_keys;
    bool changelog;
    struct col_builder kinds;
    int n_out;
    struct out_column *out;
    rd_kafka_message_t **messages;
    ssize_t n_messages, at;
    /* Offsets of snapshots whose checkpoint isn't committed yet, if the group is told of them. */
    bool tells_group;
    size_t n_taken;
    struct taken {
        uint64_t checkpoint;
        rd_kafka_topic_partition_list_t *offsets;
    } taken[TAKEN_MAX];
    /* Rows beyond what a batch holds: all of one record, the last one read. */
    struct batch *pending;
    uint32_t pending_from;
    struct partition *pending_of;
    int64_t pending_offset;
    uint32_t pending_skip; /* rows of that record that were returned */
};

static struct kafka_source *impl(struct source *s) {
    return CONTAINER_OF(s, struct kafka_source, base);
}

/* ---- partitions ---- */

static struct topic *topic_of(struct kafka_source *f, const char *name) {
    struct topic *t = map_get(&f->topics, name);
    if (t) return t;
    t = mem_zalloc(sizeof *t);
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(f->rk);
    rd_kafka_topic_conf_set(conf, "auto.commit.enable", "false", NULL, 0);
    rd_kafka_topic_conf_set_opaque(conf, t);
    t->handle = rd_kafka_topic_new(f->rk, name, conf);
    CHECK(t->handle);
    map_put(&f->topics, name, t);
    return t;
}

static void finish(struct kafka_source *f, struct partition *p) {
    if (p->done) return;
    p->done = true;
    f->n_done++;
    if (p->started) rd_kafka_consume_stop(p->of->handle, p->number);
    p->started = false;
}

/* Of partitions whose last rows have been returned. */
static void tell_ended(struct kafka_source *f) {
    for (size_t i = 0; i < f->n_parts && f->n_told < f->n_done; i++) {
        struct partition *p = f->parts[i];
        if (!p->done || p->told) continue;
        p->told = true;
        f->n_told++;
        if (f->ctx.split_ended) f->ctx.split_ended(f->ctx.report_self, p->split);
    }
}

static int parse(const cJSON *json, struct partition *p, struct err *err) {
    int number;
    int rc = json_get_str(json, "topic", &p->topic, err);
    if (!rc) rc = json_get_int(json, "partition", &number, err);
    if (!rc) rc = json_get_i64(json, "start", &p->next, err);
    if (rc) return err_wrap(err, "split");
    p->number = number;
    p->stop = json_opt_i64(json, "stop", STOP_NEVER);
    const cJSON *position = json_opt(json, "position");
    if (position) {
        p->next = json_opt_i64(position, "offset", p->next);
        p->skip = (uint32_t)json_opt_i64(position, "skip", 0);
    }
    p->json = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObject(p->json, "position");
    p->topic = cJSON_GetObjectItem(p->json, "topic")->valuestring;
    return 0;
}

static int source_add_split(struct source *base, const cJSON *json, struct err *err) {
    struct kafka_source *f = impl(base);
    struct partition *p = mem_zalloc(sizeof *p);
    int rc = parse(json, p, err);
    if (rc) {
        free(p);
        return rc;
    }
    struct topic *t = p->of = topic_of(f, p->topic);
    size_t n = (size_t)p->number + 1;
    if (n > t->n_parts) {
        t->parts = mem_reallocarray(t->parts, n, sizeof *t->parts);
        memset(t->parts + t->n_parts, 0, (n - t->n_parts) * sizeof *t->parts);
        t->n_parts = n;
    }
    t->parts[p->number] = p;
    p->split = (uint32_t)f->n_parts;
    MEM_GROW(f->parts, f->n_parts, f->cap_parts);
    f->parts[f->n_parts++] = p;
    if (f->ctx.split_added) f->ctx.split_added(f->ctx.report_self, p->split);
    if (p->stop != STOP_NEVER && p->next >= p->stop) {
        finish(f, p);
        return 0;
    }
    if (rd_kafka_consume_start_queue(t->handle, p->number, p->next, f->queue))
        return kafka_err(err, &f->trouble, rd_kafka_last_error(), "begin to read");
    p->started = true;
    return 0;
}

static void source_no_more(struct source *base) {
    impl(base)->no_more = true;
}

/* ---- records ---- */

static void print_place(const struct partition *p, const rd_kafka_message_t *m, struct str *out) {
    str_addf(out, "%s/%d@%lld", p->topic, p->number, (long long)m->offset);
}

static void add_headers(const rd_kafka_message_t *m, struct col_builder *b) {
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(m, &headers)) headers = NULL;
    size_t n = headers ? rd_kafka_header_cnt(headers) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *name, *last;
        const void *value;
        size_t size;
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size)) break;
        bool again = false;
        for (size_t j = i + 1; j < n && !again; j++)
            again =
                !rd_kafka_header_get_all(headers, j, &last, &(const void *){NULL}, &(size_t){0}) &&
                !strcmp(last, name);
        if (again) continue;
        col_add_str(&b->children[0], name, strlen(name));
        if (value)
            col_add_str(&b->children[1], value, size);
        else
            col_add_null(&b->children[1]);
    }
    col_close_row(b);
}

static void add_record_column(const struct partition *p, const rd_kafka_message_t *m,
                              const char *key, struct col_builder *b) {
    rd_kafka_timestamp_type_t type;
    if (!strcmp(key, "topic")) {
        col_add_str(b, p->topic, strlen(p->topic));
    } else if (!strcmp(key, "partition")) {
        col_add_int(b, p->number);
    } else if (!strcmp(key, "offset")) {
        col_add_int(b, m->offset);
    } else if (!strcmp(key, "timestamp")) {
        col_add_int(b, rd_kafka_message_timestamp(m, &type));
    } else if (!strcmp(key, "timestamp-type")) {
        rd_kafka_message_timestamp(m, &type);
        const char *text = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? "CreateTime"
                           : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "LogAppendTime"
                                                                        : "NoTimestampType";
        col_add_str(b, text, strlen(text));
    } else if (!strcmp(key, "headers")) {
        add_headers(m, b);
    } else {
        col_add_null(b); /* leader-epoch */
    }
}

static int decode(struct reading *r, const void *data, size_t len, uint32_t n_rows,
                  struct col_builder *kinds, uint32_t *ret_rows, struct err *err) {
    struct row_sink sink = {.n_cols = r->n,
                            .cols = r->builders,
                            .n_rows = n_rows,
                            .max_rows = UINT32_MAX,
                            .kinds = kinds};
    int rc = r->decoder->ops->decode_message(r->decoder, data, len, &sink, err);
    *ret_rows = sink.n_rows - n_rows;
    return rc;
}

static void truncate_to(struct reading *r, uint32_t n) {
    for (int i = 0; i < r->n; i++)
        col_builder_truncate(&r->builders[i], n);
}

/* The key's columns once for each of n rows. Without key they are NULL. */
static int add_keys(struct kafka_source *f, const rd_kafka_message_t *m, uint32_t at, uint32_t n,
                    struct err *err) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t rows = 0;
        int rc = m->key ? decode(&f->key, m->key, m->key_len, at + i, NULL, &rows, err) : 0;
        if (rc) return err_wrap(err, "key");
        if (rows > 1) truncate_to(&f->key, at + i + 1);
        for (int c = 0; c < f->key.n && !rows; c++)
            col_add_null(&f->key.builders[c]);
    }
    return 0;
}

/* A deletion: the columns that keys and values share come from the key, the others are NULL. */
static int add_tombstone(struct kafka_source *f, const rd_kafka_message_t *m, uint32_t at,
                         struct err *err) {
    int rc = add_keys(f, m, f->key_by_row ? at : 0, 1, err);
    if (rc) return rc;
    for (int i = 0; i < f->value.n; i++) {
        struct col_builder *b = &f->value.builders[i];
        int from = f->shared[i];
        if (from < 0)
            col_add_null(b);
        else
            col_add_from(b, &f->key.builders[from].col, 0);
    }
    if (!f->key_by_row) truncate_to(&f->key, 0);
    return 0;
}

/* Appends a record's rows behind row `at`. */
static int add_record(struct kafka_source *f, const struct partition *p,
                      const rd_kafka_message_t *m, uint32_t at, uint32_t *ret_rows,
                      struct err *err) {
    uint32_t n = 0;
    int rc = 0;
    bool upsert = f->table.upsert;
    if (m->payload) {
        rc = decode(&f->value, m->payload, m->len, at,
                    upsert         ? NULL
                    : f->changelog ? &f->kinds
                                   : NULL,
                    &n, err);
        if (!rc && f->key_by_row) rc = add_keys(f, m, at, n, err);
        for (uint32_t i = 0; i < n && upsert && !rc; i++)
            col_add_int(&f->kinds, ROW_UPDATE_AFTER);
    } else if (upsert) {
        n = 1;
        rc = add_tombstone(f, m, at, err);
        if (!rc) col_add_int(&f->kinds, ROW_DELETE);
    }
    if (rc) {
        truncate_to(&f->value, at);
        truncate_to(&f->key, f->key_by_row ? at : 0);
        if (f->changelog) col_builder_truncate(&f->kinds, at);
        return rc;
    }
    for (int c = 0; c < f->n_records; c++)
        for (uint32_t i = 0; i < n; i++)
            add_record_column(p, m, f->record_keys[c], &f->records[c]);
    *ret_rows = n;
    return 0;
}

/* A record that can't be read: a dead letter, or the job's failure. */
static int bad_record(struct kafka_source *f, const struct partition *p,
                      const rd_kafka_message_t *m, const struct err *why, struct err *err) {
    AUTO_STR text = STR_INIT;
    print_place(p, m, &text);
    struct sv raw = {m->payload, m->payload ? m->len : 0};
    __atomic_fetch_add(&f->base.stats.errors, 1, __ATOMIC_RELAXED);
    if (f->table.table->dead_letter) {
        if (f->ctx.skipped) f->ctx.skipped(f->ctx.report_self, raw, str_text(&text), why);
        return 0;
    }
    str_addf(&text, ": %s", why->msg);
    if (raw.len) {
        str_add(&text, "; the record: ");
        str_add_n(&text, raw.ptr, MIN(raw.len, (size_t)EXCERPT_BYTES));
        if (raw.len > EXCERPT_BYTES) str_add(&text, "...");
    }
    const struct format_desc *fd = f->table.value.format;
    if (opt_find(&fd->options, "ignore-parse-errors"))
        str_addf(&text,
                 " ('%s%s.ignore-parse-errors' = 'true' skips such records, 'penstock.dead-letter' "
                 "sets them aside)",
                 f->table.options.value_format ? "value." : "", fd->name);
    return err_set(err, ERR_RECORD, "%s", str_text(&text));
}

/* What isn't a record: the end of a partition, or an error of it. */
static int on_event(struct kafka_source *f, struct partition *p, const rd_kafka_message_t *m,
                    struct err *err) {
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (p && p->stop != STOP_NEVER && m->offset >= p->stop) finish(f, p);
        return 0;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        log_warn("broker out of reach, trying on", KV_STR("table", f->table.table->name),
                 KV_STR("error", rd_kafka_err2str(m->err)));
        return 0;
    default:
        break;
    }
    AUTO_STR doing = STR_INIT;
    if (p)
        str_addf(&doing, "%s/%d@%lld", p->topic, p->number, (long long)p->next);
    else
        str_add(&doing, "read");
    return kafka_err(err, &f->trouble, m->err, str_text(&doing));
}

static struct partition *partition_of(const rd_kafka_message_t *m) {
    const struct topic *t = m->rkt ? rd_kafka_topic_opaque(m->rkt) : NULL;
    return t && m->partition >= 0 && (size_t)m->partition < t->n_parts ? t->parts[m->partition]
                                                                       : NULL;
}

/* ---- batches ---- */

static struct batch *finish_batch(struct kafka_source *f, const struct partition *p, uint32_t n) {
    struct batch *b = batch_new(f->n_out);
    b->n = n;
    b->split = p->split;
    for (int i = 0; i < f->n_out; i++) {
        const struct out_column *c = &f->out[i];
        struct col_builder *from = c->from == FROM_VALUE ? f->value.builders
                                   : c->from == FROM_KEY ? f->key.builders
                                                         : f->records;
        col_builder_finish(&from[c->builder], &b->cols[i]);
    }
    if (f->changelog) batch_take_kinds(b, &f->kinds);
    b->source_ns = clock_mono_ns();
    return b;
}

static int emit(struct kafka_source *f, struct batch *b, struct batch **ret) {
    __atomic_fetch_add(&f->base.stats.records, b->n, __ATOMIC_RELAXED);
    *ret = b;
    return SOURCE_DATA;
}

static int emit_pending(struct kafka_source *f, struct batch **ret) {
    uint32_t n = MIN(f->pending->n - f->pending_from, f->ctx.batch_rows);
    struct batch *b = batch_slice(f->pending, f->pending_from, n);
    f->pending_from += n;
    f->pending_skip += n;
    if (f->pending_from == f->pending->n) {
        batch_unref(f->pending);
        f->pending = NULL;
    }
    return emit(f, b, ret);
}

/* Leaves out what was returned before the snapshot that the partition was restored from. */
static struct batch *skip_returned(struct partition *p, struct batch *b) {
    if (!p->skip) return b;
    uint32_t n = MIN(p->skip, b->n);
    struct batch *rest = batch_slice(b, n, b->n - n);
    batch_unref(b);
    p->skip = 0;
    return rest;
}

static void drop_messages(struct kafka_source *f) {
    for (; f->at < f->n_messages; f->at++)
        rd_kafka_message_destroy(f->messages[f->at]);
    f->at = f->n_messages = 0;
}

/* Rows of the next messages, all of one partition; *ret NULL if they have none. */
static int read_run(struct kafka_source *f, struct batch **ret, struct err *err) {
    struct partition *run = NULL;
    uint32_t rows = 0, last = 0;
    uint64_t bytes = 0;
    int64_t last_offset = 0;
    bool alone = false;
    int rc = 0;
    while (f->at < f->n_messages && rows < f->ctx.batch_rows && !rc && !alone) {
        rd_kafka_message_t *m = f->messages[f->at];
        struct partition *p = partition_of(m);
        if (rows && p != run) break;
        if (m->err) {
            rc = on_event(f, p, m, err);
        } else if (p && !p->done && p->stop != STOP_NEVER && m->offset >= p->stop) {
            finish(f, p);
        } else if (p && !p->done && m->offset >= p->next) {
            struct err why = ERR_INIT;
            run = p;
            last = 0;
            if (m->offset != p->next) p->skip = 0; /* the record it was of is gone */
            rc = add_record(f, p, m, rows, &last, &why);
            if (rc) rc = bad_record(f, p, m, &why, err);
            last_offset = m->offset;
            rows += last;
            bytes += m->len + m->key_len;
            if (!rc) p->next = m->offset + 1;
            if (!rc && !last) p->skip = 0;
            if (!rc && p->stop != STOP_NEVER && p->next >= p->stop) finish(f, p);
            alone = p->skip; /* a record of which rows were returned already */
        }
        rd_kafka_message_destroy(m);
        f->at++;
    }
    __atomic_fetch_add(&f->base.stats.bytes, bytes, __ATOMIC_RELAXED);
    if (rc || !rows) return rc;
    uint32_t skip = run->skip;
    struct batch *b = skip_returned(run, finish_batch(f, run, rows));
    if (b->n > f->ctx.batch_rows) {
        f->pending = b;
        f->pending_from = 0;
        f->pending_of = run;
        f->pending_offset = last_offset;
        /* Counts up from what stands in front of the last record's first row. */
        f->pending_skip = skip ? skip : 0u - (rows - last);
        return emit_pending(f, ret);
    }
    *ret = b->n ? b : NULL;
    if (!b->n) batch_unref(b);
    return *ret ? emit(f, b, ret) : 0;
}

static int source_poll(struct source *base, struct batch **ret, int64_t *ret_wake_ns,
                       struct err *err) {
    struct kafka_source *f = impl(base);
    if (f->pending) return emit_pending(f, ret);
    tell_ended(f);
    if (f->at == f->n_messages) {
        rd_kafka_poll(f->rk, 0);
        int rc = kafka_fatal(err, &f->trouble);
        if (rc) return rc;
        f->at = 0;
        f->n_messages = rd_kafka_consume_batch_queue(f->queue, 0, f->messages, BATCH_ROWS_MAX);
        if (f->n_messages < 0) f->n_messages = 0;
        if (!f->n_messages) {
            *ret_wake_ns = INT64_MAX;
            return f->n_done < f->n_parts ? SOURCE_WAIT : f->no_more ? SOURCE_END : SOURCE_IDLE;
        }
    }
    int rc = read_run(f, ret, err);
    return rc < 0 ? rc : *ret ? SOURCE_DATA : SOURCE_MORE;
}

/* ---- snapshot ---- */

static void remember_offsets(struct kafka_source *f) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)f->n_parts);
    for (size_t i = 0; i < f->n_parts; i++) {
        const struct partition *p = f->parts[i];
        bool inside = f->pending && f->pending_of == p;
        int64_t offset = inside ? f->pending_offset : p->next;
        if (offset >= 0)
            rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = offset;
    }
    if (f->n_taken == TAKEN_MAX) { /* of checkpoints that were given up */
        rd_kafka_topic_partition_list_destroy(f->taken[0].offsets);
        memmove(f->taken, f->taken + 1, --f->n_taken * sizeof *f->taken);
    }
    f->taken[f->n_taken++] = (struct taken){f->base.checkpoint, list};
}

/* The group learns how far the newest of them came; nobody waits for it: the checkpoint counts. */
static void source_committed(struct source *base, uint64_t checkpoint) {
    struct kafka_source *f = impl(base);
    size_t n = 0;
    while (n < f->n_taken && f->taken[n].checkpoint <= checkpoint)
        n++;
    if (n && f->taken[n - 1].offsets->cnt) rd_kafka_commit(f->rk, f->taken[n - 1].offsets, true);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_destroy(f->taken[i].offsets);
    memmove(f->taken, f->taken + n, (f->n_taken - n) * sizeof *f->taken);
    f->n_taken -= n;
}

static int source_snapshot(struct source *base, cJSON **ret, struct err *err) {
    struct kafka_source *f = impl(base);
    if (f->tells_group && f->base.checkpoint) remember_offsets(f);
    cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; i < f->n_parts; i++) {
        const struct partition *p = f->parts[i];
        bool inside = f->pending && f->pending_of == p;
        cJSON *j = cJSON_Duplicate(p->json, true), *at = cJSON_CreateObject();
        json_set_i64(at, "offset", inside ? f->pending_offset : p->next);
        uint32_t skip = inside ? f->pending_skip : p->skip;
        if (skip) json_set_i64(at, "skip", skip);
        json_set(j, "position", at);
        cJSON_AddItemToArray(out, j);
    }
    *ret = out;
    return 0;
}

/* ---- making ---- */

static void reading_release(struct reading *r) {
    if (r->decoder) r->decoder->ops->free(r->decoder);
    for (int i = 0; i < r->n && r->builders; i++)
        col_builder_release(&r->builders[i]);
}

static void topic_free(void *value) {
    struct topic *t = value;
    rd_kafka_topic_destroy(t->handle);
    free(t->parts);
    free(t);
}

static void source_free(struct source *base) {
    struct kafka_source *f = impl(base);
    if (f->queue) rd_kafka_queue_cb_event_enable(f->queue, NULL, NULL);
    if (f->main_queue) rd_kafka_queue_cb_event_enable(f->main_queue, NULL, NULL);
    drop_messages(f);
    for (size_t i = 0; i < f->n_parts; i++) {
        if (f->parts[i]->started)
            rd_kafka_consume_stop(f->parts[i]->of->handle, f->parts[i]->number);
        cJSON_Delete(f->parts[i]->json);
        free(f->parts[i]);
    }
    free(f->parts);
    for (size_t i = 0; i < f->n_taken; i++)
        rd_kafka_topic_partition_list_destroy(f->taken[i].offsets);
    map_release(&f->topics, topic_free);
    if (f->queue) rd_kafka_queue_destroy(f->queue);
    if (f->main_queue) rd_kafka_queue_destroy(f->main_queue);
    if (f->rk) rd_kafka_destroy(f->rk);
    kafka_trouble_release(&f->trouble);
    batch_unref(f->pending);
    reading_release(&f->value);
    reading_release(&f->key);
    for (int i = 0; i < f->n_records; i++)
        col_builder_release(&f->records[i]);
    if (f->changelog) col_builder_release(&f->kinds);
    free(f->messages);
    arena_release(&f->arena);
    free(f);
}

static const struct source_ops source_ops = {source_add_split, source_no_more, source_poll,
                                             source_snapshot,  source_free,    source_committed};

static int find_column(const struct kafka_part *part, int column) {
    for (int i = 0; part->format && i < part->schema->n; i++)
        if (part->column[i] == column) return i;
    return -1;
}

static int reading_add(struct reading *r, int column) {
    r->columns[r->n] = column;
    return r->n++;
}

/* Where each produced column comes from; values go before keys. */
static void map_columns(struct kafka_source *f) {
    const struct connector_table *t = f->table.table;
    f->n_out = t->n_projection < 0 ? t->schema->n : t->n_projection;
    f->out = ARENA_NEW_N(&f->arena, struct out_column, f->n_out + 1);
    f->records = ARENA_NEW_N(&f->arena, struct col_builder, f->n_out + 1);
    f->record_keys = ARENA_NEW_N(&f->arena, const char *, f->n_out + 1);
    f->value.columns = ARENA_NEW_N(&f->arena, int, f->n_out + 1);
    f->key.columns = ARENA_NEW_N(&f->arena, int, f->n_out + 1);
    f->shared = ARENA_NEW_N(&f->arena, int, f->n_out + 1);
    for (int i = 0; i < f->n_out; i++) {
        int column = t->n_projection < 0 ? i : t->projection[i];
        int value = find_column(&f->table.value, column), key = find_column(&f->table.key, column);
        struct out_column *c = &f->out[i];
        if (value >= 0) {
            c->from = FROM_VALUE;
            f->shared[f->value.n] = f->table.upsert && key >= 0 ? reading_add(&f->key, key) : -1;
            c->builder = reading_add(&f->value, value);
        } else if (key >= 0) {
            c->from = FROM_KEY;
            c->builder = reading_add(&f->key, key);
            f->key_by_row = true;
        } else {
            c->from = FROM_RECORD;
            c->builder = f->n_records;
            f->record_keys[f->n_records] = t->metadata[column];
            col_builder_init(&f->records[f->n_records++], t->schema->fields[column].type,
                             f->ctx.batch_rows);
        }
    }
}

static int reading_init(struct kafka_source *f, struct reading *r, struct kafka_part *part,
                        struct err *err) {
    r->builders = ARENA_NEW_N(&f->arena, struct col_builder, r->n + 1);
    for (int i = 0; i < r->n; i++)
        col_builder_init(&r->builders[i], part->schema->fields[r->columns[i]].type,
                         f->ctx.batch_rows);
    if (!part->format) return 0;
    struct format_ctx fc = {part->schema, r->columns, r->n,
                            &part->table, f->ctx.env, part->metadata};
    return part->format->decoder_new(&fc, &r->decoder, err);
}

/* On librdkafka's threads. */
static void on_queue(rd_kafka_t *rk, void *self) {
    struct kafka_source *f = self;
    f->ctx.wake(f->ctx.wake_self);
}

static int make_client(struct kafka_source *f, struct err *err) {
    rd_kafka_conf_t *conf;
    const char *tells = kafka_property(&f->table, "commit.offsets.on.checkpoint");
    f->tells_group =
        kafka_property(&f->table, "group.id") && (!tells || strcasecmp(tells, "true") == 0);
    kafka_trouble_of(&f->trouble, f->table.options.servers);
    int rc = kafka_conf(&f->table, KAFKA_SOURCE, &conf, err);
    if (!rc) rc = kafka_client(RD_KAFKA_CONSUMER, conf, &f->trouble, &f->rk, err);
    if (rc) return rc;
    f->queue = rd_kafka_queue_new(f->rk);
    f->main_queue = rd_kafka_queue_get_main(f->rk);
    rd_kafka_queue_cb_event_enable(f->queue, on_queue, f);
    rd_kafka_queue_cb_event_enable(f->main_queue, on_queue, f);
    return 0;
}

int kafka_source_new(const struct connector_table *t, const struct source_ctx *ctx,
                     struct source **ret, struct err *err) {
    struct kafka_source *f = mem_zalloc(sizeof *f);
    f->base.ops = &source_ops;
    f->ctx = *ctx;
    arena_init(&f->arena);
    map_init(&f->topics);
    kafka_trouble_init(&f->trouble);
    f->messages = mem_calloc(BATCH_ROWS_MAX, sizeof(rd_kafka_message_t *));
    int rc = kafka_table(t, &f->arena, &f->table, err);
    if (!rc) {
        map_columns(f);
        f->changelog = f->table.upsert || f->table.value.format->source_mode != CHANGELOG_INSERT;
        if (f->changelog) col_builder_init(&f->kinds, type_of(TYPE_TINYINT), ctx->batch_rows);
        rc = reading_init(f, &f->value, &f->table.value, err);
    }
    if (!rc) rc = reading_init(f, &f->key, &f->table.key, err);
    if (!rc) rc = make_client(f, err);
    if (rc) {
        source_free(&f->base);
        return rc;
    }
    *ret = &f->base;
    return 0;
}
