/* session.c - finding, merging and ending sessions. */
#include "worker/session.h"

#include "base/core/mem.h"

#include <string.h>

enum { TAKE = 256 }; /* sessions looked at together */

int session_window_read(const cJSON *j, const struct op_ctx *ctx, struct window *w,
                        int64_t *ret_gap, struct err *err) {
    *w = (struct window){
        .time = -1, .proctime = json_opt_bool(j, "proctime", false), .zone = window_zone(j, ctx)};
    int rc = json_get_i64(j, "gap", ret_gap, err);
    if (!rc && !w->proctime) rc = json_get_int(j, "time", &w->time, err);
    if (rc) return rc;
    if (*ret_gap <= 0) return err_set(err, ERR_PROTOCOL, "session without a gap");
    if (!w->proctime && (w->time < 0 || w->time >= ctx->inputs[0]->n))
        return err_set(err, ERR_PROTOCOL, "window time column out of range");
    return 0;
}

static struct session_key *key_of(const struct session *s) {
    return (struct session_key *)s->key;
}

static void free_array(struct session_key *k, struct var_memory *var) {
    if (k->others) var_free(var, k->others, k->cap * sizeof *k->others);
    k->others = NULL;
    k->from = k->n = k->cap = 0;
}

static void release_session(struct session_set *ss, struct session *s) {
    if (ss->ops->release) ss->ops->release(ss->self, s);
}

/* A key's row goes with all its sessions. */
static void free_key(void *self, char *payload, struct var_memory *var) {
    struct session_set *ss = self;
    struct session_key *k = (struct session_key *)payload;
    for (uint32_t i = k->from; i <= k->n; i++) {
        struct session *s = i < k->n ? k->others[i] : k->newest;
        if (!s) continue;
        release_session(ss, s);
        var_free(var, s, ss->block_bytes);
    }
    free_array(k, var);
}

static void save_key(void *self, const char *payload, struct str *out);
static int load_key(void *self, char *payload, struct sv bytes, struct var_memory *var,
                    struct err *err);

void session_set_init(struct session_set *ss, const struct window *w, int64_t gap, int n_keys,
                      const struct type *const *key_types, uint32_t payload_bytes,
                      const struct session_ops *ops, void *self) {
    *ss = (struct session_set){.window = w,
                               .gap = gap,
                               .block_bytes = (uint32_t)sizeof(struct session) + payload_bytes,
                               .ops = ops,
                               .self = self};
    struct state_desc d = {.n_keys = n_keys,
                           .key_types = key_types,
                           .payload_size_bytes = sizeof(struct session_key),
                           .free_payload = free_key,
                           .save_payload = save_key,
                           .load_payload = load_key,
                           .self = ss};
    ss->keys = state_table_new(&d);
    time_queue_init(&ss->queue);
}

void session_set_release(struct session_set *ss) {
    if (!ss->keys) return;
    struct time_entry due[TAKE];
    uint32_t n;
    while ((n = time_queue_take(&ss->queue, INT64_MAX, due, TAKE)))
        for (uint32_t i = 0; i < n; i++) {
            struct session *s = due[i].item;
            if (s->gone) var_free(state_table_var(ss->keys), s, ss->block_bytes);
        }
    time_queue_release(&ss->queue);
    state_table_free(ss->keys);
    ss->keys = NULL;
}

/* ---- a key's sessions: others[from .. n), then newest ---- */

static uint32_t count(const struct session_key *k) {
    return k->n - k->from + (k->newest != NULL);
}

static struct session **at(struct session_key *k, uint32_t i) {
    return k->from + i < k->n ? &k->others[k->from + i] : &k->newest;
}

/* The first session that begins behind t. */
static uint32_t upper_bound(struct session_key *k, int64_t t) {
    uint32_t lo = 0, hi = count(k);
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if ((*at(k, mid))->start <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void grow_array(struct session_set *ss, struct session_key *k) {
    struct var_memory *var = state_table_var(ss->keys);
    if (k->from > k->n / 2) { /* the front has gone: there is room */
        memmove(k->others, k->others + k->from, (k->n - k->from) * sizeof *k->others);
        k->n -= k->from;
        k->from = 0;
        return;
    }
    uint32_t cap = k->cap ? 2 * k->cap : 4;
    struct session **a = var_alloc(var, cap * sizeof *a);
    if (k->n > k->from) memcpy(a, k->others + k->from, (k->n - k->from) * sizeof *a);
    uint32_t n = k->n - k->from;
    free_array(k, var);
    k->others = a;
    k->n = n;
    k->cap = cap;
}

/* Puts s in front of the i-th session. */
static void insert(struct session_set *ss, struct session_key *k, uint32_t i, struct session *s) {
    if (i == count(k)) {
        struct session *old = k->newest;
        k->newest = s;
        if (!old) return;
        s = old;
        i--;
    }
    if (k->n == k->cap) grow_array(ss, k);
    struct session **slot = k->others + k->from + i;
    memmove(slot + 1, slot, (k->n - k->from - i) * sizeof *slot);
    *slot = s;
    k->n++;
}

static void take_out(struct session_set *ss, struct session_key *k, const struct session *s) {
    if (s == k->newest) {
        k->newest = k->n > k->from ? k->others[--k->n] : NULL;
    } else {
        uint32_t i = k->from;
        while (k->others[i] != s)
            i++;
        if (i == k->from) {
            k->from++;
        } else {
            memmove(k->others + i, k->others + i + 1, (k->n - i - 1) * sizeof *k->others);
            k->n--;
        }
    }
    if (k->from == k->n && k->others) free_array(k, state_table_var(ss->keys));
}

/* ---- rows in ---- */

static struct session *new_session(struct session_set *ss, char *key, int64_t t) {
    struct session *s = var_alloc(state_table_var(ss->keys), ss->block_bytes);
    memset(s, 0, ss->block_bytes);
    s->start = t;
    s->end = t + ss->gap;
    s->key = key;
    if (ss->ops->init) ss->ops->init(ss->self, s);
    return s;
}

static void enqueue(struct session_set *ss, struct session *s) {
    time_queue_push(&ss->queue, window_fire_time(ss->window, s->end), s);
    ss->n++;
}

static int absorb(struct session_set *ss, struct session *dst, struct session *src,
                  struct err *err) {
    int rc = ss->ops->settle ? ss->ops->settle(ss->self, err) : 0;
    if (!rc) rc = ss->ops->merge(ss->self, dst, src, err);
    if (rc) return rc;
    dst->start = MIN(dst->start, src->start);
    dst->end = MAX(dst->end, src->end);
    dst->rows += src->rows;
    take_out(ss, key_of(src), src);
    release_session(ss, src);
    src->gone = 1;
    ss->n--;
    return 0;
}

/* Sessions that have ended, but not fired yet, are passed over: they take nothing any more. */
int session_place(struct session_set *ss, char *key, int64_t t, int64_t wm, struct session **ret,
                  struct err *err) {
    struct session_key *k = (struct session_key *)key;
    uint32_t n = count(k), behind = upper_bound(k, t);
    struct session *before = NULL, *after = NULL;
    for (uint32_t i = behind; i-- > 0 && !before;)
        if (session_open(ss, (*at(k, i))->end, wm)) before = *at(k, i);
    for (uint32_t i = behind; i < n && !after; i++)
        if (session_open(ss, (*at(k, i))->end, wm)) after = *at(k, i);
    if (before && before->end < t) before = NULL;
    if (after && after->start > t + ss->gap) after = NULL;
    *ret = NULL;
    if (!before && !after) {
        bool live = session_open(ss, t + ss->gap, wm);
        if (!live) return 0;
        insert(ss, k, behind, *ret = new_session(ss, key, t));
        enqueue(ss, *ret);
        return 0;
    }
    struct session *s = before ? before : after;
    if (before && after) {
        int rc = absorb(ss, s, after, err);
        if (rc) return rc;
    }
    s->end = MAX(s->end, t + ss->gap);
    if (t < s->start) { /* it may come to stand in front of an ended one */
        take_out(ss, k, s);
        s->start = t;
        insert(ss, k, upper_bound(k, t), s);
    }
    *ret = s;
    return 0;
}

void session_forget(struct session_set *ss, char *const *keys, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct session_key *k = (struct session_key *)keys[i];
        if (k->newest || k->removed) continue;
        k->removed = 1;
        state_table_remove(ss->keys, keys[i]);
    }
}

/* ---- checkpoints: start, end, rows, uint32 length, what it holds; for each session ---- */

static void save_key(void *self, const char *payload, struct str *out) {
    struct session_set *ss = self;
    struct session_key *k = (struct session_key *)payload;
    for (uint32_t i = 0; i < count(k); i++) {
        const struct session *s = *at(k, i);
        int64_t head[3] = {s->start, s->end, s->rows};
        str_add_n(out, head, sizeof head);
        size_t length_at = out->len;
        str_add_n(out, "\0\0\0\0", 4);
        ss->ops->save(ss->self, s, out);
        uint32_t len = (uint32_t)(out->len - length_at - 4);
        memcpy(out->ptr + length_at, &len, 4);
    }
}

static int load_key(void *self, char *payload, struct sv in, struct var_memory *var,
                    struct err *err) {
    struct session_set *ss = self;
    struct session_key *k = (struct session_key *)payload;
    while (in.len) {
        int64_t head[3];
        uint32_t len;
        if (in.len < sizeof head + 4)
            return err_set(err, ERR_CORRUPT, "the state of a session ends too early");
        memcpy(head, in.ptr, sizeof head);
        memcpy(&len, in.ptr + sizeof head, 4);
        in.ptr += sizeof head + 4;
        in.len -= sizeof head + 4;
        if (in.len < len) return err_set(err, ERR_CORRUPT, "the state of a session ends too early");
        struct session *s = new_session(ss, payload, head[0]);
        s->end = head[1];
        s->rows = head[2];
        insert(ss, k, count(k), s);
        int rc = ss->ops->load(ss->self, s, (struct sv){in.ptr, len}, err);
        if (rc) return rc;
        in.ptr += len;
        in.len -= len;
    }
    return 0;
}

void session_set_restored(struct session_set *ss) {
    char *keys[TAKE];
    uint64_t pos = 0;
    uint32_t n;
    ss->n = 0;
    while ((n = state_table_scan(ss->keys, &pos, keys, TAKE)))
        for (uint32_t i = 0; i < n; i++) {
            struct session_key *k = (struct session_key *)keys[i];
            for (uint32_t j = 0; j < count(k); j++)
                enqueue(ss, *at(k, j));
        }
}

/* ---- the end of sessions ---- */

uint32_t session_take_due(struct session_set *ss, int64_t wm, struct session **ret, uint32_t max) {
    struct time_entry due[TAKE];
    uint32_t got = 0, n;
    while (got < max && (n = time_queue_take(&ss->queue, wm, due, MIN(TAKE, max - got))))
        for (uint32_t i = 0; i < n; i++) {
            struct session *s = due[i].item;
            if (s->gone) {
                var_free(state_table_var(ss->keys), s, ss->block_bytes);
                continue;
            }
            int64_t fire = window_fire_time(ss->window, s->end);
            if (fire > due[i].time) { /* rows have come since */
                time_queue_push(&ss->queue, fire, s);
                continue;
            }
            mem_prefetch(s->key);
            ret[got++] = s;
        }
    for (uint32_t i = 0; i < got; i++)
        state_table_mark(ss->keys, &ret[i]->key, 1); /* it will be dropped */
    return got;
}

void session_drop(struct session_set *ss, struct session *s) {
    struct session_key *k = key_of(s);
    take_out(ss, k, s);
    release_session(ss, s);
    if (!k->newest) state_table_remove(ss->keys, s->key);
    var_free(state_table_var(ss->keys), s, ss->block_bytes);
    ss->n--;
}

int64_t session_next_due(const struct session_set *ss) {
    return time_queue_next(&ss->queue);
}
