/* http_route_test.c - which route wins. */
#include "base/net/http_route.h"

#include "base/net/http_server.h"
#include "tests/unit/cmocka_wrap.h"

static struct http_routes routes;

static int setup(void **state) {
    static const char *const list[][2] = {
        {"GET", "/"},
        {"GET", "/v1/jobs"},
        {"POST", "/v1/jobs"},
        {"GET", "/v1/jobs/{id}"},
        {"GET", "/v1/jobs/overview"},
        {"GET", "/v1/{kind}/overview"},
        {"GET", "/v1/jobs/{id}/vertices/{uid}"},
        {"WS", "/v1/workers"},
        {"GET", "/{path...}"},
    };
    http_routes_init(&routes);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        http_routes_add(&routes, list[i][0], list[i][1], NULL);
    return 0;
}
static int teardown(void **state) {
    http_routes_release(&routes);
    return 0;
}

static void the_most_literal_wins(void **state) {
    static const struct {
        const char *method, *path, *route, *first_param;
    } rows[] = {
        {"GET", "/", "/", NULL},
        {"GET", "/v1/jobs", "/v1/jobs", NULL},
        {"POST", "/v1/jobs", "/v1/jobs", NULL},
        {"GET", "/v1/jobs/overview", "/v1/jobs/overview", NULL},
        {"GET", "/v1/workers/overview", "/v1/{kind}/overview", "workers"},
        {"GET", "/v1/jobs/a b", "/v1/jobs/{id}", "a b"},
        {"GET", "/v1/jobs/j/vertices/v", "/v1/jobs/{id}/vertices/{uid}", "j"},
        {"GET", "/v1/jobs/j/vertices", "/{path...}", "v1/jobs/j/vertices"},
        {"GET", "/v1/jobs/", "/{path...}", "v1/jobs/"},
        {"GET", "/index.html", "/{path...}", "index.html"},
        {"WS", "/v1/workers", "/v1/workers", NULL},
        {"POST", "/v1/jobs/j", NULL, NULL},
        {"WS", "/v1/jobs", NULL, NULL},
    };
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_param params[HTTP_PARAMS_MAX];
        size_t n = 0;
        const struct http_route *r =
            http_routes_match(&routes, rows[i].method, rows[i].path, &a, params, &n);
        if (!rows[i].route) {
            assert_null(r);
            continue;
        }
        if (!r) fail_msg("no route for %s", rows[i].path);
        assert_string_equal(r->path, rows[i].route);
        if (rows[i].first_param) {
            assert_true(n > 0);
            assert_string_equal(params[0].value, rows[i].first_param);
        } else {
            assert_int_equal(n, 0);
        }
    }
    arena_release(&a);
}

static void allowed_methods(void **state) {
    AUTO_STR s = STR_INIT;
    assert_true(http_routes_allowed(&routes, "/v1/jobs", &s));
    assert_string_equal(str_text(&s), "GET, POST, HEAD");
    struct http_routes few;
    http_routes_init(&few);
    http_routes_add(&few, "POST", "/a/{b}", NULL);
    str_clear(&s);
    assert_true(http_routes_allowed(&few, "/a/x", &s));
    assert_string_equal(str_text(&s), "POST");
    str_clear(&s);
    assert_false(http_routes_allowed(&few, "/b", &s));
    http_routes_release(&few);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_most_literal_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(allowed_methods, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
