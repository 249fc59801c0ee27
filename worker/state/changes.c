/* changes.c - sets of rows as bitmaps. */
#include "worker/state/changes.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static void bits_reserve(struct bits *b, uint32_t n_words) {
    if (n_words <= b->n_words) return;
    uint32_t n = MAX(MAX(n_words, b->n_words * 2), 4);
    b->words = mem_reallocarray(b->words, n, sizeof *b->words);
    memset(b->words + b->n_words, 0, (n - b->n_words) * sizeof *b->words);
    b->n_words = n;
}

void bits_set(struct bits *b, uint32_t i) {
    bits_reserve(b, i / 64 + 1);
    b->words[i / 64] |= 1ull << i % 64;
}

static void bits_add(struct bits *b, const struct bits *more) {
    bits_reserve(b, more->n_words);
    for (uint32_t i = 0; i < more->n_words; i++)
        b->words[i] |= more->words[i];
}

void bits_release(struct bits *b) {
    free(b->words);
    *b = (struct bits){0};
}

static struct bits bits_dup(const struct bits *b) {
    struct bits d = {NULL, b->n_words};
    if (b->n_words) d.words = mem_dup(b->words, b->n_words * sizeof *b->words);
    return d;
}

void changes_release(struct changes *c) {
    bits_release(&c->dirty);
    bits_release(&c->pending);
    bits_release(&c->sent);
    bits_release(&c->saved);
    str_release(&c->gone);
    str_release(&c->sent_gone);
    str_release(&c->early);
    *c = (struct changes){0};
}

struct str *changes_remove(struct changes *c, uint32_t row) {
    bits_drop(&c->dirty, row);
    if (!bits_has(&c->saved, row)) return NULL;
    bits_drop(&c->saved, row);
    c->gone_at = c->gone.len;
    str_add_n(&c->gone, "\0\0\0\0", 4);
    return &c->gone;
}

void changes_told(struct changes *c) {
    uint32_t len = (uint32_t)(c->gone.len - c->gone_at - 4);
    memcpy(c->gone.ptr + c->gone_at, &len, 4);
}

void changes_clear(struct changes *c) {
    bits_release(&c->dirty);
    bits_release(&c->pending);
    bits_release(&c->sent);
    bits_release(&c->saved);
    str_clear(&c->gone);
    str_clear(&c->sent_gone);
    c->cleared = true;
    c->sent_cleared = false;
}

void changes_begin(struct changes *c, uint64_t checkpoint, uint64_t base, bool full,
                   struct state_sink *sink) {
    bits_release(&c->pending);
    if (c->checkpoint > base) { /* the last one came to nothing */
        c->pending = c->sent;
        c->cleared |= c->sent_cleared;
        str_add_n(&c->sent_gone, c->gone.ptr, c->gone.len);
        str_release(&c->gone);
    } else {
        bits_release(&c->sent);
        str_release(&c->sent_gone);
        c->sent_gone = c->gone;
        c->gone = (struct str)STR_INIT;
    }
    bits_add(&c->pending, &c->dirty);
    if (full) { /* what is there is in some snapshot, or has come since */
        bits_add(&c->pending, &c->saved);
        str_clear(&c->sent_gone);
        c->cleared = true;
    }
    c->sink = sink;
    char clear = STATE_CLEAR;
    if (c->cleared) sink->entry(sink, (struct sv){&clear, 1});
    c->gone_to_send = c->sent_gone.len;
    str_clear(&c->early);
    c->sent_cleared = c->cleared;
    c->cleared = false;
    bits_release(&c->dirty);
    c->sent = bits_dup(&c->pending);
    bits_add(&c->saved, &c->pending);
    c->active = true;
    c->checkpoint = checkpoint;
    c->walk = 0;
}

/* Sends the entries that stand behind one another, each behind its length, from `at` on. */
static size_t send(struct state_sink *sink, const struct str *entries, size_t at, uint32_t *n) {
    for (; *n > 0 && at < entries->len; --*n) {
        uint32_t len;
        memcpy(&len, entries->ptr + at, 4);
        sink->entry(sink, (struct sv){entries->ptr + at + 4, len});
        at += 4 + len;
    }
    return at;
}

bool changes_send_gone(struct changes *c, uint32_t *n) {
    if (!c->gone_to_send) return true;
    size_t at = c->sent_gone.len - c->gone_to_send;
    c->gone_to_send = c->sent_gone.len - send(c->sink, &c->sent_gone, at, n);
    if (c->gone_to_send) return false;
    uint32_t all = UINT32_MAX;
    send(c->sink, &c->early, 0, &all);
    str_release(&c->early);
    return true;
}

void changes_put(struct changes *c, struct sv entry) {
    if (!c->gone_to_send) {
        c->sink->entry(c->sink, entry);
        return;
    }
    uint32_t len = (uint32_t)entry.len;
    str_add_n(&c->early, &len, 4);
    str_add_sv(&c->early, entry);
}

bool changes_next(struct changes *c, uint32_t *ret_row) {
    if (!c->active) return false;
    for (; c->walk < c->pending.n_words; c->walk++) {
        uint64_t w = c->pending.words[c->walk];
        if (!w) continue;
        uint32_t bit = (uint32_t)__builtin_ctzll(w);
        c->pending.words[c->walk] &= w - 1;
        *ret_row = c->walk * 64 + bit;
        return true;
    }
    bits_release(&c->pending);
    c->active = false;
    return false;
}

void changes_cancel(struct changes *c) {
    bits_release(&c->pending);
    str_release(&c->early);
    c->gone_to_send = 0;
    c->active = false;
}

void changes_restored(struct changes *c, struct bits *live) {
    changes_release(c);
    c->saved = *live;
    *live = (struct bits){0};
}
