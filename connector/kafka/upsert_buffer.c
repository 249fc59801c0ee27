/* upsert_buffer.c - see upsert_buffer.h. Open addressing over keys that lie in one string; values
 * that are replaced stay in it until the buffer is emptied. */
#include "connector/kafka/upsert_buffer.h"

#include "base/core/clock.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SLOTS_MIN = 256 };

struct kept {
    uint64_t hash;
    size_t key, key_len, value, value_len, headers, headers_len;
    int64_t time_ms;
    bool tombstone;
};

struct upsert_buffer {
    struct str bytes;
    size_t n, cap, n_slots;
    struct kept *kept;
    uint32_t *slots; /* number in kept + 1, or 0 */
    uint64_t rows;
    int64_t since_ms;
};

struct upsert_buffer *upsert_buffer_new(void) {
    struct upsert_buffer *b = mem_zalloc(sizeof *b);
    b->n_slots = SLOTS_MIN;
    b->slots = mem_calloc(b->n_slots, sizeof *b->slots);
    return b;
}

void upsert_buffer_free(struct upsert_buffer *b) {
    if (!b) return;
    str_release(&b->bytes);
    free(b->kept);
    free(b->slots);
    free(b);
}

static void grow(struct upsert_buffer *b) {
    free(b->slots);
    b->n_slots *= 2;
    b->slots = mem_calloc(b->n_slots, sizeof *b->slots);
    for (size_t i = 0; i < b->n; i++) {
        size_t at = b->kept[i].hash & (b->n_slots - 1);
        while (b->slots[at])
            at = (at + 1) & (b->n_slots - 1);
        b->slots[at] = (uint32_t)i + 1;
    }
}

static size_t keep_bytes(struct upsert_buffer *b, struct sv s) {
    size_t at = b->bytes.len;
    str_add_sv(&b->bytes, s);
    return at;
}

static struct kept *find(struct upsert_buffer *b, struct sv key) {
    uint64_t hash = XXH3_64bits(key.ptr, key.len);
    size_t at = hash & (b->n_slots - 1);
    for (; b->slots[at]; at = (at + 1) & (b->n_slots - 1)) {
        struct kept *k = &b->kept[b->slots[at] - 1];
        if (k->hash == hash && k->key_len == key.len &&
            !memcmp(b->bytes.ptr + k->key, key.ptr, key.len))
            return k;
    }
    MEM_GROW(b->kept, b->n, b->cap);
    struct kept *k = &b->kept[b->n++];
    *k = (struct kept){.hash = hash, .key_len = key.len};
    k->key = keep_bytes(b, key);
    b->slots[at] = (uint32_t)b->n;
    if (b->n * 2 > b->n_slots) grow(b);
    return k;
}

void upsert_buffer_add(struct upsert_buffer *b, struct messages *m) {
    uint32_t n = messages_count(m);
    if (!b->rows && n) b->since_ms = clock_mono_ns() / 1000000;
    for (uint32_t i = 0; i < n; i++) {
        struct message one;
        messages_get(m, i, &one);
        struct kept *k = find(b, one.key);
        k->value = keep_bytes(b, one.value);
        k->value_len = one.value.len;
        k->headers = keep_bytes(b, one.headers);
        k->headers_len = one.headers.len;
        k->time_ms = one.time_ms;
        k->tombstone = one.tombstone;
    }
    b->rows += n;
    messages_clear(m);
}

void upsert_buffer_release(struct upsert_buffer *b, struct messages *m) {
    const char *p = str_text(&b->bytes);
    for (size_t i = 0; i < b->n; i++) {
        const struct kept *k = &b->kept[i];
        struct message one = {.key = {p + k->key, k->key_len},
                              .value = {p + k->value, k->value_len},
                              .headers = {p + k->headers, k->headers_len},
                              .tombstone = k->tombstone,
                              .time_ms = k->time_ms};
        messages_add(m, &one);
    }
    memset(b->slots, 0, b->n_slots * sizeof *b->slots);
    str_clear(&b->bytes);
    b->n = 0;
    b->rows = 0;
}

uint64_t upsert_buffer_rows(const struct upsert_buffer *b) {
    return b->rows;
}

int64_t upsert_buffer_since_ms(const struct upsert_buffer *b) {
    return b->rows ? clock_mono_ns() / 1000000 - b->since_ms : 0;
}
