/* lookup_async.c - a ring of flights: batches whose keys are asked for, and watermarks between
 * them. A ticket is the flight's number and the row in it. */
#include "worker/lookup_async.h"

#include "base/core/mem.h"
#include "vector/program.h"

#include <stdlib.h>
#include <string.h>

enum { TICKET_ROW_BITS = 16, TAKE_MAX = 256, QUEUED_ROWS_MAX = 4 * BATCH_ROWS_MAX };

enum row_state { ROW_NEW, ROW_ASKED, ROW_ANSWERED };

struct flight {
    struct batch *in; /* NULL: a watermark */
    int64_t wm;
    struct column *keys;
    uint64_t *hashes;
    uint8_t *state;     /* enum row_state */
    uint32_t *attempts; /* NULL: rows aren't repeated */
    uint32_t next_row;  /* rows in front of it were asked for once */
    uint32_t n_open;    /* rows without answer */
    struct lookup_found *found;
    struct str rows;
    bool left;
};

/* A key that is under way, or waits to be asked for again. */
struct pending {
    int64_t due_ms;
    uint64_t ticket;
};

struct pendings { /* in order of time */
    struct pending *items;
    size_t n, cap, first;
};

struct lookup_async {
    struct lookup_async_options o;
    struct flight **ring; /* flight of number i: ring[i & mask] */
    uint64_t first, end;  /* numbers of the first and behind the last one */
    uint64_t mask;
    uint64_t to_ask; /* flights in front of it have no row that was never asked for */
    uint64_t under_way, n_open, n_queued; /* keys; rows without answer; rows in the ring */
    struct pendings asked, retries;
};

struct lookup_async *lookup_async_new(const struct lookup_async_options *opts) {
    struct lookup_async *a = mem_zalloc(sizeof *a);
    a->o = *opts;
    a->mask = 15;
    a->ring = mem_calloc(a->mask + 1, sizeof(*a->ring));
    return a;
}

static void flight_free(struct lookup_async *a, struct flight *f) {
    if (!f) return;
    for (int k = 0; f->keys && k < a->o.n_keys; k++)
        col_release(&f->keys[k]);
    free(f->keys);
    free(f->hashes);
    free(f->state);
    free(f->attempts);
    free(f->found);
    str_release(&f->rows);
    batch_unref(f->in);
    free(f);
}

void lookup_async_free(struct lookup_async *a) {
    if (!a) return;
    for (uint64_t i = a->first; i < a->end; i++)
        flight_free(a, a->ring[i & a->mask]);
    free(a->ring);
    free(a->asked.items);
    free(a->retries.items);
    free(a);
}

static struct flight *flight_at(const struct lookup_async *a, uint64_t number) {
    return number >= a->first && number < a->end ? a->ring[number & a->mask] : NULL;
}

static void push_flight(struct lookup_async *a, struct flight *f) {
    if (a->end - a->first > a->mask) {
        uint64_t mask = a->mask * 2 + 1;
        struct flight **ring = mem_calloc(mask + 1, sizeof(*ring));
        for (uint64_t i = a->first; i < a->end; i++)
            ring[i & mask] = a->ring[i & a->mask];
        free(a->ring);
        a->ring = ring;
        a->mask = mask;
    }
    a->ring[a->end++ & a->mask] = f;
}

static void pendings_add(struct pendings *p, int64_t due_ms, uint64_t ticket) {
    if (p->first && p->first == p->n) p->first = p->n = 0;
    if (p->first > 4096 && p->first * 2 > p->n) {
        memmove(p->items, p->items + p->first, sizeof *p->items * (p->n - p->first));
        p->n -= p->first;
        p->first = 0;
    }
    MEM_GROW(p->items, p->n, p->cap);
    p->items[p->n++] = (struct pending){due_ms, ticket};
}

/* ---- rows in ---- */

static bool key_is_null(const struct lookup_async *a, const struct flight *f, uint32_t row) {
    for (int k = 0; k < a->o.n_keys; k++)
        if (!col_is_valid(&f->keys[k], row)) return true;
    return false;
}

void lookup_async_add(struct lookup_async *a, struct batch *b) {
    struct flight *f = mem_zalloc(sizeof *f);
    f->in = b;
    f->keys = mem_calloc((size_t)a->o.n_keys + 1, sizeof *f->keys);
    f->hashes = mem_calloc((size_t)b->n + 1, sizeof *f->hashes);
    f->state = mem_calloc((size_t)b->n + 1, 1);
    f->found = mem_calloc((size_t)b->n + 1, sizeof *f->found);
    if (a->o.attempts > 1) f->attempts = mem_calloc((size_t)b->n + 1, sizeof *f->attempts);
    for (int k = 0; k < a->o.n_keys; k++) {
        const struct lookup_key *key = &a->o.keys[k];
        if (key->col >= 0)
            col_ref(&f->keys[k], &b->cols[key->col]);
        else
            col_repeat(&f->keys[k], key->value, key->value->type, b->n);
        col_hash(&f->keys[k], f->hashes, b->n);
    }
    f->n_open = b->n;
    for (uint32_t i = 0; i < b->n; i++) { /* NULL equals nothing */
        if (!key_is_null(a, f, i)) continue;
        f->state[i] = ROW_ANSWERED;
        f->n_open--;
    }
    a->n_open += f->n_open;
    a->n_queued += b->n;
    push_flight(a, f);
}

void lookup_async_add_watermark(struct lookup_async *a, int64_t wm) {
    struct flight *f = mem_zalloc(sizeof *f);
    f->wm = wm;
    push_flight(a, f);
}

/* ---- answers ---- */

static void answer_row(struct lookup_async *a, struct flight *f, uint32_t row,
                       const struct lookup_cached *what) {
    while (f->rows.len % 16)
        str_add_char(&f->rows, 0);
    f->found[row] = (struct lookup_found){f->rows.len, what->n_rows};
    if (what->n_rows) str_add_n(&f->rows, what->rows, what->size_bytes);
    f->state[row] = ROW_ANSWERED;
    f->n_open--;
    a->n_open--;
}

static void key_columns(const struct lookup_async *a, const struct flight *f,
                        const struct column **cols) {
    for (int k = 0; k < a->o.n_keys; k++)
        cols[k] = &f->keys[k];
}

/* The rows of an answer that count, packed. */
static int pack_answer(struct lookup_async *a, const struct batch *b, struct str *out,
                       struct lookup_cached *ret, struct err *err) {
    *ret = (struct lookup_cached){0};
    if (!b || !b->n) return 0;
    AUTO_FREE uint32_t *sel = mem_calloc((size_t)b->n + 1, sizeof *sel);
    uint32_t n = b->n;
    if (a->o.filter) {
        int rc = program_select(a->o.filter, b->cols, b->n_cols, b->n, sel, &n, NULL, err);
        if (rc) return rc;
    }
    for (uint32_t i = 0; i < n; i++)
        row_pack_add(a->o.pack, b->cols, a->o.filter ? sel[i] : i, out);
    *ret = (struct lookup_cached){str_text(out), n, (uint32_t)out->len};
    return 0;
}

static int take_one(struct lookup_async *a, const struct lookup_answer *answer, int64_t now_ms,
                    struct err *err) {
    a->under_way--;
    uint32_t row = answer->ticket & ((1u << TICKET_ROW_BITS) - 1);
    struct flight *f = flight_at(a, answer->ticket >> TICKET_ROW_BITS);
    CHECKF(f && f->in && row < f->in->n && f->state[row] == ROW_ASKED, "answer nobody asked for");
    AUTO_STR packed = STR_INIT;
    struct lookup_cached what;
    int rc = pack_answer(a, answer->rows, &packed, &what, err);
    if (rc) return rc;
    if (!what.n_rows && f->attempts && f->attempts[row] < a->o.attempts) {
        pendings_add(&a->retries, now_ms + a->o.retry_delay_ms, answer->ticket);
        f->state[row] = ROW_NEW;
        return 0;
    }
    answer_row(a, f, row, &what);
    if (a->o.cache) {
        const struct column *cols[STATE_KEYS_MAX];
        key_columns(a, f, cols);
        lookup_cache_put(a->o.cache, cols, f->hashes[row], row, now_ms, &what);
    }
    return 0;
}

/* *ret_any is set if there were answers. */
static int take_answers(struct lookup_async *a, int64_t now_ms, bool *ret_any, struct err *err) {
    struct lookup_answer answers[TAKE_MAX];
    int n = TAKE_MAX, rc = 0;
    while (n == TAKE_MAX && !rc) {
        n = a->o.lookup->ops->take(a->o.lookup, answers, TAKE_MAX, err);
        if (n < 0) return err_wrap(err, "table %s", a->o.table);
        *ret_any |= n > 0;
        for (int i = 0; i < n; i++) {
            if (!rc) rc = take_one(a, &answers[i], now_ms, err);
            batch_unref(answers[i].rows);
        }
    }
    return rc;
}

/* ---- asking ---- */

static bool from_cache(struct lookup_async *a, struct flight *f, uint32_t row, int64_t now_ms) {
    if (!a->o.cache) return false;
    const struct column *cols[STATE_KEYS_MAX];
    struct lookup_cached what;
    key_columns(a, f, cols);
    if (!lookup_cache_get(a->o.cache, cols, f->hashes[row], row, now_ms, &what)) return false;
    answer_row(a, f, row, &what);
    return true;
}

/* Asks for rows[0..n); *ret_n: how many were taken. */
static int ask(struct lookup_async *a, uint64_t number, const uint32_t *rows, uint32_t n,
               int64_t now_ms, uint32_t *ret_n, struct err *err) {
    struct flight *f = flight_at(a, number);
    uint64_t ticket = number << TICKET_ROW_BITS;
    int took = a->o.lookup->ops->ask(a->o.lookup, f->keys, rows, n, ticket, err);
    if (took < 0) return err_wrap(err, "table %s", a->o.table);
    for (int i = 0; i < took; i++) {
        f->state[rows[i]] = ROW_ASKED;
        if (f->attempts) f->attempts[rows[i]]++;
        pendings_add(&a->asked, now_ms + a->o.timeout_ms, ticket + rows[i]);
    }
    a->under_way += (uint64_t)took;
    *ret_n = (uint32_t)took;
    return 0;
}

/* False: the connector takes no more for now, or as many are under way as may be. */
static int ask_flight(struct lookup_async *a, uint64_t number, int64_t now_ms, bool *ret_room,
                      struct err *err) {
    struct flight *f = flight_at(a, number);
    uint32_t rows[TAKE_MAX];
    while (f->in && f->next_row < f->in->n) {
        uint32_t n = 0, from = f->next_row, took = 0;
        for (; f->next_row < f->in->n && n < TAKE_MAX; f->next_row++) {
            if (f->state[f->next_row] != ROW_NEW) continue;
            if (from_cache(a, f, f->next_row, now_ms)) continue;
            if (a->under_way + n >= a->o.capacity) break;
            rows[n++] = f->next_row;
        }
        bool at_limit = f->next_row < f->in->n && n < TAKE_MAX;
        int rc = n ? ask(a, number, rows, n, now_ms, &took, err) : 0;
        if (rc) return rc;
        if (took < n) f->next_row = rows[took];
        *ret_room = took == n && !at_limit;
        if (!*ret_room || f->next_row == from) return 0;
    }
    return 0;
}

static int ask_again(struct lookup_async *a, int64_t now_ms, bool *ret_room, struct err *err) {
    struct pendings *p = &a->retries;
    while (*ret_room && p->first < p->n && p->items[p->first].due_ms <= now_ms) {
        uint64_t ticket = p->items[p->first].ticket;
        uint32_t row = ticket & ((1u << TICKET_ROW_BITS) - 1), took = 0;
        if (a->under_way < a->o.capacity) {
            int rc = ask(a, ticket >> TICKET_ROW_BITS, &row, 1, now_ms, &took, err);
            if (rc) return rc;
        }
        *ret_room = took;
        p->first += took;
    }
    return 0;
}

static int check_timeouts(struct lookup_async *a, int64_t now_ms, struct err *err) {
    struct pendings *p = &a->asked;
    for (; p->first < p->n; p->first++) {
        const struct pending *x = &p->items[p->first];
        const struct flight *f = flight_at(a, x->ticket >> TICKET_ROW_BITS);
        uint32_t row = x->ticket & ((1u << TICKET_ROW_BITS) - 1);
        if (!f || !f->in || f->state[row] != ROW_ASKED) continue;
        if (x->due_ms > now_ms) return 0;
        return err_set(err, ERR_TIMEOUT,
                       "table %s: a lookup was not answered within %lld ms "
                       "(table.exec.async-lookup.timeout)",
                       a->o.table, (long long)a->o.timeout_ms);
    }
    return 0;
}

static int ask_more(struct lookup_async *a, int64_t now_ms, struct err *err) {
    bool room = true;
    int rc = ask_again(a, now_ms, &room, err);
    while (!rc && room && a->to_ask < a->end) {
        rc = ask_flight(a, a->to_ask, now_ms, &room, err);
        const struct flight *f = flight_at(a, a->to_ask);
        if (f->in && f->next_row < f->in->n) break;
        a->to_ask++;
    }
    return rc;
}

int lookup_async_work(struct lookup_async *a, int64_t now_ms, struct err *err) {
    bool any = false;
    int rc = take_answers(a, now_ms, &any, err);
    do {
        any = false;
        if (!rc) rc = ask_more(a, now_ms, err);
        if (!rc) rc = take_answers(a, now_ms, &any, err); /* some answer at once */
    } while (any && !rc);
    return rc ? rc : check_timeouts(a, now_ms, err);
}

/* ---- rows out ---- */

static void let_leave(struct lookup_async *a, struct flight *f, struct lookup_ready *ret) {
    *ret = (struct lookup_ready){.in = f->in, .found = f->found, .rows = f->rows, .wm = f->wm};
    if (f->in) a->n_queued -= f->in->n;
    f->in = NULL;
    f->found = NULL;
    f->rows = (struct str)STR_INIT;
    f->left = true;
    while (a->first < a->end && a->ring[a->first & a->mask]->left) {
        flight_free(a, a->ring[a->first & a->mask]);
        a->first++;
    }
    a->to_ask = MAX(a->to_ask, a->first);
}

bool lookup_async_next(struct lookup_async *a, struct lookup_ready *ret) {
    for (uint64_t i = a->first; i < a->end; i++) {
        struct flight *f = a->ring[i & a->mask];
        if (f->left) continue;
        bool ready = f->in ? !f->n_open : i == a->first;
        if (ready) {
            let_leave(a, f, ret);
            return true;
        }
        if (a->o.ordered || !f->in) return false;
    }
    return false;
}

bool lookup_async_full(const struct lookup_async *a) {
    return a->n_open >= a->o.capacity || a->n_queued >= a->o.capacity + QUEUED_ROWS_MAX;
}

bool lookup_async_empty(const struct lookup_async *a) {
    return a->first == a->end;
}

int64_t lookup_async_due_ms(const struct lookup_async *a) {
    const struct pendings *t = &a->asked, *r = &a->retries;
    int64_t due = t->first < t->n ? t->items[t->first].due_ms : INT64_MAX;
    return r->first < r->n ? MIN(due, r->items[r->first].due_ms) : due;
}
