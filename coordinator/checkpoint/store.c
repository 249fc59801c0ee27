/* store.c - the log's slots and the state's files as objects. */
#include "coordinator/checkpoint/store.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEQ_DIGITS = 20, DELETE_BATCH = 256 };

static const struct fs_call timed = {.timeout_ms = CKPT_STORE_TIMEOUT_MS};

struct ckpt_store {
    struct fs *fs;
    char *dir;
};

struct ckpt_store *ckpt_store_new(struct fs *fs, const char *dir) {
    struct ckpt_store *s = mem_zalloc(sizeof *s);
    s->fs = fs;
    s->dir = mem_strdup(dir);
    return s;
}

void ckpt_store_free(struct ckpt_store *s) {
    if (!s) return;
    free(s->dir);
    free(s);
}

static void slot_uri(const struct ckpt_store *s, uint64_t seq, struct str *out) {
    str_addf(out, "%s/log/%0*" PRIu64, s->dir, SEQ_DIGITS, seq);
}

static bool parse_slot(const char *name, uint64_t *ret) {
    if (strlen(name) != SEQ_DIGITS || strspn(name, "0123456789") != SEQ_DIGITS) return false;
    *ret = strtoull(name, NULL, 10);
    return *ret > 0;
}

/* Calls each with the last part of every name below <dir>/<sub>/. */
static int each_name(struct ckpt_store *s, const char *sub,
                     void (*each)(void *self, const char *name), void *self, struct err *err) {
    struct arena a;
    arena_init(&a);
    const char *prefix = arena_printf(&a, "%s/%s/", s->dir, sub), *token = NULL;
    int rc;
    do {
        struct fs_page page;
        rc = fs_list(s->fs, prefix, token, &timed, &a, &page, err);
        if (rc) break;
        for (size_t i = 0; i < page.n; i++) {
            const char *slash = strrchr(page.entries[i].uri, '/');
            if (!page.entries[i].is_dir && slash) each(self, slash + 1);
        }
        token = page.next;
    } while (token);
    arena_release(&a);
    return rc;
}

struct seqs {
    uint64_t *seqs;
    size_t n, cap;
};

static void add_seq(void *self, const char *name) {
    struct seqs *l = self;
    uint64_t seq;
    if (!parse_slot(name, &seq)) return; /* somebody else's */
    MEM_GROW(l->seqs, l->n, l->cap);
    l->seqs[l->n++] = seq;
}

static int cmp_seq(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int ckpt_store_slots(struct ckpt_store *s, uint64_t **ret, size_t *ret_n, struct err *err) {
    struct seqs l = {0};
    int rc = each_name(s, "log", add_seq, &l, err);
    if (rc) {
        free(l.seqs);
        return err_wrap(err, "list the checkpoint log");
    }
    if (l.n) qsort(l.seqs, l.n, sizeof *l.seqs, cmp_seq);
    *ret = l.seqs;
    *ret_n = l.n;
    return 0;
}

int ckpt_store_read(struct ckpt_store *s, uint64_t seq, struct ckpt_manifest *ret,
                    struct err *err) {
    AUTO_STR uri = STR_INIT;
    AUTO_STR text = STR_INIT;
    slot_uri(s, seq, &uri);
    int rc = fs_get(s->fs, uri.ptr, &timed, &text, err);
    if (rc) return rc;
    struct ckpt_manifest m = {0};
    rc = ckpt_manifest_read(str_view(&text), &m, err);
    if (!rc && m.record.seq != seq) {
        rc = err_set(err, ERR_CORRUPT, "it is the record of slot %" PRIu64, m.record.seq);
        ckpt_manifest_release(&m);
    }
    if (rc) return err_wrap(err, "%s", uri.ptr);
    *ret = m;
    return 0;
}

enum ckpt_created ckpt_store_create(struct ckpt_store *s, const struct ckpt_record *rec,
                                    const cJSON *body, struct err *err) {
    AUTO_STR uri = STR_INIT;
    AUTO_STR text = STR_INIT;
    slot_uri(s, rec->seq, &uri);
    ckpt_manifest_write(rec, body, &text);
    int rc = fs_put(s->fs, uri.ptr, text.ptr, text.len, FS_NEW, &timed, err);
    return !rc ? CKPT_CREATED : rc == ERR_EXISTS ? CKPT_EXISTS : CKPT_UNKNOWN;
}

static int delete_uris(struct ckpt_store *s, struct str *uris, size_t n, struct err *err) {
    const char *list[DELETE_BATCH];
    for (size_t i = 0; i < n; i++)
        list[i] = uris[i].ptr;
    int rc = n ? fs_delete(s->fs, list, n, &timed, err) : 0;
    for (size_t i = 0; i < n; i++)
        str_release(&uris[i]);
    return rc;
}

int ckpt_store_delete_slots(struct ckpt_store *s, const uint64_t *seqs, size_t n, struct err *err) {
    int rc = 0;
    for (size_t at = 0; at < n && !rc; at += DELETE_BATCH) {
        struct str uris[DELETE_BATCH] = {0};
        size_t k = MIN(n - at, DELETE_BATCH);
        for (size_t i = 0; i < k; i++)
            slot_uri(s, seqs[at + i], &uris[i]);
        rc = delete_uris(s, uris, k, err);
    }
    return rc;
}

struct files {
    struct ckpt_file *files;
    size_t n, cap;
};

static void add_file(void *self, const char *name) {
    struct files *l = self;
    if (strlen(name) > CKPT_FILE_NAME_MAX) return;
    MEM_GROW(l->files, l->n, l->cap);
    strcpy(l->files[l->n++].name, name);
}

int ckpt_store_files(struct ckpt_store *s, struct ckpt_file **ret, size_t *ret_n, struct err *err) {
    struct files l = {0};
    int rc = each_name(s, "state", add_file, &l, err);
    if (rc) {
        free(l.files);
        return err_wrap(err, "list the files of state");
    }
    *ret = l.files;
    *ret_n = l.n;
    return 0;
}

int ckpt_store_delete_files(struct ckpt_store *s, const struct ckpt_file *files, size_t n,
                            struct err *err) {
    int rc = 0;
    for (size_t at = 0; at < n && !rc; at += DELETE_BATCH) {
        struct str uris[DELETE_BATCH] = {0};
        size_t k = MIN(n - at, DELETE_BATCH);
        for (size_t i = 0; i < k; i++)
            str_addf(&uris[i], "%s/state/%s", s->dir, files[at + i].name);
        rc = delete_uris(s, uris, k, err);
    }
    return rc;
}

struct stale {
    uint64_t epoch, first_open;
};

static bool is_stale(void *self, const char *dst) {
    const struct stale *st = self;
    const char *slash = strrchr(dst, '/');
    uint64_t epoch, checkpoint;
    if (!slash || !ckpt_file_parse(slash + 1, &epoch, &checkpoint)) return false;
    return epoch < st->epoch || (epoch == st->epoch && checkpoint < st->first_open);
}

int ckpt_store_sweep(struct ckpt_store *s, uint64_t epoch, uint64_t first_open, struct err *err) {
    AUTO_STR prefix = STR_INIT;
    str_addf(&prefix, "%s/state/", s->dir);
    struct stale st = {epoch, first_open};
    return fs_sweep(s->fs, prefix.ptr, is_stale, &st, &timed, err);
}
