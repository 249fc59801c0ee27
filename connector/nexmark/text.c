/* text.c - channels with their urls, and the pool of random text. */
#include "connector/nexmark/text.h"

#include "base/core/mem.h"
#include "connector/nexmark/generator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* n random letters, one in thirteen `special`. 13 * 26 equally likely codes, of which every
 * thirteenth is the special character. */
static void letters(struct nx_stream *s, char special, char *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t code = nx_below(s, 13 * 26);
        dst[i] = code < 26 ? special : (char)('a' + code % 26);
    }
}

uint32_t nx_word(const struct nexmark_text *t, struct nx_stream *s, uint32_t max, char *dst) {
    uint64_t r = nx_next(s);
    uint32_t n = 3 + (uint32_t)((r >> 32) * (max - 3) >> 32);
    const char *src = t->words + ((r & 0xffffffff) * NX_WORDS_BYTES >> 32);
    while (src[n - 1] == ' ' && n > 1)
        n--;
    while (*src == ' ' && n) {
        src++;
        n--;
    }
    for (uint32_t i = 0; i < n; i += 32)
        memcpy(dst + i, src + i, 32);
    return n;
}

struct nx_extra nx_extra_of(int64_t size, int64_t desired) {
    if (size > desired) return (struct nx_extra){0, 0};
    desired -= size;
    int64_t delta = (desired * 2 + 5) / 10; /* a fifth, rounded */
    return (struct nx_extra){(uint32_t)(desired - delta), (uint32_t)(2 * delta)};
}

static size_t base_url(struct nx_stream *s, char *dst) {
    char *d = dst + sprintf(dst, "https://www.nexmark.com/");
    for (int i = 0; i < 3; i++) {
        size_t n = 3 + nx_below(s, 2);
        letters(s, '_', d, n);
        d += n;
        *d++ = '/';
    }
    return (size_t)(d + sprintf(d, "item.htm?query=1") - dst);
}

static struct strv keep(struct heap *h, const char *p, size_t n) {
    return strv_copy(h, p, (uint32_t)n);
}

static void make_channels(struct nexmark_text *t, struct nx_stream *s) {
    static const char *const hot[NX_HOT_CHANNELS] = {"Google", "Facebook", "Baidu", "Apple"};
    char url[128], name[32];
    t->channels = mem_calloc(NX_CHANNELS + NX_HOT_CHANNELS, sizeof *t->channels);
    for (int i = 0; i < NX_CHANNELS; i++) {
        size_t n = base_url(s, url);
        if (nx_below(s, 10) > 0) {
            uint32_t reversed = 0;
            for (int bit = 0; bit < 32; bit++)
                reversed |= ((uint32_t)i >> bit & 1) << (31 - bit);
            int32_t id = (int32_t)reversed; /* Java's abs: the least number stays negative */
            n += (size_t)sprintf(url + n, "&channel_id=%d", id == INT32_MIN ? id : abs(id));
        }
        t->channels[i].url = keep(t->heap, url, n);
        t->channels[i].channel = keep(t->heap, name, (size_t)sprintf(name, "channel-%d", i));
    }
    for (int i = 0; i < NX_HOT_CHANNELS; i++) {
        t->channels[NX_CHANNELS + i].url = keep(t->heap, url, base_url(s, url));
        t->channels[NX_CHANNELS + i].channel = keep(t->heap, hot[i], strlen(hot[i]));
    }
}

/* Six characters from each random int, by its remainders of 26: letters, or for a negative one
 * 'a' and what lies before it. */
static void make_pool(struct nexmark_text *t, struct nx_stream *s) {
    size_t n = NX_POOL_BYTES + NX_POOL_SLACK_BYTES;
    char *p = (char *)heap_alloc(t->heap, n);
    t->pool = p;
    int32_t r = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 6 == 0) r = (int32_t)(nx_next(s) >> 32);
        p[i] = (char)('a' + r % 26);
        r /= 26;
    }
    char *words = (char *)heap_alloc(t->heap, NX_WORDS_BYTES + 2 * NX_POOL_SLACK_BYTES);
    letters(s, ' ', words, NX_WORDS_BYTES + 2 * NX_POOL_SLACK_BYTES);
    t->words = words;
}

struct nexmark_text *nexmark_text_new(uint64_t seed) {
    struct nexmark_text *t = mem_zalloc(sizeof *t);
    t->heap = heap_new();
    struct nx_stream s = nx_stream_of(seed, UINT64_MAX);
    make_channels(t, &s);
    make_pool(t, &s);
    for (int i = 0; i < 64; i++)
        t->exp2[i] = exp2(i / 64.0);
    return t;
}

void nexmark_text_free(struct nexmark_text *t) {
    if (!t) return;
    heap_unref(t->heap);
    free(t->channels);
    free(t);
}
