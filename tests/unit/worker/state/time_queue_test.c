/* time_queue_test.c - items come out when they are due, in order. */
#include "tests/unit/cmocka_wrap.h"

#include "worker/state/time_queue.h"

#include <stdbool.h>
#include <stdlib.h>

enum { N = 5000 };

struct item {
    int64_t time;
    int pushed; /* order of pushing */
    bool out;
};

/* Random pushes and takes, against a scan over all items. */
static void random_times(void **state) {
    struct time_queue q;
    time_queue_init(&q);
    static struct item items[N];
    int64_t now = -1000000;
    uint64_t live = 0;
    int n = 0;
    srand(1);
    assert_int_equal(time_queue_next(&q), INT64_MAX);
    while (n < N || live) {
        for (int i = rand() % 200; i > 0 && n < N; i--, n++) {
            int64_t far = rand() % 10 ? rand() % 5000 : (int64_t)rand() << 12;
            items[n] = (struct item){now + 1 + far, n, false};
            time_queue_push(&q, items[n].time, &items[n]);
            live++;
        }
        now += n < N ? rand() % 3000 : (int64_t)1 << 43;
        struct time_entry got[7];
        int64_t last = INT64_MIN;
        int last_pushed = -1;
        for (uint32_t k; (k = time_queue_take(&q, now, got, 7));)
            for (uint32_t i = 0; i < k; i++) {
                struct item *it = got[i].item;
                assert_int_equal(got[i].time, it->time);
                assert_false(it->out);
                assert_true(it->time <= now && it->time >= last);
                if (it->time == last) assert_true(it->pushed > last_pushed);
                last = it->time;
                last_pushed = it->pushed;
                it->out = true;
                live--;
            }
        int64_t least = INT64_MAX;
        for (int i = 0; i < n; i++)
            if (!items[i].out && items[i].time < least) least = items[i].time;
        assert_true(least > now); /* nothing that was due is left */
        assert_int_equal(time_queue_next(&q), least);
        assert_int_equal(q.n, live);
    }
    time_queue_release(&q);
}

static void times_that_are_over(void **state) {
    struct time_queue q;
    time_queue_init(&q);
    int a, b, c;
    time_queue_push(&q, 100, &a);
    struct time_entry got[2];
    assert_int_equal(time_queue_take(&q, 99, got, 2), 0);
    assert_int_equal(time_queue_take(&q, 100, got, 2), 1);
    time_queue_push(&q, 40, &b); /* behind what was taken: due at once */
    time_queue_push(&q, INT64_MAX, &c);
    assert_int_equal(time_queue_take(&q, 100, got, 2), 1);
    assert_ptr_equal(got[0].item, &b);
    assert_int_equal(time_queue_take(&q, INT64_MAX, got, 2), 1);
    assert_ptr_equal(got[0].item, &c);
    time_queue_release(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_times),
                                       cmocka_unit_test(times_that_are_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
