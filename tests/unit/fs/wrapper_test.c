/* wrapper_test.c - the counting and the faulty store around the disk. */
#include "fs/counting.h"
#include "fs/faulty.h"

#include "base/core/clock.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/fs/contract.h"

#include <stdio.h>
#include <stdlib.h>

static char dir[64];
static struct fs *disk;

static const char *at(const char *name) {
    static char paths[4][128];
    static int i;
    char *p = paths[i++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static void test_contract(void **state) {
    struct fs *f = counting_fs_new(faulty_fs_new(disk, false, 1), true);
    fs_contract(f, at("contract"), 1 << 20);
    fs_free(f);
}

static void test_counts(void **state) {
    struct err e = ERR_INIT;
    struct fs *f = counting_fs_new(disk, false);
    struct fs_counts k;
    struct fs_writer *w;
    struct fs_entry entry;
    struct arena a;
    cJSON *staged = NULL;
    AUTO_STR text = STR_INIT;
    arena_init(&a);
    assert_ok(fs_put(f, at("a"), "12345", 5, 0, NULL, &e), &e);
    assert_int_equal(fs_put(f, at("a"), "1", 1, FS_NEW, NULL, &e), ERR_EXISTS);
    assert_ok(fs_create(f, at("b"), 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, "1234567", 7, &e), &e);
    assert_ok(fs_write(w, "123", 3, &e), &e);
    assert_ok(fs_stage(w, &staged, &e), &e);
    assert_ok(fs_commit(f, (const cJSON *const *)&staged, 1, NULL, &e), &e);
    assert_ok(fs_get(f, at("b"), NULL, &text, &e), &e);
    assert_int_equal(fs_stat(f, at("none"), NULL, &a, &entry, &e), ERR_NOT_FOUND);
    counting_fs_get(f, &k);
    assert_int_equal(k.files, 2);
    assert_int_equal(k.calls[FS_OP_PUT], 2);
    assert_int_equal(k.failed[FS_OP_PUT], 1);
    assert_int_equal(k.failed[FS_OP_STAT], 1);
    assert_int_equal(k.calls[FS_OP_COMMIT], 1);
    assert_int_equal(k.written_bytes, 15);
    assert_int_equal(k.read_bytes, 10);
    assert_int_equal(k.smallest_write, 3);
    assert_int_equal(k.largest_write, 7);
    counting_fs_reset(f);
    counting_fs_get(f, &k);
    assert_int_equal(k.files, 0);
    cJSON_Delete(staged);
    fs_free(f);
    arena_release(&a);
}

static void test_faults(void **state) {
    struct err e = ERR_INIT;
    struct fs *f = faulty_fs_new(disk, false, 1);
    AUTO_STR text = STR_INIT;
    faulty_fs_add(f, &(struct fault){.kind = FAULT_NO_SPACE, .op = FS_OP_PUT, .nth = 2});
    faulty_fs_add(f, &(struct fault){.kind = FAULT_TORN, .op = FS_OP_PUT, .nth = 3});
    faulty_fs_add(f, &(struct fault){.kind = FAULT_HIDDEN, .op = FS_OP_PUT, .nth = 4});
    faulty_fs_add(f, &(struct fault){.kind = FAULT_ERROR,
                                     .op = -1,
                                     .uri = "forbidden",
                                     .nth = 1,
                                     .times = 2,
                                     .code = ERR_PERMISSION});
    assert_ok(fs_put(f, at("one"), "1111", 4, 0, NULL, &e), &e);
    assert_err(fs_put(f, at("one"), "2222", 4, 0, NULL, &e), ERR_NO_SPACE, &e, "one");
    assert_ok(fs_get(f, at("one"), NULL, &text, &e), &e);
    assert_string_equal(str_text(&text), "1111");
    assert_int_equal(fs_put(f, at("torn"), "3333", 4, 0, NULL, &e), ERR_UNAVAILABLE);
    str_clear(&text);
    assert_ok(fs_get(f, at("torn"), NULL, &text, &e), &e);
    assert_string_equal(str_text(&text), "33");
    assert_int_equal(fs_put(f, at("hidden"), "4444", 4, FS_NEW, NULL, &e), ERR_UNAVAILABLE);
    str_clear(&text);
    assert_ok(fs_get(f, at("hidden"), NULL, &text, &e), &e);
    assert_string_equal(str_text(&text), "4444");
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs_get(f, at("forbidden"), NULL, &text, &e), ERR_PERMISSION);
    assert_int_equal(fs_get(f, at("forbidden"), NULL, &text, &e), ERR_NOT_FOUND);
    assert_int_equal(faulty_fs_count(f), 5);
    faulty_fs_clear(f);
    faulty_fs_add(f,
                  &(struct fault){.kind = FAULT_SLOW, .op = FS_OP_PUT, .nth = 1, .delay_ms = 30});
    int64_t begun = clock_mono_ns();
    assert_ok(fs_put(f, at("slow"), "", 0, 0, NULL, &e), &e);
    assert_true(clock_mono_ns() - begun >= 30000000);
    fs_free(f);
}

/* The same seed gives the same faults. */
static uint64_t failures(uint64_t seed, uint64_t *ret_pattern) {
    struct fs *f = faulty_fs_new(disk, false, seed);
    uint64_t n = 0;
    faulty_fs_add(f, &(struct fault){.kind = FAULT_ERROR, .op = FS_OP_DELETE, .probability = 0.3});
    *ret_pattern = 0;
    for (int i = 0; i < 64; i++) {
        struct err e = ERR_INIT;
        const char *uri = at("not-there");
        int rc = fs_delete(f, &uri, 1, NULL, &e);
        if (rc) n++;
        *ret_pattern = *ret_pattern << 1 | (rc != 0);
    }
    fs_free(f);
    return n;
}

static void test_seeds(void **state) {
    uint64_t a, b, c;
    assert_in_range(failures(7, &a), 8, 32);
    failures(7, &b);
    failures(8, &c);
    assert_true(a == b);
    assert_true(a != c);
}

static int setup(void **state) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/penstock-wrapper-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_ok(fs_find(dir, &disk, &e), &e);
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    assert_ok(fs_delete_tree(disk, dir, NULL, &e), &e);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
