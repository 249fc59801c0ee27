/* restore.c - reads chains of pieces, and gives their blocks to the ops they belong to. */
#include "worker/checkpoint/restore.h"

#include "base/core/mem.h"
#include "fs/stores.h"
#include "worker/state/state_set.h"
#include "worker/task_ops.h"

#include <stdlib.h>
#include <string.h>

struct piece {
    uint64_t file, offset, bytes;
};

struct chain {
    const cJSON *ops, *watermarks; /* arrays; may be NULL */
    struct state_range range;
    struct piece *pieces;
    int n_pieces;
};

struct restore {
    const char *dir;
    struct fs *fs;
    int n_files, n_chains;
    const char **files;
    struct chain *chains;
    struct fs_cancel cancel;
};

/* ---- what the coordinator says ---- */

static bool read_piece(const cJSON *j, struct piece *ret) {
    double v[3] = {0};
    int n = 0;
    const cJSON *x;
    cJSON_ArrayForEach(x, j) {
        if (n == 3 || !cJSON_IsNumber(x) || x->valuedouble < 0) return false;
        v[n++] = x->valuedouble;
    }
    *ret = (struct piece){(uint64_t)v[0], (uint64_t)v[1], (uint64_t)v[2]};
    return n == 3;
}

static int read_chain(struct restore *r, const cJSON *j, struct chain *c, struct err *err) {
    const cJSON *pieces, *p;
    int first, last;
    int rc = json_get_int(j, "first", &first, err);
    if (!rc) rc = json_get_int(j, "last", &last, err);
    if (!rc) rc = json_get_array(j, "pieces", &pieces, err);
    if (!rc) rc = json_get_array(j, "ops", &c->ops, err);
    if (rc) return rc;
    if (first < 0 || last < first) return err_set(err, ERR_PROTOCOL, "key groups out of order");
    c->range = (struct state_range){.first = (uint32_t)first, .last = (uint32_t)last};
    c->watermarks = json_opt(j, "watermarks");
    c->pieces = mem_calloc((size_t)cJSON_GetArraySize(pieces) + 1, sizeof *c->pieces);
    cJSON_ArrayForEach(p, pieces) {
        struct piece *x = &c->pieces[c->n_pieces++];
        if (!read_piece(p, x) || x->file >= (uint64_t)r->n_files)
            return err_set(err, ERR_PROTOCOL, "a piece isn't [file, offset, bytes]");
    }
    return 0;
}

static int read_all(struct restore *r, const cJSON *json, struct err *err) {
    const cJSON *files, *chains, *j;
    int rc = json_get_str(json, "dir", &r->dir, err);
    if (!rc) rc = json_get_array(json, "files", &files, err);
    if (!rc) rc = json_get_array(json, "chains", &chains, err);
    if (!rc) rc = fs_find(r->dir, &r->fs, err);
    if (rc) return rc;
    r->files = mem_calloc((size_t)cJSON_GetArraySize(files) + 1, sizeof *r->files);
    cJSON_ArrayForEach(j, files) {
        if (!cJSON_IsString(j)) return err_set(err, ERR_PROTOCOL, "a file without a name");
        r->files[r->n_files++] = j->valuestring;
    }
    r->chains = mem_calloc((size_t)cJSON_GetArraySize(chains) + 1, sizeof *r->chains);
    cJSON_ArrayForEach(j, chains) {
        if ((rc = read_chain(r, j, &r->chains[r->n_chains++], err))) return rc;
    }
    return 0;
}

int restore_new(const cJSON *json, struct restore **ret, struct err *err) {
    *ret = NULL;
    if (!json) return 0;
    struct restore *r = mem_zalloc(sizeof *r);
    fs_cancel_init(&r->cancel);
    int rc = read_all(r, json, err);
    if (rc) {
        restore_free(r);
        return err_wrap(err, "what to restore from");
    }
    *ret = r;
    return 0;
}

void restore_free(struct restore *r) {
    if (!r) return;
    for (int i = 0; i < r->n_chains; i++)
        free(r->chains[i].pieces);
    free(r->chains);
    free(r->files);
    fs_cancel_release(&r->cancel);
    free(r);
}

void restore_cancel(struct restore *r) {
    fs_cancel_fire(&r->cancel);
}

/* ---- event time ---- */

struct op_time {
    int64_t wm, out;
};

static bool time_in(const struct chain *c, const char *uid, struct op_time *ret) {
    const cJSON *w;
    cJSON_ArrayForEach(w, c->watermarks) {
        if (strcmp(json_opt_str(w, "op", ""), uid) != 0) continue;
        *ret = (struct op_time){json_opt_i64(w, "wm", WATERMARK_MIN),
                                json_opt_i64(w, "out", WATERMARK_MIN)};
        return true;
    }
    return false;
}

/* The chain's own subtask if there is one with just these key groups; else the least of all, since
 * who reads what has changed. */
static struct op_time time_of(const struct restore *r, const struct state_range *range,
                              const char *uid, bool *ret_same) {
    struct op_time least = {WATERMARK_MAX, WATERMARK_MAX}, t;
    bool any = false;
    *ret_same = false;
    for (int i = 0; i < r->n_chains; i++) {
        const struct chain *c = &r->chains[i];
        if (!time_in(c, uid, &t)) continue;
        if (c->range.first == range->first && c->range.last == range->last) {
            *ret_same = true;
            return t;
        }
        any = true;
        least.wm = MIN(least.wm, t.wm);
        least.out = MIN(least.out, t.out);
    }
    return any ? least : (struct op_time){WATERMARK_MIN, WATERMARK_MIN};
}

static void restore_time(const struct restore *r, const struct state_range *range,
                         struct op_links *l) {
    struct op_time t = time_of(r, range, l->ctx.plan->uid, &l->ctx.same_subtask);
    l->op->watermark = t.wm;
    metric_set(&l->metrics.watermark, t.wm);
    l->emitted_wm = l->ctx.emitted_watermark = t.out;
}

/* ---- pieces ---- */

struct reader {
    const struct restore *restore;
    struct fs_call call;
    struct fs_file *file;
    uint64_t file_at; /* index; valid with file */
    struct str buf;   /* bytes of the file from buf_offset on */
    uint64_t buf_offset;
};

static int open_file(struct reader *in, uint64_t file, struct err *err) {
    if (in->file && in->file_at == file) return 0;
    fs_close(in->file);
    in->file = NULL;
    str_clear(&in->buf);
    AUTO_STR uri = STR_INIT;
    str_addf(&uri, "%s/state/%s", in->restore->dir, in->restore->files[file]);
    in->file_at = file;
    return fs_open(in->restore->fs, str_text(&uri), &in->call, &in->file, err);
}

/* Makes bytes [offset, offset + n) of the file be in the buffer; reads on up to ahead. */
static int fill(struct reader *in, uint64_t offset, size_t n, uint64_t ahead, struct err *err) {
    if (offset >= in->buf_offset && offset + n <= in->buf_offset + in->buf.len) return 0;
    size_t want = (size_t)MIN(MAX(ahead - offset, n), (uint64_t)RESTORE_READ_BYTES);
    want = MAX(want, n);
    str_clear(&in->buf);
    str_reserve(&in->buf, want);
    size_t got;
    int rc = fs_read_at(in->file, offset, in->buf.ptr, want, &got, &in->call, err);
    if (rc) return rc;
    if (got < n)
        return err_set(err, ERR_CORRUPT, "the file ends at byte %llu",
                       (unsigned long long)(offset + got));
    in->buf.len = got;
    in->buf_offset = offset;
    return 0;
}

/* How far it is worth reading: through the pieces behind that lie close in the same file. */
static uint64_t read_ahead(const struct chain *c, int piece) {
    uint64_t end = c->pieces[piece].offset + c->pieces[piece].bytes;
    for (int i = piece + 1; i < c->n_pieces; i++) {
        const struct piece *p = &c->pieces[i];
        if (p->file != c->pieces[piece].file || p->offset < end ||
            p->offset > end + RESTORE_GAP_BYTES)
            break;
        end = p->offset + p->bytes;
    }
    return end;
}

static struct op_links *find_op(struct task *t, struct sv uid) {
    for (int i = 0; i < t->n_ops; i++)
        if (sv_eq_str(uid, t->ops[i].ctx.plan->uid)) return &t->ops[i];
    return NULL;
}

static int make_part(void *self, const char *name, int64_t ns, struct err *err) {
    struct op *op = self;
    if (!op->desc->ops->make_part)
        return err_set(err, ERR_CORRUPT, "%s has no state '%s'", op->ctx->plan->name, name);
    return op->desc->ops->make_part(op, name, ns, err);
}

static int load_block(struct task *t, const struct chain *c, struct sv bytes, struct err *err) {
    struct state_block b;
    bool end;
    int rc = state_block_next(&bytes, &b, &end, err);
    if (rc) return rc;
    struct op_links *l = find_op(t, b.op_uid);
    return l ? state_set_load(l->states, &b, &c->range, make_part, l->op, err) : 0;
}

static int read_blocks(struct reader *in, struct task *t, const struct chain *c, int piece,
                       uint64_t *at, struct err *err) {
    const struct piece *p = &c->pieces[piece];
    uint64_t end = p->offset + p->bytes, ahead = read_ahead(c, piece);
    int rc = open_file(in, p->file, err);
    for (*at = p->offset; !rc && *at < end;) {
        uint32_t body;
        if (end - *at < STATE_BLOCK_HEAD_BYTES)
            return err_set(err, ERR_CORRUPT, "a piece ends inside a block");
        if ((rc = fill(in, *at, STATE_BLOCK_HEAD_BYTES, ahead, err))) return rc;
        memcpy(&body, in->buf.ptr + (*at - in->buf_offset) + 4, 4);
        uint64_t size = STATE_BLOCK_HEAD_BYTES + (uint64_t)body;
        if (size > end - *at) return err_set(err, ERR_CORRUPT, "a block is longer than its piece");
        if ((rc = fill(in, *at, (size_t)size, ahead, err))) return rc;
        struct sv block = {in->buf.ptr + (*at - in->buf_offset), (size_t)size};
        rc = load_block(t, c, block, err);
        if (!rc) *at += size;
    }
    return rc;
}

static bool concerns(const struct chain *c, const struct state_range *range, struct task *t) {
    const cJSON *uid;
    if (c->range.last < range->first || c->range.first > range->last) return false;
    cJSON_ArrayForEach(uid, c->ops) {
        if (cJSON_IsString(uid) &&
            find_op(t, (struct sv){uid->valuestring, strlen(uid->valuestring)}))
            return true;
    }
    return false;
}

static int restore_states(const struct restore *r, const struct state_range *range, struct task *t,
                          struct err *err) {
    struct reader in = {.restore = r, .call = {.cancel = (struct fs_cancel *)&r->cancel}};
    int rc = 0;
    for (int i = 0; i < r->n_chains && !rc; i++) {
        const struct chain *c = &r->chains[i];
        if (!concerns(c, range, t)) continue;
        for (int p = 0; p < c->n_pieces && !rc; p++) {
            uint64_t at = 0;
            rc = read_blocks(&in, t, c, p, &at, err);
            if (rc)
                err_wrap(err, "restore from %s, byte %llu", r->files[c->pieces[p].file],
                         (unsigned long long)at);
        }
    }
    fs_close(in.file);
    str_release(&in.buf);
    return rc;
}

int restore_ops(const struct restore *r, struct task *t, struct err *err) {
    struct state_range range;
    task_key_groups(t, &range);
    for (int i = 0; i < t->n_ops; i++)
        restore_time(r, &range, &t->ops[i]);
    if (t->gate) gate_restore(t->gate, t->ops[0].op->watermark);
    int rc = restore_states(r, &range, t, err);
    for (int i = 0; i < t->n_ops && !rc; i++) {
        struct op_links *l = &t->ops[i];
        state_set_loaded(l->states);
        if (!l->op->desc->ops->restored) continue;
        rc = l->op->desc->ops->restored(l->op, err);
        if (rc) err_wrap(err, "restore %s", l->ctx.plan->name);
    }
    return rc;
}
