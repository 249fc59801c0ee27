/* task_test.c - whole small plans in one process: steps, watermarks, OP_MORE, barriers, end. */
#include "tests/unit/worker/rig.h"

/* source -> sink in one task. */
static void chain_to_sink(void **state) {
    struct rig r;
    rig_init(&r);
    int v = rig_vertex(&r, 1, 0);
    rig_op(&r, v, "t_source", "{\"rows\": 1000, \"batch\": 64}", rig_schema());
    rig_op(&r, v, "t_sink", "{}", rig_schema());
    rig_run(&r, 1);
    assert_int_equal(rig_count(0, ENTRY_ROW), 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rig_log.entries[0][i].v, i);
    assert_int_equal(rig_log.entries[0][1000].kind, ENTRY_WM);
    assert_int_equal(rig_log.entries[0][1000].v, WATERMARK_MAX);
    assert_int_equal(rig_log.entries[0][1001].kind, ENTRY_END);
    assert_int_equal(rig_log.n[0], 1002);
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(chain_to_sink, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
