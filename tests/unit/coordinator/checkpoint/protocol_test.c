/* Single rules of the checkpoint protocol, event by event. What they add up to under faults is
 * tried by protocol_sim_test. */
#include "coordinator/checkpoint/protocol.h"

#include "tests/unit/cmocka_wrap.h"

#include <string.h>

static const struct ckpt_options opts = {.interval_ms = 1000,
                                         .min_pause_ms = 200,
                                         .timeout_ms = 5000,
                                         .retry_ms = 100,
                                         .retry_max_ms = 1600,
                                         .tolerable_failures = 2,
                                         .retained = 1};

static struct ckpt_action next_is(struct ckpt *c, enum ckpt_action_kind kind) {
    struct ckpt_action a;
    assert_true(ckpt_next(c, &a));
    assert_int_equal(a.kind, kind);
    return a;
}

static void nothing(struct ckpt *c) {
    struct ckpt_action a;
    if (ckpt_next(c, &a)) fail_msg("unexpected action %d: %s", a.kind, a.reason);
}

static struct ckpt_file file(const char *name) {
    struct ckpt_file f = {{0}};
    strncpy(f.name, name, sizeof f.name - 1);
    return f;
}

/* Leads over an empty log, at time 0. */
static struct ckpt *leading(void) {
    struct ckpt *c = ckpt_new(&opts, 77, 0);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, NULL, 0);
    struct ckpt_action a = next_is(c, CKPT_CREATE_SLOT);
    assert_int_equal(a.record.seq, 1);
    assert_int_equal(a.record.kind, CKPT_RECORD_LEADER);
    ckpt_slot_created(c, 1, CKPT_CREATED);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){1}, 1);
    next_is(c, CKPT_LEAD);
    assert_true(ckpt_leads(c));
    assert_int_equal(ckpt_epoch(c), 1);
    return c;
}

static uint64_t run_attempt(struct ckpt *c, uint64_t top, uint32_t participants) {
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, &top, 1);
    struct ckpt_action a = next_is(c, CKPT_RESTORE);
    ckpt_attempt_started(c, a.attempt, participants);
    return a.attempt;
}

static struct ckpt *running(uint32_t participants, uint64_t *ret_attempt) {
    struct ckpt *c = leading();
    ckpt_restart(c, "first start");
    *ret_attempt = run_attempt(c, 1, participants);
    ckpt_tick(c, 0);
    next_is(c, CKPT_LIST_FILES);
    ckpt_files_listed(c, true, NULL, 0);
    nothing(c);
    return c;
}

/* All of one checkpoint of one participant, at slot `slot`. */
static void complete(struct ckpt *c, uint64_t attempt, uint64_t id, const char *name, uint64_t slot,
                     const uint64_t *slots, size_t n_slots) {
    assert_int_equal(next_is(c, CKPT_TRIGGER).checkpoint, id);
    struct ckpt_file f = file(name);
    ckpt_acked(c, attempt, id, 0, &f, 1);
    struct ckpt_action a = next_is(c, CKPT_CREATE_SLOT);
    assert_int_equal(a.record.seq, slot);
    assert_int_equal(a.record.n_files, 1);
    assert_string_equal(a.record.files[0].name, name);
    ckpt_slot_created(c, slot, CKPT_CREATED);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, slots, n_slots);
    assert_int_equal(next_is(c, CKPT_COMPLETED).checkpoint, id);
}

static void test_complete_commit_prune(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    assert_int_equal(ckpt_due_ms(c), 1000);
    ckpt_tick(c, 999);
    nothing(c);
    ckpt_tick(c, 1000);
    complete(c, at, 1, "1-1-w0-0.state", 2, (uint64_t[]){1, 2}, 2);
    assert_int_equal(next_is(c, CKPT_DELETE_SLOT).seq, 1); /* the leader's record has served */
    assert_int_equal(next_is(c, CKPT_COMMIT).checkpoint, 1);
    nothing(c);
    /* The next may be taken, not recorded, before the commit is acknowledged. */
    ckpt_tick(c, 2000);
    assert_int_equal(next_is(c, CKPT_TRIGGER).base, 1);
    struct ckpt_file f = file("1-2-w0-0.state");
    ckpt_acked(c, at, 2, 0, &f, 1);
    nothing(c);
    ckpt_committed(c, at, 1, 0);
    assert_int_equal(next_is(c, CKPT_CREATE_SLOT).record.prev_seq, 2);
    ckpt_slot_created(c, 3, CKPT_CREATED);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){2, 3}, 2);
    next_is(c, CKPT_COMPLETED);
    assert_int_equal(next_is(c, CKPT_DELETE_SLOT).seq, 2); /* record first, then its files */
    assert_string_equal(next_is(c, CKPT_DELETE_FILE).file.name, "1-1-w0-0.state");
    next_is(c, CKPT_COMMIT);
    nothing(c);
    /* Not acknowledged: said again. */
    assert_int_equal(ckpt_due_ms(c), 3000);
    ckpt_tick(c, 3700);
    next_is(c, CKPT_COMMIT);
    next_is(c, CKPT_TRIGGER);
    ckpt_free(c);
}

static void test_failures_back_off_then_restart(void **state) {
    uint64_t at;
    struct ckpt *c = running(2, &at);
    ckpt_tick(c, 1000);
    next_is(c, CKPT_TRIGGER);
    struct ckpt_file f = file("1-1-w0-0.state");
    ckpt_acked(c, at, 1, 0, &f, 1);
    ckpt_acked(c, at, 1, 0, &f, 1); /* twice the same one */
    ckpt_acked(c, at, 1, 7, &f, 1); /* nobody */
    nothing(c);
    ckpt_declined(c, at, 1, 1, "disk full");
    assert_string_equal(next_is(c, CKPT_ABORT).reason, "disk full");
    assert_string_equal(next_is(c, CKPT_DELETE_FILE).file.name, "1-1-w0-0.state");
    nothing(c);
    /* An ack that comes too late: its file goes. */
    f = file("1-1-w1-0.state");
    ckpt_acked(c, at, 1, 1, &f, 1);
    assert_string_equal(next_is(c, CKPT_DELETE_FILE).file.name, "1-1-w1-0.state");
    ckpt_tick(c, 1100);
    next_is(c, CKPT_TRIGGER); /* again after retry_ms, not after the interval */
    next_is(c, CKPT_LIST_FILES);
    ckpt_files_listed(c, false, NULL, 0);
    ckpt_tick(c, 6099);
    next_is(c, CKPT_LIST_FILES); /* the listing that failed */
    ckpt_files_listed(c, true, NULL, 0);
    nothing(c);
    ckpt_tick(c, 6100); /* timeout_ms */
    assert_non_null(strstr(next_is(c, CKPT_ABORT).reason, "0 of 2"));
    next_is(c, CKPT_LIST_FILES);
    ckpt_tick(c, 6300);
    next_is(c, CKPT_TRIGGER);
    ckpt_declined(c, at, 3, 0, "disk full");
    next_is(c, CKPT_ABORT);
    assert_string_equal(next_is(c, CKPT_RESTART).reason, "disk full"); /* the third in a row */
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){1}, 1);
    assert_true(next_is(c, CKPT_RESTORE).attempt > at);
    ckpt_free(c);
}

static void test_unknown_outcome_is_read_back(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    ckpt_tick(c, 1000);
    next_is(c, CKPT_TRIGGER);
    ckpt_acked(c, at, 1, 0, NULL, 0);
    struct ckpt_action a = next_is(c, CKPT_CREATE_SLOT);
    ckpt_slot_created(c, 2, CKPT_UNKNOWN);
    nothing(c);
    ckpt_restart(c, "a worker died"); /* must wait: the checkpoint may be complete */
    nothing(c);
    ckpt_tick(c, 1100);
    next_is(c, CKPT_READ_SLOT);
    ckpt_slot_read(c, 2, 0, NULL); /* not there: created again */
    ckpt_tick(c, 1500);
    next_is(c, CKPT_CREATE_SLOT);
    ckpt_slot_created(c, 2, CKPT_EXISTS); /* the first one has arrived by now */
    next_is(c, CKPT_READ_SLOT);
    ckpt_slot_read(c, 2, 0, &a.record);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){1, 2}, 2);
    next_is(c, CKPT_COMPLETED);
    next_is(c, CKPT_DELETE_SLOT);
    assert_int_equal(next_is(c, CKPT_RESTORE).checkpoint, 1);
    nothing(c);
    ckpt_free(c);
}

static void test_fenced(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    ckpt_tick(c, 1000);
    next_is(c, CKPT_TRIGGER);
    ckpt_acked(c, at, 1, 0, NULL, 0);
    next_is(c, CKPT_CREATE_SLOT);
    ckpt_slot_created(c, 2, CKPT_EXISTS);
    next_is(c, CKPT_READ_SLOT);
    struct ckpt_record other = {.seq = 2, .kind = CKPT_RECORD_LEADER, .epoch = 2, .nonce = 5};
    ckpt_slot_read(c, 2, 0, &other);
    next_is(c, CKPT_FENCED);
    assert_false(ckpt_leads(c));
    ckpt_tick(c, 100000);
    ckpt_request(c, CKPT_SAVEPOINT, 1);
    assert_false(next_is(c, CKPT_REQUEST_DONE).ok);
    nothing(c);
    ckpt_free(c);
}

/* The slot was free only because others have been there and gone on. */
static void test_slot_behind_the_log_is_no_win(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    ckpt_tick(c, 1000);
    next_is(c, CKPT_TRIGGER);
    ckpt_acked(c, at, 1, 0, NULL, 0);
    next_is(c, CKPT_CREATE_SLOT);
    ckpt_slot_created(c, 2, CKPT_CREATED);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){2, 9, 10}, 3);
    next_is(c, CKPT_FENCED);
    nothing(c);
    ckpt_free(c);
}

static void test_takeover_follows_the_chain(void **state) {
    struct ckpt *c = ckpt_new(&opts, 9, 0);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){5, 7, 6}, 3);
    struct ckpt_file f = file("3-40-w0-0.state"), stray = file("2-41-w0-0.state");
    struct ckpt_record leader = {.seq = 7,
                                 .kind = CKPT_RECORD_LEADER,
                                 .epoch = 4,
                                 .nonce = 3,
                                 .attempt = 30,
                                 .checkpoint = 40,
                                 .checkpoint_seq = 5};
    struct ckpt_record lost = {.seq = 6,
                               .kind = CKPT_RECORD_CHECKPOINT,
                               .epoch = 2,
                               .nonce = 2,
                               .checkpoint = 41,
                               .checkpoint_seq = 6,
                               .files = &stray,
                               .n_files = 1};
    struct ckpt_record good = {.seq = 5,
                               .kind = CKPT_RECORD_CHECKPOINT,
                               .epoch = 3,
                               .nonce = 1,
                               .attempt = 30,
                               .checkpoint = 40,
                               .checkpoint_seq = 5,
                               .files = &f,
                               .n_files = 1};
    assert_int_equal(next_is(c, CKPT_READ_SLOT).seq, 7);
    ckpt_slot_read(c, 7, 0, &leader);
    assert_int_equal(next_is(c, CKPT_READ_SLOT).seq, 6);
    ckpt_slot_read(c, 6, ERR_IO, NULL); /* asked again */
    nothing(c);
    ckpt_tick(c, 100);
    assert_int_equal(next_is(c, CKPT_READ_SLOT).seq, 6);
    ckpt_slot_read(c, 6, 0, &lost);
    assert_int_equal(next_is(c, CKPT_READ_SLOT).seq, 5);
    ckpt_slot_read(c, 5, 0, &good);
    struct ckpt_action a = next_is(c, CKPT_CREATE_SLOT);
    assert_int_equal(a.record.seq, 8);
    assert_int_equal(a.record.epoch, 5);
    assert_int_equal(a.record.checkpoint, 40);
    assert_int_equal(a.record.checkpoint_seq, 5);
    ckpt_slot_created(c, 8, CKPT_CREATED);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){5, 6, 7, 8}, 4);
    assert_int_equal(next_is(c, CKPT_DELETE_SLOT).seq, 7);
    assert_int_equal(next_is(c, CKPT_DELETE_SLOT).seq, 6);
    a = next_is(c, CKPT_LEAD);
    assert_int_equal(a.checkpoint, 40);
    assert_int_equal(a.record.n_files, 1);
    assert_string_equal(a.record.files[0].name, f.name);
    /* Workers of an older attempt than the state's can't go on; those of the same can. */
    assert_false(ckpt_attempt_adopted(c, 29, 1, 40));
    assert_true(ckpt_attempt_adopted(c, 30, 1, 43));
    assert_int_equal(next_is(c, CKPT_ABORT).checkpoint, 43);
    assert_int_equal(next_is(c, CKPT_COMMIT).checkpoint, 40);
    ckpt_tick(c, 1200);
    /* Files: of the newest record, of a newer leader, foreign: stay. */
    struct ckpt_action sweep = next_is(c, CKPT_TRIGGER);
    assert_int_equal(sweep.checkpoint, 44);
    next_is(c, CKPT_LIST_FILES);
    struct ckpt_file list[] = {f,
                               stray,
                               file("6-50-w0-0.state"),
                               file("notes.txt"),
                               file("5-44-w0-0.state"),
                               file("5-43-w0-0.state")};
    ckpt_files_listed(c, true, list, 6);
    assert_string_equal(next_is(c, CKPT_DELETE_FILE).file.name, stray.name);
    assert_string_equal(next_is(c, CKPT_DELETE_FILE).file.name, "5-43-w0-0.state");
    nothing(c);
    ckpt_free(c);
}

static void test_log_that_cannot_be_read(void **state) {
    struct ckpt *c = ckpt_new(&opts, 9, 0);
    next_is(c, CKPT_LIST_SLOTS);
    ckpt_slots_listed(c, true, (uint64_t[]){3}, 1);
    next_is(c, CKPT_READ_SLOT);
    ckpt_slot_read(c, 3, ERR_CORRUPT, NULL);
    assert_string_equal(next_is(c, CKPT_FAIL).reason, "record 3 of the checkpoint log is corrupt");
    ckpt_free(c);

    c = ckpt_new(&opts, 9, 0); /* names a checkpoint whose record is gone for good */
    struct ckpt_record leader = {.seq = 3,
                                 .kind = CKPT_RECORD_LEADER,
                                 .epoch = 1,
                                 .nonce = 1,
                                 .checkpoint = 4,
                                 .checkpoint_seq = 2};
    struct ckpt_action a;
    int64_t now = 0;
    for (int i = 0; i < 200 && ckpt_next(c, &a); i++) {
        if (a.kind == CKPT_FAIL) break;
        if (a.kind == CKPT_LIST_SLOTS) ckpt_slots_listed(c, true, (uint64_t[]){3}, 1);
        if (a.kind == CKPT_READ_SLOT) ckpt_slot_read(c, 3, 0, &leader);
        ckpt_tick(c, now += 2000);
    }
    assert_int_equal(a.kind, CKPT_FAIL);
    ckpt_free(c);
}

static void test_stop(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    ckpt_request(c, CKPT_SAVEPOINT, 1);
    ckpt_request(c, CKPT_STOP, 2); /* rides on the next: the first is under way */
    complete(c, at, 1, "1-1-w0-0.state", 2, (uint64_t[]){2}, 1);
    next_is(c, CKPT_COMMIT);
    ckpt_committed(c, at, 1, 0);
    struct ckpt_action a = next_is(c, CKPT_REQUEST_DONE);
    assert_true(a.ok && a.tag == 1 && a.checkpoint == 1);
    ckpt_tick(c, 10);
    complete(c, at, 2, "1-2-w0-0.state", 3, (uint64_t[]){2, 3}, 2);
    next_is(c, CKPT_DELETE_SLOT);
    next_is(c, CKPT_DELETE_FILE);
    next_is(c, CKPT_COMMIT);
    nothing(c); /* not done before the output is committed */
    ckpt_request(c, CKPT_SAVEPOINT, 3);
    assert_false(next_is(c, CKPT_REQUEST_DONE).ok);
    ckpt_committed(c, at, 2, 0);
    a = next_is(c, CKPT_REQUEST_DONE);
    assert_true(a.ok && a.tag == 2 && a.checkpoint == 2 && a.ckpt_kind == CKPT_STOP);
    ckpt_tick(c, 100000);
    nothing(c);
    ckpt_free(c);
}

static void test_request_fails_with_its_checkpoint(void **state) {
    uint64_t at;
    struct ckpt *c = running(1, &at);
    ckpt_request(c, CKPT_STOP, 5);
    next_is(c, CKPT_TRIGGER);
    ckpt_restart(c, "a worker died");
    next_is(c, CKPT_ABORT);
    struct ckpt_action a = next_is(c, CKPT_REQUEST_DONE);
    assert_false(a.ok);
    assert_string_equal(a.reason, "a worker died");
    assert_int_equal(a.checkpoint, 0);
    ckpt_free(c);
}

static void test_file_names(void **state) {
    struct ckpt_file f;
    uint64_t epoch, id;
    ckpt_file_name(12, 345, "worker-1", 0xabc, &f);
    assert_string_equal(f.name, "12-345-worker-1-00000abc.state");
    assert_true(ckpt_file_parse(f.name, &epoch, &id));
    assert_int_equal(epoch, 12);
    assert_int_equal(id, 345);
    static const char *const bad[] = {"",          "x.state",      "1.state",
                                      "1-.state",  "-1-2-w.state", "1-2-w",
                                      "1-2.state", "1-x-w.state",  "1-2-w.json"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ckpt_file_parse(bad[i], &epoch, &id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete_commit_prune),
        cmocka_unit_test(test_failures_back_off_then_restart),
        cmocka_unit_test(test_unknown_outcome_is_read_back),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_slot_behind_the_log_is_no_win),
        cmocka_unit_test(test_takeover_follows_the_chain),
        cmocka_unit_test(test_log_that_cannot_be_read),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_request_fails_with_its_checkpoint),
        cmocka_unit_test(test_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
