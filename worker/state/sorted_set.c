/* sorted_set.c - a B+ tree. An inner node holds, for each child, a copy of its first entry and the
 * number of entries below it; both are brought up to date on the way back from every change, so
 * that a copy never outlives the item it points to. */
#include "worker/state/sorted_set.h"

#include "base/core/err.h"

#include <string.h>

enum { LEAF_MAX = 63, INNER_MAX = 31 };

struct child {
    struct sorted_entry first;
    struct sorted_node *node;
    uint64_t count;
};

/* 16 bytes, then LEAF_MAX entries or INNER_MAX children at most: 1 KiB. */
struct sorted_node {
    uint16_t n, cap;
    uint32_t level; /* 0: leaf */
    uint64_t spare;
};
_Static_assert(sizeof(struct sorted_node) == 16, "nodes fill the size classes of var memory");

static struct sorted_entry *entries(const struct sorted_node *x) {
    return (struct sorted_entry *)((char *)x + sizeof *x);
}

static struct child *children(const struct sorted_node *x) {
    return (struct child *)((char *)x + sizeof *x);
}

static size_t node_bytes(uint32_t level, uint32_t cap) {
    return sizeof(struct sorted_node) +
           cap * (level ? sizeof(struct child) : sizeof(struct sorted_entry));
}

static struct sorted_node *new_node(struct var_memory *var, uint32_t level, uint32_t cap) {
    struct sorted_node *x = var_alloc(var, node_bytes(level, cap));
    *x = (struct sorted_node){.cap = (uint16_t)cap, .level = level};
    return x;
}

static void free_node(struct var_memory *var, struct sorted_node *x) {
    var_free(var, x, node_bytes(x->level, x->cap));
}

static uint64_t count_of(const struct sorted_node *x) {
    if (!x->level) return x->n;
    uint64_t n = 0;
    for (uint32_t i = 0; i < x->n; i++)
        n += children(x)[i].count;
    return n;
}

static struct child child_of(struct sorted_node *x) {
    return (struct child){
        .first = x->level ? children(x)[0].first : entries(x)[0], .node = x, .count = count_of(x)};
}

/* ---- finding ---- */

static int cmp(const struct sorted_order *o, const struct sorted_entry *a,
               const struct sorted_entry *b) {
    if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
    return o->cmp ? o->cmp(o->self, a, b) : 0;
}

/* Entries of a leaf in front of key (after: and those equal to it). */
static uint32_t leaf_bound(const struct sorted_node *x, const struct sorted_order *o,
                           const struct sorted_entry *key, bool after) {
    uint32_t lo = 0, hi = x->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (cmp(o, &entries(x)[mid], key) < after)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The child in which that bound lies: the last whose first entry is in front of it, or the first.
 */
static uint32_t child_bound(const struct sorted_node *x, const struct sorted_order *o,
                            const struct sorted_entry *key, bool after) {
    uint32_t lo = 1, hi = x->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (cmp(o, &children(x)[mid].first, key) < after)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

struct sorted_entry *sorted_set_at(const struct sorted_set *s, uint64_t i) {
    const struct sorted_node *x = s->root;
    if (i >= s->n) return NULL;
    while (x->level) {
        const struct child *c = children(x);
        for (; i >= c->count; c++)
            i -= c->count;
        x = c->node;
    }
    return &entries(x)[i];
}

/* Entries in front of key (after: and those equal to it); *ret_leaf holds the bound, at *ret_at. */
static uint64_t find_bound(const struct sorted_set *s, const struct sorted_order *o,
                           const struct sorted_entry *key, bool after,
                           const struct sorted_node **ret_leaf, uint32_t *ret_at) {
    const struct sorted_node *x = s->root;
    uint64_t before = 0;
    while (x && x->level) {
        uint32_t k = child_bound(x, o, key, after);
        for (uint32_t i = 0; i < k; i++)
            before += children(x)[i].count;
        x = children(x)[k].node;
    }
    *ret_leaf = x;
    *ret_at = x ? leaf_bound(x, o, key, after) : 0;
    return before + *ret_at;
}

uint64_t sorted_set_lower(const struct sorted_set *s, const struct sorted_order *o,
                          const struct sorted_entry *key, struct sorted_entry **ret_at) {
    const struct sorted_node *leaf;
    uint32_t at;
    uint64_t before = find_bound(s, o, key, false, &leaf, &at);
    if (ret_at) *ret_at = leaf && at < leaf->n ? &entries(leaf)[at] : sorted_set_at(s, before);
    return before;
}

uint64_t sorted_set_upper(const struct sorted_set *s, const struct sorted_order *o,
                          const struct sorted_entry *key) {
    const struct sorted_node *leaf;
    uint32_t at;
    return find_bound(s, o, key, true, &leaf, &at);
}

struct sorted_entry *sorted_set_find(const struct sorted_set *s, const struct sorted_order *o,
                                     const struct sorted_entry *key) {
    struct sorted_entry *e;
    sorted_set_lower(s, o, key, &e);
    return e && cmp(o, e, key) == 0 ? e : NULL;
}

static uint32_t read_node(const struct sorted_node *x, uint64_t i, uint32_t n,
                          struct sorted_entry *ret) {
    uint32_t got = 0;
    if (!x->level) {
        if (i >= x->n) return 0;
        got = (uint32_t)(x->n - i < n ? x->n - i : n);
        memcpy(ret, entries(x) + i, sizeof *ret * got);
        return got;
    }
    for (uint32_t k = 0; k < x->n && got < n; k++) {
        const struct child *c = &children(x)[k];
        if (i >= c->count) {
            i -= c->count;
            continue;
        }
        got += read_node(c->node, i, n - got, ret + got);
        i = 0;
    }
    return got;
}

uint32_t sorted_set_read(const struct sorted_set *s, uint64_t i, uint32_t n,
                         struct sorted_entry *ret) {
    return s->root ? read_node(s->root, i, n, ret) : 0;
}

/* ---- inserting ---- */

/* Capacities whose nodes fill a size class. */
static uint32_t grown(uint32_t cap) {
    static const uint8_t caps[] = {1, 2, 3, 5, 7, 11, 15, 23, 31, 47, LEAF_MAX};
    uint32_t i = 0;
    while (caps[i] <= cap)
        i++;
    return caps[i];
}

static void put_entry(struct sorted_node *x, uint32_t at, struct sorted_entry e) {
    memmove(entries(x) + at + 1, entries(x) + at, sizeof e * (x->n - at));
    entries(x)[at] = e;
    x->n++;
}

static void put_child(struct sorted_node *x, uint32_t at, struct child c) {
    memmove(children(x) + at + 1, children(x) + at, sizeof c * (x->n - at));
    children(x)[at] = c;
    x->n++;
}

/* Moves what stands from `keep` on to a new node. Where one is put behind all others, as with
 * arrival numbers, nothing moves: nodes stay full. */
static struct sorted_node *split_node(struct sorted_node *x, uint32_t keep,
                                      struct var_memory *var) {
    struct sorted_node *y = new_node(var, x->level, x->cap);
    y->n = (uint16_t)(x->n - keep);
    if (x->level)
        memcpy(children(y), children(x) + keep, sizeof(struct child) * y->n);
    else
        memcpy(entries(y), entries(x) + keep, sizeof(struct sorted_entry) * y->n);
    x->n = (uint16_t)keep;
    return y;
}

/* Returns the node that was split off behind, NULL. */
static struct sorted_node *insert_leaf(struct sorted_node **px, const struct sorted_order *o,
                                       const struct sorted_entry *e, struct var_memory *var) {
    struct sorted_node *x = *px, *split = NULL;
    uint32_t at = leaf_bound(x, o, e, true);
    if (x->n == x->cap && x->cap < LEAF_MAX) {
        struct sorted_node *bigger = new_node(var, 0, grown(x->cap));
        bigger->n = x->n;
        memcpy(entries(bigger), entries(x), sizeof *e * x->n);
        free_node(var, x);
        *px = x = bigger;
    } else if (x->n == x->cap) {
        uint32_t keep = at == x->n ? x->n : x->n / 2;
        split = split_node(x, keep, var);
        if (at >= keep) {
            put_entry(split, at - keep, *e);
            return split;
        }
    }
    put_entry(x, at, *e);
    return split;
}

static struct sorted_node *insert_node(struct sorted_node **px, const struct sorted_order *o,
                                       const struct sorted_entry *e, struct var_memory *var) {
    struct sorted_node *x = *px, *split = NULL;
    if (!x->level) return insert_leaf(px, o, e, var);
    uint32_t k = child_bound(x, o, e, true);
    struct sorted_node *below = insert_node(&children(x)[k].node, o, e, var);
    children(x)[k] = child_of(children(x)[k].node);
    if (!below) return NULL;
    k++;
    if (x->n == INNER_MAX) {
        uint32_t keep = k == x->n ? x->n : x->n / 2;
        split = split_node(x, keep, var);
        if (k >= keep) {
            put_child(split, k - keep, child_of(below));
            return split;
        }
    }
    put_child(x, k, child_of(below));
    return split;
}

void sorted_set_insert(struct sorted_set *s, const struct sorted_order *o, struct sorted_entry e,
                       struct var_memory *var) {
    if (!s->root) s->root = new_node(var, 0, 1);
    struct sorted_node *split = insert_node(&s->root, o, &e, var);
    s->n++;
    if (!split) return;
    struct sorted_node *root = new_node(var, s->root->level + 1, INNER_MAX);
    put_child(root, 0, child_of(s->root));
    put_child(root, 1, child_of(split));
    s->root = root;
}

/* ---- taking out ---- */

static uint32_t max_of(const struct sorted_node *x) {
    return x->level ? INNER_MAX : LEAF_MAX;
}

/* Joins child k and the one behind it, if there is room to spare. */
static bool join_children(struct sorted_node *x, uint32_t k, struct var_memory *var) {
    struct child *c = children(x);
    if (k + 1 >= x->n) return false;
    struct sorted_node *a = c[k].node, *b = c[k + 1].node;
    uint32_t n = (uint32_t)a->n + b->n;
    if (n > a->cap || n > max_of(a) * 3 / 4) return false;
    if (a->level)
        memcpy(children(a) + a->n, children(b), sizeof(struct child) * b->n);
    else
        memcpy(entries(a) + a->n, entries(b), sizeof(struct sorted_entry) * b->n);
    a->n = (uint16_t)n;
    free_node(var, b);
    c[k] = child_of(a);
    memmove(c + k + 1, c + k + 2, sizeof *c * (x->n - k - 2));
    x->n--;
    return true;
}

/* May leave x without entries: then the caller frees it. */
static struct sorted_entry take_node(struct sorted_node *x, uint64_t i, struct var_memory *var) {
    if (!x->level) {
        struct sorted_entry e = entries(x)[i];
        x->n--;
        memmove(entries(x) + i, entries(x) + i + 1, sizeof e * (x->n - i));
        return e;
    }
    struct child *c = children(x);
    uint32_t k = 0;
    for (; i >= c[k].count; k++)
        i -= c[k].count;
    struct sorted_entry e = take_node(c[k].node, i, var);
    struct sorted_node *node = c[k].node;
    if (!node->n) {
        free_node(var, node);
        x->n--;
        memmove(c + k, c + k + 1, sizeof *c * (x->n - k));
        return e;
    }
    c[k] = child_of(node);
    if (node->n < max_of(node) / 4 && !join_children(x, k, var) && k) join_children(x, k - 1, var);
    return e;
}

struct sorted_entry sorted_set_take(struct sorted_set *s, uint64_t i, struct var_memory *var) {
    CHECK(i < s->n);
    struct sorted_entry e = take_node(s->root, i, var);
    s->n--;
    struct sorted_node *x = s->root;
    while (x->level && x->n == 1) {
        s->root = children(x)[0].node;
        free_node(var, x);
        x = s->root;
    }
    if (!s->n) {
        free_node(var, x);
        s->root = NULL;
    } else if (!x->level && x->cap > 7 && x->n <= x->cap / 4) {
        struct sorted_node *smaller = new_node(var, 0, grown(x->n));
        smaller->n = x->n;
        memcpy(entries(smaller), entries(x), sizeof e * x->n);
        free_node(var, x);
        s->root = smaller;
    }
    return e;
}

static void release_node(struct sorted_node *x, struct var_memory *var) {
    for (uint32_t i = 0; x->level && i < x->n; i++)
        release_node(children(x)[i].node, var);
    free_node(var, x);
}

void sorted_set_release(struct sorted_set *s, struct var_memory *var) {
    if (s->root) release_node(s->root, var);
    *s = (struct sorted_set){0};
}
