/* var_memory_test.c - blocks of all sizes keep what was written to them, and are used again. */
#include "tests/unit/worker/random_batch.h"

#include "worker/state/var_memory.h"

struct block {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

static size_t random_size(struct rnd *r) {
    switch (rnd_below(r, 4)) {
    case 0:
        return rnd_below(r, 32);
    case 1:
        return rnd_below(r, 512);
    case 2:
        return rnd_below(r, VAR_LARGE_BYTES) + 1;
    default:
        return rnd_below(r, 3 * VAR_LARGE_BYTES) + 1;
    }
}

static void check(const struct block *b) {
    for (size_t i = 0; i < b->size; i++)
        if (b->p[i] != b->fill) fail_msg("byte %zu of %zu was overwritten", i, b->size);
}

static void blocks_are_apart(void **state) {
    enum { BLOCKS = 300, STEPS = 20000 };
    struct rnd r = {11};
    struct var_memory v;
    var_init(&v);
    struct block *blocks = mem_calloc(BLOCKS, sizeof *blocks);
    for (int step = 0; step < STEPS; step++) {
        struct block *b = &blocks[rnd_below(&r, BLOCKS)];
        if (b->p) {
            check(b);
            var_free(&v, b->p, b->size);
            b->p = NULL;
        } else {
            *b = (struct block){.size = random_size(&r), .fill = (unsigned char)rnd_next(&r)};
            b->p = var_alloc(&v, b->size);
            memset(b->p, b->fill, b->size);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (!blocks[i].p) continue;
        check(&blocks[i]);
        var_free(&v, blocks[i].p, blocks[i].size);
    }
    free(blocks);
    var_release(&v);
}

static void freed_blocks_are_used_again(void **state) {
    struct rnd r = {12};
    struct var_memory v;
    var_init(&v);
    size_t after_first = 0;
    for (int round = 0; round < 50; round++) {
        struct block blocks[200];
        struct rnd same = {13};
        for (int i = 0; i < 200; i++) {
            blocks[i].size = random_size(&same);
            blocks[i].p = var_alloc(&v, blocks[i].size);
        }
        if (round == 0) after_first = v.used_bytes;
        for (int i = 199; i >= 0; i--) { /* in some other order */
            int k = (int)rnd_below(&r, (uint64_t)i + 1);
            var_free(&v, blocks[k].p, blocks[k].size);
            blocks[k] = blocks[i];
        }
    }
    /* Large blocks go back to the system; pages stay. */
    assert_true(v.used_bytes <= after_first);
    var_release(&v);
}

static void clearing_keeps_a_page(void **state) {
    struct var_memory v;
    var_init(&v);
    for (int i = 0; i < 5000; i++)
        memset(var_alloc(&v, 100), i & 255, 100);
    assert_true(v.used_bytes > 5000 * 100);
    var_clear(&v);
    assert_true(v.used_bytes <= 2 * VAR_PAGE_BYTES);
    for (int i = 0; i < 10; i++)
        memset(var_alloc(&v, 1000), 7, 1000);
    assert_true(v.used_bytes <= 2 * VAR_PAGE_BYTES);
    var_release(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_apart),
        cmocka_unit_test(freed_blocks_are_used_again),
        cmocka_unit_test(clearing_keeps_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
