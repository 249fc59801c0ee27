/* text.h - the strings of Nexmark events. */
#ifndef PENSTOCK_CONNECTOR_NEXMARK_TEXT_H
#define PENSTOCK_CONNECTOR_NEXMARK_TEXT_H

#include "connector/nexmark/random.h"
#include "vector/strv.h"

enum {
    NX_CHANNELS = 10000,
    NX_HOT_CHANNELS = 4,
    NX_POOL_BYTES = 256 << 10, /* stays in the second-level cache with a batch */
    NX_WORDS_BYTES = 32 << 10,
    NX_POOL_SLACK_BYTES = 128,
    NX_EXTRA_MAX_BYTES = NX_POOL_BYTES / 2
};

struct nexmark_channel {
    struct strv channel, url;
};

struct nexmark_text {
    struct heap *heap;                /* of the urls and the pool */
    struct nexmark_channel *channels; /* NX_CHANNELS, then the hot ones */
    const char *pool;                 /* random text; an extra is a piece of it */
    double exp2[64];                  /* 2 ^ (i / 64) */
    const char *words;                /* letters, one in thirteen a blank; names are pieces of it */
};

/* Length of an `extra` that brings an event of `size` bytes to its mean: fixed part and the width
 * of the random one (0: none). */
struct nx_extra {
    uint32_t min, width;
};
struct nx_extra nx_extra_of(int64_t size, int64_t desired);

/* 3 .. max - 1 letters and blanks, trimmed. Returns the length. max <= NX_POOL_SLACK_BYTES; dst has
 * room for max + 32 bytes. */
uint32_t nx_word(const struct nexmark_text *t, struct nx_stream *s, uint32_t max, char *dst);

#endif
