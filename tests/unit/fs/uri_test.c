/* uri_test.c - names of files and objects. */
#include "fs/uri.h"

#include "fs/fs_ops.h"
#include "fs/xml.h"
#include "tests/unit/cmocka_wrap.h"

static struct arena a;

static int setup(void **state) {
    arena_init(&a);
    return 0;
}
static int teardown(void **state) {
    arena_release(&a);
    return 0;
}

static void assert_uri(const char *text, const char *scheme, const char *authority,
                       const char *path) {
    struct err e = ERR_INIT;
    struct fs_uri u;
    assert_ok(fs_uri_parse(&a, text, &u, &e), &e);
    assert_true(sv_eq_str(u.scheme, scheme));
    assert_true(sv_eq_str(u.authority, authority));
    assert_string_equal(u.path, path);
}

static void test_parse(void **state) {
    assert_uri("s3://bucket/a/b c%20", "s3", "bucket", "/a/b c%20");
    assert_uri("s3://bucket", "s3", "bucket", "/");
    assert_uri("hdfs://host:8020/x", "hdfs", "host:8020", "/x");
    assert_uri("file:///data/a%20b", "file", "", "/data/a b");
    assert_uri("file:/data/x", "file", "", "/data/x");
    assert_uri("file://localhost/data", "file", "", "/data");
    assert_uri("data/x", "", "", "data/x");
    assert_uri("/data/t=12:30://x", "", "", "/data/t=12:30://x");
    assert_true(fs_uri_is_local("/data/t=12:30://x"));
    assert_false(fs_uri_is_local("s3a://b/k"));
}

static void test_refused(void **state) {
    struct err e = ERR_INIT;
    struct fs_uri u;
    assert_err(fs_uri_parse(&a, "", &u, &e), ERR_VALIDATION, &e, "empty");
    assert_err(fs_uri_parse(&a, "file://host/x", &u, &e), ERR_VALIDATION, &e, "no host");
    assert_err(fs_uri_parse(&a, "s3://b/a\nb", &u, &e), ERR_VALIDATION, &e, "control character");
    assert_err(fs_uri_parse(&a, "s3://KEY:SECRET@b/x", &u, &e), ERR_VALIDATION, &e, "secret");
    assert_null(strstr(e.msg, "SECRET")); /* nor in the message */
}

static void test_normalize(void **state) {
    static const char *const cases[][2] = {
        {"/a//b/", "/a/b"},        {"/", "/"},
        {"a/b///", "a/b"},         {"file:///a%20b/", "/a b"},
        {"s3://b/x/", "s3://b/x"}, {"s3://b//x", "s3://b//x"},
        {"s3://b", "s3://b/"},     {"hdfs://h:1/", "hdfs://h:1/"},
    };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got;
        assert_ok(fs_uri_normalize(&a, cases[i][0], &got, &e), &e);
        assert_string_equal(got, cases[i][1]);
    }
    assert_string_equal(fs_uri_name("s3://b/x/y"), "y");
    assert_int_equal(fs_uri_dir_len("s3://b/x/y"), 8);
    assert_int_equal(fs_uri_dir_len("/y"), 1);
    assert_int_equal(fs_uri_dir_len("y"), 0);
}

static void test_staging_names(void **state) {
    const char *tmp = fs_staging_uri(&a, "hdfs://h/d/part-1.csv");
    assert_int_equal(strncmp(tmp, "hdfs://h/d/.part-1.csv.", 23), 0);
    assert_string_equal(fs_staging_dst(&a, tmp), "hdfs://h/d/part-1.csv");
    assert_string_not_equal(tmp, fs_staging_uri(&a, "hdfs://h/d/part-1.csv"));
    assert_null(fs_staging_dst(&a, "hdfs://h/d/part-1.csv"));
    assert_null(fs_staging_dst(&a, "/d/.hidden.inprogress"));
    assert_null(fs_staging_dst(&a, "/d/.0123456789abcdef.inprogress"));
}

static void test_xml(void **state) {
    const char *text = "<?xml version=\"1.0\"?><!-- <Key>no</Key> --><List xmlns=\"x\">"
                       "<Contents><Key>a&amp;b&#x41;&#10;</Key><Empty/></Contents><Next></Next>"
                       "</List>";
    AUTO_STR got = STR_INIT;
    assert_true(xml_find(sv_from(text), "Key", &got));
    assert_string_equal(str_text(&got), "a&bA\n");
    str_clear(&got);
    assert_true(xml_find(sv_from(text), "Next", &got));
    assert_true(xml_find(sv_from(text), "Empty", &got));
    assert_int_equal(got.len, 0);
    assert_false(xml_find(sv_from(text), "None", &got));
    xml_escape(SV_LIT("<a&\"b>"), &got);
    assert_string_equal(str_text(&got), "&lt;a&amp;&quot;b&gt;");
    /* Cut off at each byte: no element is read beyond the end. */
    for (size_t n = 0; n <= strlen(text); n++) {
        AUTO_STR part = STR_INIT;
        str_add_n(&part, text, n);
        struct xml x;
        struct sv name;
        xml_begin(&x, str_view(&part));
        while (xml_next(&x, &name) != XML_DONE)
            assert_true(name.ptr >= part.ptr && name.ptr + name.len <= part.ptr + part.len);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_normalize), cmocka_unit_test(test_staging_names),
        cmocka_unit_test(test_xml),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
