/* copy.c - see copy.h. */
#include "coordinator/checkpoint/copy.h"

#include "base/core/mem.h"
#include "fs/stores.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_BUFFER_BYTES = 1 << 20 };

struct copy {
    struct net_loop *loop;
    struct fs *from_fs, *to_fs;
    char *from, *to; /* to NULL: read only */
    uint64_t seq;
    copy_done_fn done; /* NULL: forgotten. The loop's, as self */
    void *self;
    struct ckpt_manifest manifest;
    int rc;
    struct err err;
};

/* ---- on I/O threads ---- */

int copy_newest(struct ckpt_store *s, const char *dir, struct ckpt_manifest *ret, struct err *err) {
    uint64_t *seqs;
    size_t n;
    int rc = ckpt_store_slots(s, &seqs, &n, err);
    if (rc) return rc;
    uint64_t seq = n ? seqs[n - 1] : 0;
    free(seqs);
    struct ckpt_manifest m = {0};
    if (seq) rc = ckpt_store_read(s, seq, &m, err);
    if (!rc && seq && m.record.kind == CKPT_RECORD_LEADER) {
        seq = m.record.checkpoint_seq;
        ckpt_manifest_release(&m);
        if (seq) rc = ckpt_store_read(s, seq, &m, err);
    }
    if (!rc && !seq) rc = err_set(err, ERR_NOT_FOUND, "no complete checkpoint in %s", dir);
    if (!rc && !m.body) {
        rc = err_set(err, ERR_CORRUPT, "record %llu of %s is no checkpoint",
                     (unsigned long long)seq, dir);
        ckpt_manifest_release(&m);
    }
    if (!rc) *ret = m;
    return rc;
}

static int copy_bytes(struct fs_file *in, struct fs_writer *out, struct err *err) {
    AUTO_FREE char *buf = mem_alloc(COPY_BUFFER_BYTES);
    uint64_t at = 0;
    size_t n = COPY_BUFFER_BYTES;
    int rc = 0;
    while (!rc && n == COPY_BUFFER_BYTES) {
        rc = fs_read_at(in, at, buf, COPY_BUFFER_BYTES, &n, NULL, err);
        if (!rc) rc = fs_write(out, buf, n, err);
        at += n;
    }
    return rc;
}

static int copy_file(const struct copy *c, const char *name, struct err *err) {
    AUTO_STR from = STR_INIT;
    AUTO_STR to = STR_INIT;
    str_addf(&from, "%s/state/%s", c->from, name);
    str_addf(&to, "%s/state/%s", c->to, name);
    struct fs_file *in;
    struct fs_writer *out;
    int rc = fs_open(c->from_fs, str_text(&from), NULL, &in, err);
    if (rc) return rc;
    rc = fs_create(c->to_fs, str_text(&to), 0, NULL, &out, err);
    if (!rc) {
        rc = copy_bytes(in, out, err);
        if (rc)
            fs_abandon(out);
        else
            rc = fs_finish(out, err);
    }
    fs_close(in);
    return rc;
}

/* Files first: the record says that all is there. */
static int copy_all(struct copy *c, struct ckpt_store *to, struct err *err) {
    uint64_t *seqs;
    size_t n;
    int rc = ckpt_store_slots(to, &seqs, &n, err);
    if (rc) return rc;
    free(seqs);
    if (n) return err_set(err, ERR_EXISTS, "%s has a checkpoint already", c->to);
    struct ckpt_record rec = c->manifest.record;
    for (size_t i = 0; i < rec.n_files && !rc; i++)
        rc = copy_file(c, rec.files[i].name, err);
    if (rc) return rc;
    rec.seq = rec.checkpoint_seq = 1;
    rec.prev_seq = 0;
    switch (ckpt_store_create(to, &rec, c->manifest.body, err)) {
    case CKPT_CREATED:
        return 0;
    case CKPT_EXISTS:
        return err_set(err, ERR_EXISTS, "%s has a checkpoint already", c->to);
    case CKPT_UNKNOWN:
        break;
    }
    return err->code;
}

static void on_done(void *arg) { /* on the loop */
    struct copy *c = arg;
    if (c->done) {
        struct copy_result r = {c->rc ? &c->err : NULL, c->manifest.record.checkpoint,
                                c->manifest.body};
        c->done(c->self, &r);
    }
    ckpt_manifest_release(&c->manifest);
    free(c->from);
    free(c->to);
    free(c);
}

static void copy_run(void *arg) {
    struct copy *c = arg;
    struct ckpt_store *from = ckpt_store_new(c->from_fs, c->from);
    if (c->to) {
        struct ckpt_store *to = ckpt_store_new(c->to_fs, c->to);
        c->rc = ckpt_store_read(from, c->seq, &c->manifest, &c->err);
        if (!c->rc) c->rc = copy_all(c, to, &c->err);
        if (c->rc) err_wrap(&c->err, "copy the checkpoint to %s", c->to);
        ckpt_store_free(to);
    } else {
        c->rc = copy_newest(from, c->from, &c->manifest, &c->err);
    }
    ckpt_store_free(from);
    net_loop_post_always(c->loop, on_done, c);
}

/* ---- on the loop ---- */

static char *without_slash(const char *dir) {
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    char *s = mem_alloc(n + 1);
    memcpy(s, dir, n);
    s[n] = 0;
    return s;
}

static void copy_drop(void *arg) { /* the pool goes before it was begun */
    struct copy *c = arg;
    c->done = NULL;
    on_done(c);
}

static int begin(struct io_pool *io, struct copy *c, struct copy **ret, struct err *err) {
    int rc = fs_find(c->from, &c->from_fs, err);
    if (!rc && c->to) rc = fs_find(c->to, &c->to_fs, err);
    struct io_job job = {copy_run, copy_drop, c};
    if (!rc) rc = io_pool_submit(io, &job, NULL, err);
    if (rc) {
        copy_drop(c);
        return rc;
    }
    *ret = c;
    return 0;
}

int copy_read(struct net_loop *loop, struct io_pool *io, const char *dir, copy_done_fn done,
              void *self, struct copy **ret_copy, struct err *err) {
    struct copy *c = mem_zalloc(sizeof *c);
    *c = (struct copy){.loop = loop, .done = done, .self = self};
    c->from = without_slash(dir);
    return begin(io, c, ret_copy, err);
}

int copy_write(struct net_loop *loop, struct io_pool *io, const char *dir, uint64_t seq,
               const char *to, copy_done_fn done, void *self, struct copy **ret_copy,
               struct err *err) {
    struct copy *c = mem_zalloc(sizeof *c);
    *c = (struct copy){.loop = loop, .seq = seq, .done = done, .self = self};
    c->from = without_slash(dir);
    c->to = without_slash(to);
    return begin(io, c, ret_copy, err);
}

void copy_forget(struct copy *c) {
    if (c) c->done = NULL;
}
