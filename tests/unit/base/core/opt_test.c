/* opt_test.c - option tables. */
#include "base/core/opt.h"

#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

static const char *const modes[] = {"earliest-offset", "latest-offset", NULL};

struct conf {
    bool lenient;
    int64_t rows;
    double ratio;
    const char *path, *secret, *delimiter;
    int64_t interval_ms, buffer_bytes;
    int mode, unset_mode;
};

#define ROW(n, t, d, lo, hi, f, ...)                                                               \
    {                                                                                              \
        .name = n, .type = t, .dflt = d, .min = lo, .max = hi, .offset = offsetof(struct conf, f), \
        .help = "help", __VA_ARGS__                                                                \
    }
static const struct opt_row rows[] = {
    ROW("lenient", OPT_BOOL, "true", 0, 0, lenient),
    ROW("rows", OPT_INT, "10", 1, 100, rows),
    ROW("ratio", OPT_DOUBLE, "0.5", 0, 1, ratio),
    ROW("path", OPT_STRING, NULL, 0, 0, path, .flags = OPT_REQUIRED),
    ROW("secret", OPT_CHAR, NULL, 0, 0, secret, .flags = OPT_SECRET | OPT_REQUIRED),
    ROW("delimiter", OPT_CHAR, ",", 0, 0, delimiter),
    ROW("interval", OPT_DURATION, "10 s", 1, 60000, interval_ms),
    ROW("buffer", OPT_SIZE, "64 kb", 0, 0, buffer_bytes),
    ROW("mode", OPT_ENUM, "latest-offset", 0, 0, mode, .choices = modes),
    ROW("unset-mode", OPT_ENUM, NULL, 0, 0, unset_mode, .choices = modes),
};
static const struct opt_table table = {rows, ARRAY_LEN(rows)};

static void defaults(void **state) {
    struct conf c;
    memset(&c, 0xAA, sizeof(c));
    opt_defaults(&table, &c);
    assert_true(c.lenient);
    assert_int_equal(c.rows, 10);
    assert_true(c.ratio == 0.5);
    assert_null(c.path);
    assert_string_equal(c.delimiter, ",");
    assert_int_equal(c.interval_ms, 10000);
    assert_int_equal(c.buffer_bytes, 65536);
    assert_int_equal(c.mode, 1);
    assert_int_equal(c.unset_mode, -1);
}

static void set_each_type(void **state) {
    struct arena a;
    arena_init(&a);
    struct conf c;
    opt_defaults(&table, &c);
    static const char *const sets[][2] = {
        {"lenient", "FALSE"},  {"rows", " 100 "},     {"ratio", "1e-1"},
        {"path", "/x y"},      {"secret", "\\u0001"}, {"delimiter", "\\t"},
        {"interval", "1 min"}, {"buffer", "2 MB"},    {"mode", "Earliest-Offset"},
    };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        assert_ok(opt_set(&table, &a, &c, sets[i][0], sets[i][1], &e), &e);
    assert_false(c.lenient);
    assert_int_equal(c.rows, 100);
    assert_true(c.ratio == 0.1);
    assert_string_equal(c.path, "/x y");
    assert_string_equal(c.secret, "\x01");
    assert_string_equal(c.delimiter, "\t");
    assert_int_equal(c.interval_ms, 60000);
    assert_int_equal(c.buffer_bytes, 2 << 20);
    assert_int_equal(c.mode, 0);
    arena_release(&a);
}

static void characters(void **state) {
    struct arena a;
    arena_init(&a);
    struct conf c;
    opt_defaults(&table, &c);
    struct err e = ERR_INIT;
    static const char *const good[][2] = {
        {";", ";"},
        {"\\n", "\n"},
        {"\\\\", "\\"},
        {"\\", "\\"},
        {"\\u20AC", "\xE2\x82\xAC"},
        {"\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"\\\"", "\""},
        {" ", " "},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(opt_set(&table, &a, &c, "delimiter", good[i][0], &e), &e);
        assert_string_equal(c.delimiter, good[i][1]);
    }
    static const char *const bad[] = {
        "", "ab", "\\q", "\\u12", "\\u0000", "\\u12g4", "\xE2\x82\xAC.", "\\u00e9x", "\\tt"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(opt_set(&table, &a, &c, "delimiter", bad[i], &e), ERR_VALIDATION);
        assert_string_equal(c.delimiter, " "); /* untouched */
    }
    arena_release(&a);
}

static void errors_say_what_is_expected(void **state) {
    static const struct {
        const char *name, *value, *part;
    } bad[] = {
        {"rows", "101", "option 'rows': '101' is out of range: from 1 to 100"},
        {"rows", "0", "out of range"},
        {"rows", "ten", "no integer"},
        {"rows", "", "no integer"},
        {"rows", "1x", "no integer"},
        {"rows", "99999999999999999999", "64 bits"},
        {"ratio", "nan", "no number"},
        {"ratio", "1.01", "out of range"},
        {"lenient", "yes", "neither true nor false"},
        {"interval", "61 s", "from 1 to 60000 ms"},
        {"interval", "5 parsecs", "no duration"},
        {"buffer", "-1", "no size"},
        {"buffer", "99999999999 gb", "too large"},
        {"mode", "earliest", "none of: earliest-offset, latest-offset"},
        {"intervall", "1", "did you mean 'interval'"},
        {"completely-different", "1", "there are: lenient, rows"},
    };
    struct arena a;
    arena_init(&a);
    struct conf c, before;
    opt_defaults(&table, &c);
    before = c;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = ERR_INIT;
        assert_err(opt_set(&table, &a, &c, bad[i].name, bad[i].value, &e), ERR_VALIDATION, &e,
                   bad[i].part);
    }
    assert_memory_equal(&c, &before, sizeof(c));
    arena_release(&a);
}

static void secrets_stay_out_of_errors(void **state) {
    struct arena a;
    arena_init(&a);
    struct conf c;
    opt_defaults(&table, &c);
    struct err e = ERR_INIT;
    assert_err(opt_set(&table, &a, &c, "secret", "hunter2", &e), ERR_VALIDATION, &e,
               "option 'secret'");
    assert_null(strstr(e.msg, "hunter2"));
    arena_release(&a);
}

static void secrets_are_known_by_name(void **state) {
    static const char *const secret[] = {"properties.ssl.keystore.key",
                                         "properties.ssl.key.pem",
                                         "properties.ssl.key.password",
                                         "properties.sasl.jaas.config",
                                         "some.passwd",
                                         "sasl.kerberos.keytab",
                                         "oauth.private-key",
                                         "apikey",
                                         "Api_Key",
                                         "s3.access.key",
                                         "s3.Secret-Key",
                                         "avro-confluent.basic-auth.user-info",
                                         "http.header.Authorization"};
    static const char *const open[] = {"connector",
                                       "properties.ssl.keystore.location",
                                       "properties.ssl.key.location",
                                       "properties.ssl.keystore.certificate.chain",
                                       "key.format",
                                       "key.fields",
                                       "properties.key.serializer"};
    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        assert_string_equal(opt_shown(secret[i], "v"), "******");
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        assert_string_equal(opt_shown(open[i], "v"), "v");
}

static void required(void **state) {
    struct err e = ERR_INIT;
    const char *const none[] = {"rows"}, *const one[] = {"rows", "path"},
                      *const both[] = {"secret", "path"};
    assert_err(opt_check_required(&table, none, 1, &e), ERR_VALIDATION, &e,
               "required options are missing: 'path', 'secret'");
    assert_err(opt_check_required(&table, one, 2, &e), ERR_VALIDATION, &e,
               "required option is missing: 'secret'");
    assert_ok(opt_check_required(&table, both, 2, &e), &e);
}

static void durations(void **state) {
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"10", 10},          {"500 ms", 500},       {"3s", 3000},        {" 2 min ", 120000},
        {"2 h", 7200000},    {"1 d", 86400000},     {"1 DAY", 86400000}, {"2 days", 172800000},
        {"7 seconds", 7000}, {"1 us", 1},           {"1500 us", 2},      {"0 s", 0},
        {"5 \xC2\xB5s", 1},  {"4 milliseconds", 4}, {"6 m", 360000},     {"1 hour", 3600000},
    };
    struct err e = ERR_INIT;
    int64_t v;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(opt_parse_duration_ms(good[i].text, &v, &e), &e);
        assert_int_equal(v, good[i].ms);
    }
    static const char *const bad[] = {"", "s", "-1 s", "1.5 s", "1 x", "1 s s", "10 kb"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_err(opt_parse_duration_ms(bad[i], &v, &e), ERR_VALIDATION, &e, "duration");
    assert_err(opt_parse_duration_ms("99999999999999 d", &v, &e), ERR_VALIDATION, &e, "too large");
    assert_err(opt_parse_duration_ms("99999999999999999999999", &v, &e), ERR_VALIDATION, &e,
               "too large");
}

static void sizes(void **state) {
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"128", 128},
        {"1 b", 1},
        {"64 kb", 65536},
        {"64k", 65536},
        {"1 mebibytes", 1 << 20},
        {"2 GB", INT64_C(2) << 30},
        {"1 tb", INT64_C(1) << 40},
        {"3 bytes", 3},
    };
    struct err e = ERR_INIT;
    int64_t v;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_ok(opt_parse_size_bytes(good[i].text, &v, &e), &e);
        assert_int_equal(v, good[i].bytes);
    }
    assert_err(opt_parse_size_bytes("1 pb", &v, &e), ERR_VALIDATION, &e, "size");
    assert_err(opt_parse_size_bytes("9999999 tb", &v, &e), ERR_VALIDATION, &e, "too large");
}

static void every_type_has_a_name(void **state) {
    for (int t = OPT_BOOL; t <= OPT_CHAR; t++)
        assert_string_not_equal(opt_type_name((enum opt_type)t), "unknown");
    assert_string_equal(opt_type_name((enum opt_type)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(set_each_type),
        cmocka_unit_test(characters),
        cmocka_unit_test(errors_say_what_is_expected),
        cmocka_unit_test(secrets_stay_out_of_errors),
        cmocka_unit_test(secrets_are_known_by_name),
        cmocka_unit_test(required),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(every_type_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
