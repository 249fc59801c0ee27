/* gate.c - see gate.h. Channels with elements are found by a bitmap that producers set and the gate
 * clears, so that a gate of many quiet channels costs nothing. */
#include "worker/gate.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "worker/net/wire.h"

#include <stdlib.h>

enum {
    EVENTS_MAX = 8
}; /* one element makes at most: watermark, idle, barrier, end; and at the
      start each port without channels ends */

struct gate_channel {
    struct channel *ch;
    uint64_t next_seq;
    int64_t wm;     /* last seen on the channel */
    int64_t before; /* the last one that wasn't the end of time */
    int port;
    bool idle, ended;
    bool counts;  /* in the combined watermark */
    bool aligned; /* delivered the barrier being aligned: not read */
};

struct gate {
    int n_ports, n_channels, cap_channels;
    struct gate_channel *channels;
    int64_t *counted; /* per channel: wm if it counts, else WATERMARK_MAX */
    const struct schema **schemas;
    int *open; /* per port: channels that have not ended */
    int n_open, n_idle;
    int64_t wm; /* combined, as last given out */
    bool idle;
    int n_words, word; /* word: where the round-robin stands */
    uint64_t *mine;    /* channels believed to have elements, this round */
    uint64_t *again;   /* ... next round */
    _Atomic uint64_t *signalled;
    /* Alignment. */
    bool aligning;
    struct barrier barrier;
    int n_aligned; /* channels that delivered it and have not ended */
    uint64_t last_barrier;
    int64_t align_since_ns, align_ns; /* align_ns: of the last one done */
    /* Events made and not yet given out. */
    struct gate_event *events;
    int first_event, n_events, cap_events;
    void (*wake_task)(void *self);
    void *self;
    struct task_metrics *metrics;
};

struct gate *gate_new(int n_ports, const struct schema *const *schemas,
                      void (*wake_task)(void *self), void *self, struct task_metrics *metrics) {
    CHECK(n_ports >= 0 && n_ports <= PLAN_PORTS_MAX);
    struct gate *g = mem_zalloc(sizeof(*g));
    g->n_ports = n_ports;
    g->schemas = mem_dup(schemas, (size_t)n_ports * sizeof(*schemas));
    g->open = mem_calloc((size_t)n_ports + 1, sizeof(*g->open));
    g->cap_events = EVENTS_MAX + n_ports;
    g->events = mem_calloc((size_t)g->cap_events, sizeof(*g->events));
    g->wm = WATERMARK_MIN;
    g->wake_task = wake_task;
    g->self = self;
    g->metrics = metrics;
    metric_set(&metrics->watermark, WATERMARK_MIN);
    return g;
}

void gate_free(struct gate *g) {
    if (!g) return;
    for (int i = 0; i < g->n_events; i++) {
        struct gate_event *e = &g->events[g->first_event + i];
        if (e->kind == GATE_BATCH) batch_unref(e->u.batch);
    }
    for (int i = 0; i < g->n_channels; i++)
        channel_unref(g->channels[i].ch);
    free(g->channels);
    free(g->counted);
    free(g->schemas);
    free(g->open);
    free(g->events);
    free(g->mine);
    free(g->again);
    free(g->signalled);
    free(g);
}

static void gate_wake(void *self, uint32_t channel) {
    struct gate *g = self;
    /* Release: the element was pushed before; gate_next's exchange acquires. */
    atomic_fetch_or_explicit(&g->signalled[channel / 64], 1ull << (channel % 64),
                             memory_order_acq_rel);
    g->wake_task(g->self);
}

void gate_add_channel(struct gate *g, struct channel *ch, int port, enum channel_start start) {
    CHECK(port >= 0 && port < g->n_ports && !g->signalled);
    MEM_GROW(g->channels, g->n_channels, g->cap_channels);
    g->channels[g->n_channels] =
        (struct gate_channel){.ch = channel_ref(ch),
                              .wm = start == CHANNEL_EMPTY ? WATERMARK_MAX : WATERMARK_MIN,
                              .before = WATERMARK_MIN,
                              .port = port,
                              .idle = start == CHANNEL_IDLE};
    channel_set_consumer(ch, (struct channel_peer){gate_wake, g, (uint32_t)g->n_channels});
    g->n_channels++;
    g->n_open++;
    g->n_idle += start == CHANNEL_IDLE;
    g->open[port]++;
}

/* ---- events --------------------------------------------------------------------------------- */

static struct gate_event *add_event(struct gate *g, enum gate_event_kind kind, int port) {
    if (!g->n_events) g->first_event = 0;
    CHECK(g->first_event + g->n_events < g->cap_events);
    struct gate_event *e = &g->events[g->first_event + g->n_events++];
    *e = (struct gate_event){.kind = kind, .port = port};
    return e;
}

/* ---- watermarks ----------------------------------------------------------------------------- */

static int64_t least(const int64_t *v, int n) {
    int64_t m = WATERMARK_MAX;
    for (int i = 0; i < n; i++)
        m = v[i] < m ? v[i] : m;
    return m;
}

static void recount(struct gate *g, struct gate_channel *c) {
    c->counts = !c->ended && !c->idle && c->wm >= g->wm;
    g->counted[c - g->channels] = c->counts ? c->wm : WATERMARK_MAX;
}

/* Where time stands when no channel that counts has any left. */
static int64_t least_of_none(const struct gate *g) {
    int64_t greatest = WATERMARK_MIN;
    bool all_over = true;
    for (int i = 0; i < g->n_channels; i++) {
        greatest = MAX(greatest, g->channels[i].before);
        all_over &= g->channels[i].wm == WATERMARK_MAX;
    }
    return all_over ? WATERMARK_MAX : greatest;
}

static void advance(struct gate *g, int64_t wm) {
    if (wm <= g->wm) return;
    g->wm = wm;
    metric_set(&g->metrics->watermark, wm);
    add_event(g, GATE_WATERMARK, 0)->u.wm = wm;
}

void gate_ready(struct gate *g) {
    g->n_words = (g->n_channels + 63) / 64;
    g->mine = mem_calloc((size_t)g->n_words + 1, sizeof(*g->mine));
    g->again = mem_calloc((size_t)g->n_words + 1, sizeof(*g->again));
    g->counted = mem_calloc((size_t)g->n_channels + 1, sizeof(*g->counted));
    for (int i = 0; i < g->n_channels; i++)
        recount(g, &g->channels[i]);
    g->idle = g->n_open > 0 && g->n_idle == g->n_open;
    /* Last: what is pushed from here on is seen. Everything counts as signalled once. */
    _Atomic uint64_t *signalled = mem_calloc((size_t)g->n_words + 1, sizeof(*signalled));
    for (int w = 0; w < g->n_words; w++)
        atomic_init(&signalled[w], ~0ull);
    g->signalled = signalled;
    if (!g->n_channels) advance(g, WATERMARK_MAX);
    for (int p = 0; p < g->n_ports; p++)
        if (!g->open[p]) add_event(g, GATE_END, p);
}

void gate_restore(struct gate *g, int64_t wm) {
    if (wm <= g->wm) return;
    g->wm = wm;
    metric_set(&g->metrics->watermark, wm);
    for (int i = 0; i < g->n_channels; i++) {
        struct gate_channel *c = &g->channels[i];
        c->wm = MAX(c->wm, wm);
        c->before = MAX(c->before, wm);
        recount(g, c);
    }
}

int64_t gate_align_ns(const struct gate *g) {
    return g->align_ns;
}

/* The channel's watermark has come to wm; returns the combined one after that. A channel that did
 * not count counts from the moment it has caught up. */
static int64_t combined_after(struct gate *g, struct gate_channel *c, int64_t wm, int64_t others) {
    if (wm <= c->wm) return g->wm;
    c->wm = wm;
    if (wm != WATERMARK_MAX) c->before = wm;
    if (c->ended || wm < g->wm) return g->wm;
    int64_t all = others;
    if (!c->idle) {
        c->counts = true;
        g->counted[c - g->channels] = wm;
        all = MIN(others, wm);
    }
    if (all == WATERMARK_MAX) all = least_of_none(g);
    return MAX(all, g->wm);
}

/* Least over the channels that count, but c. */
static int64_t least_of_others(struct gate *g, const struct gate_channel *c) {
    int64_t own = g->counted[c - g->channels];
    g->counted[c - g->channels] = WATERMARK_MAX;
    int64_t others = least(g->counted, g->n_channels);
    g->counted[c - g->channels] = own;
    return others;
}

static void on_watermark(struct gate *g, struct gate_channel *c, int64_t wm) {
    advance(g, combined_after(g, c, wm, least_of_others(g, c)));
}

/* Steps of the channel's own watermark become steps of the combined one. Takes and returns b. */
static struct batch *translate_steps(struct gate *g, struct gate_channel *c, struct batch *b) {
    enum { STACK_STEPS = 64 };
    struct wm_step stack[STACK_STEPS], *out = stack;
    if (b->n_steps > STACK_STEPS) out = mem_calloc(b->n_steps, sizeof(*out));
    uint32_t n_out = 0, same = 0;
    int64_t others = least_of_others(g, c);
    for (uint32_t i = 0; i < b->n_steps; i++) {
        int64_t wm = combined_after(g, c, b->steps[i].wm, others);
        if (wm <= g->wm) continue;
        g->wm = wm;
        same += wm == b->steps[i].wm;
        out[n_out++] = (struct wm_step){b->steps[i].row, wm};
    }
    if (n_out != b->n_steps || same != n_out) {
        if (atomic_load_explicit(&b->refs, memory_order_acquire) != 1) {
            struct batch *own = batch_share(b);
            batch_unref(b);
            b = own;
        }
        batch_set_steps(b, out, n_out);
    }
    if (n_out) metric_set(&g->metrics->watermark, g->wm);
    if (out != stack) free(out);
    return b;
}

/* ---- idleness, barriers, end ---------------------------------------------------------------- */

/* When the channels that held the watermark back no longer count: up to the least of those left;
 * with none left, up to the greatest seen, as the idle channels say that nothing is to come. */
static void catch_up(struct gate *g) {
    int64_t all = least(g->counted, g->n_channels);
    advance(g, all == WATERMARK_MAX ? least_of_none(g) : all);
}

static void set_idle(struct gate *g) {
    bool idle = g->n_open > 0 && g->n_idle == g->n_open;
    if (idle == g->idle) return;
    g->idle = idle;
    add_event(g, GATE_IDLE, 0)->u.idle = idle;
}

static void on_idle(struct gate *g, struct gate_channel *c, bool idle) {
    if (c->idle == idle) return;
    c->idle = idle;
    g->n_idle += idle ? 1 : -1;
    recount(g, c);
    if (idle) catch_up(g);
    set_idle(g);
}

static void align_done(struct gate *g) {
    if (!g->aligning || g->n_aligned < g->n_open) return;
    g->aligning = false;
    g->n_aligned = 0;
    for (int i = 0; i < g->n_channels; i++) {
        struct gate_channel *c = &g->channels[i];
        if (!c->aligned) continue;
        c->aligned = false;
        g->mine[i / 64] |= 1ull << (i % 64);
    }
    metric_add(&g->metrics->barriers, 1);
    g->align_ns = clock_mono_ns() - g->align_since_ns;
    metric_add(&g->metrics->align_ns, (uint64_t)g->align_ns);
    add_event(g, GATE_BARRIER, 0)->u.barrier = g->barrier;
}

static void on_barrier(struct gate *g, struct gate_channel *c, const struct barrier *b) {
    if (b->id <= g->last_barrier && !(g->aligning && b->id == g->barrier.id)) return; /* outdated */
    if (!g->aligning || b->id > g->barrier.id) {
        for (int i = 0; i < g->n_channels; i++) { /* an older one that never completed */
            if (g->channels[i].aligned) g->mine[i / 64] |= 1ull << (i % 64);
            g->channels[i].aligned = false;
        }
        g->aligning = true;
        g->barrier = *b;
        g->last_barrier = b->id;
        g->n_aligned = 0;
        g->align_since_ns = clock_mono_ns();
    }
    c->aligned = true;
    g->n_aligned++;
    align_done(g);
}

static void on_end(struct gate *g, struct gate_channel *c) {
    if (c->idle) g->n_idle--;
    c->idle = false;
    c->ended = true;
    c->wm = WATERMARK_MAX;
    recount(g, c);
    g->n_open--;
    catch_up(g);
    if (g->n_open) set_idle(g);
    align_done(g);
    if (--g->open[c->port] == 0) add_event(g, GATE_END, c->port);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The next channel believed to have an element, in turn; -1 if there is none. */
static int next_channel(struct gate *g) {
    for (int i = 0; i <= g->n_words; i++) {
        uint64_t w = g->mine[g->word];
        if (!w) {
            w = g->again[g->word];
            g->again[g->word] = 0;
            if (atomic_load_explicit(&g->signalled[g->word], memory_order_relaxed))
                w |= atomic_exchange_explicit(&g->signalled[g->word], 0, memory_order_acq_rel);
            g->mine[g->word] = w;
        }
        if (w) return g->word * 64 + __builtin_ctzll(w);
        g->word = g->word + 1 < g->n_words ? g->word + 1 : 0;
    }
    return -1;
}

/* Turns to the next channel behind i; `again`: i has its next turn in the next round. */
static void pass_turn(struct gate *g, int i, bool again) {
    uint64_t bit = 1ull << (i % 64);
    g->mine[i / 64] &= ~bit;
    if (again) g->again[i / 64] |= bit;
    if (!g->mine[i / 64]) g->word = g->word + 1 < g->n_words ? g->word + 1 : 0;
}

static int take_batch(struct gate *g, struct gate_channel *c, struct elem *e, struct err *err) {
    struct batch *b = e->u.batch;
    if (e->kind == ELEM_FRAME) {
        int rc = wire_decode_batch(&e->u.frame, g->schemas[c->port], &b, err);
        elem_release(e);
        if (rc) return rc;
    }
    metric_add(&g->metrics->records_in, b->n);
    metric_add(&g->metrics->bytes_in, e->size_bytes);
    metric_add(&g->metrics->batches_in, 1);
    if (b->n_steps) b = translate_steps(g, c, b);
    add_event(g, GATE_BATCH, c->port)->u.batch = b;
    return 0;
}

static int take_elem(struct gate *g, struct gate_channel *c, struct elem *e, struct err *err) {
    struct channel_id id = channel_id_of(c->ch);
    if (unlikely(e->seq != c->next_seq || c->ended)) {
        uint64_t seq = e->seq;
        elem_release(e);
        return err_set(
            err, ERR_PROTOCOL, "channel of edge %u from subtask %u: element %llu came, %s%llu",
            id.edge, id.from, (unsigned long long)seq,
            c->ended ? "behind the end at " : "expected ", (unsigned long long)c->next_seq);
    }
    c->next_seq++;
    switch (e->kind) {
    case ELEM_BATCH:
    case ELEM_FRAME:
        return take_batch(g, c, e, err);
    case ELEM_WATERMARK:
        on_watermark(g, c, e->u.wm);
        return 0;
    case ELEM_IDLE:
        on_idle(g, c, e->u.idle);
        return 0;
    case ELEM_BARRIER:
        on_barrier(g, c, &e->u.barrier);
        return 0;
    case ELEM_LATENCY:
        add_event(g, GATE_LATENCY, 0)->u.latency = e->u.latency;
        return 0;
    case ELEM_END:
        on_end(g, c);
        return 0;
    case ELEM_KIND_COUNT:
        break;
    }
    return err_set(err, ERR_PROTOCOL, "channel of edge %u from subtask %u: element of kind %d",
                   id.edge, id.from, (int)e->kind);
}

int gate_next(struct gate *g, struct gate_event *ret, struct err *err) {
    while (!g->n_events) {
        int i = next_channel(g);
        if (i < 0) {
            *ret = (struct gate_event){.kind = GATE_NOTHING};
            return 0;
        }
        struct gate_channel *c = i < g->n_channels ? &g->channels[i] : NULL;
        struct elem e;
        if (!c || c->aligned || !channel_pop(c->ch, &e)) {
            pass_turn(g, i, false);
            continue;
        }
        pass_turn(g, i, true);
        int rc = take_elem(g, c, &e, err);
        if (rc) return rc;
    }
    *ret = g->events[g->first_event++];
    g->n_events--;
    return 0;
}

bool gate_all_ended(const struct gate *g) {
    return g->n_open == 0 && g->n_events == 0;
}

int gate_channel_count(const struct gate *g) {
    return g->n_channels;
}

struct gate_channel_info gate_channel_info(const struct gate *g, int i) {
    return (struct gate_channel_info){channel_id_of(g->channels[i].ch),
                                      channel_load(g->channels[i].ch)};
}
