/* join_store_save.c - snapshots of a join store, and rows back from them.
 *
 * Entry: kind, hash and key as a state table's, the row's order among its key's (8 bytes), which
 * names it; PUT: time, seq (8 bytes each, 0 where the store keeps no times), matches (4), the
 * packed row. Entries are numbered by slots, for their marks and orders. */
#include "worker/state/join_store_int.h"

#include "base/core/mem.h"
#include "worker/state/state_table_int.h"

#include <stdlib.h>
#include <string.h>

/* Between the orders of two entries, so that one can be put in between. */
#define ENTRY_ORDER_GAP (1ll << 20)

struct slot {
    struct join_entry *entry; /* NULL: free */
    int64_t order;
};

struct join_tracking {
    struct changes changes;
    struct slot *slots; /* [0] is nobody's */
    uint32_t n_slots, cap_slots;
    uint32_t *free_slots;
    uint32_t n_free, cap_free;
    struct str scratch;
};

void join_store_release_tracking(struct join_store *s) {
    struct join_tracking *t = s->tracking;
    if (!t) return;
    changes_release(&t->changes);
    free(t->slots);
    free(t->free_slots);
    str_release(&t->scratch);
    free(t);
    s->tracking = NULL;
}

static void add_name(struct join_store *s, const struct join_entry *e, enum state_entry kind,
                     struct str *out) {
    state_table_add_key(s->table, row_of(s->table, (const char *)e->key), kind, out);
    str_add_n(out, &s->tracking->slots[e->slot].order, 8);
}

static void save_entry(struct join_store *s, struct join_entry *e) {
    struct join_tracking *t = s->tracking;
    str_clear(&t->scratch);
    add_name(s, e, STATE_PUT, &t->scratch);
    int64_t times[2] = {0};
    if (!s->before_bytes) memcpy(times, &e->time, sizeof times);
    str_add_n(&t->scratch, times, sizeof times);
    str_add_n(&t->scratch, &e->matches, 4);
    str_add_n(&t->scratch, join_entry_row(e), row_pack_size(join_entry_row(e)));
    changes_put(&t->changes, str_view(&t->scratch));
}

void join_store_mark(struct join_store *s, struct join_entry *e) {
    if (changes_touch(&s->tracking->changes, e->slot)) save_entry(s, e);
}

int64_t join_store_order(const struct join_store *s, const struct join_entry *e) {
    return s->tracking ? s->tracking->slots[e->slot].order : 0;
}

static uint32_t take_slot(struct join_tracking *t, struct join_entry *e, int64_t order) {
    uint32_t slot = t->n_slots;
    if (t->n_free) {
        slot = t->free_slots[--t->n_free];
    } else {
        MEM_GROW(t->slots, t->n_slots, t->cap_slots);
        t->n_slots++;
    }
    t->slots[slot] = (struct slot){e, order};
    return slot;
}

/* Its name is given up: the snapshot under way gets it as it is, later ones hear that it is gone.
 */
static void name_goes(struct join_store *s, struct join_entry *e) {
    struct join_tracking *t = s->tracking;
    join_store_mark(s, e);
    struct str *gone = changes_remove(&t->changes, e->slot);
    if (!gone) return;
    add_name(s, e, STATE_GONE, gone);
    changes_told(&t->changes);
}

static void free_slot(struct join_tracking *t, struct join_entry *e) {
    t->slots[e->slot].entry = NULL;
    MEM_GROW(t->free_slots, t->n_free, t->cap_free);
    t->free_slots[t->n_free++] = e->slot;
    e->slot = 0;
}

void join_store_goes(struct join_store *s, struct join_entry *e) {
    name_goes(s, e);
    free_slot(s->tracking, e);
}

/* Orders of all of a key's entries but `without`, which has none yet, anew. */
static void renumber(struct join_store *s, struct join_key *k, const struct join_entry *without) {
    struct join_tracking *t = s->tracking;
    for (struct join_entry *e = k->first; e; e = e->next)
        if (e != without) name_goes(s, e);
    int64_t order = 0;
    for (struct join_entry *e = k->first; e; e = e->next, order += ENTRY_ORDER_GAP) {
        if (e == without) continue;
        t->slots[e->slot].order = order;
        changes_touch(&t->changes, e->slot);
    }
}

/* Between its neighbours. */
static int64_t order_of_new(struct join_store *s, const struct join_entry *e) {
    const struct slot *slots = s->tracking->slots;
    if (!e->next) return e->prev ? slots[e->prev->slot].order + ENTRY_ORDER_GAP : 0;
    int64_t hi = slots[e->next->slot].order,
            lo = e->prev ? slots[e->prev->slot].order : hi - 2 * ENTRY_ORDER_GAP;
    if (hi - lo >= 2) return lo + (hi - lo) / 2;
    renumber(s, e->key, e);
    return order_of_new(s, e);
}

void join_store_comes(struct join_store *s, struct join_entry *e) {
    struct join_tracking *t = s->tracking;
    e->slot = take_slot(t, e, order_of_new(s, e));
    changes_touch(&t->changes, e->slot);
}

/* ---- snapshots ---- */

static struct join_tracking *tracking_new(void) {
    struct join_tracking *t = mem_zalloc(sizeof *t);
    MEM_GROW(t->slots, t->n_slots, t->cap_slots);
    t->slots[t->n_slots++] = (struct slot){0};
    return t;
}

static void part_track(void *part) {
    struct join_store *s = part;
    if (s->tracking) return;
    struct join_tracking *t = s->tracking = tracking_new();
    char *keys[256];
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(s->table, &pos, keys, 256)))
        for (uint32_t i = 0; i < n; i++) {
            int64_t order = 0;
            for (struct join_entry *e = ((struct join_key *)keys[i])->first; e; e = e->next) {
                e->slot = take_slot(t, e, order);
                changes_touch(&t->changes, e->slot);
                order += ENTRY_ORDER_GAP;
            }
        }
}

static void part_begin(void *part, uint64_t checkpoint, uint64_t base, bool full,
                       struct state_sink *sink) {
    changes_begin(&((struct join_store *)part)->tracking->changes, checkpoint, base, full, sink);
}

static bool part_step(void *part, uint32_t n) {
    struct join_store *s = part;
    struct join_tracking *t = s->tracking;
    uint32_t slot;
    if (!changes_send_gone(&t->changes, &n)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!changes_next(&t->changes, &slot)) return true;
        if (slot < t->n_slots && t->slots[slot].entry) save_entry(s, t->slots[slot].entry);
    }
    return false;
}

static void part_cancel(void *part) {
    struct join_store *s = part;
    if (s->tracking) changes_cancel(&s->tracking->changes);
}

/* ---- back ---- */

static int cut_off(struct err *err) {
    return err_set(err, ERR_CORRUPT, "an entry of the state ends too early");
}

/* (key, order) -> entry, by images of rows: a row's head is its hash, then NULL bits, then keys. */
static struct state_table *new_index(void) {
    static const struct type *types[2];
    types[0] = types[1] = type_of(TYPE_BIGINT);
    struct state_desc d = {
        .n_keys = 2, .key_types = types, .payload_size_bytes = sizeof(struct join_entry *)};
    return state_table_new(&d);
}

static char *index_image(const struct state_table *x, const struct join_key *k, int64_t order,
                         char *image) {
    memset(image, 0, x->row_bytes);
    int64_t key = (int64_t)(uintptr_t)k;
    memcpy(image + x->fields[0].offset, &key, 8);
    memcpy(image + x->fields[1].offset, &order, 8);
    uint64_t h = ((uint64_t)key ^ (uint64_t)order * 0x9E3779B97F4A7C15ull) * 0xD6E8FEB86659FD93ull;
    ((struct row_head *)image)->hash = h ^ h >> 32;
    return image;
}

/* Drops an entry without the marks: while loading, slots have the orders and nothing else. */
static void forget(struct join_store *s, struct join_entry *e) {
    struct join_tracking *t = s->tracking;
    free_slot(t, e);
    s->tracking = NULL;
    join_store_remove(s, e);
    s->tracking = t;
}

static void clear_range(struct join_store *s, const struct state_range *of) {
    char *keys[256];
    uint64_t pos = 0;
    uint32_t n;
    _Alignas(16) char image[128];
    CHECK(s->load_index->row_bytes <= sizeof image);
    while ((n = state_table_scan(s->table, &pos, keys, 256)))
        for (uint32_t i = 0; i < n; i++) {
            uint32_t group = key_group_of(state_table_hash(s->table, keys[i]), of->max_parallelism);
            if (group < of->first || group > of->last) continue;
            struct join_key *k = (struct join_key *)keys[i];
            while (k->first) {
                struct state_table *x = s->load_index;
                char *at = state_table_find_row(
                    x, index_image(x, k, join_store_order(s, k->first), image));
                if (at) state_table_remove(x, at + x->payload_offset);
                forget(s, k->first);
            }
            state_table_remove(s->table, keys[i]);
        }
}

static int load_put(struct join_store *s, struct join_key *k, int64_t order, struct sv in,
                    struct join_entry **at, struct err *err) {
    int64_t time, seq;
    uint32_t matches;
    if (!sv_take(&in, &time, 8) || !sv_take(&in, &seq, 8) || !sv_take(&in, &matches, 4) ||
        in.len < 4)
        return cut_off(err);
    int rc = row_pack_check(s->pack, in.ptr, in.len, err);
    if (rc) return rc;
    if (*at) forget(s, *at);
    struct join_entry *e = join_store_alloc(s, (uint32_t)in.len, time);
    memcpy(join_entry_row(e), in.ptr, in.len);
    if (!s->before_bytes) e->seq = seq;
    e->matches = matches;
    struct join_tracking *t = s->tracking;
    s->tracking = NULL;
    join_store_link(s, k, e);
    s->tracking = t;
    e->slot = take_slot(t, e, order);
    *at = e;
    return 0;
}

static int part_load(void *part, const struct state_range *of, struct sv entry, struct err *err) {
    struct join_store *s = part;
    if (!s->load_index) {
        s->load_index = new_index();
        s->tracked = s->tracking != NULL;
        join_store_release_tracking(s);
        s->tracking = tracking_new();
    }
    struct state_table *x = s->load_index;
    if (!entry.len) return cut_off(err);
    enum state_entry kind = (enum state_entry)entry.ptr[0];
    struct sv in = {entry.ptr + 1, entry.len - 1};
    if (kind == STATE_CLEAR) {
        clear_range(s, of);
        return 0;
    }
    if (kind != STATE_PUT && kind != STATE_GONE)
        return err_set(err, ERR_CORRUPT, "state entry of unknown kind %d", kind);
    AUTO_FREE char *key = mem_aligned(16, s->table->row_bytes);
    int64_t order;
    int rc = state_table_read_key(s->table, &in, key, err);
    if (rc) return rc;
    if (!sv_take(&in, &order, 8)) return cut_off(err);
    _Alignas(16) char image[128];
    CHECK(x->row_bytes <= sizeof image);
    uint8_t fresh;
    char *row = kind == STATE_PUT ? state_table_place_row(s->table, key, &fresh)
                                  : state_table_find_row(s->table, key);
    if (!row) return 0;
    struct join_key *k = (struct join_key *)(row + s->table->payload_offset);
    index_image(x, k, order, image);
    if (kind == STATE_GONE) {
        char *at = state_table_find_row(x, image);
        if (!at) return 0;
        forget(s, *(struct join_entry **)(at + x->payload_offset));
        state_table_remove(x, at + x->payload_offset);
        return 0;
    }
    char *at = state_table_place_row(x, image, &fresh) + x->payload_offset;
    return load_put(s, k, order, in, (struct join_entry **)at, err);
}

static int by_order(const void *a, const void *b) {
    int64_t x = ((const struct slot *)a)->order, y = ((const struct slot *)b)->order;
    return x < y ? -1 : x > y;
}

static void sort_key(struct join_store *s, struct join_key *k) {
    size_t n = 0;
    bool sorted = true;
    for (struct join_entry *e = k->first; e; e = e->next, n++)
        sorted &= !e->next || join_store_order(s, e) < join_store_order(s, e->next);
    if (sorted) return;
    AUTO_FREE struct slot *all = mem_calloc(n, sizeof *all);
    n = 0;
    for (struct join_entry *e = k->first; e; e = e->next)
        all[n++] = s->tracking->slots[e->slot];
    qsort(all, n, sizeof *all, by_order);
    for (size_t i = 0; i < n; i++) {
        all[i].entry->prev = i ? all[i - 1].entry : NULL;
        all[i].entry->next = i + 1 < n ? all[i + 1].entry : NULL;
    }
    k->first = all[0].entry;
    k->last = all[n - 1].entry;
}

static struct bits live_slots(const struct join_tracking *t) {
    struct bits live = {0};
    for (uint32_t i = 1; i < t->n_slots; i++)
        if (t->slots[i].entry) bits_set(&live, i);
    return live;
}

static void part_loaded(void *part) {
    struct join_store *s = part;
    bool loading = s->load_index;
    if (!loading && !s->tracking) return;
    state_table_free(s->load_index);
    s->load_index = NULL;
    char *keys[256];
    uint64_t pos = 0;
    uint32_t n;
    while ((n = state_table_scan(s->table, &pos, keys, 256)))
        for (uint32_t i = 0; i < n; i++) {
            struct join_key *k = (struct join_key *)keys[i];
            if (k->first)
                sort_key(s, k);
            else
                state_table_remove(s->table, keys[i]);
        }
    if (!loading || s->tracked) {
        struct bits live = live_slots(s->tracking);
        changes_restored(&s->tracking->changes, &live);
        return;
    }
    for (uint32_t i = 1; i < s->tracking->n_slots; i++)
        if (s->tracking->slots[i].entry) s->tracking->slots[i].entry->slot = 0;
    join_store_release_tracking(s);
}

const struct state_part_ops join_store_part = {part_track,  part_begin, part_step,
                                               part_cancel, part_load,  part_loaded};
