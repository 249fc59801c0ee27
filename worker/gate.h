/* gate.h - the inputs of a task: all channels of all ports of its head. Picks the next element
 * fairly among the channels that have one, and turns what comes on single channels into what holds
 * for all of them:
 *
 *   watermarks  the least over the channels that count. A channel doesn't count while it is idle,
 *               after its end, or (when active again) until it has caught up with the combined
 *               watermark. With none that counts it is the greatest seen; the end of time comes
 *               only when all channels have it, so that rows of an idle one aren't late because
 *               the others have ended. Steps inside a batch become steps of the combined watermark.
 *   idleness    idle when all channels are.
 *   barriers    aligned: a channel that delivered the barrier is not read until all have. Ended
 *               channels count as delivered. A newer barrier ends an older alignment.
 *   end         of a port when all its channels have ended.
 *
 * Belongs to the task's thread, but gate_ready_waker's wake, which any producer calls. */
#ifndef PENSTOCK_WORKER_GATE_H
#define PENSTOCK_WORKER_GATE_H

#include "worker/exchange/channel.h"
#include "worker/metrics.h"

struct gate;

enum gate_event_kind {
    GATE_NOTHING,   /* no channel has anything (that may be read now) */
    GATE_BATCH,     /* batch (owned by the caller), port; steps are combined ones */
    GATE_WATERMARK, /* wm, rising */
    GATE_IDLE,      /* idle */
    GATE_BARRIER,   /* barrier: all channels have delivered it */
    GATE_LATENCY,   /* latency */
    GATE_END        /* port: no more will come on it */
};

struct gate_event {
    enum gate_event_kind kind;
    int port;
    union {
        struct batch *batch;
        int64_t wm;
        bool idle;
        struct barrier barrier;
        struct latency_marker latency;
    } u;
};

/* wake_task is called by gate wakes, from any thread. schemas: per port, for remote batches. */
struct gate *gate_new(int n_ports, const struct schema *const *schemas,
                      void (*wake_task)(void *self), void *self, struct task_metrics *metrics);
void gate_free(struct gate *g);
/* What is known of a channel before anything has come, so that it doesn't depend on when it says so
 * which rows of others are late. */
enum channel_start {
    CHANNEL_ACTIVE,
    CHANNEL_IDLE, /* as if it had said so */
    CHANNEL_EMPTY /* no row will ever come: as if it had said the end of time */
};
/* Before the first gate_next; makes ch's consumer the gate. Takes a reference of its own. */
void gate_add_channel(struct gate *g, struct channel *ch, int port, enum channel_start start);
/* After the last channel. Ports without channels end at once. */
void gate_ready(struct gate *g);
/* Behind gate_ready, before the first gate_next: the task is restored, its event time stood at wm.
 * It is no lower on any channel. */
void gate_restore(struct gate *g, int64_t wm);
/* How long the last barrier took from the first channel to the last. */
int64_t gate_align_ns(const struct gate *g);
int gate_next(struct gate *g, struct gate_event *ret, struct err *err) ATTR_MUST_USE;
bool gate_all_ended(const struct gate *g);

int gate_channel_count(const struct gate *g);
/* For reports; any thread. */
struct gate_channel_info {
    struct channel_id id;
    struct channel_load load;
};
struct gate_channel_info gate_channel_info(const struct gate *g, int i);

#endif
