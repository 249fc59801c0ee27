/* window_test.c - slices and windows against their definition: for a time, all windows that hold it
 * are listed by counting. */
#include "tests/unit/worker/random_batch.h"

#include "worker/window.h"

enum { MIN_MS = 60000, HOUR = 60 * MIN_MS };

/* TIMESTAMP or, with a zone, TIMESTAMP_LTZ in column 0. */
static struct window make(const char *type, int64_t size, int64_t slide, int64_t offset,
                          const char *zone) {
    static struct field f[1];
    static struct schema s = {1, f};
    const struct schema *inputs[] = {&s};
    f[0] = (struct field){"ts", type_of(zone ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP)};
    struct err err = ERR_INIT;
    const struct tz *tz = NULL;
    if (zone) assert_ok(tz_get(zone, &tz, &err), &err);
    struct eval_env env = {.zone = tz};
    struct op_ctx ctx = {.inputs = inputs, .env = &env};
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "type", type);
    json_set_i64(j, "time", 0);
    json_set_i64(j, "size", size);
    json_set_i64(j, "slide", slide);
    json_set_i64(j, "offset", offset);
    json_set_bool(j, "ltz", zone != NULL);
    struct window w;
    assert_ok(window_read(j, &ctx, &w, &err), &err);
    return w;
}

enum { WINDOWS_MAX = 64 };

/* Ends of all windows that hold time t, rising. */
static int windows_of(const struct window *w, int64_t t, int64_t *ends, int64_t *starts) {
    int n = 0;
    if (w->kind == SLICE_CUMULATE) {
        int64_t start = w->offset;
        while (start > t)
            start -= w->size;
        while (start + w->size <= t)
            start += w->size;
        for (int64_t end = start + w->slide; end <= start + w->size; end += w->slide)
            if (end > t) {
                starts[n] = start;
                ends[n++] = end;
            }
        return n;
    }
    int64_t start = w->offset;
    while (start + w->size > t)
        start -= w->slide;
    for (; start <= t; start += w->slide)
        if (t < start + w->size) {
            starts[n] = start;
            ends[n++] = start + w->size;
        }
    return n;
}

static void check_time(const struct window *w, int64_t t) {
    int64_t ends[WINDOWS_MAX], starts[WINDOWS_MAX];
    int n = windows_of(w, t, ends, starts);
    int64_t slice = window_slice_end(w, t);
    assert_true(slice - w->slice <= t && t < slice);
    int64_t after = INT64_MIN;
    for (int i = 0; i < n; i++) {
        int64_t end = window_first_end(w, slice, after);
        if (end != ends[i])
            fail_msg("size %lld, slide %lld, offset %lld, time %lld: window %d ends at %lld, not "
                     "%lld",
                     (long long)w->size, (long long)w->slide, (long long)w->offset, (long long)t, i,
                     (long long)end, (long long)ends[i]);
        assert_true(window_start_of(w, end) == starts[i]);
        after = end;
    }
    assert_true(window_first_end(w, slice, after) == INT64_MAX);
    if (n) assert_true(window_last_end(w, slice) == ends[n - 1]);
    /* From anywhere between. */
    for (int i = 0; i + 1 < n; i++)
        assert_true(window_first_end(w, slice, ends[i + 1] - 1) == ends[i + 1]);
}

static void check_times(struct rnd *r, const struct window *w) {
    for (int i = 0; i < 300; i++) {
        int64_t near = ((int64_t)rnd_below(r, 40) - 20) * w->slice + w->offset;
        check_time(w, near + (int64_t)rnd_below(r, 5) - 2);
        check_time(w, (int64_t)rnd_below(r, 2000000) - 1000000);
    }
}

static void windows_hold_their_times(void **state) {
    struct rnd r = {1};
    for (int i = 0; i < 60; i++) {
        int64_t slide = (int64_t)rnd_below(&r, 500) + 1;
        int64_t size = slide * ((int64_t)rnd_below(&r, 20) + 1);
        int64_t offset = (int64_t)rnd_below(&r, 2 * (uint64_t)slide) - slide;
        struct window w = make("tumble", size, size, offset, NULL);
        check_times(&r, &w);
        w = make("hop", size, slide, offset, NULL);
        check_times(&r, &w);
        w = make("cumulate", size, slide, offset, NULL);
        check_times(&r, &w);
    }
}

/* Group windows may hop by what the size is no multiple of. */
static void windows_hop_by_any_slide(void **state) {
    struct rnd r = {2};
    for (int i = 0; i < 60; i++) {
        int64_t unit = (int64_t)rnd_below(&r, 100) + 1;
        int64_t slide = unit * ((int64_t)rnd_below(&r, 7) + 1);
        int64_t size = unit * ((int64_t)rnd_below(&r, 30) + 1);
        if (size < slide) continue; /* gaps: see below */
        struct window w = make("hop", size, slide, (int64_t)rnd_below(&r, 50) - 25, NULL);
        check_times(&r, &w);
    }
}

/* A row in a gap between hopping windows belongs to none. */
static void gaps_between_windows(void **state) {
    struct window w = make("hop", 20, 50, 0, NULL);
    for (int64_t t = -200; t < 200; t++) {
        int64_t ends[WINDOWS_MAX], starts[WINDOWS_MAX];
        int n = windows_of(&w, t, ends, starts);
        int64_t got = window_first_end(&w, window_slice_end(&w, t), INT64_MIN);
        assert_true(n ? got == ends[0] : got == INT64_MAX);
    }
}

/* Whole columns, in a zone, with NULLs, as row by row. */
static void columns_are_cut(void **state) {
    static const char *const zones[] = {NULL, "America/New_York", "Asia/Kolkata", "Europe/Berlin"};
    struct rnd r = {3};
    for (size_t z = 0; z < ARRAY_LEN(zones); z++) {
        struct window w = make("hop", 6 * HOUR, 2 * HOUR, -HOUR, zones[z]);
        struct col_builder cb;
        struct arena a;
        arena_init(&a);
        const struct type *type =
            type_time(&a, zones[z] ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP, 3, true);
        col_builder_init(&cb, type, 1000);
        int64_t times[1000];
        for (int i = 0; i < 1000; i++) {
            /* from 1969 to 2030, in runs */
            times[i] = i % 5 ? times[i - 1] + (int64_t)rnd_below(&r, HOUR)
                             : (int64_t)rnd_below(&r, 1924992000000ull) - 31536000000;
            if (i % 7 == 3)
                col_add_null(&cb);
            else
                col_add_int(&cb, times[i]);
        }
        struct column c;
        col_builder_finish(&cb, &c);
        col_builder_release(&cb);
        int64_t ends[1000];
        window_slices(&w, &c, 1000, ends);
        for (int i = 0; i < 1000; i++) {
            int64_t clock = zones[z] ? tz_utc_to_local(w.zone, times[i]) : times[i];
            assert_true(window_clock(&w, times[i]) == clock);
            assert_true(ends[i] == (i % 7 == 3 ? INT64_MIN : window_slice_end(&w, clock)));
        }
        col_release(&c);
        arena_release(&a);
    }
}

/* The watermark at which the zone's clock has passed the window for good: found minute by minute.
 */
static int64_t passed_at(const struct window *w, int64_t end, int64_t from) {
    int64_t last = INT64_MIN;
    for (int64_t x = from; x < from + 60 * (int64_t)HOUR; x += MIN_MS)
        if (tz_utc_to_local(w->zone, x) < end) last = x;
    return last + MIN_MS - 1; /* the last ms of that minute; ends are whole minutes */
}

static void clocks_change(void **state) {
    static const struct {
        const char *zone;
        int64_t from; /* UTC, some hours before the change */
    } changes[] = {
        {"America/New_York", 1710046800000}, /* 2024-03-10 05:00, summer time begins at 07:00 */
        {"America/New_York", 1730606400000}, /* 2024-11-03 04:00, ends at 06:00 */
        {"Europe/Berlin", 1711843200000},    /* 2024-03-31 00:00, begins at 01:00 */
        {"Europe/Berlin", 1729983600000},    /* 2024-10-26 23:00, ends at 01:00 */
        {"Asia/Kolkata", 1729983600000},     /* half an hour off, no change */
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct window w = make("tumble", 15 * MIN_MS, 15 * MIN_MS, 0, changes[i].zone);
        int64_t local = tz_utc_to_local(w.zone, changes[i].from);
        local -= local % (15 * MIN_MS);
        for (int k = 1; k < 4 * 12; k++) {
            int64_t end = local + k * 15 * MIN_MS;
            int64_t want = passed_at(&w, end, changes[i].from - 6 * (int64_t)HOUR);
            int64_t fire = window_fire_time(&w, end);
            /* A window that the clock skips has no rows; it may fire when the clock jumps. */
            bool skipped = tz_utc_to_local(w.zone, want) != end - 1;
            assert_true(window_passed(&w, fire) >= end || skipped);
            assert_true(window_passed(&w, fire - 1) < end);
            if (fire != want && !(skipped && fire == want + 1))
                fail_msg("%s, change %zu, window %d: fires at %lld, not %lld", changes[i].zone, i,
                         k, (long long)fire, (long long)want);
        }
    }
}

static void bad_windows_are_refused(void **state) {
    static struct field f[1] = {{"ts", NULL}};
    struct schema s = {1, f};
    const struct schema *inputs[] = {&s};
    f[0].type = type_of(TYPE_TIMESTAMP);
    struct op_ctx ctx = {.inputs = inputs};
    static const char *const bad[] = {
        "{\"type\": \"session\", \"time\": 0, \"size\": 10}",
        "{\"type\": \"tumble\", \"time\": 1, \"size\": 10}",
        "{\"type\": \"tumble\", \"time\": 0, \"size\": 0}",
        "{\"type\": \"hop\", \"time\": 0, \"size\": 10, \"slide\": -1}",
        "{\"type\": \"attached\", \"start\": 0, \"end\": 4}",
        "{\"time\": 0, \"size\": 10}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct window w;
        AUTO_JSON *j = NULL;
        assert_ok(json_parse(bad[i], strlen(bad[i]), &j, &err), &err);
        assert_true(window_read(j, &ctx, &w, &err) < 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_their_times),
        cmocka_unit_test(windows_hop_by_any_slide),
        cmocka_unit_test(gaps_between_windows),
        cmocka_unit_test(columns_are_cut),
        cmocka_unit_test(clocks_change),
        cmocka_unit_test(bad_windows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
