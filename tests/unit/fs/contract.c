/* contract.c - see contract.h. */
#include "tests/unit/fs/contract.h"

#include "base/core/mem.h"
#include "base/core/thread.h"
#include "fs/walk.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

struct contract {
    struct fs *fs;
    struct arena arena;
    const char *base;
    size_t part_bytes;
};

static const char *at(struct contract *c, const char *name) {
    return arena_printf(&c->arena, "%s/%s", c->base, name);
}

static void put(struct contract *c, const char *name, const char *text) {
    struct err e = ERR_INIT;
    assert_ok(fs_put(c->fs, at(c, name), text, strlen(text), 0, NULL, &e), &e);
}

static void assert_text(struct contract *c, const char *name, const char *want) {
    struct err e = ERR_INIT;
    AUTO_STR got = STR_INIT;
    assert_ok(fs_get(c->fs, at(c, name), NULL, &got, &e), &e);
    assert_string_equal(str_text(&got), want);
}

static bool exists(struct contract *c, const char *name) {
    struct err e = ERR_INIT;
    struct fs_entry entry;
    int rc = fs_stat(c->fs, at(c, name), NULL, &c->arena, &entry, &e);
    if (rc && rc != ERR_NOT_FOUND) fail_msg("%s", e.msg);
    return !rc;
}

/* Bytes that differ everywhere. */
static uint8_t *bytes_of(size_t n) {
    uint8_t *p = mem_alloc(n + 1);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        p[i] = (uint8_t)x;
    }
    return p;
}

static void whole_objects(struct contract *c) {
    struct err e = ERR_INIT;
    struct fs_entry entry;
    put(c, "one/a.txt", "hello");
    assert_text(c, "one/a.txt", "hello");
    put(c, "one/a.txt", "hello again"); /* replaces */
    assert_text(c, "one/a.txt", "hello again");
    put(c, "one/empty", "");
    assert_text(c, "one/empty", "");
    assert_ok(fs_stat(c->fs, at(c, "one/a.txt"), NULL, &c->arena, &entry, &e), &e);
    assert_int_equal(entry.size_bytes, 11);
    assert_false(entry.is_dir);
    assert_string_equal(entry.uri, at(c, "one/a.txt"));
    assert_true(entry.mtime_ms > 1600000000000);
    assert_ok(fs_stat(c->fs, at(c, "one"), NULL, &c->arena, &entry, &e), &e);
    assert_true(entry.is_dir);
    assert_err(fs_stat(c->fs, at(c, "one/none"), NULL, &c->arena, &entry, &e), ERR_NOT_FOUND, &e,
               "stat ");
    AUTO_STR got = STR_INIT;
    assert_int_equal(fs_get(c->fs, at(c, "none/at/all"), NULL, &got, &e), ERR_NOT_FOUND);
    assert_int_equal(got.len, 0);
}

/* The fence: of several at once one succeeds. */
struct racer {
    struct contract *c;
    const char *uri;
    char text[24];
    int rc;
    struct err err;
};
static void race(void *arg) {
    struct racer *r = arg;
    r->rc = fs_put(r->c->fs, r->uri, r->text, strlen(r->text), FS_NEW, NULL, &r->err);
}

static void only_if_absent(struct contract *c) {
    enum { RACERS = 6 };
    struct err e = ERR_INIT;
    struct racer racers[RACERS] = {0};
    struct thread threads[RACERS] = {0};
    int winner = -1;
    for (int i = 0; i < RACERS; i++) {
        racers[i].c = c;
        racers[i].uri = at(c, "fence/manifest");
        snprintf(racers[i].text, sizeof racers[i].text, "epoch %d", i);
        assert_ok(thread_start(&threads[i], "racer", race, &racers[i], &e), &e);
    }
    for (int i = 0; i < RACERS; i++)
        thread_join(&threads[i]);
    for (int i = 0; i < RACERS; i++) {
        if (!racers[i].rc) {
            assert_int_equal(winner, -1);
            winner = i;
        } else if (racers[i].rc != ERR_EXISTS) {
            fail_msg("%s", racers[i].err.msg);
        }
    }
    assert_int_not_equal(winner, -1);
    assert_text(c, "fence/manifest", racers[winner].text);
    assert_err(fs_put(c->fs, at(c, "fence/manifest"), "x", 1, FS_NEW, NULL, &e), ERR_EXISTS, &e,
               "manifest");
    assert_text(c, "fence/manifest", racers[winner].text);
}

static struct fs_writer *create(struct contract *c, const char *name, unsigned flags) {
    struct err e = ERR_INIT;
    struct fs_writer *w;
    assert_ok(fs_create(c->fs, at(c, name), flags, NULL, &w, &e), &e);
    return w;
}

/* In pieces of different sizes. */
static void write_all(struct fs_writer *w, const uint8_t *data, size_t n) {
    struct err e = ERR_INIT;
    for (size_t from = 0, k = 1; from < n; from += k, k = k * 3 + 1)
        assert_ok(fs_write(w, data + from, MIN(k, n - from), &e), &e);
}

static void assert_bytes(struct contract *c, const char *name, const uint8_t *want, size_t n) {
    struct err e = ERR_INIT;
    struct fs_file *file;
    AUTO_FREE uint8_t *got = mem_alloc(n + 1);
    size_t k;
    assert_ok(fs_open(c->fs, at(c, name), NULL, &file, &e), &e);
    assert_ok(fs_read_at(file, 0, got, n + 1, &k, NULL, &e), &e);
    assert_int_equal(k, n);
    assert_memory_equal(got, want, n);
    assert_ok(fs_read_at(file, n / 2, got, 10, &k, NULL, &e), &e);
    assert_int_equal(k, 10);
    assert_memory_equal(got, want + n / 2, 10);
    assert_ok(fs_read_at(file, n - 3, got, 10, &k, NULL, &e), &e);
    assert_int_equal(k, 3);
    assert_ok(fs_read_at(file, n, got, 10, &k, NULL, &e), &e);
    assert_int_equal(k, 0);
    assert_ok(fs_read_at(file, n + 100, got, 10, &k, NULL, &e), &e);
    assert_int_equal(k, 0);
    fs_close(file);
}

static void streams(struct contract *c) {
    struct err e = ERR_INIT;
    size_t n = 3 * c->part_bytes + 12345;
    AUTO_FREE uint8_t *data = bytes_of(n);
    struct fs_writer *w = create(c, "big/file", 0);
    write_all(w, data, n);
    assert_false(exists(c, "big/file")); /* nothing is visible before the end */
    assert_ok(fs_finish(w, &e), &e);
    assert_bytes(c, "big/file", data, n);
    w = create(c, "big/small", 0);
    write_all(w, data, 100);
    assert_ok(fs_finish(w, &e), &e);
    assert_bytes(c, "big/small", data, 100);
    assert_ok(fs_finish(create(c, "big/none", 0), &e), &e);
    assert_text(c, "big/none", "");
    w = create(c, "big/small", FS_NEW); /* is there already */
    write_all(w, data, 10);
    assert_int_equal(fs_finish(w, &e), ERR_EXISTS);
    assert_bytes(c, "big/small", data, 100);
    w = create(c, "big/given-up", 0);
    write_all(w, data, c->part_bytes * 2);
    fs_abandon(w);
    assert_false(exists(c, "big/given-up"));
}

static cJSON *stage(struct contract *c, const char *name, const uint8_t *data, size_t n) {
    struct err e = ERR_INIT;
    cJSON *staged = NULL;
    struct fs_writer *w = create(c, name, 0);
    write_all(w, data, n);
    assert_ok(fs_stage(w, &staged, &e), &e);
    assert_string_equal(json_opt_str(staged, "dst", ""), at(c, name));
    return staged;
}

static bool is_lost(void *self, const char *dst) {
    return strstr(dst, "lost") != NULL;
}

static void two_steps(struct contract *c) {
    struct err e = ERR_INIT;
    size_t n = c->part_bytes + 777;
    AUTO_FREE uint8_t *data = bytes_of(n);
    cJSON *staged[3] = {stage(c, "two/a", data, n), stage(c, "two/b", data, 55),
                        stage(c, "two/gone", data, n)};
    const cJSON *const *list = (const cJSON *const *)staged;
    assert_false(exists(c, "two/a"));
    assert_ok(fs_commit(c->fs, list, 2, NULL, &e), &e);
    assert_bytes(c, "two/a", data, n);
    assert_bytes(c, "two/b", data, 55);
    assert_ok(fs_commit(c->fs, list, 2, NULL, &e), &e); /* again */
    assert_bytes(c, "two/a", data, n);
    assert_ok(fs_discard(c->fs, list + 2, 1, NULL, &e), &e);
    assert_ok(fs_discard(c->fs, list + 2, 1, NULL, &e), &e);
    assert_err(fs_commit(c->fs, list + 2, 1, NULL, &e), ERR_CORRUPT, &e, "lost");
    assert_false(exists(c, "two/gone"));
    for (int i = 0; i < 3; i++)
        cJSON_Delete(staged[i]);
}

/* Leftovers of a crash are swept up, what others are writing isn't. */
static void leftovers(struct contract *c) {
    struct err e = ERR_INIT;
    const uint8_t data[100] = {7};
    cJSON *lost = stage(c, "swept/part-lost", data, sizeof data);
    cJSON *kept = stage(c, "swept/part-kept", data, sizeof data);
    const char *prefix = at(c, "swept/part-");
    assert_ok(fs_sweep(c->fs, prefix, is_lost, NULL, NULL, &e), &e);
    assert_ok(fs_commit(c->fs, (const cJSON *const *)&kept, 1, NULL, &e), &e);
    assert_bytes(c, "swept/part-kept", data, sizeof data);
    int rc = fs_commit(c->fs, (const cJSON *const *)&lost, 1, NULL, &e);
    /* A store that can't list uploads by prefix (MinIO) leaves them to its own expiry. */
    if (strcmp(fs_type(c->fs), "s3") != 0 || rc) assert_int_equal(rc, ERR_CORRUPT);
    cJSON_Delete(lost);
    cJSON_Delete(kept);
}

static void list_pages(struct contract *c) {
    enum { FILES = 50 };
    struct err e = ERR_INIT;
    struct fs_list list;
    char name[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "list/f%04d", i);
        put(c, name, "x");
    }
    put(c, "list/sub/deep/er", "yy");
    put(c, "list/.hidden", "z");
    put(c, "list/odd name+&=%20(1)\xc3\xa4", "odd");
    assert_text(c, "list/odd name+&=%20(1)\xc3\xa4", "odd");
    assert_ok(fs_list_all(c->fs, at(c, "list"), NULL, &c->arena, &list, &e), &e);
    assert_int_equal(list.n, FILES + 3);
    assert_string_equal(list.entries[0].uri, at(c, "list/.hidden"));
    assert_string_equal(list.entries[FILES].uri, at(c, "list/f0049"));
    assert_string_equal(list.entries[FILES + 1].uri, at(c, "list/odd name+&=%20(1)\xc3\xa4"));
    assert_string_equal(list.entries[FILES + 2].uri, at(c, "list/sub"));
    assert_true(list.entries[FILES + 2].is_dir);
    assert_int_equal(list.entries[1].size_bytes, 1);
    struct fs_page page = {0};
    size_t n = 0;
    do {
        assert_ok(fs_list(c->fs, at(c, "list/f002"), page.next, NULL, &c->arena, &page, &e), &e);
        n += page.n;
    } while (page.next);
    assert_int_equal(n, 10);
    assert_ok(fs_list(c->fs, at(c, "nowhere/"), NULL, NULL, &c->arena, &page, &e), &e);
    assert_int_equal(page.n, 0);
    assert_ok(fs_glob(c->fs, at(c, "list"), NULL, &c->arena, &list, &e), &e);
    assert_int_equal(list.n, FILES + 2); /* files at all depths, without the hidden one */
    assert_ok(fs_glob(c->fs, at(c, "li*/s[tu]b/*/e?"), NULL, &c->arena, &list, &e), &e);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.entries[0].uri, at(c, "list/sub/deep/er"));
    assert_int_equal(fs_glob(c->fs, at(c, "li*/none*"), NULL, &c->arena, &list, &e), ERR_NOT_FOUND);
}

static void removals(struct contract *c) {
    struct err e = ERR_INIT;
    const char *uris[] = {at(c, "list/f0000"), at(c, "list/f0001"), at(c, "list/never-was"),
                          at(c, "list/odd name+&=%20(1)\xc3\xa4")};
    assert_ok(fs_delete(c->fs, uris, ARRAY_LEN(uris), NULL, &e), &e);
    assert_ok(fs_delete(c->fs, uris, ARRAY_LEN(uris), NULL, &e), &e);
    assert_ok(fs_delete(c->fs, uris, 1, NULL, &e), &e);
    assert_false(exists(c, "list/f0000"));
    assert_false(exists(c, "list/odd name+&=%20(1)\xc3\xa4"));
    assert_true(exists(c, "list/f0002"));
    assert_ok(fs_delete_tree(c->fs, at(c, "list"), NULL, &e), &e);
    assert_false(exists(c, "list"));
    assert_true(exists(c, "one/a.txt"));
}

static void renames(struct contract *c) {
    struct err e = ERR_INIT;
    put(c, "mv/a", "A");
    put(c, "mv/b", "B");
    if (!fs_can_rename(c->fs)) {
        assert_err(fs_rename(c->fs, at(c, "mv/a"), at(c, "mv/c"), 0, NULL, &e), ERR_UNSUPPORTED, &e,
                   "no atomic rename");
        return;
    }
    assert_err(fs_rename(c->fs, at(c, "mv/a"), at(c, "mv/b"), FS_NEW, NULL, &e), ERR_EXISTS, &e,
               "rename ");
    assert_text(c, "mv/b", "B");
    assert_ok(fs_rename(c->fs, at(c, "mv/a"), at(c, "mv/c"), FS_NEW, NULL, &e), &e);
    assert_text(c, "mv/c", "A");
    assert_ok(fs_rename(c->fs, at(c, "mv/c"), at(c, "mv/b"), 0, NULL, &e), &e);
    assert_text(c, "mv/b", "A");
    assert_int_equal(fs_rename(c->fs, at(c, "mv/none"), at(c, "mv/x"), 0, NULL, &e), ERR_NOT_FOUND);
    assert_ok(fs_make_dirs(c->fs, at(c, "mk/one/two"), NULL, &e), &e);
    assert_ok(fs_make_dirs(c->fs, at(c, "mk/one/two"), NULL, &e), &e);
    assert_true(exists(c, "mk/one"));
}

static void cancelled(struct contract *c) {
    struct err e = ERR_INIT;
    struct fs_cancel cancel;
    struct fs_entry entry;
    fs_cancel_init(&cancel);
    struct fs_call call = {.cancel = &cancel};
    fs_cancel_fire(&cancel);
    assert_int_equal(fs_stat(c->fs, at(c, "one/a.txt"), &call, &c->arena, &entry, &e),
                     ERR_CANCELLED);
    fs_cancel_release(&cancel);
}

void fs_contract(struct fs *f, const char *base, size_t part_bytes) {
    struct contract c = {.fs = f, .base = base, .part_bytes = part_bytes};
    struct err e = ERR_INIT;
    arena_init(&c.arena);
    whole_objects(&c);
    only_if_absent(&c);
    streams(&c);
    two_steps(&c);
    leftovers(&c);
    list_pages(&c);
    removals(&c);
    renames(&c);
    cancelled(&c);
    assert_ok(fs_delete_tree(f, base, NULL, &e), &e);
    assert_false(exists(&c, "one"));
    arena_release(&c.arena);
}
