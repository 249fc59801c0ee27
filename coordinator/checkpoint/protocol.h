/* protocol.h - what a coordinator decides about checkpoints: when to trigger, when one is complete,
 * what may be deleted, from where a job is restored, and whether this coordinator still leads.
 * Pure: no I/O, no clock, no threads. Events go in by calls, actions come out by ckpt_next; the
 * owner carries actions out and reports what came of them. Tested by a simulator that injects
 * crashes, lost, late and reordered messages and failing storage
 * (tests/unit/coordinator/checkpoint).
 *
 * The log. What is durable is a log of records in the job's checkpoint directory, one object per
 * slot, made by "create only if absent". A record says either that a leader took over (LEADER) or
 * that a checkpoint is complete (CHECKPOINT: the manifest itself). Who makes slot n+1 has decided
 * what comes after slot n; everybody else finds the slot taken and is fenced. The leader's epoch is
 * the log's highest plus one, so it needs no election to be safe (an election only keeps two
 * coordinators from duelling). Slots far behind are deleted, so that a leader that slept could make
 * a slot that others passed long ago: after each creation the log is listed, and a higher slot
 * means fenced. The idea of a log by conditional creation is that of Delta Lake (Armbrust et al.,
 * VLDB 2020).
 *
 * A creation whose outcome is unknown (time-out, cut connection) is read back before anything else
 * is decided: the checkpoint may be complete, or may not.
 *
 * Sinks. A checkpoint's transactions are committed once it is complete. The next manifest isn't
 * written before all participants have acknowledged the commit, so that at most the newest
 * checkpoint's transactions are ever in doubt; a restore commits them again (idempotent).
 *
 * Incremental state. A trigger names the base: the newest complete checkpoint. What a worker wrote
 * for others since is void; it never has to be told so. */
#ifndef PENSTOCK_COORDINATOR_CHECKPOINT_PROTOCOL_H
#define PENSTOCK_COORDINATOR_CHECKPOINT_PROTOCOL_H

#include "base/core/err.h"
#include "base/proto/ckpt_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ckpt_kind { CKPT_PERIODIC, CKPT_SAVEPOINT, CKPT_STOP };

enum { CKPT_PARTICIPANTS_MAX = 4096, CKPT_ATTEMPT_BITS = 20 };

/* Attempts rise: the epoch of the leader that began it, then a counter. Transactions carry their
 * attempt; a new one aborts those of older attempts alone, so that a leader that isn't one any more
 * can't harm what came after it. */
static inline uint64_t ckpt_attempt_epoch(uint64_t attempt) {
    return attempt >> CKPT_ATTEMPT_BITS;
}

enum ckpt_record_kind { CKPT_RECORD_LEADER, CKPT_RECORD_CHECKPOINT };

struct ckpt_record {
    uint64_t seq; /* slot, from 1 */
    enum ckpt_record_kind kind;
    uint64_t epoch, nonce; /* of the leader that made it; the nonce tells two processes apart */
    uint64_t attempt;      /* CHECKPOINT: whose state it is. LEADER: of the last one */
    /* CHECKPOINT: its own number. LEADER: the newest complete one, and its slot; 0 = none. */
    uint64_t checkpoint, checkpoint_seq;
    uint64_t prev_seq; /* CHECKPOINT: slot of the complete one before it, which may be pruned; 0 =
                          none */
    const struct ckpt_file *files; /* CHECKPOINT: all that it refers to */
    size_t n_files;
};

struct ckpt_options {
    int64_t interval_ms;  /* 0 = only on request */
    int64_t min_pause_ms; /* from the end of one to the trigger of the next */
    int64_t timeout_ms;   /* from trigger to the last ack */
    int64_t retry_ms; /* first wait before storage is asked again, or a checkpoint tried again after
                         a failure; doubles up to retry_max_ms */
    int64_t retry_max_ms;   /* also: wait before a commit is sent again */
    int tolerable_failures; /* in a row; one more restarts the attempt. < 0: any number */
    int retained;           /* complete checkpoints kept, at least 1 */
};

enum ckpt_action_kind {
    CKPT_LIST_SLOTS,  /* → ckpt_slots_listed */
    CKPT_READ_SLOT,   /* seq → ckpt_slot_read */
    CKPT_CREATE_SLOT, /* record (checkpoint: the manifest of what was acked) → ckpt_slot_created */
    CKPT_DELETE_SLOT, /* seq; not reported */
    CKPT_LIST_FILES,  /* → ckpt_files_listed */
    CKPT_DELETE_FILE, /* file; not reported; what is left is found by the next listing */
    CKPT_LEAD,    /* the takeover is done: record = newest complete checkpoint (checkpoint 0: none).
                     Adopt running workers (ckpt_attempt_adopted) or ask for ckpt_restart. */
    CKPT_RESTORE, /* start attempt from record (checkpoint 0: from nothing), commit its
                     transactions, then ckpt_attempt_started */
    CKPT_TRIGGER, /* attempt, checkpoint, base, ckpt_kind: barriers into the sources */
    CKPT_ABORT,   /* attempt, checkpoint: forget it; reason */
    CKPT_COMMIT,  /* attempt, checkpoint: to all participants → ckpt_committed of each; repeated
                     until all have answered */
    CKPT_COMPLETED,    /* checkpoint, record: news */
    CKPT_REQUEST_DONE, /* tag; ok: checkpoint is complete and committed; else reason, and checkpoint
                          = the newest complete one */
    CKPT_RESTART, /* too many failures, reason: the attempt is given up; CKPT_RESTORE follows */
    CKPT_FENCED,  /* another coordinator leads: stop at once, tell workers nothing. Final. */
    CKPT_FAIL     /* the log can't be read as it stands: reason. Final. */
};

struct ckpt_action {
    enum ckpt_action_kind kind;
    enum ckpt_kind ckpt_kind;
    uint64_t seq, attempt, checkpoint, base, tag;
    bool ok;
    struct ckpt_record record; /* files: borrowed until the next event */
    struct ckpt_file file;
    char reason[256];
};

enum ckpt_created { CKPT_CREATED, CKPT_EXISTS, CKPT_UNKNOWN };

struct ckpt;

/* nonce: random, not 0. */
struct ckpt *ckpt_new(const struct ckpt_options *opts, uint64_t nonce, int64_t now_ms);
void ckpt_free(struct ckpt *c); /* NULL accepted */
/* The next thing to do; false when there is nothing. */
bool ckpt_next(struct ckpt *c, struct ckpt_action *ret);
/* When ckpt_tick wants to be called at the latest; INT64_MAX = no need. */
int64_t ckpt_due_ms(const struct ckpt *c);

/* ---- events; now_ms never goes back ---- */
void ckpt_tick(struct ckpt *c, int64_t now_ms);
/* ok false: couldn't be listed; asked again later. */
void ckpt_slots_listed(struct ckpt *c, bool ok, const uint64_t *seqs, size_t n);
/* rec NULL: there is no such slot. rc: 0, a negative ERR_* of the storage (asked again), or
 * ERR_CORRUPT (CKPT_FAIL). */
void ckpt_slot_read(struct ckpt *c, uint64_t seq, int rc, const struct ckpt_record *rec);
void ckpt_slot_created(struct ckpt *c, uint64_t seq, enum ckpt_created result);
void ckpt_files_listed(struct ckpt *c, bool ok, const struct ckpt_file *files, size_t n);

/* After CKPT_RESTORE: the attempt runs with so many participants (workers that hold tasks). */
void ckpt_attempt_started(struct ckpt *c, uint64_t attempt, uint32_t n_participants);
/* After CKPT_LEAD: workers of an earlier leader still run this attempt; seen: the highest
 * checkpoint number any of them has heard of. false: it isn't the newest state's attempt; restart
 * instead. */
bool ckpt_attempt_adopted(struct ckpt *c, uint64_t attempt, uint32_t n_participants, uint64_t seen);
/* The attempt has failed or is given up; CKPT_RESTORE follows as soon as it is known from where. */
void ckpt_restart(struct ckpt *c, const char *reason);

void ckpt_acked(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant,
                const struct ckpt_file *files, size_t n_files);
void ckpt_declined(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant,
                   const char *reason);
void ckpt_committed(struct ckpt *c, uint64_t attempt, uint64_t checkpoint, uint32_t participant);
/* One more checkpoint as soon as possible; its end is told by CKPT_REQUEST_DONE with the tag. */
void ckpt_request(struct ckpt *c, enum ckpt_kind kind, uint64_t tag);

bool ckpt_leads(const struct ckpt *c);
uint64_t ckpt_epoch(const struct ckpt *c); /* of this leader; 0 before it leads */
/* 0 = none. */
uint64_t ckpt_newest(const struct ckpt *c);
uint64_t ckpt_in_progress(const struct ckpt *c);
/* The lowest number whose files may still be written: the one in progress, or the next. */
uint64_t ckpt_first_open(const struct ckpt *c);

#endif
