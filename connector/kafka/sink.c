/* sink.c - writing: rows become messages, which a producer takes in bulk. Exactly-once: the rows
 * between two barriers are one transaction, of a producer of its own; the job commits it with the
 * checkpoint. */
#define LOG_MODULE "kafka"
#include "connector/kafka/kafka.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "connector/background.h"
#include "connector/kafka/message.h"
#include "connector/kafka/producer.h"
#include "connector/kafka/transaction.h"
#include "connector/kafka/upsert_buffer.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 256 /* transactions that wait for their commit */ };

struct prepared {
    uint64_t checkpoint;
    int slot;
    struct producer *producer;
};

struct kafka_sink {
    struct sink base;
    struct arena arena;
    struct sink_ctx ctx;
    struct kafka_table table;
    bool transactional;
    struct messages *messages;    /* of the batch under way */
    struct upsert_buffer *buffer; /* NULL: rows aren't kept back */
    struct producer *current, *next;
    int current_slot, next_slot;
    bool ahead; /* barriers come: the next producer is made while the current one writes */
    size_t n_prepared, cap_prepared;
    struct prepared *prepared;
    bool slots[SLOTS_MAX];
    uint64_t committed; /* newest checkpoint whose commit was told */
    bool swept;
};

static struct kafka_sink *impl(struct sink *s) {
    return CONTAINER_OF(s, struct kafka_sink, base);
}

/* ---- producers ---- */

static int new_producer(struct kafka_sink *s, struct producer **ret, int *ret_slot,
                        struct err *err) {
    if (!s->transactional)
        return producer_new(&s->table, NULL, s->ctx.wake, s->ctx.wake_self, ret, err);
    int slot = 0;
    while (slot < SLOTS_MAX && s->slots[slot])
        slot++;
    if (slot == SLOTS_MAX)
        return err_set(err, ERR_UNAVAILABLE, "kafka: %d transactions wait for their commit",
                       SLOTS_MAX);
    AUTO_STR id = STR_INIT;
    transaction_id(&s->table, s->ctx.op_uid, s->ctx.job_id, s->ctx.attempt, s->ctx.subtask, slot,
                   &id);
    int rc = producer_new(&s->table, str_text(&id), s->ctx.wake, s->ctx.wake_self, ret, err);
    if (rc) return rc;
    s->slots[slot] = true;
    *ret_slot = slot;
    return 0;
}

/* Enum producer_state of the current one, which is made where there is none. */
static int current_state(struct kafka_sink *s, struct err *err) {
    int rc = 0;
    if (!s->current && s->next) {
        s->current = s->next;
        s->current_slot = s->next_slot;
        s->next = NULL;
    }
    if (!s->current) rc = new_producer(s, &s->current, &s->current_slot, err);
    if (!rc && s->ahead && !s->next) rc = new_producer(s, &s->next, &s->next_slot, err);
    return rc ? rc : producer_state(s->current, err);
}

/* ---- rows ---- */

static void set_partitions(struct kafka_sink *s) {
    int n = producer_partitions(s->current);
    if (s->table.options.partitioner_kind == PARTITIONER_FIXED)
        messages_set_partition(s->messages, s->ctx.subtask % n, 0);
    else if (s->table.options.partitioner_kind == PARTITIONER_ROUND_ROBIN)
        messages_set_partition(s->messages, 0, n);
}

/* Hands messages to the producer. SINK_BUSY: some wait. */
static int hand_on(struct kafka_sink *s, struct err *err) {
    int state = current_state(s, err);
    if (state < 0) return state;
    if (state != PRODUCER_READY) return SINK_BUSY;
    set_partitions(s);
    int rc = messages_send(s->messages, s->current, err);
    return rc < 0 ? rc : messages_left(s->messages) ? SINK_BUSY : SINK_OK;
}

/* What is kept back becomes messages. */
static int release_buffer(struct kafka_sink *s, struct err *err) {
    int rc = messages_left(s->messages) ? hand_on(s, err) : SINK_OK;
    if (rc != SINK_OK || !s->buffer || !upsert_buffer_rows(s->buffer)) return rc;
    upsert_buffer_release(s->buffer, s->messages);
    return hand_on(s, err);
}

/* A batch that came back after SINK_BUSY has its messages made already. */
static int sink_write(struct sink *base, struct batch *in, struct err *err) {
    struct kafka_sink *s = impl(base);
    int rc = SINK_OK;
    if (messages_batch(s->messages) != in) {
        rc = messages_left(s->messages) ? hand_on(s, err) : SINK_OK;
        if (rc != SINK_OK) return rc;
        int state = current_state(s, err);
        if (state < 0) return state;
        if (state != PRODUCER_READY) return SINK_BUSY;
        rc = messages_encode(s->messages, in, err);
        if (rc) return rc;
        __atomic_fetch_add(&base->bytes, messages_bytes(s->messages), __ATOMIC_RELAXED);
        if (s->buffer) {
            upsert_buffer_add(s->buffer, s->messages);
            if (upsert_buffer_rows(s->buffer) >= (uint64_t)s->table.options.flush_rows)
                upsert_buffer_release(s->buffer, s->messages);
        }
    }
    rc = hand_on(s, err);
    if (rc != SINK_OK) return rc;
    messages_done(s->messages);
    __atomic_fetch_add(&base->records, in->n, __ATOMIC_RELAXED);
    return SINK_OK;
}

static int sink_flush(struct sink *base, struct err *err) {
    struct kafka_sink *s = impl(base);
    bool due = s->buffer && upsert_buffer_since_ms(s->buffer) >= s->table.options.flush_ms;
    int rc = due || messages_left(s->messages) ? release_buffer(s, err) : SINK_OK;
    base->keeps_back = s->buffer && upsert_buffer_rows(s->buffer);
    if (rc != SINK_OK) return rc;
    int state = s->current ? producer_state(s->current, err) : 0;
    return state < 0 ? state : SINK_OK;
}

/* ---- checkpoints ---- */

static cJSON *take_transaction(struct kafka_sink *s, uint64_t checkpoint) {
    cJSON *j = transaction_committable(producer_id(s->current), producer_pid(s->current),
                                       producer_epoch(s->current));
    MEM_GROW(s->prepared, s->n_prepared, s->cap_prepared);
    s->prepared[s->n_prepared++] = (struct prepared){checkpoint, s->current_slot, s->current};
    s->current = NULL;
    return j;
}

static int sink_prepare(struct sink *base, uint64_t checkpoint, bool end, cJSON **ret,
                        struct err *err) {
    struct kafka_sink *s = impl(base);
    s->ahead = s->transactional && !end;
    int rc = release_buffer(s, err);
    if (rc != SINK_OK) return rc;
    bool wait = end || s->table.options.guarantee != GUARANTEE_NONE;
    if (!wait || !s->current || !producer_has_sent(s->current)) return SINK_OK;
    int state = producer_state(s->current, err);
    if (state == PRODUCER_READY) {
        producer_flush(s->current);
        state = producer_state(s->current, err);
    }
    if (state < 0) return state;
    if (state == PRODUCER_BUSY) return SINK_BUSY;
    if (s->transactional)
        *ret = take_transaction(s, checkpoint);
    else
        producer_resume(s->current);
    return SINK_OK;
}

/* ---- leftovers ---- */

struct sweep {
    struct arena arena;
    struct connector_table table;
    struct str prefix, job_prefix;
    uint64_t attempt;
};

static void run_sweep(void *arg) {
    struct sweep *w = arg;
    struct kafka_table k;
    struct err err = ERR_INIT;
    int rc = kafka_table(&w->table, &w->arena, &k, &err);
    if (!rc)
        rc =
            transaction_sweep(&k, str_text(&w->prefix), str_text(&w->job_prefix), w->attempt, &err);
    if (rc)
        log_warn("transactions that earlier attempts left open stay until the broker gives them up",
                 KV_STR("prefix", str_text(&w->prefix)), KV_ERR(&err));
    str_release(&w->prefix);
    str_release(&w->job_prefix);
    arena_release(&w->arena);
    free(w);
}

/* Once a checkpoint of this attempt is committed, no earlier attempt's transaction is in doubt any
 * more: what they left open is aborted, so that readers needn't wait for its timeout. */
static void sweep(struct kafka_sink *s) {
    if (s->swept || s->ctx.subtask) return;
    s->swept = true;
    struct sweep *w = mem_zalloc(sizeof *w);
    arena_init(&w->arena);
    AUTO_JSON *j = connector_table_to_json(s->table.table);
    int rc = connector_table_from_json(&w->arena, j, &w->table, NULL);
    CHECK(!rc);
    transaction_prefix(&s->table, s->ctx.op_uid, &w->prefix);
    transaction_job_prefix(&s->table, s->ctx.op_uid, s->ctx.job_id, &w->job_prefix);
    w->attempt = s->ctx.attempt;
    background_run(run_sweep, w);
}

/* Ids up to the checkpoint before this one may be used again: their commit isn't repeated. */
static void sink_committed(struct sink *base, uint64_t checkpoint) {
    struct kafka_sink *s = impl(base);
    if (checkpoint <= s->committed) return; /* said again */
    size_t kept = 0;
    for (size_t i = 0; i < s->n_prepared; i++) {
        struct prepared *p = &s->prepared[i];
        if (p->checkpoint > s->committed) {
            s->prepared[kept++] = *p;
            continue;
        }
        producer_free(p->producer, true);
        s->slots[p->slot] = false;
    }
    s->n_prepared = kept;
    s->committed = checkpoint;
    if (s->transactional) sweep(s);
}

/* ---- making ---- */

static void sink_free(struct sink *base) {
    struct kafka_sink *s = impl(base);
    producer_free(s->current, false);
    producer_free(s->next, false);
    for (size_t i = 0; i < s->n_prepared; i++)
        producer_free(s->prepared[i].producer, true);
    free(s->prepared);
    upsert_buffer_free(s->buffer);
    messages_free(s->messages);
    arena_release(&s->arena);
    free(s);
}

static const struct sink_ops sink_ops = {
    .write = sink_write,
    .flush = sink_flush,
    .prepare = sink_prepare,
    .committed = sink_committed,
    .free = sink_free,
};

int kafka_sink_new(const struct connector_table *t, const struct sink_ctx *ctx, struct sink **ret,
                   struct err *err) {
    struct kafka_sink *s = mem_zalloc(sizeof *s);
    s->base.ops = &sink_ops;
    s->ctx = *ctx;
    arena_init(&s->arena);
    int rc = kafka_table(t, &s->arena, &s->table, err);
    s->transactional = s->table.options.guarantee == GUARANTEE_EXACTLY_ONCE;
    if (!rc) rc = messages_new(&s->table, ctx->env, &s->messages, err);
    if (!rc && s->table.options.flush_rows > 0) s->buffer = upsert_buffer_new();
    if (!rc) rc = new_producer(s, &s->current, &s->current_slot, err);
    if (rc) {
        sink_free(&s->base);
        return rc;
    }
    *ret = &s->base;
    return 0;
}
