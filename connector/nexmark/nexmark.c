/* nexmark.c - the source of Nexmark events: options of the public connector, one generator per
 * subtask, position = number of events made. Its splits:
 * {"id", "generator", "of", "baseTime", "records", "position": {"events", "wallclock"}}. */
#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "connector/nexmark/generator.h"

#include <stdlib.h>
#include <string.h>

struct nexmark_options {
    int64_t first_event_rate, next_event_rate, rate_period_ms;
    int64_t events_num, stop_at;
    int64_t person_proportion, auction_proportion, bid_proportion;
    int64_t person_size, auction_size, bid_size;
    int64_t hot_auctions, hot_bidders, hot_sellers;
    int64_t base_time, seed;
    int rate_shape;
    bool rate_limited, keep_alive, max_emit_speed, prune;
};

static const char *const shape_choices[] = {"SQUARE", "SINE", NULL};

#define AT(f) offsetof(struct nexmark_options, f)
static const struct opt_row nexmark_rows[] = {
    {"first-event.rate", OPT_INT, "10000", 1, 1e9, AT(first_event_rate),
     "Events per second of event time, all generators together."},
    {"next-event.rate", OPT_INT, "10000", 1, 1e9, AT(next_event_rate),
     "Accepted for compatibility; as in the public generator the first rate alone counts."},
    {"rate.shape", OPT_ENUM, "SQUARE", 0, 0, AT(rate_shape),
     "Accepted for compatibility; the rate is constant.", 0, shape_choices},
    {"rate.period", OPT_DURATION, "600 s", 0, 1e15, AT(rate_period_ms),
     "Accepted for compatibility; the rate is constant."},
    {"rate.limited", OPT_BOOL, "false", 0, 0, AT(rate_limited),
     "Emits an event only when its event time has come, from the start of the job on."},
    {"max-emit-speed", OPT_BOOL, "true", 0, 0, AT(max_emit_speed),
     "False does the same as rate.limited."},
    {"events.num", OPT_INT, "0", 0, 9e18, AT(events_num), "Number of events; 0: without end."},
    {"stop-at", OPT_INT, "-1", -1, 9e18, AT(stop_at), "Ends after so many events; -1: never."},
    {"keep-alive", OPT_BOOL, "false", 0, 0, AT(keep_alive),
     "Stays when all events are made, rather than end."},
    {"person.proportion", OPT_INT, "1", 1, 1e6, AT(person_proportion),
     "Persons among so many events as the proportions sum up to."},
    {"auction.proportion", OPT_INT, "3", 1, 1e6, AT(auction_proportion), "Auctions among them."},
    {"bid.proportion", OPT_INT, "46", 0, 1e6, AT(bid_proportion), "Bids among them."},
    {"person.avg-size", OPT_SIZE, "200 b", 0, 100000, AT(person_size), "Mean size of a person."},
    {"auction.avg-size", OPT_SIZE, "500 b", 0, 100000, AT(auction_size),
     "Mean size of an auction."},
    {"bid.avg-size", OPT_SIZE, "100 b", 0, 100000, AT(bid_size), "Mean size of a bid."},
    {"bid.hot-ratio.auctions", OPT_INT, "2", 1, 1000, AT(hot_auctions),
     "One bid in so many goes to any auction, the others to a hot one."},
    {"bid.hot-ratio.bidders", OPT_INT, "4", 1, 1000, AT(hot_bidders),
     "One bid in so many is of any person, the others of a hot one."},
    {"auction.hot-ratio.sellers", OPT_INT, "4", 1, 1000, AT(hot_sellers),
     "One auction in so many is of any person, the others of a hot one."},
    {"base-time", OPT_INT, "-1", -1, 9e15, AT(base_time),
     "Event time of the beginning, in ms since the epoch; -1: when the job starts."},
    {"seed", OPT_INT, "0", -9e18, 9e18, AT(seed), "Another seed gives other events."},
    {"penstock.prune", OPT_BOOL, "false", 0, 0, AT(prune),
     "Makes only those columns of an event that the query reads. Off, every event is made whole, "
     "as "
     "a measurement wants it."},
};
#undef AT

extern const struct connector_desc connector_nexmark;

struct generator {
    cJSON *json; /* as given, without "position" */
    struct nexmark_range range;
    int64_t count;        /* events made */
    int64_t wallclock_ms; /* when the first was emitted; -1 before */
};

struct out_field {
    int n_fields; /* 0: event_type; else a ROW */
    const int *fields;
    const struct type *type;
    enum nexmark_field first;
};

struct nexmark_source {
    struct source base;
    struct arena arena;
    struct source_ctx ctx;
    struct nexmark_options options;
    struct nexmark_config config;
    struct nexmark_text *text;
    struct nexmark_spares spares;
    uint32_t wanted;
    const struct type *leaf[NX_FIELDS];
    int n_out;
    struct out_field *out;
    struct generator **generators;
    size_t n, cap, next;
    bool no_more;
};

/* ---- schema ---- */

static const char *const nexmark_schema[][2] = {
    {"event_type", "INT"},
    {"person", "ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, "
               "state STRING, `dateTime` TIMESTAMP(3), extra STRING>"},
    {"auction", "ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve "
                "BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category "
                "BIGINT, extra STRING>"},
    {"bid", "ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, "
            "`dateTime` TIMESTAMP(3), extra STRING>"},
};
static const enum nexmark_field first_of[] = {NX_EVENT_TYPE, NX_PERSON_ID, NX_AUCTION_ID,
                                              NX_BID_AUCTION};

/* Types must be the benchmark's; a ROW may have any part of its fields, in any order. */
static int map_row(struct arena *a, const struct field *f, const struct type *full,
                   enum nexmark_field first, struct out_field *ret, struct err *err) {
    int *fields = ARENA_NEW_N(a, int, f->type->n_children + 1);
    for (int i = 0; i < f->type->n_children; i++) {
        int k = 0;
        while (k < full->n_children && strcmp(full->field_names[k], f->type->field_names[i]) != 0)
            k++;
        if (k == full->n_children ||
            !type_eq_ignore_null(full->children[k], f->type->children[i])) {
            return err_set(err, ERR_VALIDATION, "field '%s' of column '%s' is not one of %s",
                           f->type->field_names[i], f->name, type_text_of(a, full));
        }
        fields[i] = (int)first + k;
    }
    *ret = (struct out_field){f->type->n_children, fields, f->type, first};
    return 0;
}

static int map_column(struct arena *a, const struct field *f, struct out_field *ret,
                      struct err *err) {
    for (size_t k = 0; k < ARRAY_LEN(nexmark_schema); k++) {
        if (strcmp(nexmark_schema[k][0], f->name) != 0) continue;
        const struct type *full;
        int rc = type_parse(a, nexmark_schema[k][1], &full, err);
        if (rc) return rc;
        if (full->kind == TYPE_ROW && f->type->kind == TYPE_ROW)
            return map_row(a, f, full, first_of[k], ret, err);
        if (!type_eq_ignore_null(full, f->type)) {
            return err_set(err, ERR_VALIDATION, "column '%s' must be %s", f->name,
                           nexmark_schema[k][1]);
        }
        *ret = (struct out_field){0, NULL, f->type, NX_EVENT_TYPE};
        return 0;
    }
    return err_set(err, ERR_VALIDATION,
                   "column '%s' is not one of event_type, person, auction, bid", f->name);
}

/* ---- options ---- */

static int read_options(const struct connector_table *t, struct arena *a, struct nexmark_options *o,
                        struct nexmark_config *c, struct err *err) {
    int rc = connector_options(&connector_nexmark, t, a, o, err);
    if (rc) return rc;
    *c = (struct nexmark_config){
        .person_proportion = o->person_proportion,
        .auction_proportion = o->auction_proportion,
        .bid_proportion = o->bid_proportion,
        .person_size = o->person_size,
        .auction_size = o->auction_size,
        .bid_size = o->bid_size,
        .hot_auction_ratio = o->hot_auctions,
        .hot_bidder_ratio = o->hot_bidders,
        .hot_seller_ratio = o->hot_sellers,
        .in_flight_auctions = 100,
        .active_people = 1000,
        .seed = (uint64_t)o->seed,
        .total = o->person_proportion + o->auction_proportion + o->bid_proportion,
    };
    return 0;
}

static int nexmark_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct nexmark_options o;
    struct nexmark_config c;
    struct out_field f;
    int rc = read_options(t, &a, &o, &c, err);
    for (int i = 0; i < t->schema->n && !rc; i++) {
        rc = map_column(&a, &t->schema->fields[i], &f, err);
        if (rc) connector_err_wrap(err, t->name);
    }
    arena_release(&a);
    return rc;
}

static bool nexmark_nested(const struct connector_table *t) {
    return true;
}

static int nexmark_bounded(const struct connector_table *t, bool *ret, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct nexmark_options o;
    struct nexmark_config c;
    int rc = read_options(t, &a, &o, &c, err);
    if (!rc) *ret = (o.events_num > 0 || o.stop_at >= 0) && !o.keep_alive;
    arena_release(&a);
    return rc;
}

static int nexmark_enumerate(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                             struct err *err) {
    struct arena a;
    arena_init(&a);
    struct nexmark_options o;
    struct nexmark_config c;
    int rc = read_options(t, &a, &o, &c, err);
    if (!rc) {
        int64_t base = o.base_time < 0 ? clock_wall_ms() : o.base_time;
        cJSON *out = cJSON_CreateArray();
        for (int i = 0; i < parallelism; i++) {
            struct nexmark_range r = nexmark_range_of(&c, o.events_num, o.stop_at,
                                                      o.first_event_rate, base, parallelism, i);
            cJSON *s = cJSON_CreateObject();
            json_set_str(s, "id", arena_printf(&a, "generator-%d-of-%d", i, parallelism));
            json_set_i64(s, "generator", i);
            json_set_i64(s, "of", parallelism);
            json_set_i64(s, "baseTime", base);
            if (o.events_num || o.stop_at >= 0) json_set_i64(s, "records", r.max_events);
            cJSON_AddItemToArray(out, s);
        }
        *ret_splits = out;
    }
    arena_release(&a);
    return rc;
}

/* ---- source ---- */

static int nexmark_add_split(struct source *base, const cJSON *json, struct err *err) {
    struct nexmark_source *s = CONTAINER_OF(base, struct nexmark_source, base);
    int i, of;
    int64_t base_time;
    int rc = json_get_int(json, "generator", &i, err);
    if (!rc) rc = json_get_int(json, "of", &of, err);
    if (!rc) rc = json_get_i64(json, "baseTime", &base_time, err);
    if (!rc && (of < 1 || i < 0 || i >= of)) rc = err_set(err, ERR_INVALID, "no such generator");
    if (rc) return err_wrap(err, "split");
    struct generator *g = mem_zalloc(sizeof *g);
    g->range = nexmark_range_of(&s->config, s->options.events_num, s->options.stop_at,
                                s->options.first_event_rate, base_time, of, i);
    const cJSON *p = json_opt(json, "position");
    g->count = p ? json_opt_i64(p, "events", 0) : 0;
    g->wallclock_ms = p ? json_opt_i64(p, "wallclock", -1) : -1;
    g->json = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObject(g->json, "position");
    MEM_GROW(s->generators, s->n, s->cap);
    s->generators[s->n++] = g;
    return 0;
}

static void nexmark_no_more(struct source *base) {
    CONTAINER_OF(base, struct nexmark_source, base)->no_more = true;
}

/* Events that may be emitted now, at most max; 0 sets when the next one may. */
static uint32_t due(struct nexmark_source *s, struct generator *g, uint32_t max,
                    int64_t *ret_wake_ns) {
    max = (uint32_t)MIN((int64_t)max, g->range.max_events - g->count);
    if (!s->options.rate_limited && s->options.max_emit_speed) return max;
    int64_t now = clock_wall_ms();
    if (g->wallclock_ms < 0) g->wallclock_ms = now;
    int64_t until = g->range.base_time_ms + now - g->wallclock_ms;
    uint32_t lo = 0, hi = max; /* the first lo are due, those from hi on are not */
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (nexmark_time_ms(&g->range, g->count + mid) <= until)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo && max) {
        int64_t wait_ms = nexmark_time_ms(&g->range, g->count) - until;
        *ret_wake_ns = MIN(*ret_wake_ns, clock_mono_ns() + wait_ms * 1000000);
    }
    return lo;
}

/* Moves the wanted fields from made to a ROW column. */
static void take_row(const struct out_field *f, struct nexmark_batch *made, struct column *c) {
    struct buffer *valid = f->first == NX_PERSON_ID    ? made->person_valid
                           : f->first == NX_AUCTION_ID ? made->auction_valid
                                                       : made->bid_valid;
    *c = (struct column){.type = f->type, .phys = PHYS_ROW, .n = made->n};
    c->valid_buf = buffer_ref(valid);
    c->valid = (uint64_t *)valid->data;
    c->n_children = f->n_fields;
    c->children = mem_calloc((size_t)f->n_fields, sizeof *c->children);
    for (int i = 0; i < f->n_fields; i++) {
        c->children[i] = made->field[f->fields[i]];
        c->children[i].type = f->type->children[i];
        made->field[f->fields[i]] = (struct column){0};
    }
}

static struct batch *make_batch(struct nexmark_source *s, struct generator *g, uint32_t n) {
    struct nexmark_batch made;
    nexmark_generate(&s->config, &g->range, s->text, g->count, n, s->wanted, s->leaf, &s->spares,
                     &made);
    struct batch *b = batch_new(s->n_out);
    b->n = n;
    for (int i = 0; i < s->n_out; i++) {
        if (s->out[i].fields) {
            take_row(&s->out[i], &made, &b->cols[i]);
        } else {
            b->cols[i] = made.field[NX_EVENT_TYPE];
            b->cols[i].type = s->out[i].type;
            made.field[NX_EVENT_TYPE] = (struct column){0};
        }
    }
    nexmark_batch_release(&made);
    g->count += n;
    b->source_ns = clock_mono_ns();
    return b;
}

static int nexmark_poll(struct source *base, struct batch **ret, int64_t *ret_wake_ns,
                        struct err *err) {
    struct nexmark_source *s = CONTAINER_OF(base, struct nexmark_source, base);
    bool left = false;
    *ret_wake_ns = INT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t which = (uint32_t)((s->next + i) % s->n);
        struct generator *g = s->generators[which];
        left |= g->count < g->range.max_events;
        uint32_t n = due(s, g, s->ctx.batch_rows, ret_wake_ns);
        if (!n) continue;
        *ret = make_batch(s, g, n);
        (*ret)->split = which;
        s->next = which + 1;
        __atomic_fetch_add(&base->stats.records, n, __ATOMIC_RELAXED);
        return SOURCE_DATA;
    }
    return left || !s->no_more || s->options.keep_alive ? SOURCE_WAIT : SOURCE_END;
}

static int nexmark_snapshot(struct source *base, cJSON **ret, struct err *err) {
    struct nexmark_source *s = CONTAINER_OF(base, struct nexmark_source, base);
    cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; i < s->n; i++) {
        struct generator *g = s->generators[i];
        cJSON *j = cJSON_Duplicate(g->json, true), *p = cJSON_CreateObject();
        json_set_i64(p, "events", g->count);
        json_set_i64(p, "wallclock", g->wallclock_ms);
        json_set(j, "position", p);
        cJSON_AddItemToArray(out, j);
    }
    *ret = out;
    return 0;
}

static void nexmark_free(struct source *base) {
    struct nexmark_source *s = CONTAINER_OF(base, struct nexmark_source, base);
    for (size_t i = 0; i < s->n; i++) {
        cJSON_Delete(s->generators[i]->json);
        free(s->generators[i]);
    }
    free(s->generators);
    nexmark_text_free(s->text);
    nexmark_spares_release(&s->spares);
    arena_release(&s->arena);
    free(s);
}

static const struct source_ops nexmark_ops = {nexmark_add_split, nexmark_no_more, nexmark_poll,
                                              nexmark_snapshot, nexmark_free};

static const struct type *leaf_type(enum nexmark_field f) {
    static const struct type time3 = {.kind = TYPE_TIMESTAMP, .nullable = true, .precision = 3};
    switch (f) {
    case NX_EVENT_TYPE:
        return type_of(TYPE_INT);
    case NX_PERSON_ID:
    case NX_AUCTION_ID:
    case NX_AUCTION_INITIAL_BID:
    case NX_AUCTION_RESERVE:
    case NX_AUCTION_SELLER:
    case NX_AUCTION_CATEGORY:
    case NX_BID_AUCTION:
    case NX_BID_BIDDER:
    case NX_BID_PRICE:
        return type_of(TYPE_BIGINT);
    case NX_PERSON_TIME:
    case NX_AUCTION_TIME:
    case NX_AUCTION_EXPIRES:
    case NX_BID_TIME:
        return &time3;
    default:
        return type_of(TYPE_VARCHAR);
    }
}

static int map_output(struct nexmark_source *s, struct err *err) {
    const struct schema *p = s->ctx.produced;
    s->n_out = p->n;
    s->out = ARENA_NEW_N(&s->arena, struct out_field, p->n + 1);
    for (int i = 0; i < p->n; i++) {
        struct out_field *f = &s->out[i];
        int rc = map_column(&s->arena, &p->fields[i], f, err);
        if (rc) return rc;
        if (!f->fields) s->wanted |= NX_BIT(NX_EVENT_TYPE);
        for (int k = 0; k < f->n_fields; k++)
            s->wanted |= NX_BIT(f->fields[k]);
    }
    if (!s->options.prune) s->wanted = NX_ALL_FIELDS;
    return 0;
}

static int nexmark_new(const struct connector_table *t, const struct source_ctx *ctx,
                       struct source **ret, struct err *err) {
    struct nexmark_source *s = mem_zalloc(sizeof *s);
    s->base.ops = &nexmark_ops;
    s->ctx = *ctx;
    arena_init(&s->arena);
    for (int f = 0; f < NX_FIELDS; f++)
        s->leaf[f] = leaf_type((enum nexmark_field)f);
    int rc = read_options(t, &s->arena, &s->options, &s->config, err);
    if (!rc) rc = map_output(s, err);
    if (rc) {
        nexmark_free(&s->base);
        return connector_err_wrap(err, t->name);
    }
    s->text = nexmark_text_new(s->config.seed);
    *ret = &s->base;
    return 0;
}

const struct connector_desc connector_nexmark = {
    .name = "nexmark",
    .doc = "Events of the Nexmark benchmark: persons, auctions and bids.",
    .caps = CONNECTOR_SOURCE | CONNECTOR_PROJECTION,
    .options = {nexmark_rows, ARRAY_LEN(nexmark_rows)},
    .check = nexmark_check,
    .is_bounded = nexmark_bounded,
    .nested_projection = nexmark_nested,
    .enumerate = nexmark_enumerate,
    .source_new = nexmark_new,
};
