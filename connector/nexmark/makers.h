/* makers.h - between generator.c and the makers of each kind of event. */
#ifndef PENSTOCK_CONNECTOR_NEXMARK_MAKERS_H
#define PENSTOCK_CONNECTOR_NEXMARK_MAKERS_H

#include "connector/nexmark/generator.h"
#include "connector/nexmark/lanes.h"
#include "connector/nexmark/text.h"

enum kind { KIND_PERSON, KIND_AUCTION, KIND_BID };

#define NX_BID_FIELDS (NX_ALL_FIELDS & ~(NX_BIT(NX_BID_AUCTION) - 1))
#define NX_AUCTION_FIELDS ((NX_BIT(NX_BID_AUCTION) - 1) & ~(NX_BIT(NX_AUCTION_ID) - 1))
#define NX_PERSON_FIELDS ((NX_BIT(NX_AUCTION_ID) - 1) & ~(NX_BIT(NX_PERSON_ID) - 1))

/* What bids draw besides their numbers; per row, rows of other kinds unspecified. */
struct bid_draws {
    uint32_t channel[BATCH_ROWS_MAX + 2 * LANES]; /* of nexmark_text.channels */
    uint32_t extra_len[BATCH_ROWS_MAX + 2 * LANES];
    uint32_t extra_offset[BATCH_ROWS_MAX + 2 * LANES]; /* in the pool */
};

/* A batch being made, and the current run of rows of one kind. */
struct run {
    const struct nexmark_config *config;
    const struct nexmark_range *range;
    const struct nexmark_text *text;
    uint32_t wanted;
    struct nexmark_batch *out;
    struct nexmark_spares *spares;
    uint32_t n;
    int64_t count, first_id;
    int64_t *times;
    struct column *times_of; /* the column that owns the times, which the kinds share */
    uint32_t kind_rows[3];
    struct bid_draws *draws;
    char *bid_pos, *person_pos, *auction_pos; /* where the next string bytes go; room for all */
    /* the run */
    uint32_t row, rows;
    int64_t id, epoch, rem; /* of its first event */
};

/* Counted from 0; of event i of the run. */
int64_t nx_last_auction(const struct run *x, uint32_t i);
int64_t nx_last_person(const struct run *x, uint32_t i);

/* bid.c. nx_bid_numbers writes whole vectors: up to LANES - 1 rows beyond the run, which a later
 * run or nobody reads. */
void nx_bid_numbers(struct run *x);
void nx_bid_strings(struct run *x, void (*each)(struct run *, void (*)(struct run *, enum kind)));

/* other.c */
void nx_others_begin(struct run *x);
void nx_persons(struct run *x);
void nx_auctions(struct run *x);

#endif
