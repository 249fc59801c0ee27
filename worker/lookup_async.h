/* lookup_async.h - rows on their way through a connector's lookup: which keys are under way, what
 * came back, what may go on. Ordered: batches leave as they came. Unordered: a batch may overtake
 * others, but no watermark. Rows are repeated on a miss if asked to, answers cached (PARTIAL). One
 * thread; nothing here is state: before a barrier everything leaves. */
#ifndef PENSTOCK_WORKER_LOOKUP_ASYNC_H
#define PENSTOCK_WORKER_LOOKUP_ASYNC_H

#include "connector/connector.h"
#include "worker/lookup_cache.h"
#include "worker/state/row_pack.h"

/* A key of the lookup: a column of the input, or a constant. */
struct lookup_key {
    int col; /* -1: value */
    const struct column *value;
};

struct lookup_async_options {
    const char *table; /* for messages */
    int n_keys;
    const struct lookup_key *keys;
    struct lookup *lookup;       /* borrowed */
    const struct row_pack *pack; /* of answers */
    struct program *filter;      /* answers that don't meet it don't count; NULL: none; borrowed */
    struct lookup_cache *cache;  /* NULL: none; borrowed */
    uint32_t capacity;           /* keys under way at once */
    bool ordered;
    int64_t timeout_ms;
    int64_t retry_delay_ms; /* a key without rows is asked for again so much later */
    int64_t attempts;       /* in all; 0 or 1: never again */
};

/* The rows that row `row` of a batch found are answers[row].n packed ones from rows + at on. */
struct lookup_found {
    size_t at;
    uint32_t n;
};

/* A batch whose rows are all answered, or a watermark (in NULL). */
struct lookup_ready {
    struct batch *in;           /* the taker's */
    struct lookup_found *found; /* the taker's, to free */
    struct str rows; /* the taker's, to release; row_pack_size each, at multiples of 16 */
    int64_t wm;
};

struct lookup_async;

struct lookup_async *lookup_async_new(const struct lookup_async_options *opts);
void lookup_async_free(struct lookup_async *a); /* NULL accepted */

void lookup_async_add(struct lookup_async *a, struct batch *b /* takes */);
void lookup_async_add_watermark(struct lookup_async *a, int64_t wm);
/* Asks, takes answers, repeats. */
int lookup_async_work(struct lookup_async *a, int64_t now_ms, struct err *err) ATTR_MUST_USE;
/* The next thing that may leave; false: none yet. */
bool lookup_async_next(struct lookup_async *a, struct lookup_ready *ret);
/* No more rows should be added for now. */
bool lookup_async_full(const struct lookup_async *a);
bool lookup_async_empty(const struct lookup_async *a);
/* When lookup_async_work should be called again at the latest; INT64_MAX: only when woken. */
int64_t lookup_async_due_ms(const struct lookup_async *a);

#endif
