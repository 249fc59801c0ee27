/* hot_keys.c - the sketch is a short array: with a sample of the rows, walking it costs less than
 * keeping it in order. */
#include "worker/exchange/hot_keys.h"

#include "base/core/mem.h"
#include "vector/value_text.h"

#include <pthread.h>
#include <stdlib.h>

enum { KEY_TEXT_MAX_BYTES = 100 };

struct entry {
    uint64_t hash;
    uint32_t count, error; /* count is too high by error at most */
    char *text;            /* NULL until it looks hot */
};

struct hot_keys {
    pthread_mutex_t mutex; /* for what follows: counted per batch, read per report */
    struct entry entries[HOT_KEYS_KEPT];
    int n;
    uint32_t total;
    uint64_t random;
};

struct hot_keys *hot_keys_new(void) {
    struct hot_keys *h = mem_zalloc(sizeof *h);
    pthread_mutex_init(&h->mutex, NULL);
    h->random = 0x9E3779B97F4A7C15;
    return h;
}

void hot_keys_free(struct hot_keys *h) {
    if (!h) return;
    for (int i = 0; i < h->n; i++)
        free(h->entries[i].text);
    pthread_mutex_destroy(&h->mutex);
    free(h);
}

static bool is_hot(const struct hot_keys *h, const struct entry *e) {
    return h->total >= HOT_KEYS_SAMPLES_MIN &&
           (double)(e->count - e->error) >= HOT_KEYS_SHARE_MIN * h->total;
}

static char *key_text(const struct batch *b, const int *keys, int n_keys, uint32_t row) {
    AUTO_STR s = STR_INIT;
    for (int i = 0; i < n_keys; i++) {
        if (i) str_add(&s, ", ");
        value_text(&b->cols[keys[i]], row, NULL, VALUE_TEXT_CANONICAL, &s);
    }
    size_t n = 0;
    while (n < s.len && n < KEY_TEXT_MAX_BYTES)
        n += MAX(utf8_char_len(s.ptr + n, s.len - n), (size_t)1);
    bool cut = n < s.len;
    s.len = MIN(n, s.len);
    if (cut) str_add(&s, "...");
    return mem_strdup(str_text(&s));
}

/* The key's entry; in place of the rarest one if it has none and all are taken. */
static struct entry *count(struct hot_keys *h, uint64_t hash) {
    struct entry *rarest = NULL;
    for (int i = 0; i < h->n; i++) {
        struct entry *e = &h->entries[i];
        if (e->hash == hash) {
            e->count++;
            return e;
        }
        if (!rarest || e->count < rarest->count) rarest = e;
    }
    if (h->n < HOT_KEYS_KEPT) {
        rarest = &h->entries[h->n++];
        *rarest = (struct entry){.hash = hash, .count = 1};
        return rarest;
    }
    free(rarest->text);
    *rarest = (struct entry){.hash = hash, .count = rarest->count + 1, .error = rarest->count};
    return rarest;
}

static void halve(struct hot_keys *h) {
    for (int i = 0; i < h->n; i++) {
        h->entries[i].count /= 2;
        h->entries[i].error /= 2;
    }
    h->total /= 2;
}

void hot_keys_add(struct hot_keys *h, const struct batch *b, const int *keys, int n_keys) {
    h->random = h->random * 6364136223846793005u + 1442695040888963407u;
    uint32_t first = (uint32_t)(h->random >> 32) % HOT_KEYS_STRIDE;
    if (first >= b->n) return;
    pthread_mutex_lock(&h->mutex);
    for (uint32_t i = first; i < b->n; i += HOT_KEYS_STRIDE) {
        struct entry *e = count(h, b->hashes[i]);
        h->total++;
        if (!e->text && is_hot(h, e)) e->text = key_text(b, keys, n_keys, i);
    }
    if (h->total >= HOT_KEYS_WINDOW) halve(h);
    pthread_mutex_unlock(&h->mutex);
}

static int by_count(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    uint32_t p = x->count - x->error, q = y->count - y->error;
    return p < q ? 1 : p > q ? -1 : 0;
}

cJSON *hot_keys_to_json(const struct hot_keys *hot) {
    struct hot_keys *h = (struct hot_keys *)hot;
    struct entry found[HOT_KEYS_KEPT];
    int n = 0;
    pthread_mutex_lock(&h->mutex);
    for (int i = 0; i < h->n; i++)
        if (h->entries[i].text && is_hot(h, &h->entries[i])) found[n++] = h->entries[i];
    qsort(found, (size_t)n, sizeof *found, by_count);
    cJSON *o = n ? cJSON_CreateObject() : NULL, *list = n ? cJSON_CreateArray() : NULL;
    for (int i = 0; i < n; i++) {
        cJSON *k = cJSON_CreateObject();
        json_set_str(k, "key", found[i].text);
        json_set_i64(k, "count", found[i].count - found[i].error);
        cJSON_AddItemToArray(list, k);
    }
    if (o) json_set_i64(o, "sampled", h->total);
    pthread_mutex_unlock(&h->mutex);
    if (o) json_set(o, "keys", list);
    return o;
}
