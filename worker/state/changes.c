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
    *c = (struct changes){0};
}

bool changes_remove(struct changes *c, uint32_t row) {
    bits_drop(&c->dirty, row);
    if (!bits_has(&c->saved, row)) return false;
    bits_drop(&c->saved, row);
    return true;
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

struct changes_head changes_begin(struct changes *c, uint64_t checkpoint, uint64_t base,
                                  struct bits *live) {
    struct changes_head head = {.cleared = c->cleared};
    bits_release(&c->pending);
    if (c->checkpoint > base) { /* the last one came to nothing */
        c->pending = c->sent;
        head.gone = c->sent_gone;
        head.cleared |= c->sent_cleared;
    } else {
        bits_release(&c->sent);
        str_release(&c->sent_gone);
    }
    bits_add(&c->pending, &c->dirty);
    str_add_n(&head.gone, c->gone.ptr, c->gone.len);
    if (live) {
        bits_release(&c->pending);
        c->pending = *live;
        *live = (struct bits){0};
        str_clear(&head.gone);
        head.cleared = true;
    }
    bits_release(&c->dirty);
    str_release(&c->gone);
    c->cleared = false;
    c->sent = bits_dup(&c->pending);
    c->sent_gone = (struct str)STR_INIT;
    str_add_n(&c->sent_gone, head.gone.ptr, head.gone.len);
    c->sent_cleared = head.cleared;
    bits_add(&c->saved, &c->pending);
    c->active = true;
    c->checkpoint = checkpoint;
    c->walk = 0;
    return head;
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
    c->active = false;
}

void changes_restored(struct changes *c, struct bits *live) {
    changes_release(c);
    c->saved = *live;
    *live = (struct bits){0};
}
