/* protocol.c - the checkpoint protocol's state machine.
 *
 * Three machines side by side: the log (`io`: one question to the storage at a time), the
 * checkpoint in progress (`prog`), and the attempt (`run`). What touches two of them is written
 * down where it happens. */
#include "coordinator/checkpoint/protocol.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELIST_MAX = 16, SWEEP_EVERY = 16, REQUESTS_MAX = 64 };

enum phase { TAKEOVER, LEADING, OVER };

/* The one open question to the storage. */
enum io_kind {
    IO_NONE,
    IO_TAKE_LIST,   /* takeover: which slots are there */
    IO_TAKE_READ,   /* each of them, the newest first */
    IO_CLAIM,       /* our LEADER record */
    IO_CLAIM_READ,  /* outcome unknown or slot taken: whose is it */
    IO_CLAIM_CHECK, /* no slot behind ours */
    IO_COMMIT,      /* the CHECKPOINT record */
    IO_COMMIT_READ,
    IO_COMMIT_CHECK,
    IO_RESTORE_CHECK /* nobody has taken over, before workers are told to start anew */
};

enum prog_state {
    PROG_NONE,
    PROG_ACKING,
    PROG_READY /* waits for commits of the one before */,
    PROG_RECORD
};

enum run_state { RUN_NONE, RUN_STARTING /* CKPT_RESTORE is out */, RUN_RUNNING };

struct file_list {
    struct ckpt_file *files;
    size_t n, cap;
};

struct kept {
    uint64_t seq, checkpoint;
    struct ckpt_record record; /* files: in `files` */
    struct file_list files;
};

struct request {
    enum ckpt_kind kind;
    uint64_t tag;
};

struct ckpt {
    struct ckpt_options opts;
    uint64_t nonce, epoch;
    int64_t now_ms;
    enum phase phase;

    enum io_kind io;
    int64_t io_retry_ms; /* INT64_MAX: an answer is awaited; else when to ask (again) */
    int64_t io_backoff_ms;
    uint64_t *take_seqs; /* takeover: slots listed, rising */
    size_t n_take, take_pos;
    struct kept *take; /* records read */
    size_t n_taken;
    int relists;
    uint64_t last_seq; /* newest slot of the log that is ours to follow */
    uint64_t slot;     /* being made */

    struct kept *kept; /* complete checkpoints, oldest first */
    size_t n_kept, cap_kept;
    uint64_t last_id; /* highest checkpoint number used or heard of */

    enum run_state run;
    uint64_t attempt, attempt_count;
    uint32_t n_participants;
    bool restart; /* as soon as what is open is resolved */
    bool stopped; /* a STOP checkpoint is complete */

    enum prog_state prog;
    uint64_t id; /* of the one in progress */
    enum ckpt_kind kind;
    int64_t trigger_ms, deadline_ms;
    uint8_t acked[CKPT_PARTICIPANTS_MAX / 8];
    uint32_t n_acked;
    struct file_list files;
    struct request riders[REQUESTS_MAX]; /* requests that this checkpoint serves */
    int n_riders;

    uint64_t committing; /* complete, commits not yet all acknowledged; 0 = none */
    uint8_t commit_acks[CKPT_PARTICIPANTS_MAX / 8];
    uint32_t n_commit_acks;
    int64_t commit_again_ms;
    struct request commit_riders[REQUESTS_MAX];
    int n_commit_riders;

    struct request requests[REQUESTS_MAX]; /* for the next one */
    int n_requests;
    int64_t next_ms; /* of the next periodic trigger */
    int n_failures;  /* in a row */
    int since_sweep;
    bool sweep_open;
    int64_t sweep_retry_ms;

    struct ckpt_action *actions; /* queue */
    size_t head, n_actions, cap_actions;
    struct file_list lent; /* files of the action given out last */
};

/* ---- files ---- */

static void files_add(struct file_list *l, const struct ckpt_file *files, size_t n) {
    for (size_t i = 0; i < n; i++) {
        MEM_GROW(l->files, l->n, l->cap);
        l->files[l->n++] = files[i];
    }
}

static bool files_has(const struct file_list *l, const char *name) {
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->files[i].name, name)) return true;
    return false;
}

static void kept_release(struct kept *k) {
    free(k->files.files);
}

static void kept_set(struct kept *k, const struct ckpt_record *rec) {
    *k = (struct kept){.seq = rec->seq, .checkpoint = rec->checkpoint, .record = *rec};
    files_add(&k->files, rec->files, rec->n_files);
    k->record.files = NULL;
}

static bool referenced(const struct ckpt *c, const char *name) {
    for (size_t i = 0; i < c->n_kept; i++)
        if (files_has(&c->kept[i].files, name)) return true;
    return false;
}

/* ---- actions ---- */

static struct ckpt_action *act(struct ckpt *c, enum ckpt_action_kind kind) {
    if (c->head && c->head == c->n_actions) c->head = c->n_actions = 0;
    MEM_GROW(c->actions, c->n_actions, c->cap_actions);
    struct ckpt_action *a = &c->actions[c->n_actions++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

static void set_reason(struct ckpt_action *a, const char *text) {
    snprintf(a->reason, sizeof a->reason, "%s", text);
}

bool ckpt_next(struct ckpt *c, struct ckpt_action *ret) {
    if (c->head == c->n_actions) return false;
    *ret = c->actions[c->head++];
    /* Files are looked up when the action is given out: nothing is freed under the reader. */
    c->lent.n = 0;
    if (ret->kind == CKPT_CREATE_SLOT && ret->record.kind == CKPT_RECORD_CHECKPOINT)
        files_add(&c->lent, c->files.files, c->files.n);
    if (ret->kind == CKPT_RESTORE || ret->kind == CKPT_LEAD || ret->kind == CKPT_COMPLETED)
        for (size_t i = 0; i < c->n_kept; i++)
            if (c->kept[i].seq == ret->record.seq)
                files_add(&c->lent, c->kept[i].files.files, c->kept[i].files.n);
    ret->record.files = c->lent.files;
    ret->record.n_files = c->lent.n;
    return true;
}

/* Final: what was still to be done isn't done any more. */
static void stop(struct ckpt *c, enum ckpt_action_kind kind, const char *reason) {
    c->phase = OVER;
    c->io = IO_NONE;
    c->prog = PROG_NONE;
    c->head = c->n_actions = 0;
    set_reason(act(c, kind), reason);
}

static void delete_files(struct ckpt *c, const struct ckpt_file *files, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!referenced(c, files[i].name)) act(c, CKPT_DELETE_FILE)->file = files[i];
}

/* ---- the log ---- */

static const struct kept *newest(const struct ckpt *c) {
    return c->n_kept ? &c->kept[c->n_kept - 1] : NULL;
}

static struct ckpt_record new_record(const struct ckpt *c, enum ckpt_record_kind kind) {
    const struct kept *k = newest(c);
    struct ckpt_record r = {.seq = c->slot, .kind = kind, .epoch = c->epoch, .nonce = c->nonce};
    r.attempt = k ? k->record.attempt : 0;
    r.checkpoint = k ? k->checkpoint : 0;
    r.checkpoint_seq = k ? k->seq : 0;
    if (kind == CKPT_RECORD_CHECKPOINT) {
        r.attempt = c->attempt;
        r.checkpoint = c->id;
        r.prev_seq = r.checkpoint_seq;
        r.checkpoint_seq = c->slot;
    }
    return r;
}

static void io_send(struct ckpt *c) {
    c->io_retry_ms = INT64_MAX;
    switch (c->io) {
    case IO_NONE:
        break;
    case IO_TAKE_LIST:
    case IO_CLAIM_CHECK:
    case IO_RESTORE_CHECK:
    case IO_COMMIT_CHECK:
        act(c, CKPT_LIST_SLOTS);
        break;
    case IO_TAKE_READ:
        act(c, CKPT_READ_SLOT)->seq = c->take_seqs[c->take_pos];
        break;
    case IO_CLAIM_READ:
    case IO_COMMIT_READ:
        act(c, CKPT_READ_SLOT)->seq = c->slot;
        break;
    case IO_CLAIM:
    case IO_COMMIT: {
        struct ckpt_action *a = act(c, CKPT_CREATE_SLOT);
        a->seq = c->slot;
        a->checkpoint = c->io == IO_COMMIT ? c->id : 0;
        a->record = new_record(c, c->io == IO_COMMIT ? CKPT_RECORD_CHECKPOINT : CKPT_RECORD_LEADER);
        a->attempt = a->record.attempt;
        break;
    }
    }
}

static void io_begin(struct ckpt *c, enum io_kind kind) {
    c->io = kind;
    c->io_backoff_ms = c->opts.retry_ms;
    io_send(c);
}

/* The same question (or `kind`, which follows from it) after a pause. */
static void io_later(struct ckpt *c, enum io_kind kind) {
    c->io = kind;
    c->io_retry_ms = c->now_ms + c->io_backoff_ms;
    c->io_backoff_ms = MIN(c->io_backoff_ms * 2, c->opts.retry_max_ms);
}

/* ---- takeover ---- */

static void take_clear(struct ckpt *c) {
    for (size_t i = 0; i < c->n_taken; i++)
        kept_release(&c->take[i]);
    free(c->take);
    free(c->take_seqs);
    c->take = NULL;
    c->take_seqs = NULL;
    c->n_take = c->n_taken = 0;
}

static void take_again(struct ckpt *c) {
    if (++c->relists > RELIST_MAX) {
        stop(c, CKPT_FAIL,
             "the checkpoint log changes or is incomplete: a record that it names is missing");
        return;
    }
    c->io_backoff_ms = MAX(c->io_backoff_ms, c->opts.retry_ms);
    io_later(c, IO_TAKE_LIST);
}

static int cmp_seq(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void claim(struct ckpt *c) {
    /* take: newest first. What the log says is taken over only now, when all of it is read. */
    for (size_t i = 0; i < c->n_kept; i++)
        kept_release(&c->kept[i]);
    c->n_kept = 0;
    c->epoch = 1;
    c->last_id = 0;
    c->last_seq = 0;
    size_t n_chain = 0;
    if (c->n_taken) {
        const struct ckpt_record top = c->take[0].record;
        c->last_seq = top.seq;
        c->last_id = top.checkpoint;
        /* From record to record. A slot that isn't on the chain was made by a leader that slept
         * while others passed and pruned it. */
        uint64_t next = top.checkpoint_seq;
        for (size_t i = 0; i < c->n_taken; i++) {
            struct kept *k = &c->take[i];
            c->epoch = MAX(c->epoch, k->record.epoch + 1);
            if (k->seq != next || k->record.kind != CKPT_RECORD_CHECKPOINT) continue;
            next = k->record.prev_seq;
            struct kept on = *k;
            *k = c->take[n_chain]; /* swapped: each is released once */
            c->take[n_chain++] = on;
        }
        if (top.checkpoint && !n_chain) {
            take_again(c);
            return;
        }
    }
    for (size_t i = n_chain; i-- > 0;) { /* kept: oldest first */
        MEM_GROW(c->kept, c->n_kept, c->cap_kept);
        c->kept[c->n_kept++] = c->take[i];
        c->take[i].files = (struct file_list){0};
    }
    c->slot = c->last_seq + 1;
    io_begin(c, IO_CLAIM);
}

static void prune(struct ckpt *c, const uint64_t *seqs, size_t n);
static void restore_now(struct ckpt *c);
static void checkpoint_recorded(struct ckpt *c, const uint64_t *seqs, size_t n);

static void claimed(struct ckpt *c) {
    c->last_seq = c->slot;
    c->phase = LEADING;
    c->io = IO_NONE;
    prune(c, c->take_seqs, c->n_take);
    take_clear(c);
    struct ckpt_action *a = act(c, CKPT_LEAD);
    if (newest(c)) a->record = newest(c)->record;
    a->checkpoint = a->record.checkpoint;
    c->since_sweep = SWEEP_EVERY; /* leftovers of those before us */
}

void ckpt_slots_listed(struct ckpt *c, bool ok, const uint64_t *seqs, size_t n) {
    if (c->io_retry_ms != INT64_MAX) return;
    if (c->io != IO_TAKE_LIST && c->io != IO_CLAIM_CHECK && c->io != IO_COMMIT_CHECK &&
        c->io != IO_RESTORE_CHECK)
        return;
    if (!ok) {
        io_later(c, c->io);
        return;
    }
    uint64_t top = 0;
    for (size_t i = 0; i < n; i++)
        top = MAX(top, seqs[i]);
    if (c->io == IO_CLAIM_CHECK) {
        if (top > c->slot)
            take_again(c);
        else
            claimed(c);
        return;
    }
    if (c->io == IO_COMMIT_CHECK || c->io == IO_RESTORE_CHECK) {
        bool restore = c->io == IO_RESTORE_CHECK;
        c->io = IO_NONE;
        if (top > (restore ? c->last_seq : c->slot))
            stop(c, CKPT_FENCED, "another coordinator has taken over");
        else if (restore)
            restore_now(c);
        else
            checkpoint_recorded(c, seqs, n);
        return;
    }
    take_clear(c);
    if (!n) {
        claim(c);
        return;
    }
    c->take_seqs = mem_dup(seqs, n * sizeof *seqs);
    c->n_take = n;
    qsort(c->take_seqs, n, sizeof *seqs, cmp_seq);
    c->take = mem_calloc(n, sizeof *c->take);
    c->take_pos = 0;
    io_begin(c, IO_TAKE_READ);
}

void ckpt_slot_read(struct ckpt *c, uint64_t seq, int rc, const struct ckpt_record *rec) {
    if (c->io_retry_ms != INT64_MAX) return;
    if (c->io == IO_TAKE_READ && seq == c->take_seqs[c->take_pos]) {
        if (rc == ERR_CORRUPT) {
            char text[128];
            snprintf(text, sizeof text, "record %" PRIu64 " of the checkpoint log is corrupt", seq);
            stop(c, CKPT_FAIL, text);
        } else if (rc) {
            io_later(c, c->io);
        } else if (!rec) { /* deleted since it was listed: others are at work */
            take_again(c);
        } else {
            kept_set(&c->take[c->n_taken++], rec);
            if (++c->take_pos == c->n_take)
                claim(c);
            else
                io_begin(c, IO_TAKE_READ);
        }
        return;
    }
    if ((c->io != IO_CLAIM_READ && c->io != IO_COMMIT_READ) || seq != c->slot) return;
    bool is_commit = c->io == IO_COMMIT_READ;
    if (rc) {
        io_later(c, c->io);
    } else if (!rec) {
        /* Not there, or not yet: creating again has a definite end whichever arrives first. */
        io_later(c, is_commit ? IO_COMMIT : IO_CLAIM);
    } else if (rec->nonce == c->nonce && rec->epoch == c->epoch) {
        io_begin(c, is_commit ? IO_COMMIT_CHECK : IO_CLAIM_CHECK);
    } else if (is_commit) {
        stop(c, CKPT_FENCED, "another coordinator has taken over");
    } else {
        take_again(c);
    }
}

void ckpt_slot_created(struct ckpt *c, uint64_t seq, enum ckpt_created result) {
    if (c->io_retry_ms != INT64_MAX || seq != c->slot) return;
    if (c->io != IO_CLAIM && c->io != IO_COMMIT) return;
    bool is_commit = c->io == IO_COMMIT;
    if (result == CKPT_CREATED)
        io_begin(c, is_commit ? IO_COMMIT_CHECK : IO_CLAIM_CHECK);
    else if (result == CKPT_EXISTS)
        io_begin(c, is_commit ? IO_COMMIT_READ : IO_CLAIM_READ);
    else
        io_later(c, is_commit ? IO_COMMIT_READ : IO_CLAIM_READ);
}

/* ---- deleting ---- */

/* Keeps the newest checkpoints. seqs: the slots that there are; what is behind the newest and not
 * kept goes: records of leaders, and what couldn't be deleted before. */
static void prune(struct ckpt *c, const uint64_t *seqs, size_t n) {
    size_t drop = c->n_kept > (size_t)c->opts.retained ? c->n_kept - (size_t)c->opts.retained : 0;
    struct kept *dropped = drop ? mem_dup(c->kept, drop * sizeof *dropped) : NULL;
    if (drop) memmove(c->kept, c->kept + drop, (c->n_kept - drop) * sizeof *c->kept);
    c->n_kept -= drop;
    /* Records first: nobody shall find one whose files are going. */
    for (size_t i = 0; i < n; i++) {
        bool keep = seqs[i] >= c->last_seq;
        for (size_t k = 0; k < c->n_kept; k++)
            keep |= c->kept[k].seq == seqs[i];
        if (!keep) act(c, CKPT_DELETE_SLOT)->seq = seqs[i];
    }
    for (size_t i = 0; i < drop; i++) {
        delete_files(c, dropped[i].files.files, dropped[i].files.n);
        kept_release(&dropped[i]);
    }
    free(dropped);
}

void ckpt_files_listed(struct ckpt *c, bool ok, const struct ckpt_file *files, size_t n) {
    if (!c->sweep_open) return;
    c->sweep_open = false;
    if (c->phase != LEADING) return;
    if (!ok) {
        c->since_sweep = SWEEP_EVERY;
        c->sweep_retry_ms = c->now_ms + c->opts.retry_max_ms;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t epoch, id;
        if (!ckpt_file_parse(files[i].name, &epoch, &id)) continue; /* not ours */
        if (epoch > c->epoch || referenced(c, files[i].name)) continue;
        if (c->prog != PROG_NONE && epoch == c->epoch && id >= c->id) continue;
        act(c, CKPT_DELETE_FILE)->file = files[i];
    }
}

static void sweep(struct ckpt *c) {
    if (c->sweep_open || c->since_sweep < SWEEP_EVERY || c->now_ms < c->sweep_retry_ms) return;
    c->since_sweep = 0;
    c->sweep_open = true;
    act(c, CKPT_LIST_FILES);
}

/* ---- one checkpoint ---- */

static void answer(struct ckpt *c, const struct request *r, int n, bool ok, uint64_t checkpoint,
                   const char *reason) {
    for (int i = 0; i < n; i++) {
        struct ckpt_action *a = act(c, CKPT_REQUEST_DONE);
        a->ckpt_kind = r[i].kind;
        a->tag = r[i].tag;
        a->ok = ok;
        a->checkpoint = checkpoint;
        set_reason(a, reason);
    }
}

static void abort_progress(struct ckpt *c, const char *reason) {
    if (c->prog != PROG_ACKING && c->prog != PROG_READY) return;
    struct ckpt_action *a = act(c, CKPT_ABORT);
    a->attempt = c->attempt;
    a->checkpoint = c->id;
    set_reason(a, reason);
    delete_files(c, c->files.files, c->files.n);
    answer(c, c->riders, c->n_riders, false, ckpt_newest(c), reason);
    c->n_riders = 0;
    c->prog = PROG_NONE;
    c->since_sweep = SWEEP_EVERY; /* files of those who never acked */
}

static void restore_now(struct ckpt *c) {
    c->restart = false;
    c->stopped = false;
    c->run = RUN_STARTING;
    c->committing = 0; /* the restore commits again what its record holds */
    answer(c, c->commit_riders, c->n_commit_riders, false, ckpt_newest(c),
           "the job was restarted before its output was committed");
    c->n_commit_riders = 0;
    c->attempt = (c->epoch << CKPT_ATTEMPT_BITS) + ++c->attempt_count;
    struct ckpt_action *a = act(c, CKPT_RESTORE);
    a->attempt = c->attempt;
    if (newest(c)) a->record = newest(c)->record;
    a->checkpoint = a->record.checkpoint;
}

void ckpt_restart(struct ckpt *c, const char *reason) {
    if (c->phase != LEADING) return;
    abort_progress(c, reason);
    c->run = RUN_NONE;
    c->restart = true;
    /* A record whose outcome is open decides from where to restore: checkpoint_recorded. */
    if (c->prog == PROG_NONE && c->io == IO_NONE) io_begin(c, IO_RESTORE_CHECK);
}

static void failed(struct ckpt *c, const char *reason) {
    abort_progress(c, reason);
    c->n_failures++;
    int shift = MIN(c->n_failures - 1, 16);
    int64_t wait = MIN(c->opts.retry_ms << shift, c->opts.retry_max_ms);
    c->next_ms = MAX(c->next_ms, c->now_ms + wait);
    if (c->opts.tolerable_failures < 0 || c->n_failures <= c->opts.tolerable_failures) return;
    c->n_failures = 0;
    set_reason(act(c, CKPT_RESTART), reason);
    ckpt_restart(c, reason);
}

static void commit_done(struct ckpt *c) {
    answer(c, c->commit_riders, c->n_commit_riders, true, c->committing, "");
    c->n_commit_riders = 0;
    c->committing = 0;
}

static void send_commit(struct ckpt *c) {
    c->commit_again_ms = c->now_ms + c->opts.retry_max_ms;
    struct ckpt_action *a = act(c, CKPT_COMMIT);
    a->attempt = c->attempt;
    a->checkpoint = c->committing;
}

static void begin_commit(struct ckpt *c, uint64_t checkpoint) {
    memset(c->commit_acks, 0, sizeof c->commit_acks);
    c->n_commit_acks = 0;
    c->committing = checkpoint;
    send_commit(c);
}

/* Behind the check that nobody has taken over: complete, whatever became of the attempt. seqs: the
 * slots that there are. */
static void checkpoint_recorded(struct ckpt *c, const uint64_t *seqs, size_t n) {
    c->prog = PROG_NONE;
    c->last_seq = c->slot;
    struct ckpt_record rec = new_record(c, CKPT_RECORD_CHECKPOINT);
    rec.files = c->files.files;
    rec.n_files = c->files.n;
    MEM_GROW(c->kept, c->n_kept, c->cap_kept);
    kept_set(&c->kept[c->n_kept++], &rec);
    c->n_failures = 0;
    c->since_sweep++;
    c->next_ms = MAX(c->trigger_ms + c->opts.interval_ms, c->now_ms + c->opts.min_pause_ms);
    struct ckpt_action *a = act(c, CKPT_COMPLETED);
    a->attempt = c->attempt;
    a->checkpoint = c->id;
    a->ckpt_kind = c->kind;
    a->record = newest(c)->record;
    prune(c, seqs, n);
    memcpy(c->commit_riders, c->riders, sizeof c->riders);
    c->n_commit_riders = c->n_riders;
    c->n_riders = 0;
    if (c->restart) {
        restore_now(c);
        return;
    }
    if (c->kind == CKPT_STOP) c->stopped = true;
    begin_commit(c, c->id);
}

static void record_if_ready(struct ckpt *c) {
    if (c->prog != PROG_READY || c->committing || c->io != IO_NONE) return;
    c->prog = PROG_RECORD;
    c->slot = c->last_seq + 1;
    io_begin(c, IO_COMMIT);
}

static void trigger(struct ckpt *c) {
    c->id = ++c->last_id;
    c->kind = CKPT_PERIODIC;
    c->n_riders = c->n_requests;
    memcpy(c->riders, c->requests, sizeof c->riders);
    for (int i = 0; i < c->n_requests; i++)
        c->kind = MAX(c->kind, c->requests[i].kind);
    c->n_requests = 0;
    c->prog = PROG_ACKING;
    c->trigger_ms = c->now_ms;
    c->deadline_ms = c->now_ms + c->opts.timeout_ms;
    memset(c->acked, 0, sizeof c->acked);
    c->n_acked = 0;
    c->files.n = 0;
    struct ckpt_action *a = act(c, CKPT_TRIGGER);
    a->attempt = c->attempt;
    a->checkpoint = c->id;
    a->ckpt_kind = c->kind;
    a->base = ckpt_newest(c);
}

static bool may_trigger(const struct ckpt *c) {
    return c->phase == LEADING && c->run == RUN_RUNNING && c->prog == PROG_NONE && !c->stopped;
}

static bool takes(uint8_t *bits, uint32_t i) {
    if (bits[i / 8] & 1u << i % 8) return false;
    bits[i / 8] |= (uint8_t)(1u << i % 8);
    return true;
}

void ckpt_acked(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant,
                const struct ckpt_file *files, size_t n_files) {
    if (c->phase != LEADING) return;
    bool current = attempt == c->attempt && c->run == RUN_RUNNING;
    if (!current || checkpoint != c->id || c->prog != PROG_ACKING) {
        /* Too late for it. A repeated ack of what is being recorded names live files; anything else
         * is left over. Files of a newer epoch aren't ours to touch. */
        bool open = c->prog != PROG_NONE && checkpoint == c->id && attempt == c->attempt;
        for (size_t i = 0; !open && i < n_files; i++) {
            uint64_t epoch, id;
            if (!ckpt_file_parse(files[i].name, &epoch, &id)) continue;
            if (epoch <= c->epoch && id == checkpoint && !files_has(&c->files, files[i].name))
                delete_files(c, &files[i], 1);
        }
        return;
    }
    if (participant >= c->n_participants || !takes(c->acked, participant)) return;
    for (size_t i = 0; i < n_files; i++)
        if (!files_has(&c->files, files[i].name)) files_add(&c->files, &files[i], 1);
    if (++c->n_acked < c->n_participants) return;
    c->prog = PROG_READY;
    record_if_ready(c);
}

void ckpt_declined(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant,
                   const char *reason) {
    if (c->phase != LEADING || attempt != c->attempt || c->run != RUN_RUNNING) return;
    if (checkpoint != c->id || c->prog != PROG_ACKING || participant >= c->n_participants) return;
    failed(c, reason);
}

void ckpt_committed(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant) {
    if (c->phase != LEADING || attempt != c->attempt || checkpoint != c->committing) return;
    if (!c->committing || participant >= c->n_participants) return;
    if (!takes(c->commit_acks, participant)) return;
    if (++c->n_commit_acks < c->n_participants) return;
    commit_done(c);
    record_if_ready(c);
}

void ckpt_request(struct ckpt *c, enum ckpt_kind kind, uint64_t tag) {
    struct request r = {kind, tag};
    if (c->phase != LEADING || c->n_requests == REQUESTS_MAX || c->stopped) {
        answer(c, &r, 1, false, ckpt_newest(c),
               c->phase != LEADING ? "this coordinator doesn't lead"
               : c->stopped        ? "the job is being stopped"
                                   : "too many requests are open");
        return;
    }
    c->requests[c->n_requests++] = r;
    if (may_trigger(c)) trigger(c);
}

/* ---- attempts ---- */

static void attempt_runs(struct ckpt *c, uint32_t n_participants) {
    CHECK(n_participants > 0 && n_participants <= CKPT_PARTICIPANTS_MAX);
    c->n_participants = n_participants;
    c->run = RUN_RUNNING;
    c->next_ms = c->now_ms + c->opts.interval_ms;
}

void ckpt_attempt_started(struct ckpt *c, uint64_t attempt, uint32_t n_participants) {
    if (c->phase != LEADING || c->run != RUN_STARTING || attempt != c->attempt) return;
    attempt_runs(c, n_participants);
}

bool ckpt_attempt_adopted(struct ckpt *c, uint64_t attempt, uint32_t n_participants,
                          uint64_t seen) {
    if (c->phase != LEADING || c->run != RUN_NONE) return false;
    /* An older attempt than the newest state's: a deployment has gone by it. */
    if (newest(c) && attempt < newest(c)->record.attempt) return false;
    c->attempt = attempt;
    c->last_id = MAX(c->last_id, seen);
    attempt_runs(c, n_participants);
    if (seen > ckpt_newest(c)) {
        struct ckpt_action *a = act(c, CKPT_ABORT);
        a->attempt = attempt;
        a->checkpoint = seen;
        set_reason(a, "the coordinator that triggered it is gone");
    }
    if (newest(c)) begin_commit(c, ckpt_newest(c)); /* the one before may not have come to it */
    return true;
}

/* ---- time ---- */

void ckpt_tick(struct ckpt *c, int64_t now_ms) {
    c->now_ms = MAX(c->now_ms, now_ms);
    if (c->phase == OVER) return;
    if (c->io != IO_NONE && c->io_retry_ms <= c->now_ms) io_send(c);
    if (c->phase != LEADING) return;
    if (c->prog == PROG_ACKING && c->now_ms >= c->deadline_ms) {
        char text[128];
        snprintf(text, sizeof text,
                 "checkpoint %" PRIu64 " timed out: %u of %u workers had acknowledged", c->id,
                 c->n_acked, c->n_participants);
        failed(c, text);
    }
    if (c->committing && c->run == RUN_RUNNING && c->now_ms >= c->commit_again_ms) send_commit(c);
    if (may_trigger(c) && (c->n_requests || (c->opts.interval_ms > 0 && c->now_ms >= c->next_ms)))
        trigger(c);
    sweep(c);
}

int64_t ckpt_due_ms(const struct ckpt *c) {
    int64_t due = INT64_MAX;
    if (c->phase == OVER) return due;
    if (c->io != IO_NONE) due = MIN(due, c->io_retry_ms);
    if (c->phase != LEADING) return due;
    if (c->prog == PROG_ACKING) due = MIN(due, c->deadline_ms);
    if (c->committing && c->run == RUN_RUNNING) due = MIN(due, c->commit_again_ms);
    if (may_trigger(c) && c->n_requests) due = MIN(due, c->now_ms);
    if (may_trigger(c) && c->opts.interval_ms > 0) due = MIN(due, c->next_ms);
    if (!c->sweep_open && c->since_sweep >= SWEEP_EVERY)
        due = MIN(due, MAX(c->sweep_retry_ms, c->now_ms));
    return due;
}

/* ---- the rest ---- */

struct ckpt *ckpt_new(const struct ckpt_options *opts, uint64_t nonce, int64_t now_ms) {
    CHECK(opts->retained >= 1 && opts->retry_ms > 0 && nonce);
    struct ckpt *c = mem_zalloc(sizeof *c);
    c->opts = *opts;
    c->nonce = nonce;
    c->now_ms = now_ms;
    io_begin(c, IO_TAKE_LIST);
    return c;
}

void ckpt_free(struct ckpt *c) {
    if (!c) return;
    take_clear(c);
    for (size_t i = 0; i < c->n_kept; i++)
        kept_release(&c->kept[i]);
    free(c->kept);
    free(c->files.files);
    free(c->lent.files);
    free(c->actions);
    free(c);
}

uint64_t ckpt_epoch(const struct ckpt *c) {
    return c->phase == LEADING ? c->epoch : 0;
}

bool ckpt_leads(const struct ckpt *c) {
    return c->phase == LEADING;
}

uint64_t ckpt_newest(const struct ckpt *c) {
    return newest(c) ? newest(c)->checkpoint : 0;
}

uint64_t ckpt_in_progress(const struct ckpt *c) {
    return c->prog == PROG_NONE ? 0 : c->id;
}

uint64_t ckpt_first_open(const struct ckpt *c) {
    return c->prog == PROG_NONE ? c->last_id + 1 : c->id;
}
