/* op_watermark_test.c - event time of sources whose splits each have their own. */
#include "tests/unit/worker/op_rig.h"

/* Rows of a split, up to -1. */
static void give(struct op_rig *o, uint32_t split, const int *times) {
    struct col_builder c;
    col_builder_init(&c, type_of(TYPE_BIGINT), 8);
    for (; *times >= 0; times++)
        col_add_int(&c, *times);
    struct batch *b = batch_new(1);
    b->n = c.col.n;
    b->split = split;
    col_builder_finish(&c, &b->cols[0]);
    col_builder_release(&c);
    op_rig_push(o, 0, b);
    while (op_rig_pump(o))
        ;
}
#define TIMES(...) ((const int[]){__VA_ARGS__, -1})

static void fire_timers(struct op_rig *o, int64_t in_ms) {
    struct err err = ERR_INIT;
    assert_ok(ops_fire_timers(o->task, op_now_ms(o->task->ops[0].op) + in_ms, &err), &err);
    while (op_rig_pump(o))
        ;
}

/* Time passes, and nothing holds up the timers. */
static void pass(struct op_rig *o, int64_t ms) {
    for (int64_t t = 900; t <= ms; t += 900)
        fire_timers(o, t);
}

/* What has come out since the last call. */
static void came(struct op_rig *o, const char *want) {
    AUTO_STR got = STR_INIT;
    for (size_t i = 0; i < o->n; i++) {
        str_addf(&got, "%s%s", i ? ", " : "", o->lines[i]);
        free(o->lines[i]);
    }
    o->n = 0;
    assert_string_equal(str_text(&got), want);
}

static void open_rig(struct op_rig *o, const char *config) {
    op_rig_init(o, 1, 100);
    o->full_percent = 0;
    o->plan.plan.config.watermark_interval_ms = 0;
    const struct schema *s = op_rig_schema(o, type_of(TYPE_BIGINT), 1);
    op_rig_open(o, &s, 1, "watermark", config, s);
}

#define CONFIG(idle)                                                                               \
    "{\"time\": 0, \"expr\": {\"col\": 0, \"type\": \"BIGINT\"}, \"idleTimeout\": " #idle "}"

static void greatest_of_all_rows(void **state) {
    struct op_rig o;
    open_rig(&o, CONFIG(0));
    give(&o, 0, TIMES(5, 3, 9));
    give(&o, 0, TIMES(8, 10));
    came(&o, "+I 5, wm 5, +I 3, +I 9, wm 9, +I 8, +I 10, wm 10");
    op_rig_release(&o);
}

static void least_of_splits(void **state) {
    struct op_rig o;
    open_rig(&o, CONFIG(0));
    struct op *op = o.task->ops[0].op;
    op_split_added(op, 0);
    op_split_added(op, 1);
    give(&o, 0, TIMES(5, 9));
    came(&o, "+I 5, +I 9"); /* nothing is known of the other */
    give(&o, 1, TIMES(2, 4, 20));
    came(&o, "+I 2, wm 2, +I 4, wm 4, +I 20, wm 9");
    op_split_added(op, 2); /* a new one may be behind: time stands */
    give(&o, 0, TIMES(30));
    came(&o, "+I 30");
    give(&o, 2, TIMES(6, 25));
    came(&o, "+I 6, +I 25, wm 20");
    op_split_ended(op, 1);
    fire_timers(&o, 1000);
    came(&o, "wm 25");
    op_split_ended(op, 2);
    op_split_ended(op, 0);
    fire_timers(&o, 2000);
    came(&o, ""); /* the end of input says the rest */
    op_rig_release(&o);
}

static void idle_splits_are_passed_over(void **state) {
    struct op_rig o;
    open_rig(&o, CONFIG(60000));
    struct op *op = o.task->ops[0].op;
    op_split_added(op, 0);
    op_split_added(op, 1);
    give(&o, 0, TIMES(5));
    fire_timers(&o, 1000);
    came(&o, "+I 5");
    pass(&o, 120000); /* both are idle now: time stands */
    came(&o, "");
    give(&o, 0, TIMES(7));
    came(&o, "+I 7, wm 7");
    give(&o, 1, TIMES(3, 8)); /* back, late at first */
    came(&o, "+I 3, +I 8");
    give(&o, 0, TIMES(9));
    came(&o, "+I 9, wm 8");
    op_rig_release(&o);
}

/* Time in which the task was held up says nothing of its splits. */
static void backpressure_is_not_idleness(void **state) {
    struct op_rig o;
    open_rig(&o, CONFIG(60000));
    struct op *op = o.task->ops[0].op;
    op_split_added(op, 0);
    op_split_added(op, 1);
    give(&o, 0, TIMES(5));
    fire_timers(&o, 120000);
    give(&o, 0, TIMES(7));
    came(&o, "+I 5, +I 7"); /* the other is waited for */
    give(&o, 1, TIMES(6));
    came(&o, "+I 6, wm 6");
    op_rig_release(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greatest_of_all_rows),
        cmocka_unit_test(least_of_splits),
        cmocka_unit_test(idle_splits_are_passed_over),
        cmocka_unit_test(backpressure_is_not_idleness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
