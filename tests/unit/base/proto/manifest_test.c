/* manifest_test.c - strict reading of FlinkJob manifests: places, suggestions, defaults. */
#include "base/proto/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "apiVersion: penstock.dev/v1\nkind: FlinkJob\nmetadata:\n  name: a\nspec:\n"

static void expect_error(const char *text, const char *part) {
    struct arena a;
    arena_init(&a);
    struct job_spec *s = NULL;
    struct err err = ERR_INIT;
    int rc = job_spec_read(&a, "j.yaml", text, strlen(text), &s, &err);
    assert_true(rc < 0);
    if (!strstr(err.msg, part)) fail_msg("'%s' does not contain '%s'", err.msg, part);
    arena_release(&a);
}

static void reads_with_defaults(void **state) {
    (void)state;
    const char *text = HEAD "  sql: |\n    SELECT 1;\n  config:\n    a.b: 'true'\n"
                            "  log: {level: debug, modules: {exchange: trace}}\n"
                            "  plan: {vertices: {v1: {parallelism: 3, chain: false}}}\n";
    struct arena a;
    arena_init(&a);
    struct job_spec *s;
    struct err err = ERR_INIT;
    assert_int_equal(job_spec_read(&a, "j.yaml", text, strlen(text), &s, &err), 0);
    /* The coordinator gets the same by JSON. */
    AUTO_JSON *j = job_spec_to_json(s);
    struct job_spec *t;
    assert_int_equal(job_spec_from_json(&a, j, &t, &err), 0);
    for (int i = 0; i < 2; i++, s = t) {
        assert_string_equal(s->name, "a");
        assert_string_equal(s->sql, "SELECT 1;\n");
        assert_int_equal(s->sql_line, 7);
        assert_int_equal(s->parallelism, 1);
        assert_int_equal(s->max_parallelism, 128);
        assert_int_equal(s->n_settings, 1);
        assert_string_equal(s->settings[0].value, "true");
        assert_string_equal(s->log_levels, "debug,exchange=trace");
        assert_int_equal(s->n_edits, 1);
        assert_int_equal(s->edits[0].parallelism, 3);
        assert_int_equal(s->edits[0].chain, 0);
    }
    arena_release(&a);
}

static void file_systems(void **state) {
    const char *text = HEAD "  sql: SELECT 1\n  fileSystems:\n    - prefix: s3://a\n      type: "
                            "s3\n      endpoint: http://h\n"
                            "      secret: {path: /k}\n      options: {retries: '3'}\n    - "
                            "{prefix: 'hdfs:', type: webhdfs}\n";
    struct arena a;
    arena_init(&a);
    struct job_spec *s, *t;
    struct err err = ERR_INIT;
    assert_int_equal(job_spec_read(&a, "j.yaml", text, strlen(text), &s, &err), 0);
    AUTO_JSON *j = job_spec_to_json(s);
    assert_int_equal(job_spec_from_json(&a, j, &t, &err), 0);
    for (int i = 0; i < 2; i++, s = t) {
        AUTO_JSON *rows = job_spec_file_systems(s);
        assert_int_equal(cJSON_GetArraySize(rows), 2);
        assert_string_equal(json_opt_str(rows->child, "endpoint", ""), "http://h");
        assert_string_equal(json_opt_str(rows->child, "region", ""), "us-east-1");
        assert_string_equal(json_opt_str(json_opt(rows->child, "secret"), "path", ""), "/k");
        assert_string_equal(json_opt_str(json_opt(rows->child, "options"), "retries", ""), "3");
    }
    arena_release(&a);
    expect_error(HEAD "  sql: x\n  fileSystems:\n    - {prefix: 's3:', type: s4}\n",
                 "j.yaml:8:29: field 'FlinkJob.spec.fileSystems[0].type' is 's4'");
    expect_error(HEAD
                 "  sql: x\n  fileSystems:\n    - {prefix: 's3:', type: s3, secret: {key: K}}\n",
                 "unknown field 'key' in 'FlinkJob.spec.fileSystems[0].secret'");
}

static void config_map_beside_the_job(void **state) {
    (void)state;
    const char *text =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: q}\ndata:\n  s: SELECT 2\n"
        "---\n" HEAD "  sqlFrom: {configMapKeyRef: {name: q, key: s}}\n";
    struct arena a;
    arena_init(&a);
    struct job_spec *s;
    struct err err = ERR_INIT;
    assert_int_equal(job_spec_read(&a, "j.yaml", text, strlen(text), &s, &err), 0);
    assert_string_equal(s->sql, "SELECT 2");
    arena_release(&a);
}

/* Where place line:3 of the script stands in the file. */
static void expect_place(const char *scalar, int line, const char *want) {
    struct arena a;
    arena_init(&a);
    AUTO_STR text = STR_INIT, got = STR_INIT;
    str_addf(&text, HEAD "  sql: %s", scalar);
    struct job_spec *s, *copy;
    struct err err = ERR_INIT;
    if (job_spec_read(&a, "j.yaml", str_text(&text), text.len, &s, &err)) fail_msg("%s", err.msg);
    AUTO_JSON *j = job_spec_to_json(s);
    assert_int_equal(job_spec_from_json(&a, j, &copy, &err), 0);
    job_spec_print_place(copy, line, 3, &got);
    assert_string_equal(str_text(&got), want);
    arena_release(&a);
}

static void places_of_the_script_are_places_of_the_file(void **state) {
    expect_place("|\n    SELECT\n     1,\n    2;\n", 2, "j.yaml:8:7");
    expect_place("|\n\n  \n      SELECT\n      1;\n", 2, "j.yaml:8:9");
    expect_place("|- # a comment\n    SELECT\n    1", 2, "j.yaml:8:7");
    expect_place("|2\n     SELECT\n    1", 2, "j.yaml:8:7");
    expect_place("SELECT 1", 1, "j.yaml:6:10");
    expect_place("'SELECT 1'", 1, "j.yaml:6:11");
    expect_place("\"SELECT 1\"", 1, "j.yaml:6:11");
    /* Lines are joined or escaped: the file's place isn't known. */
    expect_place(">\n    SELECT\n    1\n\n    , 2\n", 2, "j.yaml: line 2, column 3 of the SQL");
    expect_place("\"SELECT\\n1\"", 2, "j.yaml: line 2, column 3 of the SQL");
    expect_place("'SELECT ''a'' '", 1, "j.yaml: line 1, column 3 of the SQL");
}

static void errors_say_where_and_what(void **state) {
    (void)state;
    expect_error(HEAD "  sql: x\n  paralelism: 2\n",
                 "j.yaml:7:3: unknown field 'paralelism' in 'FlinkJob.spec'; "
                 "did you mean 'parallelism'?");
    expect_error(HEAD "  sql: x\n  parallelism: two\n",
                 "j.yaml:7:16: field 'FlinkJob.spec.parallelism' must be an "
                 "integer, not a string ('two')");
    expect_error(HEAD "  sql: x\n  parallelism: 0\n", "less than the minimum 1");
    expect_error(HEAD "  sql: x\n  parallelism: 200\n", "more than spec.maxParallelism");
    expect_error(HEAD "  sql: x\n  mode: btach\n", "did you mean 'batch'");
    expect_error(HEAD "  sql: 3\n", "must be a string, not an integer: put 3 in quotes");
    expect_error(HEAD "  parallelism: 2\n", "either inline in 'sql' or by reference");
    expect_error(HEAD "  sql: x\n  parallelism: 4\n  workers: {replicas: 1, slots: 2}\n",
                 "spec.workers: 'replicas' times 'slots' is less than spec.parallelism");
    expect_error(HEAD "  sql: x\n  job: {upgradeMode: savepoint}\n",
                 "spec.job.upgradeMode: savepoint needs");
    expect_error(
        HEAD "  sql: x\n  fileSystems: [{prefix: 's3:', type: s3, secret: {name: 'a\"b'}}]\n",
        "field 'FlinkJob.spec.fileSystems[0].secret.name' is 'a\"b', but must match ^[a-z0-9]");
    expect_error(HEAD "  sql: x\n  fileSystems: [{prefix: 's3:', type: s3, secret: {name: a, path: "
                      "/b}}]\n",
                 "spec.fileSystems[].secret: give one of");
    expect_error(
        "apiVersion: penstock.dev/v1\nkind: FlinkJob\nmetadata: {name: 9a}\nspec: {sql: x}\n",
        "metadata.name: pods and services are named after the job");
    expect_error(HEAD "  sql: x\n  workers: {resources: {limits: {cpu: [1]}}}\n",
                 "must be an integer or a string");
    expect_error(HEAD "  sql: x\n  sqlFrom: {configMapKeyRef: {name: q, key: s}}\n",
                 "either inline");
    expect_error(HEAD "  sqlFrom: {configMapKeyRef: {name: q}}\n",
                 "configMapKeyRef.key' is missing");
    expect_error(HEAD "  sqlFrom: {configMapKeyRef: {name: q, key: k}}\n", "no ConfigMap 'q'");
    expect_error(HEAD "  sql: x\n  sql: y\n", "stands twice");
    expect_error(HEAD "  sql: 'x\n", "not valid YAML");
    expect_error("kind: FlinkJob\n", "'apiVersion' and 'kind' are needed");
    expect_error("apiVersion: v1\nkind: Pod\n", "no FlinkJob");
    expect_error("apiVersion: penstock.dev/v2\nkind: FlinkJob\n", "use penstock.dev/v1");
    expect_error("a: &x [*x]\n", "an alias refers to what contains it");
    expect_error("", "no FlinkJob");
}

/* In time that grows with its length: with the square of it, this would take hours. */
static void depth_is_limited(void **state) {
    enum { LEN = 1 << 20 };
    char *text = malloc(LEN + 1);
    memset(text, '[', LEN);
    text[LEN] = '\0';
    expect_error(text, "j.yaml:1:101: nested more than 100 levels deep");
    free(text);
}

static void aliases_do_not_explode(void **state) {
    (void)state;
    expect_error("a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                 "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                 "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                 "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
                 "more than 200000 values");
}

static void docs_name_every_field(void **state) {
    (void)state;
    AUTO_STR out = STR_INIT;
    struct err err = ERR_INIT;
    assert_int_equal(crd_print_docs(&out, &err), 0);
    assert_non_null(strstr(str_text(&out), "| `spec.plan.vertices.<key>.chain` | boolean |"));
    assert_non_null(strstr(str_text(&out), "| `spec.mode` | `streaming`, `batch`, `automatic` |"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_with_defaults),
        cmocka_unit_test(file_systems),
        cmocka_unit_test(config_map_beside_the_job),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(aliases_do_not_explode),
        cmocka_unit_test(docs_name_every_field),
        cmocka_unit_test(places_of_the_script_are_places_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
