/* local_test.c - the disk as a store: the contract, and what only a disk shows. */
#include "fs/local.h"

#include "base/core/mem.h"
#include "fs/stores.h"
#include "fs/uri.h"
#include "fs/walk.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/fs/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct fs_stores *stores;
static struct fs *fs;

static int setup(void **state) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/penstock-local-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_ok(fs_stores_new(NULL, &stores, &e), &e);
    assert_ok(fs_stores_find(stores, dir, &fs, &e), &e);
    return 0;
}

static int teardown(void **state) {
    struct err e = ERR_INIT;
    assert_ok(fs_delete_tree(fs, dir, NULL, &e), &e);
    fs_stores_free(stores);
    return 0;
}

static void test_contract(void **state) {
    char base[96];
    snprintf(base, sizeof base, "%s/contract", dir);
    fs_contract(fs, base, 1 << 20);
    assert_true(fs_is_local(fs));
}

static void test_relative_path(void **state) {
    struct err e = ERR_INIT;
    char before[4096];
    struct arena a;
    struct fs_list list;
    arena_init(&a);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(dir), 0);
    assert_ok(fs_put(fs, "plain.txt", "x", 1, FS_NEW, NULL, &e), &e);
    assert_ok(fs_put(fs, "sub/plain.txt", "x", 1, FS_NEW, NULL, &e), &e);
    assert_ok(fs_glob(fs, "pl*", NULL, &a, &list, &e), &e);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.entries[0].uri, "plain.txt");
    assert_ok(fs_glob(fs, "*/plain.txt", NULL, &a, &list, &e), &e);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.entries[0].uri, "sub/plain.txt");
    assert_int_equal(chdir(before), 0);
    arena_release(&a);
}

static void test_errors(void **state) {
    struct err e = ERR_INIT;
    char path[128];
    snprintf(path, sizeof path, "%s/file", dir);
    assert_ok(fs_put(fs, path, "x", 1, 0, NULL, &e), &e);
    snprintf(path, sizeof path, "%s/file/below", dir);
    assert_int_equal(fs_put(fs, path, "x", 1, 0, NULL, &e), ERR_NOT_FOUND);
    assert_int_equal(fs_make_dirs(fs, path, NULL, &e), ERR_EXISTS);
    snprintf(path, sizeof path, "%s/sub", dir);
    assert_ok(fs_make_dirs(fs, path, NULL, &e), &e);
    assert_err(fs_put(fs, path, "x", 1, FS_NEW, NULL, &e), ERR_EXISTS, &e, path);
    snprintf(path, sizeof path, "%s/none", dir);
    struct arena a;
    arena_init(&a);
    struct fs_entry entry;
    assert_int_equal(fs_stat(fs, path, NULL, &a, &entry, &e), ERR_NOT_FOUND);
    const char *named = strstr(e.msg, path); /* once */
    assert_true(named && !strstr(named + 1, path));
    arena_release(&a);
}

/* A write under way shows only under its hidden name, and leaves nothing when it is given up. */
static void test_nothing_left(void **state) {
    struct err e = ERR_INIT;
    struct arena a;
    struct fs_list list;
    struct fs_writer *w;
    char path[128], sub[128];
    arena_init(&a);
    snprintf(sub, sizeof sub, "%s/left", dir);
    snprintf(path, sizeof path, "%s/left/x", dir);
    assert_ok(fs_create(fs, path, 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, "abc", 3, &e), &e);
    assert_ok(fs_list_all(fs, sub, NULL, &a, &list, &e), &e);
    assert_int_equal(list.n, 1);
    assert_int_equal(fs_uri_name(list.entries[0].uri)[0], '.');
    fs_abandon(w);
    assert_ok(fs_list_all(fs, sub, NULL, &a, &list, &e), &e);
    assert_int_equal(list.n, 0);
    arena_release(&a);
}

/* Large writes go past the page cache; what is read must not tell. */
static void test_large_writes(void **state) {
    static const size_t sizes[][5] = {{300000, 65536, 99999, 7, 200000},
                                      {65536, 4096, 1 << 20, 65535, 1},
                                      {10, 1 << 20, 3, 0, 0},
                                      {(1 << 20) + 4095, 70001, 70001, 0, 65536}};
    struct err e = ERR_INIT;
    char path[128];
    size_t max = 3 << 20;
    char *bytes = mem_alloc(max), *read = mem_alloc(max);
    uint32_t x = 1;
    for (size_t i = 0; i < max; i++)
        bytes[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    for (size_t f = 0; f < ARRAY_LEN(sizes); f++) {
        struct fs_writer *w;
        struct fs_file *file;
        size_t n = 0, got;
        snprintf(path, sizeof path, "%s/large-%zu", dir, f);
        assert_ok(fs_create(fs, path, 0, NULL, &w, &e), &e);
        for (size_t i = 0; i < ARRAY_LEN(sizes[f]); n += sizes[f][i++])
            assert_ok(fs_write(w, bytes + n, sizes[f][i], &e), &e);
        assert_ok(fs_finish(w, &e), &e);
        assert_ok(fs_open(fs, path, NULL, &file, &e), &e);
        assert_ok(fs_read_at(file, 0, read, max, &got, NULL, &e), &e);
        assert_int_equal(got, n);
        assert_memory_equal(read, bytes, n);
        fs_close(file);
    }
    free(bytes);
    free(read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),     cmocka_unit_test(test_relative_path),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_large_writes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
