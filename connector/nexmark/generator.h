/* generator.h - the events of the Nexmark benchmark (Tucker, Tufte, Papadimos & Maier, "NEXMark - A
 * Benchmark for Queries over Data Streams", 2008), with the distributions of the public generator
 * at github.com/nexmark/nexmark: 1 person : 3 auctions : 46 bids, hot auctions, bidders and
 * sellers, log-uniform prices, event time from the event's number.
 *
 * Where that one draws from one random stream, here each event's random numbers are a function of
 * (seed, event id): any event can be made on its own, a batch's are made side by side in vector
 * registers, and a restored source goes on exactly. */
#ifndef PENSTOCK_CONNECTOR_NEXMARK_GENERATOR_H
#define PENSTOCK_CONNECTOR_NEXMARK_GENERATOR_H

#include "vector/batch.h"

enum {
    NEXMARK_FIRST_AUCTION_ID = 1000,
    NEXMARK_FIRST_PERSON_ID = 1000,
    NEXMARK_FIRST_CATEGORY_ID = 10
};

/* All columns of the table; nested ones by their place in the ROW. */
enum nexmark_field {
    NX_EVENT_TYPE,
    NX_PERSON_ID,
    NX_PERSON_NAME,
    NX_PERSON_EMAIL,
    NX_PERSON_CREDIT_CARD,
    NX_PERSON_CITY,
    NX_PERSON_STATE,
    NX_PERSON_TIME,
    NX_PERSON_EXTRA,
    NX_AUCTION_ID,
    NX_AUCTION_ITEM,
    NX_AUCTION_DESCRIPTION,
    NX_AUCTION_INITIAL_BID,
    NX_AUCTION_RESERVE,
    NX_AUCTION_TIME,
    NX_AUCTION_EXPIRES,
    NX_AUCTION_SELLER,
    NX_AUCTION_CATEGORY,
    NX_AUCTION_EXTRA,
    NX_BID_AUCTION,
    NX_BID_BIDDER,
    NX_BID_PRICE,
    NX_BID_CHANNEL,
    NX_BID_URL,
    NX_BID_TIME,
    NX_BID_EXTRA,
    NX_FIELDS
};
#define NX_BIT(f) (1u << (f))
#define NX_ALL_FIELDS (NX_BIT(NX_FIELDS) - 1)

struct nexmark_config {
    int64_t person_proportion, auction_proportion, bid_proportion;
    int64_t person_size, auction_size, bid_size; /* idealized mean bytes */
    int64_t hot_auction_ratio, hot_bidder_ratio, hot_seller_ratio;
    int64_t in_flight_auctions, active_people;
    uint64_t seed;
    /* derived */
    int64_t total;
};

/* One generator of n in parallel: its part of the event ids, and its time line. */
struct nexmark_range {
    int64_t first_event_id;
    int64_t max_events; /* how many it makes */
    int64_t base_time_ms;
    double delay_us; /* event time between two of its events */
};

/* The range of generator i of n; events_num 0 = without end; stop_at < 0 = none. */
struct nexmark_range nexmark_range_of(const struct nexmark_config *c, int64_t events_num,
                                      int64_t stop_at, int64_t first_event_rate,
                                      int64_t base_time_ms, int n, int i);
/* Event time of the count-th (from 0) event. */
int64_t nexmark_time_ms(const struct nexmark_range *r, int64_t count);

/* Texts that events share: built from the seed, once per source. */
struct nexmark_text;
struct nexmark_text *nexmark_text_new(uint64_t seed);
void nexmark_text_free(struct nexmark_text *t); /* views given out keep what they need */

/* String columns of persons and auctions hold few values and must be empty elsewhere. Columns that
 * the consumer has dropped are used again, after clearing what the last batch wrote to them. One
 * per source; may be NULL. */
enum { NEXMARK_SPARE_COLUMNS = 4 };
struct nexmark_spare {
    struct buffer *buf;
    int64_t first_id; /* the batch that was written to it */
    uint32_t n;
};
struct nexmark_spares {
    struct nexmark_spare of[NX_FIELDS][NEXMARK_SPARE_COLUMNS];
};
void nexmark_spares_release(struct nexmark_spares *s);

struct nexmark_batch {
    uint32_t n;
    struct column field[NX_FIELDS];                          /* those wanted; the others are zero */
    struct buffer *person_valid, *auction_valid, *bid_valid; /* bitmaps of the three ROWs */
};

/* Makes events [count, count + n), n <= BATCH_ROWS_MAX, of the range; wanted: NX_BITs. leaf[f] is
 * the type of field f. In rows of another kind a field holds an unspecified valid value. */
void nexmark_generate(const struct nexmark_config *c, const struct nexmark_range *r,
                      const struct nexmark_text *text, int64_t count, uint32_t n, uint32_t wanted,
                      const struct type *const *leaf, struct nexmark_spares *spares,
                      struct nexmark_batch *ret);
void nexmark_batch_release(struct nexmark_batch *b);

#endif
