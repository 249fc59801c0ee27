/* state_set.c - parts, and the blocks that their entries are put in. */
#include "worker/state/state_set.h"

#include "base/core/mem.h"
#include "vector/column.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { BLOCK_MAGIC = 0x31425350 /* "PSB1" */ };

/* Entries of one part and range of key groups, as they gather. */
struct bucket {
    struct str body; /* empty, or begins with the block's head */
    uint32_t n_entries;
};

struct part {
    struct state_sink sink;
    struct state_set *set;
    char *name;
    int64_t ns;
    const struct state_part_ops *ops;
    void *part;
    bool saved;                               /* in some snapshot */
    bool active;                              /* its snapshot is under way */
    struct bucket buckets[STATE_BUCKETS + 1]; /* the last one: entries for all key groups */
};

struct dropped {
    char *name;
    int64_t ns;
    uint64_t told; /* by the snapshot of this checkpoint; 0 = by none yet */
};

struct state_set {
    char *op_uid;
    struct state_range range;
    bool tracking, active;
    struct part **parts;
    uint32_t n_parts, cap_parts;
    struct dropped *dropped;
    uint32_t n_dropped, cap_dropped;
    struct block_sink *out;
    uint32_t at; /* part whose rows are being copied */
};

struct state_set *state_set_new(const char *op_uid, const struct state_range *range) {
    struct state_set *s = mem_zalloc(sizeof *s);
    CHECK(strlen(op_uid) <= STATE_NAME_MAX);
    s->op_uid = mem_strdup(op_uid);
    s->range = *range;
    return s;
}

static void part_free(struct part *p) {
    for (int i = 0; i <= STATE_BUCKETS; i++)
        str_release(&p->buckets[i].body);
    free(p->name);
    free(p);
}

void state_set_free(struct state_set *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n_parts; i++)
        part_free(s->parts[i]);
    for (uint32_t i = 0; i < s->n_dropped; i++)
        free(s->dropped[i].name);
    free(s->parts);
    free(s->dropped);
    free(s->op_uid);
    free(s);
}

/* ---- blocks ---- */

static void add_text(struct str *out, const char *text) {
    uint16_t len = (uint16_t)strlen(text);
    str_add_n(out, &len, 2);
    str_add_n(out, text, len);
}

static uint32_t groups(const struct state_range *r) {
    return r->last - r->first + 1;
}

/* First key group of a bucket. */
static uint32_t bucket_first(const struct state_range *r, uint32_t bucket) {
    return r->first + (uint32_t)((uint64_t)bucket * groups(r) / STATE_BUCKETS);
}

static uint32_t bucket_of(const struct state_range *r, uint32_t group) {
    uint32_t b = (uint32_t)((uint64_t)(group - r->first) * STATE_BUCKETS / groups(r));
    while (b + 1 < STATE_BUCKETS && bucket_first(r, b + 1) <= group)
        b++;
    return b;
}

static size_t head_add(const struct state_set *s, const char *name, int64_t ns, uint32_t first,
                       uint32_t last, struct str *out) {
    static const char head[STATE_BLOCK_HEAD_BYTES];
    str_add_n(out, head, sizeof head);
    add_text(out, s->op_uid);
    add_text(out, name);
    str_add_n(out, &ns, 8);
    str_add_n(out, &first, 4);
    str_add_n(out, &last, 4);
    size_t at = out->len;
    str_add_n(out, "\0\0\0\0", 4); /* number of entries */
    return at;
}

static void flush(struct part *p, uint32_t b) {
    struct bucket *k = &p->buckets[b];
    if (!k->n_entries) return;
    size_t count_at =
        STATE_BLOCK_HEAD_BYTES + 2 + strlen(p->set->op_uid) + 2 + strlen(p->name) + 16;
    memcpy(k->body.ptr + count_at, &k->n_entries, 4);
    uint32_t magic = BLOCK_MAGIC, len = (uint32_t)(k->body.len - STATE_BLOCK_HEAD_BYTES);
    uint64_t sum = XXH3_64bits(k->body.ptr + STATE_BLOCK_HEAD_BYTES, len);
    memcpy(k->body.ptr, &magic, 4);
    memcpy(k->body.ptr + 4, &len, 4);
    memcpy(k->body.ptr + 8, &sum, 8);
    p->saved = true;
    p->set->out->block(p->set->out, str_view(&k->body));
    str_clear(&k->body);
    k->n_entries = 0;
}

static void put(struct part *p, uint32_t b, struct sv bytes) {
    struct bucket *k = &p->buckets[b];
    const struct state_range *r = &p->set->range;
    if (!k->n_entries) {
        bool all = b == STATE_BUCKETS;
        uint32_t first = all ? r->first : bucket_first(r, b);
        uint32_t end = all || b + 1 == STATE_BUCKETS ? r->last + 1 : bucket_first(r, b + 1);
        head_add(p->set, p->name, p->ns, first, end - 1, &k->body);
    }
    uint32_t len = (uint32_t)bytes.len;
    str_add_n(&k->body, &len, 4);
    str_add_sv(&k->body, bytes);
    k->n_entries++;
    /* What concerns all groups comes in front of what follows. */
    if (b == STATE_BUCKETS || k->body.len >= STATE_BLOCK_MAX_BYTES) flush(p, b);
}

static void flush_all(struct part *p) {
    for (uint32_t i = 0; i <= STATE_BUCKETS; i++)
        flush(p, i);
}

static void on_entry(struct state_sink *self, struct sv bytes) {
    struct part *p = CONTAINER_OF(self, struct part, sink);
    uint32_t b = STATE_BUCKETS;
    if (bytes.ptr[0] == STATE_PUT || bytes.ptr[0] == STATE_GONE) {
        uint64_t hash;
        memcpy(&hash, bytes.ptr + 1, 8);
        uint32_t group = key_group_of(hash, p->set->range.max_parallelism);
        CHECKF(group >= p->set->range.first && group <= p->set->range.last,
               "state of a key group that isn't this subtask's");
        b = bucket_of(&p->set->range, group);
    } else {
        flush_all(p);
    }
    put(p, b, bytes);
}

/* ---- parts ---- */

static struct part *find(const struct state_set *s, const char *name, int64_t ns,
                         uint32_t *ret_at) {
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        if (p->ns != ns || strcmp(p->name, name) != 0) continue;
        if (ret_at) *ret_at = i;
        return p;
    }
    return NULL;
}

bool state_set_has(const struct state_set *s, const char *name, int64_t ns) {
    return find(s, name, ns, NULL);
}

void state_set_add(struct state_set *s, const char *name, int64_t ns,
                   const struct state_part_ops *ops, void *part) {
    CHECK(strlen(name) <= STATE_NAME_MAX && !find(s, name, ns, NULL));
    struct part *p = mem_zalloc(sizeof *p);
    *p = (struct part){
        .sink = {on_entry}, .set = s, .name = mem_strdup(name), .ns = ns, .ops = ops, .part = part};
    MEM_GROW(s->parts, s->n_parts, s->cap_parts);
    s->parts[s->n_parts++] = p;
    if (s->tracking) ops->track(part);
}

static void finish(struct part *p) {
    flush_all(p);
    for (uint32_t i = 0; i <= STATE_BUCKETS; i++)
        str_release(&p->buckets[i].body);
    p->active = false;
}

void state_set_drop(struct state_set *s, const char *name, int64_t ns) {
    uint32_t at;
    struct part *p = find(s, name, ns, &at);
    CHECK(p);
    if (p->active) { /* the snapshot under way still has it */
        while (!p->ops->step(p->part, UINT32_MAX)) {
        }
        finish(p);
    }
    if (s->tracking && p->ops->untrack) p->ops->untrack(p->part);
    if (p->saved) {
        MEM_GROW(s->dropped, s->n_dropped, s->cap_dropped);
        s->dropped[s->n_dropped++] = (struct dropped){.name = p->name, .ns = ns};
        p->name = NULL;
    }
    part_free(p);
    memmove(s->parts + at, s->parts + at + 1, (s->n_parts - at - 1) * sizeof *s->parts);
    s->n_parts--;
    if (s->active && at < s->at) s->at--;
}

void state_set_track(struct state_set *s) {
    s->tracking = true;
    for (uint32_t i = 0; i < s->n_parts; i++)
        s->parts[i]->ops->track(s->parts[i]->part);
}

/* ---- snapshots ---- */

/* Parts that were dropped, and that the base doesn't know of. */
static void tell_dropped(struct state_set *s, uint64_t checkpoint, uint64_t base, bool full) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_dropped; i++) {
        struct dropped *d = &s->dropped[i];
        if (d->told && d->told <= base) {
            free(d->name);
            continue;
        }
        if (!full) {
            struct part p = {.set = s, .name = d->name, .ns = d->ns};
            char clear = STATE_CLEAR;
            put(&p, STATE_BUCKETS, (struct sv){&clear, 1});
            str_release(&p.buckets[STATE_BUCKETS].body);
        }
        d->told = checkpoint;
        s->dropped[n++] = *d;
    }
    s->n_dropped = n;
}

void state_set_begin(struct state_set *s, uint64_t checkpoint, uint64_t base, bool full,
                     struct block_sink *out) {
    CHECK(s->tracking);
    state_set_cancel(s);
    s->out = out;
    s->active = true;
    s->at = 0;
    tell_dropped(s, checkpoint, base, full);
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        p->active = true;
        p->ops->begin(p->part, checkpoint, base, full, &p->sink);
        flush_all(p); /* rows of other parts (state_desc.owner) go behind it */
    }
}

bool state_set_active(const struct state_set *s) {
    return s->active;
}

bool state_set_step(struct state_set *s, uint32_t n) {
    if (!s->active) return true;
    while (s->at < s->n_parts) {
        struct part *p = s->parts[s->at];
        if (p->active) {
            if (!p->ops->step(p->part, n)) return false;
            finish(p);
        }
        s->at++;
    }
    s->active = false;
    return true;
}

void state_set_cancel(struct state_set *s) {
    if (!s->active) return;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        if (!p->active) continue;
        p->active = false;
        p->ops->cancel(p->part);
        for (int b = 0; b <= STATE_BUCKETS; b++) {
            str_clear(&p->buckets[b].body);
            p->buckets[b].n_entries = 0;
        }
    }
    s->active = false;
}

/* ---- restoring ---- */

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "a block of state is corrupt: %s", what);
}

static bool take_text(struct sv *in, struct sv *ret) {
    uint16_t len;
    return sv_take(in, &len, 2) && len <= STATE_NAME_MAX && sv_cut(in, len, ret);
}

int state_block_next(struct sv *bytes, struct state_block *ret, bool *ret_end, struct err *err) {
    *ret_end = !bytes->len;
    if (!bytes->len) return 0;
    uint32_t magic, len;
    uint64_t sum;
    struct sv in = *bytes;
    if (!sv_take(&in, &magic, 4) || !sv_take(&in, &len, 4) || !sv_take(&in, &sum, 8) ||
        in.len < len)
        return corrupt(err, "it ends too early");
    if (magic != BLOCK_MAGIC) return corrupt(err, "it doesn't begin as one");
    if (XXH3_64bits(in.ptr, len) != sum) return corrupt(err, "its checksum differs");
    bytes->ptr = in.ptr + len;
    bytes->len = in.len - len;
    in.len = len;
    struct state_block b;
    if (!take_text(&in, &b.op_uid) || !take_text(&in, &b.name) || !sv_take(&in, &b.ns, 8) ||
        !sv_take(&in, &b.first_group, 4) || !sv_take(&in, &b.last_group, 4) ||
        !sv_take(&in, &b.n_entries, 4) || b.first_group > b.last_group)
        return corrupt(err, "its head is wrong");
    b.entries = in;
    *ret = b;
    return 0;
}

int state_set_load(struct state_set *s, const struct state_block *b, const struct state_range *only,
                   state_make_fn make, void *self, struct err *err) {
    struct state_range of = {b->first_group, b->last_group, s->range.max_parallelism};
    if (only) {
        of.first = MAX(of.first, only->first);
        of.last = MIN(of.last, only->last);
    }
    if (MAX(of.first, s->range.first) > MIN(of.last, s->range.last)) return 0;
    char name[STATE_NAME_MAX + 1];
    memcpy(name, b->name.ptr, b->name.len);
    name[b->name.len] = 0;
    struct part *p = find(s, name, b->ns, NULL);
    struct sv in = b->entries;
    for (uint32_t i = 0; i < b->n_entries; i++) {
        uint32_t len;
        struct sv e;
        if (!sv_take(&in, &len, 4) || !len || !sv_cut(&in, len, &e))
            return corrupt(err, "an entry is cut off");
        if (e.ptr[0] == STATE_CLEAR && !p) continue;
        if (e.ptr[0] == STATE_PUT || e.ptr[0] == STATE_GONE) {
            uint64_t hash;
            if (len < 9) return corrupt(err, "an entry is cut off");
            memcpy(&hash, e.ptr + 1, 8);
            uint32_t group = key_group_of(hash, s->range.max_parallelism);
            if (group < MAX(of.first, s->range.first) || group > MIN(of.last, s->range.last))
                continue;
        }
        if (!p) {
            int rc = make(self, name, b->ns, err);
            if (rc) return rc;
            p = find(s, name, b->ns, NULL);
            CHECK(p);
        }
        int rc = p->ops->load(p->part, &of, e, err);
        if (rc) return err_wrap(err, "state '%s' of %s", name, s->op_uid);
        p->saved = true;
    }
    if (in.len) return corrupt(err, "bytes are left behind its entries");
    return 0;
}

void state_set_loaded(struct state_set *s) {
    for (uint32_t i = 0; i < s->n_parts; i++)
        s->parts[i]->ops->loaded(s->parts[i]->part);
}
