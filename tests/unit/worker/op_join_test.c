/* op_join_test.c - joins with sides that are updated by key without -U: the row that takes
 * another's place has the same partners, which count it once. */
#include "tests/unit/worker/op_rig_lines.h"

static void open_join(struct op_rig *o, uint32_t batch_rows, const char *config, int width) {
    op_rig_init(o, 3, batch_rows);
    const struct schema *in = op_rig_schema(o, type_of(TYPE_BIGINT), 2);
    op_rig_open(o, (const struct schema *const[]){in, in}, 2, "join", config,
                op_rig_schema(o, type_of(TYPE_BIGINT), width));
}

#define PUSH(port, kinds, ...)                                                                     \
    do {                                                                                           \
        static const int64_t values_[] = {__VA_ARGS__};                                            \
        op_rig_push(&o, port, op_rig_rows(values_, 2, ARRAY_LEN(values_) / 2, kinds));             \
    } while (0)
#define KINDS(...) ((const uint8_t[]){__VA_ARGS__})

enum { INSERT = ROW_INSERT, UPDATE = ROW_UPDATE_AFTER, DELETE = ROW_DELETE };

static void check(struct op_rig *o, const char *const *lines, size_t n) {
    struct lines want = {0};
    for (size_t i = 0; i < n; i++)
        lines_say(&want, lines[i]);
    lines_say(&want, "wm max");
    lines_say(&want, "end");
    op_rig_finish(o, 2);
    op_rig_expect(o, &want, false);
    lines_release(&want);
    op_rig_release(o);
}
#define CHECK_LINES(...)                                                                           \
    check(&o, (const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void an_outer_row_loses_its_only_partner(void **state) {
    for (uint32_t batch_rows = 1; batch_rows < 9; batch_rows += 7) {
        struct op_rig o;
        open_join(&o, batch_rows,
                  "{\"join\": \"left\", \"leftKeys\": [0], \"rightKeys\": [0], \"filterNulls\": "
                  "[true], \"rightUpsertKey\": [0]}",
                  4);
        PUSH(0, NULL, 1, 10, 1, 11);
        PUSH(1, KINDS(INSERT, UPDATE, UPDATE), 1, 5, 1, 6, 1, 7);
        PUSH(1, KINDS(DELETE), 1, 7);
        CHECK_LINES("+I 1|10|NULL|NULL", "+I 1|11|NULL|NULL", "-D 1|10|NULL|NULL",
                    "-D 1|11|NULL|NULL", "+I 1|10|1|5", "+I 1|11|1|5", "+I 1|10|1|6", "+I 1|11|1|6",
                    "+I 1|10|1|7", "+I 1|11|1|7", "-D 1|10|1|7", "-D 1|11|1|7", "+I 1|10|NULL|NULL",
                    "+I 1|11|NULL|NULL");
    }
}

static void a_semi_join_counts_keys(void **state) {
    struct op_rig o;
    open_join(
        &o, 8,
        "{\"join\": \"semi\", \"leftKeys\": [0], \"rightKeys\": [0], \"filterNulls\": [true], "
        "\"rightUpsertKey\": [0]}",
        2);
    PUSH(0, NULL, 1, 10);
    PUSH(1, KINDS(INSERT, UPDATE), 1, 5, 1, 6);
    PUSH(1, KINDS(DELETE), 1, 6);
    PUSH(1, KINDS(INSERT), 1, 9);
    CHECK_LINES("+I 1|10", "-D 1|10", "+I 1|10");
}

static void both_sides_by_key(void **state) {
    struct op_rig o;
    open_join(
        &o, 8,
        "{\"join\": \"full\", \"leftKeys\": [0], \"rightKeys\": [0], \"filterNulls\": [true], "
        "\"leftUpsertKey\": [0], \"rightUpsertKey\": [0]}",
        4);
    PUSH(0, KINDS(INSERT, UPDATE), 1, 10, 1, 11);
    PUSH(1, KINDS(INSERT, UPDATE), 1, 5, 1, 6);
    PUSH(0, KINDS(UPDATE, DELETE), 1, 12, 1, 12);
    PUSH(1, KINDS(DELETE), 1, 6);
    CHECK_LINES("+I 1|10|NULL|NULL", "+I 1|11|NULL|NULL", "-D 1|11|NULL|NULL", "+I 1|11|1|5",
                "+I 1|11|1|6", "+I 1|12|1|6", "-D 1|12|1|6", "+I NULL|NULL|1|6",
                "-D NULL|NULL|1|6");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outer_row_loses_its_only_partner),
        cmocka_unit_test(a_semi_join_counts_keys),
        cmocka_unit_test(both_sides_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
