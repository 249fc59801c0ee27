/* Files of state: pieces of many threads, a store that fails or hangs, checkpoints given up. */
#include "worker/checkpoint/state_file.h"

#include "base/core/mem.h"
#include "base/core/thread.h"
#include "fs/faulty.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct fs_stores *stores;
static struct fs *disk, *faulty;

static int setup(void **state) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/penstock-sf-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_ok(fs_stores_new(NULL, &stores, &e), &e);
    assert_ok(fs_stores_find(stores, dir, &disk, &e), &e);
    faulty = faulty_fs_new(disk, false, 1);
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    fs_free(faulty);
    assert_ok(fs_delete_tree(disk, dir, NULL, &e), &e);
    fs_stores_free(stores);
    return 0;
}

/* ---- results, waited for ---- */

struct results {
    pthread_mutex_t lock;
    pthread_cond_t more;
    int n;
    struct state_file_result last;
    struct err err;
};

static void on_done(void *self, struct state_file_result *r) {
    struct results *rs = self;
    pthread_mutex_lock(&rs->lock);
    cJSON_Delete(rs->last.tasks);
    rs->last = *r;
    if (r->err) rs->err = *r->err;
    rs->n++;
    pthread_cond_signal(&rs->more);
    pthread_mutex_unlock(&rs->lock);
}

static void wait_for(struct results *rs, int n) {
    pthread_mutex_lock(&rs->lock);
    while (rs->n < n)
        pthread_cond_wait(&rs->more, &rs->lock);
    pthread_mutex_unlock(&rs->lock);
}

static struct state_file_writer *writer(struct results *rs, struct fs *fs) {
    struct err e = ERR_INIT;
    *rs = (struct results){.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct state_file_opts o = {
        .fs = fs, .dir = dir, .worker_id = "w3", .self = rs, .done = on_done};
    struct state_file_writer *w;
    assert_ok(state_file_writer_new(&o, &w, &e), &e);
    return w;
}

static void release(struct results *rs, struct state_file_writer *w) {
    state_file_writer_free(w);
    cJSON_Delete(rs->last.tasks);
}

/* Bytes of task t: its number, over and over, of random lengths. */
struct task {
    struct state_file_writer *w;
    uint64_t checkpoint;
    int number;
    struct str sent;
    struct thread thread;
};

static void run_task(void *arg) {
    struct task *t = arg;
    uint32_t rng = (uint32_t)t->number * 7 + (uint32_t)t->checkpoint;
    for (int i = 0; i < 50; i++) {
        rng = rng * 1664525 + 1013904223;
        struct str piece = STR_INIT;
        for (uint32_t k = 0; k < rng % 3000; k++)
            str_add_char(&piece, (char)('a' + (t->number + i) % 26));
        str_add_sv(&t->sent, str_view(&piece));
        state_file_add(t->w, t->checkpoint, t->number % 3, t->number / 3, &piece);
        str_release(&piece);
    }
    cJSON *more = cJSON_CreateObject();
    json_set_bool(more, "full", t->number % 2 == 0);
    state_file_task_done(t->w, t->checkpoint, t->number % 3, t->number / 3, more);
}

static void test_pieces_of_many_threads(void **state) {
    enum { TASKS = 8 };
    struct err e = ERR_INIT;
    struct results rs;
    struct state_file_writer *w = writer(&rs, disk);
    for (uint64_t id = 5; id < 9; id++) {
        struct task tasks[TASKS] = {0};
        assert_true(state_file_begin(w, 2, id, TASKS));
        assert_false(state_file_begin(w, 2, id, TASKS));
        for (int i = 0; i < TASKS; i++) {
            tasks[i] = (struct task){.w = w, .checkpoint = id, .number = i};
            assert_ok(thread_start(&tasks[i].thread, "task", run_task, &tasks[i], &e), &e);
        }
        for (int i = 0; i < TASKS; i++)
            thread_join(&tasks[i].thread);
        wait_for(&rs, (int)id - 4);
        assert_null(rs.last.err);
        assert_true(rs.last.any);
        uint64_t epoch, checkpoint;
        assert_true(ckpt_file_parse(rs.last.file.name, &epoch, &checkpoint));
        assert_true(epoch == 2 && checkpoint == id);
        char uri[256];
        snprintf(uri, sizeof uri, "%s/state/%s", dir, rs.last.file.name);
        AUTO_STR bytes = STR_INIT;
        assert_ok(fs_get(disk, uri, NULL, &bytes, &e), &e);
        assert_int_equal(bytes.len, rs.last.bytes);
        assert_int_equal(cJSON_GetArraySize(rs.last.tasks), TASKS);
        for (const cJSON *t = rs.last.tasks->child; t; t = t->next) {
            int number = (int)json_opt_i64(t, "v", -1) + 3 * (int)json_opt_i64(t, "s", -1);
            assert_true(json_opt_bool(t, "full", false) == (number % 2 == 0));
            AUTO_STR got = STR_INIT;
            for (const cJSON *p = json_opt(t, "pieces")->child; p; p = p->next)
                str_add_n(&got, bytes.ptr + (size_t)p->child->valuedouble,
                          (size_t)p->child->next->valuedouble);
            assert_int_equal(got.len, tasks[number].sent.len);
            assert_memory_equal(got.ptr, tasks[number].sent.ptr, got.len);
        }
        for (int i = 0; i < TASKS; i++)
            str_release(&tasks[i].sent);
    }
    release(&rs, w);
}

static void test_nothing_to_write_makes_no_file(void **state) {
    struct results rs;
    struct state_file_writer *w = writer(&rs, disk);
    state_file_begin(w, 1, 1, 2);
    state_file_task_done(w, 1, 0, 0, NULL);
    state_file_task_done(w, 1, 0, 1, NULL);
    wait_for(&rs, 1);
    assert_null(rs.last.err);
    assert_false(rs.last.any);
    assert_int_equal(cJSON_GetArraySize(rs.last.tasks), 2);
    release(&rs, w);
}

static void add_text(struct state_file_writer *w, uint64_t checkpoint, const char *text) {
    struct str s = STR_INIT;
    str_add(&s, text);
    state_file_add(w, checkpoint, 0, 0, &s);
}

static void test_store_fails(void **state) {
    struct results rs;
    struct state_file_writer *w = writer(&rs, faulty);
    faulty_fs_add(faulty, &(struct fault){.kind = FAULT_NO_SPACE, .op = -1, .nth = 1});
    state_file_begin(w, 1, 1, 1);
    add_text(w, 1, "state");
    state_file_task_done(w, 1, 0, 0, NULL);
    wait_for(&rs, 1);
    assert_non_null(rs.last.err);
    assert_int_equal(rs.err.code, ERR_NO_SPACE);
    assert_non_null(strstr(rs.err.msg, "1-1-w3-"));
    /* The next one is written. */
    faulty_fs_clear(faulty);
    state_file_begin(w, 1, 2, 1);
    add_text(w, 2, "state");
    state_file_task_done(w, 2, 0, 0, NULL);
    wait_for(&rs, 2);
    assert_null(rs.last.err);
    release(&rs, w);
}

static void test_given_up(void **state) {
    struct err e = ERR_INIT;
    struct results rs;
    struct state_file_writer *w = writer(&rs, disk);
    state_file_begin(w, 1, 11, 2);
    add_text(w, 11, "half of it");
    state_file_task_done(w, 11, 0, 0, NULL);
    state_file_abandon(w, 11);
    add_text(w, 11, "too late");
    state_file_task_done(w, 11, 0, 1, NULL);
    /* Begun over one that is open. */
    state_file_begin(w, 1, 12, 2);
    add_text(w, 12, "half of it, too");
    assert_true(state_file_begin(w, 1, 13, 1));
    assert_false(state_file_begin(w, 1, 12, 1));
    add_text(w, 13, "all");
    state_file_task_done(w, 13, 0, 0, NULL);
    wait_for(&rs, 1);
    assert_int_equal(rs.last.checkpoint, 13);
    assert_int_equal(rs.last.bytes, 3);
    release(&rs, w);
    struct arena a;
    arena_init(&a);
    struct fs_page page;
    char prefix[96];
    snprintf(prefix, sizeof prefix, "%s/state/1-11-", dir);
    assert_ok(fs_list(disk, prefix, NULL, NULL, &a, &page, &e), &e);
    assert_int_equal(page.n, 0);
    snprintf(prefix, sizeof prefix, "%s/state/1-12-", dir);
    assert_ok(fs_list(disk, prefix, NULL, NULL, &a, &page, &e), &e);
    assert_int_equal(page.n, 0);
    arena_release(&a);
}

/* A store that takes an hour: freeing doesn't wait for it. */
static void test_closed_while_the_store_hangs(void **state) {
    struct results rs;
    struct state_file_writer *w = writer(&rs, faulty);
    faulty_fs_add(faulty,
                  &(struct fault){
                      .kind = FAULT_SLOW, .op = -1, .nth = 1, .times = 1000, .delay_ms = 3600000});
    state_file_begin(w, 1, 1, 1);
    add_text(w, 1, "state");
    release(&rs, w);
    faulty_fs_clear(faulty);
    assert_int_equal(rs.n, 0);
}

/* A store that takes a tenth of a second for each call, and tasks that bring more than it can take:
 * the checkpoint fails, what waits is let go, and the next one works. */
static void test_store_too_slow(void **state) {
    struct err e = ERR_INIT;
    struct results rs;
    struct state_file_writer *w;
    rs = (struct results){.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct state_file_opts o = {.fs = faulty,
                                .dir = dir,
                                .worker_id = "w3",
                                .backlog_max_bytes = 1 << 20,
                                .self = &rs,
                                .done = on_done};
    assert_ok(state_file_writer_new(&o, &w, &e), &e);
    faulty_fs_add(
        faulty,
        &(struct fault){.kind = FAULT_SLOW, .op = -1, .nth = 1, .times = 1000000, .delay_ms = 100});
    state_file_begin(w, 1, 1, 1);
    for (int i = 0; i < 40; i++) {
        struct str piece = STR_INIT;
        str_reserve(&piece, 100000);
        memset(piece.ptr, 'x', 100000);
        piece.len = 100000;
        state_file_add(w, 1, 0, 0, &piece);
    }
    state_file_task_done(w, 1, 0, 0, NULL);
    wait_for(&rs, 1);
    assert_int_equal(rs.err.code, ERR_BUDGET);
    assert_non_null(strstr(rs.err.msg, "too slow"));
    faulty_fs_clear(faulty);
    state_file_begin(w, 1, 2, 1);
    add_text(w, 2, "all");
    state_file_task_done(w, 2, 0, 0, NULL);
    wait_for(&rs, 2);
    assert_null(rs.last.err);
    assert_int_equal(rs.last.bytes, 3);
    release(&rs, w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_many_threads),
        cmocka_unit_test(test_nothing_to_write_makes_no_file),
        cmocka_unit_test(test_store_fails),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_store_too_slow),
        cmocka_unit_test(test_closed_while_the_store_hangs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
