/* sorted_set_test.c - against a plain sorted array. */
#include "tests/unit/worker/random_batch.h"

#include "worker/state/sorted_set.h"

enum { MODEL_MAX = 20000 };

/* Entries order by prefix, then by the number they carry. */
static int by_count(const void *self, const struct sorted_entry *a, const struct sorted_entry *b) {
    return a->u.count < b->u.count ? -1 : a->u.count > b->u.count;
}
static const struct sorted_order order = {.cmp = by_count};

struct model {
    struct sorted_entry e[MODEL_MAX];
    uint32_t n;
};

static uint32_t model_lower(const struct model *m, const struct sorted_entry *key) {
    uint32_t i = 0;
    while (i < m->n && (m->e[i].prefix < key->prefix ||
                        (m->e[i].prefix == key->prefix && m->e[i].u.count < key->u.count)))
        i++;
    return i;
}

static void check_all(const struct sorted_set *s, const struct model *m) {
    static struct sorted_entry got[MODEL_MAX + 1];
    assert_int_equal(s->n, m->n);
    assert_int_equal(sorted_set_read(s, 0, MODEL_MAX + 1, got), m->n);
    assert_memory_equal(got, m->e, sizeof *got * m->n);
}

static void grows_and_shrinks_as_an_array_does(void **state) {
    struct rnd r = {7};
    struct var_memory var;
    var_init(&var);
    static struct model m;
    for (uint32_t range = 3; range < 100000; range *= 30) {
        struct sorted_set s = {0};
        m.n = 0;
        for (int i = 0; i < 12000; i++) {
            /* grows for the first half, then shrinks to nothing */
            bool add = m.n == 0 || rnd_below(&r, 100) < (i < 6000 ? 70 : 30);
            struct sorted_entry e = {.prefix = rnd_below(&r, range),
                                     .u.count = (int64_t)rnd_below(&r, 5)};
            uint32_t at = model_lower(&m, &e);
            struct sorted_entry *found;
            assert_int_equal(sorted_set_lower(&s, &order, &e, &found), at);
            if (at < m.n)
                assert_memory_equal(found, &m.e[at], sizeof e);
            else
                assert_null(found);
            bool there = sorted_set_find(&s, &order, &e) != NULL;
            assert_int_equal(sorted_set_upper(&s, &order, &e), at + there);
            if (add && there) continue;
            if (add) {
                sorted_set_insert(&s, &order, e, &var);
                memmove(&m.e[at + 1], &m.e[at], sizeof e * (m.n - at));
                m.e[at] = e;
                m.n++;
            } else {
                uint32_t k = (uint32_t)rnd_below(&r, m.n);
                struct sorted_entry gone = sorted_set_take(&s, k, &var);
                assert_memory_equal(&gone, &m.e[k], sizeof gone);
                memmove(&m.e[k], &m.e[k + 1], sizeof e * (m.n - k - 1));
                m.n--;
            }
            if (i % 500 == 0) check_all(&s, &m);
        }
        check_all(&s, &m);
        for (uint32_t i = 0; i < m.n; i += 7)
            assert_memory_equal(sorted_set_at(&s, i), &m.e[i], sizeof *m.e);
        assert_null(sorted_set_at(&s, m.n));
        while (s.n)
            sorted_set_take(&s, rnd_below(&r, (uint32_t)s.n), &var);
        assert_null(s.root);
        sorted_set_release(&s, &var);
    }
    var_release(&var);
}

/* What is freed is used again: a set that grows and shrinks doesn't leak. */
static void memory_is_given_back(void **state) {
    struct var_memory var;
    var_init(&var);
    size_t after_first = 0;
    for (int round = 0; round < 5; round++) {
        struct sorted_set s = {0};
        for (uint64_t i = 0; i < 100000; i++)
            sorted_set_insert(&s, &order, (struct sorted_entry){.prefix = i * 0x9e3779b97f4a7c15},
                              &var);
        for (uint64_t i = 0; i < 60000; i++)
            sorted_set_take(&s, i * 31 % s.n, &var);
        sorted_set_release(&s, &var);
        if (!round) after_first = var.used_bytes;
        assert_int_equal(var.used_bytes, after_first);
    }
    var_release(&var);
}

/* In order, nodes are filled: 16 bytes an entry and little more. */
static void rising_entries_lie_densely(void **state) {
    struct var_memory var;
    var_init(&var);
    struct sorted_set s = {0};
    enum { N = 1000000 };
    for (uint64_t i = 0; i < N; i++)
        sorted_set_insert(&s, &order, (struct sorted_entry){.prefix = i}, &var);
    assert_true(var.used_bytes < N * 18);
    assert_int_equal(sorted_set_at(&s, 777777)->prefix, 777777);
    sorted_set_release(&s, &var);
    var_release(&var);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows_and_shrinks_as_an_array_does),
                                       cmocka_unit_test(memory_is_given_back),
                                       cmocka_unit_test(rising_entries_lie_densely)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
