/* agent.c - see agent.h. One question to the log at a time, one deletion at a time, one listing of
 * files at a time: each an io_job whose answer comes back through the loop. */
#define LOG_MODULE "checkpoint"
#include "coordinator/checkpoint/agent.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <unistd.h>

/* What a record of the log holds beside the record. */
struct kept_body {
    uint64_t seq;
    cJSON *body;
};

struct ckpt_agent {
    struct net_loop *loop;
    struct io_pool *io;
    struct fs *fs;
    char *dir;
    const struct ckpt_agent_ops *ops;
    void *self;
    struct ckpt *ckpt;
    struct net_timer *timer;
    bool stopped, draining;
    bool store_fails;
    struct ask *asks;         /* under way */
    struct kept_body *bodies; /* while the log is read: all; then the newest's, and that of the
                                 record being made */
    size_t n_bodies, cap_bodies;
    uint64_t newest_seq;
    int holds;
    bool deleting;
    uint64_t *slots; /* to be deleted */
    size_t n_slots, cap_slots;
    struct ckpt_file *files;
    size_t n_files, cap_files;
};

/* A call to the store: made on the loop, carried out on an I/O thread, answered on the loop. */
struct ask {
    struct ckpt_agent *agent; /* NULL: gone. The loop's */
    struct ask *next;
    struct net_loop *loop;
    struct ckpt_store *store;
    enum ckpt_action_kind kind;
    struct ckpt_record record; /* CREATE_SLOT; files: in `files` */
    cJSON *body;
    uint64_t seq, epoch, first_open;
    uint64_t *slots; /* to delete, or the answer */
    size_t n_slots;
    struct ckpt_file *files;
    size_t n_files;
    struct ckpt_manifest manifest;
    enum ckpt_created created;
    int rc;
    struct err err;
};

static void drain(struct ckpt_agent *a);

static int64_t now_ms(void) {
    return clock_mono_ns() / 1000000;
}

/* ---- bodies ---- */

static const cJSON *body_of(const struct ckpt_agent *a, uint64_t seq) {
    for (size_t i = 0; i < a->n_bodies; i++)
        if (a->bodies[i].seq == seq) return a->bodies[i].body;
    return NULL;
}

/* takes body; replaces what there is for seq */
static void put_body(struct ckpt_agent *a, uint64_t seq, cJSON *body) {
    for (size_t i = 0; i < a->n_bodies; i++) {
        if (a->bodies[i].seq != seq) continue;
        cJSON_Delete(a->bodies[i].body);
        a->bodies[i].body = body;
        return;
    }
    MEM_GROW(a->bodies, a->n_bodies, a->cap_bodies);
    a->bodies[a->n_bodies++] = (struct kept_body){seq, body};
}

static void keep_only(struct ckpt_agent *a, uint64_t seq) {
    size_t n = 0;
    for (size_t i = 0; i < a->n_bodies; i++) {
        if (a->bodies[i].seq == seq)
            a->bodies[n++] = a->bodies[i];
        else
            cJSON_Delete(a->bodies[i].body);
    }
    a->n_bodies = n;
    a->newest_seq = seq;
}

/* ---- calls to the store ---- */

static void ask_free(struct ask *q) {
    ckpt_store_free(q->store);
    cJSON_Delete(q->body);
    ckpt_manifest_release(&q->manifest);
    free(q->slots);
    free(q->files);
    free(q);
}

static void forget(struct ask *q) {
    if (!q->agent) return;
    for (struct ask **at = &q->agent->asks; *at; at = &(*at)->next) {
        if (*at != q) continue;
        *at = q->next;
        break;
    }
}

/* Files and records stay a little longer rather than go too early: a record whose deletion failed
 * keeps its files. */
static int delete_all(struct ask *q) {
    int rc = ckpt_store_delete_slots(q->store, q->slots, q->n_slots, &q->err);
    return rc ? rc : ckpt_store_delete_files(q->store, q->files, q->n_files, &q->err);
}

static int list_files(struct ask *q) {
    int rc = ckpt_store_sweep(q->store, q->epoch, q->first_open, &q->err);
    return rc ? rc : ckpt_store_files(q->store, &q->files, &q->n_files, &q->err);
}

static void carry_out(struct ask *q) { /* on an I/O thread */
    switch (q->kind) {
    case CKPT_LIST_SLOTS:
        q->rc = ckpt_store_slots(q->store, &q->slots, &q->n_slots, &q->err);
        break;
    case CKPT_READ_SLOT:
        q->rc = ckpt_store_read(q->store, q->seq, &q->manifest, &q->err);
        break;
    case CKPT_CREATE_SLOT:
        q->created = ckpt_store_create(q->store, &q->record, q->body, &q->err);
        q->rc = q->created == CKPT_UNKNOWN ? q->err.code : 0;
        break;
    case CKPT_LIST_FILES:
        q->rc = list_files(q);
        break;
    default: /* CKPT_DELETE_SLOT */
        q->rc = delete_all(q);
    }
}

static void give_up(struct ckpt_agent *a, bool fenced, const struct err *err) {
    if (a->stopped) return;
    a->stopped = true;
    a->ops->over(a->self, fenced, err);
}

static void note_store(struct ckpt_agent *a, const struct ask *q) {
    bool fails = q->rc && q->rc != ERR_NOT_FOUND;
    if (fails != a->store_fails) a->ops->store(a->self, fails ? &q->err : NULL);
    a->store_fails = fails;
}

/* What waiting doesn't mend: a record of a newer format; while nothing runs yet, a directory that
 * can't be used. */
static bool is_hopeless(const struct ckpt_agent *a, const struct ask *q) {
    if (q->kind == CKPT_READ_SLOT && (q->rc == ERR_UNSUPPORTED || q->rc == ERR_CORRUPT))
        return true;
    return q->rc && q->rc != ERR_NOT_FOUND && !ckpt_leads(a->ckpt) && q->err.cls == ERR_CLASS_USER;
}

static void report(struct ckpt_agent *a, struct ask *q) {
    switch (q->kind) {
    case CKPT_LIST_SLOTS:
        ckpt_slots_listed(a->ckpt, !q->rc, q->slots, q->n_slots);
        break;
    case CKPT_READ_SLOT: {
        bool there = !q->rc;
        if (there && q->manifest.body) {
            put_body(a, q->seq, q->manifest.body);
            q->manifest.body = NULL;
        }
        ckpt_slot_read(a->ckpt, q->seq, q->rc == ERR_NOT_FOUND ? 0 : q->rc,
                       there ? &q->manifest.record : NULL);
        break;
    }
    case CKPT_CREATE_SLOT:
        ckpt_slot_created(a->ckpt, q->seq, q->created);
        break;
    case CKPT_LIST_FILES:
        ckpt_files_listed(a->ckpt, !q->rc, q->files, q->n_files);
        break;
    default:
        a->deleting = false;
    }
}

static void on_answer(void *arg) { /* on the loop */
    struct ask *q = arg;
    struct ckpt_agent *a = q->agent;
    if (a) forget(q);
    if (a && !a->stopped) {
        ckpt_tick(a->ckpt, now_ms());
        note_store(a, q);
        if (is_hopeless(a, q))
            give_up(a, false, &q->err);
        else
            report(a, q);
        drain(a);
    }
    ask_free(q);
}

static void ask_run(void *arg) { /* on an I/O thread */
    struct ask *q = arg;
    carry_out(q);
    net_loop_post_always(q->loop, on_answer, q);
}

static void ask_drop(void *arg) { /* the pool goes before it was begun */
    forget(arg);
    ask_free(arg);
}

static struct ask *new_ask(struct ckpt_agent *a, enum ckpt_action_kind kind) {
    struct ask *q = mem_zalloc(sizeof *q);
    *q = (struct ask){.agent = a, .next = a->asks, .loop = a->loop, .kind = kind};
    q->store = ckpt_store_new(a->fs, a->dir);
    q->epoch = ckpt_epoch(a->ckpt);
    q->first_open = ckpt_first_open(a->ckpt);
    a->asks = q;
    return q;
}

static void submit(struct ckpt_agent *a, struct ask *q) {
    struct io_job job = {ask_run, ask_drop, q};
    if (io_pool_submit(a->io, &job, NULL, NULL)) ask_run(q); /* full: it waits here instead */
}

static void create_slot(struct ckpt_agent *a, const struct ckpt_action *act) {
    struct ask *q = new_ask(a, act->kind);
    q->seq = act->seq;
    q->record = act->record;
    q->n_files = act->record.n_files;
    q->files = q->n_files ? mem_dup(act->record.files, q->n_files * sizeof *q->files) : NULL;
    q->record.files = q->files;
    if (act->checkpoint) {
        if (!body_of(a, act->seq)) put_body(a, act->seq, a->ops->body(a->self, act->checkpoint));
        q->body = cJSON_Duplicate(body_of(a, act->seq), true);
    }
    submit(a, q);
}

static void delete_now(struct ckpt_agent *a) {
    if (!(a->n_slots + a->n_files)) return;
    struct ask *q = new_ask(a, CKPT_DELETE_SLOT);
    q->slots = a->slots;
    q->n_slots = a->n_slots;
    q->files = a->files;
    q->n_files = a->n_files;
    a->slots = NULL;
    a->files = NULL;
    a->n_slots = a->cap_slots = a->n_files = a->cap_files = 0;
    a->deleting = true;
    submit(a, q);
}

static void delete_what_waits(struct ckpt_agent *a) {
    if (!a->deleting && !a->holds) delete_now(a);
}

/* ---- actions ---- */

static void completed(struct ckpt_agent *a, const struct ckpt_action *act) {
    keep_only(a, act->record.seq);
    a->ops->completed(a->self, act, body_of(a, act->record.seq));
}

static void stop_with(struct ckpt_agent *a, const struct ckpt_action *act) {
    struct err err = ERR_INIT;
    err_set(&err, act->kind == CKPT_FENCED ? ERR_UNAVAILABLE : ERR_CORRUPT, "%s", act->reason);
    give_up(a, act->kind == CKPT_FENCED, &err);
}

static void act_on(struct ckpt_agent *a, const struct ckpt_action *act) {
    struct ask *q;
    switch (act->kind) {
    case CKPT_LIST_SLOTS:
    case CKPT_LIST_FILES:
        submit(a, new_ask(a, act->kind));
        break;
    case CKPT_READ_SLOT:
        q = new_ask(a, act->kind);
        q->seq = act->seq;
        submit(a, q);
        break;
    case CKPT_CREATE_SLOT:
        create_slot(a, act);
        break;
    case CKPT_DELETE_SLOT:
        MEM_GROW(a->slots, a->n_slots, a->cap_slots);
        a->slots[a->n_slots++] = act->seq;
        break;
    case CKPT_DELETE_FILE:
        MEM_GROW(a->files, a->n_files, a->cap_files);
        a->files[a->n_files++] = act->file;
        break;
    case CKPT_LEAD:
        keep_only(a, act->record.checkpoint ? act->record.seq : 0);
        a->ops->lead(a->self, ckpt_agent_body(a));
        break;
    case CKPT_RESTORE:
        a->ops->restore(a->self, act->attempt, act->checkpoint, ckpt_agent_body(a));
        break;
    case CKPT_TRIGGER:
        a->ops->trigger(a->self, act);
        break;
    case CKPT_ABORT:
        a->ops->abort(a->self, act);
        break;
    case CKPT_COMMIT:
        a->ops->commit(a->self, act->attempt, act->checkpoint, ckpt_agent_body(a));
        break;
    case CKPT_COMPLETED:
        completed(a, act);
        break;
    case CKPT_REQUEST_DONE:
        a->ops->request_done(a->self, act);
        break;
    case CKPT_RESTART:
        a->ops->restart(a->self, act->reason);
        break;
    case CKPT_FENCED:
    case CKPT_FAIL:
        stop_with(a, act);
        break;
    }
}

/* Carries out what there is to do, and what comes of that. */
static void drain(struct ckpt_agent *a) {
    if (a->draining || a->stopped) return;
    a->draining = true;
    struct ckpt_action act;
    while (!a->stopped && ckpt_next(a->ckpt, &act))
        act_on(a, &act);
    a->draining = false;
    if (a->stopped) {
        net_timer_cancel(a->timer);
        return;
    }
    delete_what_waits(a);
    int64_t due = ckpt_due_ms(a->ckpt);
    if (due == INT64_MAX)
        net_timer_cancel(a->timer);
    else
        net_timer_set(a->timer, MAX(due - now_ms(), 0));
}

static void on_timer(void *arg) {
    struct ckpt_agent *a = arg;
    ckpt_tick(a->ckpt, now_ms());
    drain(a);
}

/* ---- what the owner tells ---- */

void ckpt_agent_restart(struct ckpt_agent *a, const char *reason) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_restart(a->ckpt, reason);
    drain(a);
}

void ckpt_agent_started(struct ckpt_agent *a, uint64_t attempt, uint32_t n_participants) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_attempt_started(a->ckpt, attempt, n_participants);
    drain(a);
}

bool ckpt_agent_adopted(struct ckpt_agent *a, uint64_t attempt, uint32_t n_participants,
                        uint64_t seen) {
    ckpt_tick(a->ckpt, now_ms());
    bool ok = ckpt_attempt_adopted(a->ckpt, attempt, n_participants, seen);
    drain(a);
    return ok;
}

void ckpt_agent_acked(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                      uint32_t participant, const struct ckpt_file *files, size_t n_files) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_acked(a->ckpt, attempt, checkpoint, participant, files, n_files);
    drain(a);
}

void ckpt_agent_declined(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                         uint32_t participant, const char *reason) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_declined(a->ckpt, attempt, checkpoint, participant, reason);
    drain(a);
}

void ckpt_agent_committed(struct ckpt_agent *a, uint64_t attempt, uint64_t checkpoint,
                          uint32_t participant) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_committed(a->ckpt, attempt, checkpoint, participant);
    drain(a);
}

void ckpt_agent_request(struct ckpt_agent *a, enum ckpt_kind kind, uint64_t tag) {
    ckpt_tick(a->ckpt, now_ms());
    ckpt_request(a->ckpt, kind, tag);
    drain(a);
}

void ckpt_agent_hold(struct ckpt_agent *a) {
    a->holds++;
}

void ckpt_agent_release(struct ckpt_agent *a) {
    CHECK(a->holds > 0);
    a->holds--;
    if (!a->stopped) delete_what_waits(a);
}

uint64_t ckpt_agent_newest(const struct ckpt_agent *a) {
    return ckpt_newest(a->ckpt);
}

uint64_t ckpt_agent_in_progress(const struct ckpt_agent *a) {
    return ckpt_in_progress(a->ckpt);
}

uint64_t ckpt_agent_epoch(const struct ckpt_agent *a) {
    return ckpt_epoch(a->ckpt);
}

const cJSON *ckpt_agent_body(const struct ckpt_agent *a) {
    return a->newest_seq ? body_of(a, a->newest_seq) : NULL;
}

uint64_t ckpt_agent_newest_seq(const struct ckpt_agent *a) {
    return a->newest_seq;
}

/* ---- life ---- */

struct ckpt_agent *ckpt_agent_new(struct net_loop *loop, struct io_pool *io, struct fs *fs,
                                  const char *dir, const struct ckpt_options *opts,
                                  const struct ckpt_agent_ops *ops, void *self) {
    struct ckpt_agent *a = mem_zalloc(sizeof *a);
    *a = (struct ckpt_agent){.loop = loop, .io = io, .fs = fs, .ops = ops, .self = self};
    a->dir = mem_strdup(dir);
    uint64_t nonce;
    do {
        CHECK(getentropy(&nonce, sizeof nonce) == 0);
    } while (!nonce);
    a->ckpt = ckpt_new(opts, nonce, now_ms());
    a->timer = net_timer_new(loop, on_timer, a);
    net_timer_set(a->timer, 0); /* begins from the loop: the owner isn't called in here */
    return a;
}

void ckpt_agent_stop(struct ckpt_agent *a) {
    if (!a->stopped && !a->holds) delete_now(a);
    a->stopped = true;
    net_timer_cancel(a->timer);
}

void ckpt_agent_free(struct ckpt_agent *a) {
    if (!a) return;
    for (struct ask *q = a->asks; q; q = q->next)
        q->agent = NULL;
    net_timer_free(a->timer);
    ckpt_free(a->ckpt);
    keep_only(a, 0);
    free(a->bodies);
    free(a->slots);
    free(a->files);
    free(a->dir);
    free(a);
}
