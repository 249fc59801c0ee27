/* hot_keys_test.c - keys with a large share are found, with about that share; others aren't. */
#include "worker/exchange/hot_keys.h"

#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

static const int keys[] = {0, 1};

/* n rows: the key is `hot` in `percent` of 100, else any of many. */
static struct batch *rows(uint32_t n, int percent, int64_t hot, uint64_t *random) {
    struct batch *b = batch_new(2);
    struct col_builder k, s;
    col_builder_init(&k, type_of(TYPE_BIGINT), n);
    col_builder_init(&s, type_of(TYPE_VARCHAR), n);
    for (uint32_t i = 0; i < n; i++) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        int64_t v = (int64_t)(*random >> 40);
        col_add_int(&k, (*random >> 33) % 100 < (uint64_t)percent ? hot : 1000 + v);
        col_add_str(&s, "x", 1);
    }
    b->n = n;
    col_builder_finish(&k, &b->cols[0]);
    col_builder_finish(&s, &b->cols[1]);
    col_builder_release(&k);
    col_builder_release(&s);
    b->hashes_buf = buffer_new(n * sizeof(uint64_t));
    b->hashes = (uint64_t *)b->hashes_buf->data;
    memset(b->hashes, 0, n * sizeof(uint64_t));
    for (int i = 0; i < 2; i++)
        col_hash(&b->cols[i], b->hashes, n);
    return b;
}

static void feed(struct hot_keys *h, int batches, uint32_t n, int percent, int64_t hot) {
    uint64_t random = 1;
    for (int i = 0; i < batches; i++) {
        struct batch *b = rows(n, percent, hot, &random);
        hot_keys_add(h, b, keys, 2);
        batch_unref(b);
    }
}

static void expect(struct hot_keys *h, const char *key, double least, double most) {
    AUTO_JSON *j = hot_keys_to_json(h);
    assert_non_null(j);
    const cJSON *first = json_opt(j, "keys")->child;
    assert_string_equal(json_opt_str(first, "key", ""), key);
    assert_null(first->next);
    double share = (double)json_opt_i64(first, "count", 0) / (double)json_opt_i64(j, "sampled", 1);
    assert_true(share >= least && share <= most);
}

static void a_hot_key_is_found(void **state) {
    struct hot_keys *h = hot_keys_new();
    feed(h, 100, 4096, 30, 7);
    expect(h, "7, x", .25, .33);
    /* Another one takes its place: what is long ago fades. */
    feed(h, 2000, 4096, 30, 8);
    expect(h, "8, x", .25, .33);
    hot_keys_free(h);
}

/* Also of batches shorter than the stride. */
static void small_batches_are_sampled_too(void **state) {
    struct hot_keys *h = hot_keys_new();
    feed(h, 60000, 10, 50, -3);
    expect(h, "-3, x", .4, .6);
    hot_keys_free(h);
}

static void even_keys_are_not_hot(void **state) {
    struct hot_keys *h = hot_keys_new();
    assert_null(hot_keys_to_json(h));
    feed(h, 1, 4096, 90, 7); /* too few rows to say so */
    assert_null(hot_keys_to_json(h));
    hot_keys_free(h);
    h = hot_keys_new();
    feed(h, 1000, 4096, 2, 7);
    assert_null(hot_keys_to_json(h));
    hot_keys_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hot_key_is_found),
        cmocka_unit_test(small_batches_are_sampled_too),
        cmocka_unit_test(even_keys_are_not_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
