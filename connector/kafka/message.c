/* message.c - see message.h. Keys and values of a batch lie in one string, messages are offsets
 * into it until they are sent. */
#include "connector/kafka/message.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    size_t key, key_len, value, value_len, headers, headers_len; /* in bytes */
    int64_t time_ms;
    bool tombstone, has_key;
};

struct messages {
    struct arena arena;
    const struct kafka_table *k;
    struct encoder *key, *value;
    int timestamp, headers; /* columns of the table, or -1 */
    const struct batch *batch;
    struct str bytes;
    size_t n, cap, at; /* [at, n) are left */
    struct entry *entries;
    rd_kafka_message_t *out;
    size_t cap_out;
    int partition, rotate;
    uint32_t turn;
};

/* ---- encoding ---- */

/* A batch of the part's columns alone. */
static struct batch *view_of(const struct kafka_part *part, const struct batch *b) {
    struct batch *v = batch_new(part->schema->n);
    v->n = b->n;
    for (int i = 0; i < v->n_cols; i++)
        col_ref(&v->cols[i], &b->cols[part->column[i]]);
    v->kinds = b->kinds;
    v->kinds_buf = buffer_ref(b->kinds_buf);
    return v;
}

/* Headers as (name length, name, value length, value)...; lengths are 4 bytes, -1 is NULL. */
static void pack_headers(const struct column *c, uint32_t row, struct str *out) {
    const uint32_t *offsets = COL_DATA(c, uint32_t);
    const struct column *keys = &c->children[0], *values = &c->children[1];
    for (uint32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        if (!col_is_valid(keys, i)) continue;
        struct sv name = strv_sv(&COL_DATA(keys, struct strv)[i]);
        int32_t n = (int32_t)name.len;
        str_add_n(out, &n, sizeof n);
        str_add_sv(out, name);
        struct sv value = {NULL, 0};
        bool valid = col_is_valid(values, i);
        if (valid) value = strv_sv(&COL_DATA(values, struct strv)[i]);
        n = valid ? (int32_t)value.len : -1;
        str_add_n(out, &n, sizeof n);
        str_add_sv(out, value);
    }
}

static rd_kafka_headers_t *unpack_headers(struct sv s) {
    if (!s.len) return NULL;
    rd_kafka_headers_t *h = rd_kafka_headers_new(4);
    int32_t n;
    while (sv_take(&s, &n, sizeof n)) {
        struct sv name, value = {NULL, 0};
        int32_t n_value;
        if (!sv_cut(&s, (size_t)n, &name) || !sv_take(&s, &n_value, sizeof n_value)) break;
        if (n_value >= 0 && !sv_cut(&s, (size_t)n_value, &value)) break;
        rd_kafka_header_add(h, name.ptr, (ssize_t)name.len, n_value < 0 ? NULL : value.ptr,
                            (ssize_t)value.len);
    }
    return h;
}

static int encode_row(struct messages *m, const struct batch *b, const struct batch *key,
                      const struct batch *value, uint32_t row, struct err *err) {
    struct entry e = {.time_ms = -1};
    e.tombstone = m->k->upsert && b->kinds && !row_kind_adds(b->kinds[row]);
    int rc = 0;
    if (key) {
        e.has_key = true;
        e.key = m->bytes.len;
        rc = m->key->ops->encode_message(m->key, key, row, &m->bytes, err);
        if (rc) return err_wrap(err, "key");
        e.key_len = m->bytes.len - e.key;
    }
    if (!e.tombstone) {
        e.value = m->bytes.len;
        rc = m->value->ops->encode_message(m->value, value, row, &m->bytes, err);
        if (rc) return rc;
        e.value_len = m->bytes.len - e.value;
    }
    if (m->timestamp >= 0 && col_is_valid(&b->cols[m->timestamp], row))
        e.time_ms = COL_DATA(&b->cols[m->timestamp], int64_t)[row];
    if (m->headers >= 0 && col_is_valid(&b->cols[m->headers], row)) {
        e.headers = m->bytes.len;
        pack_headers(&b->cols[m->headers], row, &m->bytes);
        e.headers_len = m->bytes.len - e.headers;
    }
    MEM_GROW(m->entries, m->n, m->cap);
    m->entries[m->n++] = e;
    return 0;
}

int messages_encode(struct messages *m, const struct batch *b, struct err *err) {
    messages_clear(m);
    m->batch = b;
    struct batch *key = m->key ? view_of(&m->k->key, b) : NULL, *value = view_of(&m->k->value, b);
    int rc = 0;
    for (uint32_t i = 0; i < b->n && !rc; i++) {
        if (m->k->upsert && b->kinds && b->kinds[i] == ROW_UPDATE_BEFORE) continue;
        rc = encode_row(m, b, key, value, i, err);
    }
    batch_unref(key);
    batch_unref(value);
    return rc;
}

const struct batch *messages_batch(const struct messages *m) {
    return m->batch;
}

void messages_done(struct messages *m) {
    m->batch = NULL;
}

uint64_t messages_bytes(const struct messages *m) {
    return m->bytes.len;
}

uint32_t messages_left(const struct messages *m) {
    return (uint32_t)(m->n - m->at);
}

/* ---- one by one ---- */

uint32_t messages_count(const struct messages *m) {
    return (uint32_t)m->n;
}

void messages_get(const struct messages *m, uint32_t i, struct message *ret) {
    const struct entry *e = &m->entries[i];
    const char *p = str_text(&m->bytes);
    *ret = (struct message){.key = {p + e->key, e->key_len},
                            .value = {p + e->value, e->value_len},
                            .headers = {p + e->headers, e->headers_len},
                            .tombstone = e->tombstone,
                            .time_ms = e->time_ms};
}

void messages_clear(struct messages *m) {
    str_clear(&m->bytes);
    m->n = m->at = 0;
}

static void add_bytes(struct messages *m, struct sv s, size_t *at, size_t *len) {
    *at = m->bytes.len;
    *len = s.len;
    str_add_sv(&m->bytes, s);
}

void messages_add(struct messages *m, const struct message *one) {
    struct entry e = {.time_ms = one->time_ms, .tombstone = one->tombstone, .has_key = true};
    add_bytes(m, one->key, &e.key, &e.key_len);
    add_bytes(m, one->value, &e.value, &e.value_len);
    add_bytes(m, one->headers, &e.headers, &e.headers_len);
    MEM_GROW(m->entries, m->n, m->cap);
    m->entries[m->n++] = e;
}

/* ---- sending ---- */

void messages_set_partition(struct messages *m, int partition, int n) {
    m->partition = partition;
    m->rotate = n;
}

static void fill(struct messages *m, const struct entry *e, rd_kafka_message_t *out) {
    char *p = m->bytes.ptr;
    *out = (rd_kafka_message_t){.partition = m->partition};
    if (m->rotate) out->partition = (int32_t)(m->turn++ % (uint32_t)m->rotate);
    if (e->has_key) {
        out->key = p + e->key;
        out->key_len = e->key_len;
    }
    if (!e->tombstone) {
        out->payload = p + e->value;
        out->len = e->value_len;
    }
}

static int send_singly(struct messages *m, struct producer *p, struct err *err) {
    int rc = 1;
    for (; m->at < m->n && rc > 0; m->at += rc > 0) {
        const struct entry *e = &m->entries[m->at];
        rd_kafka_message_t one;
        fill(m, e, &one);
        rd_kafka_headers_t *h =
            unpack_headers((struct sv){m->bytes.ptr + e->headers, e->headers_len});
        rc = producer_send_one(p, &one, e->time_ms, h, err);
        if (rc <= 0 && h) rd_kafka_headers_destroy(h);
    }
    return rc < 0 ? rc : 0;
}

int messages_send(struct messages *m, struct producer *p, struct err *err) {
    if (m->headers >= 0 || m->timestamp >= 0) return send_singly(m, p, err);
    size_t left = m->n - m->at;
    if (left > m->cap_out) {
        m->cap_out = left;
        m->out = mem_reallocarray(m->out, left, sizeof *m->out);
    }
    uint32_t turn = m->turn;
    for (size_t i = 0; i < left; i++)
        fill(m, &m->entries[m->at + i], &m->out[i]);
    int sent = producer_send(p, m->out, (int)left, err);
    if (sent < 0) return sent;
    m->turn = turn + (uint32_t)sent;
    m->at += (size_t)sent;
    return 0;
}

/* ---- making ---- */

static int make_encoder(struct arena *a, const struct kafka_part *part, const struct eval_env *env,
                        struct encoder **ret, struct err *err) {
    int n = part->schema->n, *all = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++)
        all[i] = i;
    struct format_ctx fc = {part->schema, all, n, &part->table, env, part->metadata};
    return part->format->encoder_new(&fc, ret, err);
}

static int find_metadata(const struct connector_table *t, const char *key) {
    for (int i = 0; t->metadata && i < t->schema->n; i++)
        if (t->metadata[i] && !strcmp(t->metadata[i], key)) return i;
    return -1;
}

int messages_new(const struct kafka_table *k, const struct eval_env *env, struct messages **ret,
                 struct err *err) {
    struct messages *m = mem_zalloc(sizeof *m);
    arena_init(&m->arena);
    m->k = k;
    m->partition = RD_KAFKA_PARTITION_UA;
    m->timestamp = find_metadata(k->table, "timestamp");
    m->headers = find_metadata(k->table, "headers");
    int rc = make_encoder(&m->arena, &k->value, env, &m->value, err);
    if (!rc && k->key.format) rc = make_encoder(&m->arena, &k->key, env, &m->key, err);
    if (rc) {
        messages_free(m);
        return rc;
    }
    *ret = m;
    return 0;
}

void messages_free(struct messages *m) {
    if (!m) return;
    if (m->value) m->value->ops->free(m->value);
    if (m->key) m->key->ops->free(m->key);
    str_release(&m->bytes);
    free(m->entries);
    free(m->out);
    arena_release(&m->arena);
    free(m);
}
