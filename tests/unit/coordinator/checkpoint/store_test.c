/* The checkpoint log on a real disk, and with a store that fails; records as bytes. */
#include "coordinator/checkpoint/store.h"

#include "base/core/mem.h"
#include "fs/faulty.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct fs_stores *stores;
static struct fs *fs;

static int setup(void **state) {
    struct err e = ERR_INIT;
    strcpy(dir, "/tmp/penstock-ckpt-XXXXXX");
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

static const struct ckpt_file two_files[] = {{"3-17-w0-0000abcd.state"},
                                             {"4-18-w1-00000001.state"}};

static struct ckpt_record record(uint64_t seq) {
    return (struct ckpt_record){.seq = seq,
                                .kind = CKPT_RECORD_CHECKPOINT,
                                .epoch = 4,
                                .nonce = 0xFEDCBA9876543210,
                                .attempt = (4ull << CKPT_ATTEMPT_BITS) + 2,
                                .checkpoint = 18,
                                .checkpoint_seq = seq,
                                .prev_seq = 9,
                                .files = two_files,
                                .n_files = 2};
}

static void assert_same(const struct ckpt_record *a, const struct ckpt_record *b) {
    assert_true(a->seq == b->seq && a->kind == b->kind && a->epoch == b->epoch);
    assert_true(a->nonce == b->nonce && a->attempt == b->attempt);
    assert_true(a->checkpoint == b->checkpoint && a->checkpoint_seq == b->checkpoint_seq);
    assert_true(a->prev_seq == b->prev_seq);
    assert_int_equal(a->n_files, b->n_files);
    for (size_t i = 0; i < a->n_files; i++)
        assert_string_equal(a->files[i].name, b->files[i].name);
}

static void test_record_as_bytes(void **state) {
    struct err e = ERR_INIT;
    struct ckpt_record rec = record(12);
    AUTO_JSON *body = cJSON_Parse("{\"vertices\": [1, 2, {\"uid\": \"a\"}]}");
    AUTO_STR bytes = STR_INIT;
    ckpt_manifest_write(&rec, body, &bytes);
    struct ckpt_manifest m = {0};
    assert_ok(ckpt_manifest_read(str_view(&bytes), &m, &e), &e);
    assert_same(&m.record, &rec);
    assert_true(cJSON_Compare(m.body, body, true));
    ckpt_manifest_release(&m);
    /* Any bit and any cut is noticed. */
    for (size_t i = 0; i < bytes.len * 8; i++) {
        AUTO_FREE char *copy = mem_dup(bytes.ptr, bytes.len);
        copy[i / 8] ^= (char)(1 << i % 8);
        int rc = ckpt_manifest_read((struct sv){copy, bytes.len}, &m, &e);
        if (rc != ERR_CORRUPT && rc != ERR_UNSUPPORTED) fail_msg("bit %zu: %d", i, rc);
        err_clear(&e);
    }
    for (size_t n = 0; n < bytes.len; n++) {
        AUTO_FREE char *copy = mem_dup(bytes.ptr, n + 1);
        assert_int_equal(ckpt_manifest_read((struct sv){copy, n}, &m, &e), ERR_CORRUPT);
        err_clear(&e);
    }
}

static void test_newer_format(void **state) {
    struct err e = ERR_INIT;
    struct ckpt_manifest m = {0};
    struct sv text = SV_LIT("penstock-checkpoint 2 0000000000000000 2\n{}");
    assert_int_equal(ckpt_manifest_read(text, &m, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "format 2; this release reads format 1"));
}

static void test_log_on_disk(void **state) {
    struct err e = ERR_INIT;
    char base[96];
    snprintf(base, sizeof base, "%s/job", dir);
    struct ckpt_store *s = ckpt_store_new(fs, base);
    uint64_t *seqs;
    size_t n;
    assert_ok(ckpt_store_slots(s, &seqs, &n, &e), &e); /* nothing there yet */
    assert_int_equal(n, 0);
    free(seqs);
    struct ckpt_record two = record(2), ten = record(10);
    assert_int_equal(ckpt_store_create(s, &ten, NULL, &e), CKPT_CREATED);
    assert_int_equal(ckpt_store_create(s, &two, NULL, &e), CKPT_CREATED);
    two.nonce = 1;
    assert_int_equal(ckpt_store_create(s, &two, NULL, &e), CKPT_EXISTS);
    err_clear(&e);
    char foreign[128];
    snprintf(foreign, sizeof foreign, "%s/log/README", base);
    assert_ok(fs_put(fs, foreign, "x", 1, 0, NULL, &e), &e);
    assert_ok(ckpt_store_slots(s, &seqs, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_true(seqs[0] == 2 && seqs[1] == 10);
    free(seqs);
    struct ckpt_manifest m = {0};
    assert_ok(ckpt_store_read(s, 2, &m, &e), &e);
    assert_true(m.record.nonce == 0xFEDCBA9876543210); /* the first one stands */
    assert_null(m.body);
    ckpt_manifest_release(&m);
    assert_int_equal(ckpt_store_read(s, 3, &m, &e), ERR_NOT_FOUND);
    err_clear(&e);
    assert_ok(ckpt_store_delete_slots(s, (uint64_t[]){2, 3}, 2, &e), &e);
    assert_int_equal(ckpt_store_read(s, 2, &m, &e), ERR_NOT_FOUND);
    err_clear(&e);
    /* A record that lies in another's slot. */
    char a[128], b[128];
    snprintf(a, sizeof a, "%s/log/%020d", base, 10);
    snprintf(b, sizeof b, "%s/log/%020d", base, 11);
    assert_ok(fs_rename(fs, a, b, 0, NULL, &e), &e);
    assert_int_equal(ckpt_store_read(s, 11, &m, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.msg, "slot 10"));
    ckpt_store_free(s);
}

static void put_state(const char *base, const char *name) {
    struct err e = ERR_INIT;
    char uri[256];
    snprintf(uri, sizeof uri, "%s/state/%s", base, name);
    assert_ok(fs_put(fs, uri, "s", 1, 0, NULL, &e), &e);
}

static void test_files_of_state(void **state) {
    struct err e = ERR_INIT;
    char base[96];
    snprintf(base, sizeof base, "%s/files", dir);
    struct ckpt_store *s = ckpt_store_new(fs, base);
    struct ckpt_file *files;
    size_t n;
    assert_ok(ckpt_store_files(s, &files, &n, &e), &e);
    assert_int_equal(n, 0);
    free(files);
    enum { MANY = 600 }; /* several batches of deletions */
    for (uint32_t i = 0; i < MANY; i++) {
        struct ckpt_file f;
        ckpt_file_name(1, i, "w0", i, &f);
        put_state(base, f.name);
    }
    assert_ok(ckpt_store_files(s, &files, &n, &e), &e);
    assert_int_equal(n, MANY);
    assert_ok(ckpt_store_delete_files(s, files, n - 1, &e), &e);
    struct ckpt_file last = files[n - 1];
    free(files);
    assert_ok(ckpt_store_files(s, &files, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_string_equal(files[0].name, last.name);
    free(files);
    /* What a writer that died had begun. */
    struct fs_writer *w;
    char uri[256];
    struct ckpt_file f;
    ckpt_file_name(2, 7, "w1", 1, &f);
    snprintf(uri, sizeof uri, "%s/state/%s", base, f.name);
    assert_ok(fs_create(fs, uri, 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, "half", 4, &e), &e);
    assert_ok(ckpt_store_sweep(s, 2, 6, &e), &e); /* asked before it began: left alone */
    assert_ok(ckpt_store_sweep(s, 2, 7, &e), &e); /* in progress: left alone */
    assert_ok(fs_write(w, "whole", 5, &e), &e);
    assert_ok(fs_finish(w, &e), &e);
    assert_ok(ckpt_store_files(s, &files, &n, &e), &e);
    assert_int_equal(n, 2);
    free(files);
    ckpt_file_name(2, 8, "w1", 1, &f);
    snprintf(uri, sizeof uri, "%s/state/%s", base, f.name);
    assert_ok(fs_create(fs, uri, 0, NULL, &w, &e), &e);
    assert_ok(fs_write(w, "half", 4, &e), &e);
    assert_ok(ckpt_store_sweep(s, 2, 9, &e), &e); /* behind it: gone */
    assert_true(fs_finish(w, &e) != 0);
    err_clear(&e);
    ckpt_store_free(s);
}

static void test_lost_answer(void **state) {
    struct err e = ERR_INIT;
    char base[96];
    snprintf(base, sizeof base, "%s/lost", dir);
    struct fs *faulty = faulty_fs_new(fs, false, 1);
    struct ckpt_store *s = ckpt_store_new(faulty, base);
    faulty_fs_add(faulty, &(struct fault){.kind = FAULT_HIDDEN, .op = -1, .nth = 1});
    struct ckpt_record rec = record(1);
    assert_int_equal(ckpt_store_create(s, &rec, NULL, &e), CKPT_UNKNOWN);
    err_clear(&e);
    struct ckpt_manifest m = {0};
    assert_ok(ckpt_store_read(s, 1, &m, &e), &e); /* it is there all the same */
    assert_same(&m.record, &rec);
    ckpt_manifest_release(&m);
    faulty_fs_clear(faulty);
    faulty_fs_add(faulty, &(struct fault){.kind = FAULT_NO_SPACE, .op = -1, .nth = 1});
    rec = record(2);
    assert_int_equal(ckpt_store_create(s, &rec, NULL, &e), CKPT_UNKNOWN);
    assert_int_equal(e.code, ERR_NO_SPACE);
    ckpt_store_free(s);
    fs_free(faulty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_as_bytes), cmocka_unit_test(test_newer_format),
        cmocka_unit_test(test_log_on_disk),     cmocka_unit_test(test_files_of_state),
        cmocka_unit_test(test_lost_answer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
