/* map_test.c - the string map against a plain array. */
#include "base/core/map.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>

static void put_get_remove(void **state) {
    struct map m;
    map_init(&m);
    int a, b;
    assert_null(map_get(&m, "x"));
    assert_null(map_remove(&m, "x"));
    assert_null(map_put(&m, "x", &a));
    assert_ptr_equal(map_put(&m, "x", &b), &a);
    assert_ptr_equal(map_get(&m, "x"), &b);
    assert_null(map_put(&m, "null", NULL));
    assert_true(map_has(&m, "null"));
    assert_int_equal(map_size(&m), 2);
    assert_ptr_equal(map_remove(&m, "x"), &b);
    assert_false(map_has(&m, "x"));
    assert_int_equal(map_size(&m), 1);
    map_release(&m, NULL);
    assert_int_equal(map_size(&m), 0);
}

static void keys_are_copied(void **state) {
    struct map m;
    map_init(&m);
    char key[8] = "abc";
    int v;
    map_put(&m, key, &v);
    strcpy(key, "xyz");
    assert_ptr_equal(map_get(&m, "abc"), &v);
    assert_null(map_get(&m, "xyz"));
    map_release(&m, NULL);
}

static void icase_folds_ascii_only(void **state) {
    struct map m;
    map_init_icase(&m);
    int v;
    map_put(&m, "Flights", &v);
    assert_ptr_equal(map_get(&m, "fLIGHTS"), &v);
    assert_null(map_get(&m, "flight"));
    assert_null(map_get(&m, "flightss"));
    map_put(&m, "[", &v);
    assert_null(map_get(&m, "{"));
    map_release(&m, NULL);
    assert_true(m.ignore_case);
}

static void iterates_in_insertion_order(void **state) {
    struct map m;
    map_init(&m);
    static const char *const keys[] = {"delta", "alpha", "charlie", "bravo"};
    for (size_t i = 0; i < 4; i++)
        map_put(&m, keys[i], (void *)(i + 1));
    map_remove(&m, "alpha");
    map_put(&m, "alpha", (void *)9);
    static const char *const want[] = {"delta", "charlie", "bravo", "alpha"};
    struct map_entry e;
    size_t n = 0;
    for (size_t i = 0; map_next(&m, &i, &e);)
        assert_string_equal(e.key, want[n++]);
    assert_int_equal(n, 4);
    map_release(&m, NULL);
}

/* Random puts and removes; values say which put won. */
static void agrees_with_a_plain_array(void **state) {
    enum { KEYS = 500, STEPS = 200000 };
    struct map m;
    map_init(&m);
    static uintptr_t model[KEYS];
    unsigned seed = 1;
    size_t live = 0;
    for (uintptr_t step = 1; step <= STEPS; step++) {
        seed = seed * 1664525 + 1013904223;
        int k = (int)(seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof(key), "key-%d", k);
        if ((seed >> 28) % 2) {
            assert_ptr_equal(map_put(&m, key, (void *)step), (void *)model[k]);
            live += !model[k];
            model[k] = step;
        } else {
            assert_ptr_equal(map_remove(&m, key), (void *)model[k]);
            live -= model[k] != 0;
            model[k] = 0;
        }
        assert_int_equal(map_size(&m), live);
    }
    assert_true(m.cap < 4 * KEYS); /* removed entries don't pile up */
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof(key), "key-%d", k);
        assert_ptr_equal(map_get(&m, key), (void *)model[k]);
    }
    map_release(&m, NULL);
}

static void release_frees_values(void **state) {
    struct map m;
    map_init(&m);
    map_put(&m, "a", mem_strdup("1"));
    map_put(&m, "b", mem_strdup("2"));
    free(map_remove(&m, "a"));
    map_release(&m, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_remove),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(icase_folds_ascii_only),
        cmocka_unit_test(iterates_in_insertion_order),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(release_frees_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
