/* op_lookup_join_test.c - rows joined with what a service has for their key: through the connector
 * `http` and a server of our own, with watermarks that must not overtake the rows in front of them.
 */
#include "tests/unit/worker/script_rig.h"

#include "base/net/http_server.h"
#include "connector/connector.h"

#include <stdlib.h>

struct service {
    struct net_loop *loop;
    struct http_server *server;
    _Atomic int n_asked;
};

/* Even keys have key / 2 rows: (key, 10 * key), (key, 10 * key + 1)...; odd ones none. */
static void get_rows(void *self, struct http_exchange *x) {
    struct service *s = self;
    long key = atol(http_param(x, "k"));
    s->n_asked++;
    if (key % 2) {
        http_reply_text(x, 404, "none");
        return;
    }
    AUTO_STR out = STR_INIT;
    str_add_char(&out, '[');
    for (long i = 0; i < key / 2; i++)
        str_addf(&out, "%s{\"k\": %ld, \"n\": %ld}", i ? "," : "", key, 10 * key + i);
    str_add_char(&out, ']');
    http_reply(x, 200, "application/json", str_text(&out), out.len);
}

static void service_start(struct service *s) {
    struct err err = ERR_INIT;
    *s = (struct service){0};
    assert_ok(net_loop_new(&(struct net_loop_options){.name = "service"}, &s->loop, &err), &err);
    assert_ok(http_server_new(s->loop, &(struct http_server_options){0}, &s->server, &err), &err);
    http_server_route_public(s->server, "GET", "/{k}", get_rows, s);
    assert_ok(net_loop_start(s->loop, &err), &err);
}

/* The op's config; the caller frees. rest: further members. */
static char *config_of(const struct service *s, const char *cache, const char *rest) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/{k}", http_server_port(s->server));
    struct field fields[2] = {{"k", type_of(TYPE_BIGINT)}, {"n", type_of(TYPE_BIGINT)}};
    struct schema schema = {2, fields};
    const struct table_option options[] = {
        {"connector", "http"}, {"url", url}, {"format", "json"}, {"lookup.cache", cache}};
    struct connector_table t = {.name = "t",
                                .schema = &schema,
                                .n_projection = -1,
                                .n_options = ARRAY_LEN(options),
                                .options = options,
                                .zone = "UTC"};
    cJSON *json = connector_table_to_json(&t);
    char *table = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    AUTO_STR out = STR_INIT;
    str_addf(&out,
             "{\"table\": %s, \"keys\": [{\"table\": 0, \"col\": 1}], \"async\": {\"capacity\": 4, "
             "\"ordered\": true, \"timeout\": 60000}, %s}",
             table, rest);
    cJSON_free(table);
    return str_take(&out);
}

static void rows_meet_the_service(void **state) {
    static const struct {
        const char *rest, *want;
    } cases[] = {
        {"\"join\": \"inner\"",
         "+I[0, 2, 5, 2, 20] | | +I[0, 4, 7, 4, 40] +I[0, 4, 7, 4, 41] | -D[0, 2, 5, 2, 20] | "},
        {"\"join\": \"left\"",
         "+I[0, 2, 5, 2, 20] | +I[0, 3, 6, NULL, NULL] | +I[0, 4, 7, 4, 40] +I[0, 4, 7, 4, 41] | "
         "-D[0, 2, 5, 2, 20] | "},
        /* n > 40, of the table alone */
        {"\"join\": \"left\", \"filter\": {\"call\": \">\", \"args\": [{\"col\": 1, \"type\": "
         "\"BIGINT\"}, {\"lit\": 40, \"type\": \"BIGINT NOT NULL\"}], \"type\": \"BOOLEAN\"}",
         "+I[0, 2, 5, NULL, NULL] | +I[0, 3, 6, NULL, NULL] | +I[0, 4, 7, 4, 41] | "
         "-D[0, 2, 5, NULL, NULL] | "},
        /* n < 6 * v, of both */
        {"\"join\": \"left\", \"residual\": {\"call\": \"<\", \"args\": [{\"col\": 4, \"type\": "
         "\"BIGINT\"}, {\"call\": \"*\", \"args\": [{\"lit\": 6, \"type\": \"BIGINT NOT NULL\"}, "
         "{\"col\": 2, \"type\": \"BIGINT\"}], \"type\": \"BIGINT\"}], \"type\": \"BOOLEAN\"}",
         "+I[0, 2, 5, 2, 20] | +I[0, 3, 6, NULL, NULL] | +I[0, 4, 7, 4, 40] +I[0, 4, 7, 4, 41] | "
         "-D[0, 2, 5, 2, 20] | "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct service s;
        service_start(&s);
        char *config = config_of(&s, "NONE", cases[i].rest);
        assert_string_equal(
            run_op("lookup_join", config, 5,
                   STEPS({0, I, 0, 2, 5}, {1, I, 0, 3, 6}, {2, I, 0, 4, 7}, {3, D, 0, 2, 5})),
            cases[i].want);
        assert_int_equal(s.n_asked, 4);
        free(config);
        net_loop_free(s.loop);
    }
}

static void keys_are_remembered(void **state) {
    struct service s;
    service_start(&s);
    char *config = config_of(&s, "PARTIAL", "\"join\": \"left\"");
    assert_string_equal(
        run_op("lookup_join", config, 5,
               STEPS({0, I, 0, 2, 1}, {1, I, 0, 3, 2}, {2, I, 0, 2, 3}, {3, I, 0, 3, 4})),
        "+I[0, 2, 1, 2, 20] | +I[0, 3, 2, NULL, NULL] | +I[0, 2, 3, 2, 20] | "
        "+I[0, 3, 4, NULL, NULL] | ");
    assert_int_equal(s.n_asked, 2);
    free(config);
    net_loop_free(s.loop);
}

/* A key without rows is asked for again after a while, and the row waits for that. */
static void misses_wait(void **state) {
    struct service s;
    clock_replace(NULL); /* the script's clock stands still while a row is on its way */
    service_start(&s);
    char *config = config_of(&s, "NONE", "\"join\": \"left\"");
    char *at = strstr(config, "\"timeout\"");
    AUTO_STR with_retry = STR_INIT;
    str_add_n(&with_retry, config, (size_t)(at - config));
    str_addf(&with_retry, "\"retry\": {\"delay\": 1, \"attempts\": 3}, %s", at);
    assert_string_equal(run_op("lookup_join", str_text(&with_retry), 5, STEPS({0, I, 0, 3, 1})),
                        "+I[0, 3, 1, NULL, NULL] | ");
    assert_int_equal(s.n_asked, 3);
    free(config);
    net_loop_free(s.loop);
    clock_replace(&scripted_clock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_meet_the_service),
        cmocka_unit_test(keys_are_remembered),
        cmocka_unit_test(misses_wait),
    };
    return cmocka_run_group_tests(tests, script_setup, script_teardown);
}
