/* json_split_test.c - lists and watch streams, in pieces of every size. */
#include "operator/k8s/json_split.h"

#include "base/core/mem.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdlib.h>

static struct str got;

static int on_value(void *self, const char *key, struct sv value, struct err *err) {
    str_addf(&got, "%s=%.*s;", key, (int)value.len, value.ptr);
    return 0;
}
static int on_end(void *self, struct err *err) {
    str_add(&got, "|");
    return 0;
}
static const struct json_split_ops ops = {on_value, on_end};

/* In pieces of n bytes, each in memory of its own, so that reading past one is seen. */
static int feed(struct json_split *s, const char *text, size_t n, struct err *err) {
    size_t len = strlen(text);
    int rc = 0;
    for (size_t i = 0; i < len && !rc; i += n) {
        size_t piece = MIN(n, len - i);
        AUTO_FREE char *copy = mem_dup(text + i, piece);
        rc = json_split_feed(s, copy, piece, err);
    }
    return rc;
}

static void assert_split(const char *text, const char *want) {
    for (size_t n = 1; n <= strlen(text); n++) {
        struct json_split s;
        struct err e = ERR_INIT;
        str_clear(&got);
        json_split_init(&s, &ops, NULL, "items", 1000);
        assert_ok(feed(&s, text, n, &e), &e);
        if (strcmp(str_text(&got), want) != 0)
            fail_msg("in pieces of %zu: %s, want %s", n, str_text(&got), want);
        assert_true(json_split_is_whole(&s));
        json_split_release(&s);
    }
}

static void splits(void **state) {
    assert_split(
        "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":1},"
        "{\"b\":[{\"items\":[{}]}]}]}",
        "kind=\"PodList\";metadata={\"resourceVersion\":\"7\"};items={\"a\":1};"
        "items={\"b\":[{\"items\":[{}]}]};|");
    assert_split(" { \"items\" : [ ] , \"n\" : 12, \"t\" : true, \"l\" : [ 1, \"[\" ] }\n",
                 "l=[ 1, \"[\" ];|");
    assert_split("{\"items\":null,\"x\":{}}", "x={};|");
    assert_split("{\"type\":\"ADDED\",\"object\":{\"a\":\"}\\\"{\\\\\"}}\n{\"type\":\"X\"}\n",
                 "type=\"ADDED\";object={\"a\":\"}\\\"{\\\\\"};|type=\"X\";|");
    assert_split("{\"\":{\"e\":1},\"a-key-that-is-much-longer-than-any-that-is-asked-for\":{}}",
                 "={\"e\":1};={};|");
    assert_split("", "");
}

static void refuses(void **state) {
    static const struct {
        const char *text, *part;
        int code;
    } rows[] = {
        {"<html>", "'<'", ERR_PROTOCOL},
        {"[]", "not a JSON object", ERR_PROTOCOL},
        {"\"x\"", "not a JSON object", ERR_PROTOCOL},
        {"{}}", "unexpected '}'", ERR_PROTOCOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_split s;
        struct err e = ERR_INIT;
        json_split_init(&s, &ops, NULL, "items", 1000);
        assert_err(feed(&s, rows[i].text, 1, &e), rows[i].code, &e, rows[i].part);
        json_split_release(&s);
    }
}

static void limits(void **state) {
    struct json_split s;
    struct err e = ERR_INIT;
    AUTO_STR text = STR_INIT;
    json_split_init(&s, &ops, NULL, "items", 50);
    assert_err(feed(&s,
                    "{\"items\":[{\"a\":\"01234567890123456789012345678901234567890123456789\"}]}",
                    7, &e),
               ERR_BUDGET, &e, "'items' is larger than 50 bytes");
    json_split_clear(&s);
    for (int i = 0; i < JSON_SPLIT_DEPTH_MAX + 1; i++)
        str_add(&text, "{\"a\":");
    s.value_max_bytes = 10000;
    assert_err(feed(&s, str_text(&text), 1000, &e), ERR_PROTOCOL, &e, "nested deeper");
    json_split_clear(&s);
    str_clear(&got);
    assert_ok(feed(&s, "{\"object\":{\"a", 3, &e), &e);
    assert_false(json_split_is_whole(&s));
    json_split_clear(&s); /* the half one is forgotten */
    assert_ok(feed(&s, "{\"object\":{}}", 3, &e), &e);
    assert_string_equal(str_text(&got), "object={};|");
    json_split_release(&s);
}

static void assert_member(const char *text, const char *key, const char *want) {
    struct sv v;
    bool found = json_split_member(sv_from(text), key, &v);
    if (!want) {
        assert_false(found);
    } else {
        assert_true(found);
        assert_true(sv_eq_str(v, want));
    }
}

static void members(void **state) {
    const char *text =
        " { \"a\" : 12 , \"b\":{\"c\":[1,{\"d\":\"}\"}],\"e\":\"f\"}, \"g\":\"h\\\"\" } ";
    assert_member(text, "a", "12");
    assert_member(text, "b", "{\"c\":[1,{\"d\":\"}\"}],\"e\":\"f\"}");
    assert_member(text, "g", "\"h\\\"\"");
    assert_member(text, "c", NULL);
    assert_member("{\"a\":{\"b\"", "a", NULL);
    assert_member("{\"a\"", "a", NULL);
    assert_member("", "a", NULL);
    assert_member("{\"a\":1}", "a", "1");
    assert_true(sv_eq_str(json_split_text(sv_from(text), "b", "e"), "f"));
    assert_int_equal(json_split_text(sv_from(text), "b", "c").len, 0);
    assert_int_equal(json_split_text(sv_from(text), "x", "c").len, 0);
}

static int release_got(void **state) {
    str_release(&got);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),
        cmocka_unit_test(refuses),
        cmocka_unit_test(limits),
        cmocka_unit_test(members),
    };
    return cmocka_run_group_tests(tests, NULL, release_got);
}
