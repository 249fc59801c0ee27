/* output.c - lanes, destinations, overflow, watermarks and control elements of one edge. The keyed
 * split is in partition.c, the choice of destinations in router.c. */
#include "worker/exchange/output.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <stdlib.h>

/* A batch of at least this share of the target is sent as it is rather than copied into a larger
 * one. */
enum { PASS_SHARE = 4 };

void output_init(struct output *o, const struct plan_edge *edge, uint32_t max_parallelism,
                 const struct output_opts *opts, struct edge_metrics *metrics) {
    *o = (struct output){.edge = edge,
                         .router = router_of(edge->routing),
                         .opts = *opts,
                         .max_parallelism = max_parallelism,
                         .metrics = metrics};
}

void output_add_dest(struct output *o, struct channel *ch, bool remote) {
    o->dests = mem_reallocarray(o->dests, o->n_dests + 1, sizeof(*o->dests));
    o->dests[o->n_dests++] = (struct dest){
        .ch = channel_ref(ch), .remote = remote, .wm = WATERMARK_MIN, .wm_sent = WATERMARK_MIN};
}

void output_ready(struct output *o) {
    CHECK(o->n_dests > 0);
    o->n_lanes = o->router->keyed ? o->n_dests : 1;
    o->lanes = mem_calloc(o->n_lanes, sizeof(*o->lanes));
    for (uint32_t i = 0; i < o->n_lanes; i++)
        accum_init(&o->lanes[i], o->edge->schema);
    if (o->router->keyed) {
        o->table = routing_table_even(0, o->max_parallelism, (int)o->n_dests);
        o->scratch = hash_scratch_new(o->n_dests);
        if (o->n_dests > 1) o->hot_keys = hot_keys_new();
    }
}

void output_release(struct output *o) {
    for (uint32_t i = 0; i < o->n_lanes; i++)
        accum_release(&o->lanes[i]);
    free(o->lanes);
    for (uint32_t i = 0; i < o->n_dests; i++) {
        struct dest *d = &o->dests[i];
        for (uint32_t k = 0; k < d->n; k++)
            elem_release(&d->overflow[d->head + k]);
        free(d->overflow);
        channel_unref(d->ch);
    }
    free(o->dests);
    for (uint32_t i = 0; o->markers && i < o->n_lanes; i++)
        free(o->markers[i].at);
    free(o->markers);
    routing_table_unref(o->table);
    routing_table_unref(o->next_table);
    hash_scratch_free(o->scratch);
    hot_keys_free(o->hot_keys);
    *o = (struct output){0};
}

void output_set_next_table(struct output *o, struct routing_table *t) {
    routing_table_unref(o->next_table);
    o->next_table = t;
}

/* ---- destinations --------------------------------------------------------------------------- */

static void dest_block(struct output *o, struct dest *d) {
    if (d->blocked) return;
    d->blocked = true;
    o->n_blocked++;
    metric_set(&d->metrics.blocked_since_ns, clock_mono_ns());
}

static void dest_unblock(struct output *o, struct dest *d) {
    d->blocked = false;
    o->n_blocked--;
    int64_t since = metric_get_i64(&d->metrics.blocked_since_ns);
    metrics_episode(o->metrics, &d->metrics, clock_mono_ns() - since, clock_wall_ms());
}

static void overflow_add(struct dest *d, const struct elem *e) {
    if (d->head && d->head + d->n == d->cap) {
        memmove(d->overflow, d->overflow + d->head, d->n * sizeof(*d->overflow));
        d->head = 0;
    }
    uint32_t end = d->head + d->n;
    MEM_GROW(d->overflow, end, d->cap);
    d->overflow[end] = *e;
    d->n++;
}

static void dest_push_raw(struct output *o, struct dest *d, struct elem *e) {
    if (d->n == 0 && channel_has_room(d->ch)) {
        channel_push(d->ch, e);
        if (channel_has_room(d->ch)) return;
    } else {
        overflow_add(d, e);
    }
    dest_block(o, d);
}

static void dest_release_wm(struct output *o, struct dest *d) {
    if (!d->has_wm) return;
    d->has_wm = false;
    d->wm_sent = d->wm;
    struct elem e = {.kind = ELEM_WATERMARK, .u.wm = d->wm};
    dest_push_raw(o, d, &e);
    metric_add(&o->metrics->watermarks, 1);
}

static void dest_push(struct output *o, struct dest *d, struct elem *e) {
    dest_release_wm(o, d);
    dest_push_raw(o, d, e);
}

static void dest_watermark(struct output *o, struct dest *d, int64_t wm) {
    if (wm <= d->wm_sent || (d->has_wm && wm <= d->wm)) return;
    d->has_wm = true;
    d->wm = wm;
    if (!d->blocked) dest_release_wm(o, d);
}

void output_poll(struct output *o) {
    for (uint32_t i = 0; o->n_blocked && i < o->n_dests; i++) {
        struct dest *d = &o->dests[i];
        if (!d->blocked) continue;
        for (;;) {
            while (d->n && channel_has_room(d->ch)) {
                channel_push(d->ch, &d->overflow[d->head++]);
                if (--d->n == 0) d->head = 0;
            }
            if (channel_wait(d->ch, CHANNEL_WAIT_ROOM)) break;
            if (d->n) continue;
            dest_unblock(o, d);
            dest_release_wm(o, d);
            break;
        }
    }
}

bool output_is_flushed(const struct output *o) {
    for (uint32_t i = 0; i < o->n_dests; i++)
        if (o->dests[i].n || o->dests[i].has_wm) return false;
    return true;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Takes b, on failure too. */
static int make_elem(struct output *o, struct batch *b, bool remote, uint64_t size_bytes,
                     struct elem *ret, struct err *err) {
    *ret = (struct elem){.kind = ELEM_BATCH, .rows = b->n, .size_bytes = size_bytes};
    if (!remote) {
        ret->u.batch = b;
        return 0;
    }
    int rc = wire_encode_batch(b, o->opts.compress, &ret->u.frame, err);
    batch_unref(b);
    if (rc) return rc;
    ret->kind = ELEM_FRAME;
    ret->size_bytes = ret->u.frame.len;
    return 0;
}

static void dest_push_batch(struct output *o, struct dest *d, struct elem *e, int64_t wm) {
    metric_add(&d->metrics.records, e->rows);
    metric_add(&d->metrics.batches, 1);
    metric_add(&o->metrics->records, e->rows);
    metric_add(&o->metrics->bytes, e->size_bytes);
    metric_add(&o->metrics->batches, 1);
    dest_push(o, d, e);
    d->wm_sent = MAX(d->wm_sent, wm);
}

/* b is borrowed. One encoded copy serves all remote destinations. */
static int send_all(struct output *o, struct batch *b, uint64_t size_bytes, int64_t wm,
                    struct err *err) {
    struct elem frame = {.kind = ELEM_WATERMARK};
    for (uint32_t i = 0; i < o->n_dests; i++) {
        struct dest *d = &o->dests[i];
        struct elem e;
        if (d->remote && frame.kind == ELEM_FRAME) {
            e = frame;
            buffer_ref(e.u.frame.buf);
        } else {
            int rc = make_elem(o, batch_ref(b), d->remote, size_bytes, &e, err);
            if (rc) return rc;
            if (d->remote) {
                frame = e;
                buffer_ref(e.u.frame.buf);
            }
        }
        dest_push_batch(o, d, &e, wm);
    }
    elem_release(&frame);
    return 0;
}

static void dest_push_latency(struct output *o, uint32_t to, const struct latency_marker *m) {
    struct elem e = {.kind = ELEM_LATENCY, .u.latency = *m};
    dest_push(o, &o->dests[to], &e);
}

/* A marker takes the way of the rows: of a shared lane, to whom they go. */
static void send_markers(struct output *o, uint32_t lane, uint32_t to) {
    struct lane_markers *w = &o->markers[lane];
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t first = to == ROUTE_ALL ? 0 : to, last = to == ROUTE_ALL ? o->n_dests - 1 : to;
        for (uint32_t d = first; d <= last; d++)
            dest_push_latency(o, d, &w->at[i]);
    }
    w->n = 0;
}

void output_latency(struct output *o, const struct latency_marker *m) {
    if (!o->markers) o->markers = mem_calloc(o->n_lanes, sizeof *o->markers);
    for (uint32_t lane = 0; lane < o->n_lanes; lane++) {
        struct lane_markers *w = &o->markers[lane];
        if (w->n == LANE_MARKERS_MAX) continue;
        MEM_GROW(w->at, w->n, w->cap);
        w->at[w->n++] = *m;
        if (o->lanes[lane].n) continue;
        send_markers(o, lane, o->router->keyed ? lane : o->router->pick(o));
    }
}

int output_send(struct output *o, uint32_t lane, struct batch *b, uint64_t size_bytes,
                struct err *err) {
    int64_t wm = b->n_steps ? b->steps[b->n_steps - 1].wm : WATERMARK_MIN;
    uint32_t to = o->router->keyed ? lane : o->router->pick(o);
    int rc;
    if (to == ROUTE_ALL) {
        rc = send_all(o, b, size_bytes, wm, err);
        batch_unref(b);
        if (!rc && o->markers) send_markers(o, lane, to);
        return rc;
    }
    struct elem e;
    rc = make_elem(o, b, o->dests[to].remote, size_bytes, &e, err);
    if (rc) return rc;
    dest_push_batch(o, &o->dests[to], &e, wm);
    if (o->markers) send_markers(o, lane, to);
    /* The other destinations of a shared lane learn the watermark without the rows. */
    for (uint32_t i = 0; !o->router->keyed && wm > WATERMARK_MIN && i < o->n_dests; i++)
        dest_watermark(o, &o->dests[i], wm);
    return 0;
}

static int lane_flush(struct output *o, uint32_t lane, struct err *err) {
    struct accum *a = &o->lanes[lane];
    if (!a->n) return 0;
    uint64_t bytes = a->bytes;
    return output_send(o, lane, accum_take(a), bytes, err);
}

int output_collect(struct output *o, uint32_t lane, const struct batch *b, const uint32_t *idx,
                   uint32_t from, uint32_t n, const uint64_t *hashes, bool copy_strings,
                   struct err *err) {
    struct accum *a = &o->lanes[lane];
    while (n) {
        if (!a->n) a->since_ns = o->now_ns;
        uint64_t room = (o->opts.target_bytes - a->bytes) / o->row_bytes + 1;
        uint32_t take = MIN(n, o->opts.target_rows - a->n);
        take = (uint32_t)MIN(take, room);
        accum_append(a, b, idx, from, take, hashes, copy_strings);
        if (idx)
            idx += take;
        else
            from += take;
        n -= take;
        if (a->n < o->opts.target_rows && a->bytes < o->opts.target_bytes) continue;
        int rc = lane_flush(o, lane, err);
        if (rc) return rc;
    }
    return 0;
}

int output_flush(struct output *o, struct err *err) {
    for (uint32_t i = 0; i < o->n_lanes; i++) {
        int rc = lane_flush(o, i, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- elements from the ops ------------------------------------------------------------------ */

/* About what a batch weighs: long strings by a sample, as counting them all would cost more than
 * passing the batch on. */
static uint64_t estimate_bytes(const struct batch *b) {
    enum { SAMPLE = 64 };
    uint64_t bytes = 0;
    for (int32_t i = 0; i < b->n_cols; i++) {
        const struct column *c = &b->cols[i];
        if (c->phys != PHYS_STR || b->n <= 2 * SAMPLE) {
            bytes += col_size_bytes(c);
            continue;
        }
        const struct strv *v = COL_DATA(c, struct strv);
        uint64_t sum = 0;
        for (uint32_t k = 0; k < SAMPLE; k++) {
            uint32_t len = v[(uint64_t)k * b->n / SAMPLE].len;
            sum += len > STRV_INLINE_MAX_BYTES ? len : 0;
        }
        bytes += b->n * sizeof(struct strv) + sum * b->n / SAMPLE;
    }
    return bytes + (b->kinds ? b->n : 0) + (b->hashes ? b->n * sizeof(uint64_t) : 0);
}

static int collect_whole(struct output *o, const struct batch *b, struct err *err) {
    uint32_t from = 0;
    for (uint32_t s = 0; s <= b->n_steps; s++) {
        uint32_t to = s < b->n_steps ? b->steps[s].row : b->n;
        int rc = output_collect(o, 0, b, NULL, from, to - from, NULL, false, err);
        if (!rc && s < b->n_steps) rc = output_watermark(o, b->steps[s].wm, err);
        if (rc) return rc;
        from = to;
    }
    return 0;
}

int output_batch(struct output *o, struct batch *b, struct err *err) {
    int rc = 0;
    if (!b->n) {
        if (b->n_steps) rc = output_watermark(o, b->steps[b->n_steps - 1].wm, err);
        batch_unref(b);
        return rc;
    }
    uint64_t bytes = estimate_bytes(b);
    o->row_bytes = MAX(bytes / b->n, 1);
    /* Large enough to go as it is, and not so large that the channel's bound would mean nothing. */
    bool whole = b->n * PASS_SHARE >= o->opts.target_rows && bytes <= 2 * o->opts.target_bytes;
    if (o->router->keyed) {
        rc = output_partition(o, b, bytes, whole, err);
    } else if (whole) {
        rc = lane_flush(o, 0, err);
        if (rc)
            batch_unref(b);
        else
            rc = output_send(o, 0, b, bytes, err);
    } else {
        rc = collect_whole(o, b, err);
        batch_unref(b);
    }
    if (!rc && o->opts.buffer_timeout_ns == 0) rc = output_flush(o, err);
    return rc;
}

int output_watermark(struct output *o, int64_t wm, struct err *err) {
    for (uint32_t i = 0; i < o->n_dests; i++) {
        struct accum *lane = &o->lanes[o->router->keyed ? i : 0];
        if (!lane->n)
            dest_watermark(o, &o->dests[i], wm);
        else if (o->router->keyed || i == 0)
            accum_step(lane, wm);
    }
    return 0;
}

int output_control(struct output *o, const struct elem *e, struct err *err) {
    int rc = output_flush(o, err);
    if (rc) return rc;
    for (uint32_t i = 0; i < o->n_dests; i++) {
        struct elem copy = *e;
        dest_push(o, &o->dests[i], &copy);
    }
    if (e->kind == ELEM_BARRIER && o->next_table &&
        e->u.barrier.routing_version >= o->next_table->version) {
        routing_table_unref(o->table);
        o->table = o->next_table;
        o->next_table = NULL;
    }
    return 0;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Some consumer that would get the lane's batch has nothing to do; if not, those consumers are
 * asked to wake the task when they have. */
static bool lane_wanted(struct output *o, uint32_t lane) {
    uint32_t first = o->router->keyed ? lane : 0, last = o->router->keyed ? lane : o->n_dests - 1;
    for (uint32_t i = first; i <= last; i++) {
        struct dest *d = &o->dests[i];
        if (d->blocked) continue; /* output_poll has asked */
        if (channel_is_drained(d->ch) || !channel_wait(d->ch, CHANNEL_WAIT_EMPTY)) return true;
    }
    return false;
}

static bool lane_expired(const struct output *o, const struct accum *a) {
    int64_t timeout = o->opts.buffer_timeout_ns;
    return a->n && timeout >= 0 && o->now_ns - a->since_ns >= timeout;
}

int output_dry(struct output *o, int64_t *ret_wake_ns, struct err *err) {
    int64_t wake = INT64_MAX;
    for (uint32_t i = 0; i < o->n_lanes; i++) {
        struct accum *a = &o->lanes[i];
        if (!a->n) continue;
        if (lane_expired(o, a) || lane_wanted(o, i)) {
            int rc = lane_flush(o, i, err);
            if (rc) return rc;
        } else if (o->opts.buffer_timeout_ns >= 0) {
            wake = MIN(wake, a->since_ns + o->opts.buffer_timeout_ns);
        }
    }
    *ret_wake_ns = wake;
    return 0;
}

int output_expire(struct output *o, struct err *err) {
    for (uint32_t i = 0; i < o->n_lanes; i++) {
        if (!lane_expired(o, &o->lanes[i])) continue;
        int rc = lane_flush(o, i, err);
        if (rc) return rc;
    }
    return 0;
}
