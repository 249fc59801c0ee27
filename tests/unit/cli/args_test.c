/* args_test.c - options and jobs from the command line, as tables. */
#include "cli/cli.h"

#include "base/core/str.h"
#include "tests/unit/cli/capture.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const colors[] = {"red", "green", NULL};
static const struct cli_option options[] = {{"count", 'c', "N", "how many", NULL},
                                            {"color", 0, "COLOR", "which", colors},
                                            {"loud", 'l', NULL, "not quiet", NULL},
                                            {NULL, 0, NULL, NULL, NULL}};
static const struct cli_command command = {"test", "Tests.", NULL, options, "FILE"};

static const char *captured;

/* Splits at blanks; argv[0] is the command's name. */
static int split(char *text, char **argv) {
    int n = 0;
    argv[n++] = "test";
    for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
        argv[n++] = w;
    argv[n] = NULL;
    return n;
}

static void options_are_parsed(void **state) {
    static const struct {
        const char *line;
        int rc;
        const char *count, *color; /* NULL = absent */
        bool loud;
        const char *rest;    /* joined by blanks */
        const char *message; /* a part of what is printed */
    } cases[] = {
        {"", 0, NULL, NULL, false, "", ""},
        {"a b", 0, NULL, NULL, false, "a b", ""},
        {"a --count 3 b", 0, "3", NULL, false, "a b", ""},
        {"--count=3 --loud", 0, "3", NULL, true, "", ""},
        {"-c3 -l -c 4", 0, "4", NULL, true, "", ""},
        {"--count= x", 0, "", NULL, false, "x", ""},
        {"--count -1", 0, "-1", NULL, false, "", ""},
        {"- -- --loud -c", 0, NULL, NULL, false, "- --loud -c", ""},
        {"--color green", 0, NULL, "green", false, "", ""},
        {"--color blue", -1, NULL, NULL, false, "",
         "penstock test: --color is 'blue', but must be one of: red, green"},
        {"--colour red", -1, NULL, NULL, false, "",
         "unknown option '--colour'; did you mean '--color'?"},
        {"-x", -1, NULL, NULL, false, "", "unknown option '-x'; see 'penstock test --help'"},
        {"--loud=yes", -1, NULL, NULL, false, "", "--loud takes no value"},
        {"--count", -1, NULL, NULL, false, "", "--count needs a value: --count N"},
        {"-h", 1, NULL, NULL, false, "", "Usage: penstock test [options] FILE\nTests.\n"},
        {"--nothing --help", -1, NULL, NULL, false, "", "unknown option"},
        {"--help", 1, NULL, NULL, false, "", "-c, --count N"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[256], *argv[16];
        struct cli_args a;
        snprintf(line, sizeof line, "%s", cases[i].line);
        int argc = split(line, argv);
        capture_begin();
        int rc = cli_parse(&command, argc, argv, &a);
        captured = capture_end();
        if (rc != cases[i].rc || !strstr(captured, cases[i].message))
            fail_msg("'%s': %d: %s", cases[i].line, rc, captured);
        if (rc) continue;
        AUTO_STR rest = STR_INIT;
        for (int k = 0; k < a.n_rest; k++)
            str_addf(&rest, "%s%s", k ? " " : "", a.rest[k]);
        assert_string_equal(str_text(&rest), cases[i].rest);
        assert_string_equal(cli_value(&a, "count") ? cli_value(&a, "count") : "(none)",
                            cases[i].count ? cases[i].count : "(none)");
        assert_string_equal(cli_value(&a, "color") ? cli_value(&a, "color") : "(none)",
                            cases[i].color ? cases[i].color : "(none)");
        assert_int_equal(cli_flag(&a, "loud"), cases[i].loud);
    }
}

static void numbers_are_checked(void **state) {
    static const struct {
        char *text;
        int rc, value;
    } cases[] = {{"1", 0, 1},   {"10", 0, 10}, {"0", -1, 0},   {"11", -1, 0},
                 {"1x", -1, 0}, {"", -1, 0},   {"1.5", -1, 0}, {"99999999999999999999", -1, 0},
                 {"-1", -1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[] = {"test", "--count", cases[i].text, NULL};
        struct cli_args a;
        int v = 77;
        assert_int_equal(cli_parse(&command, 3, argv, &a), 0);
        struct err err = ERR_INIT;
        int rc = cli_int(&a, "count", 1, 10, 5, &v, &err);
        assert_int_equal(rc != 0, cases[i].rc != 0);
        if (rc)
            assert_non_null(strstr(err.msg, "must be a whole number from 1 to 10"));
        else
            assert_int_equal(v, cases[i].value);
    }
    char *argv[] = {"test", NULL};
    struct cli_args a;
    int v;
    struct err err = ERR_INIT;
    assert_int_equal(cli_parse(&command, 1, argv, &a), 0);
    assert_int_equal(cli_int(&a, "count", 1, 10, 5, &v, &err), 0);
    assert_int_equal(v, 5);
}

/* ---- what is to run ---- */

static char job_path[64];

static void write_job(const char *suffix, const char *text) {
    snprintf(job_path, sizeof job_path, "/tmp/penstock-args-%d%s", (int)getpid(), suffix);
    FILE *f = fopen(job_path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* Reads the job of `penstock run` with these words; "@" is job_path. */
static int read_job(struct arena *a, const char *line, struct job_spec **ret, bool *ret_script,
                    struct err *err) {
    static char text[256], *argv[16];
    static struct cli_args args;
    snprintf(text, sizeof text, "%s", line);
    int argc = split(text, argv);
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "@")) argv[i] = job_path;
    assert_int_equal(cli_parse(&cli_cmd_run, argc, argv, &args), 0);
    capture_begin();
    int rc = cli_read_job(a, &args, ret, ret_script, err);
    captured = capture_end();
    return rc;
}

static void a_script_takes_the_options(void **state) {
    struct arena a;
    arena_init(&a);
    struct err e = ERR_INIT;
    struct job_spec *s;
    bool script;
    write_job(".sql", "SELECT 1");
    assert_ok(read_job(&a, "@ -p 200 --mode batch -s a=b -s c=d=e --log debug", &s, &script, &e),
              &e);
    assert_true(script);
    assert_string_equal(s->sql, "SELECT 1");
    assert_string_equal(s->file, job_path);
    assert_int_equal(s->parallelism, 200);
    assert_int_equal(s->max_parallelism, 200);
    assert_int_equal(s->mode, JOB_MODE_BATCH);
    assert_int_equal(s->n_settings, 2);
    assert_string_equal(s->settings[1].key, "c");
    assert_string_equal(s->settings[1].value, "d=e");
    assert_string_equal(s->log_levels, "debug");
    unlink(job_path);
    assert_ok(read_job(&a, "-e SELECT", &s, &script, &e), &e);
    assert_null(s->file);
    assert_string_equal(s->sql, "SELECT");
    arena_release(&a);
}

static void a_manifest_sets_the_frame(void **state) {
    struct arena a;
    arena_init(&a);
    struct err e = ERR_INIT;
    struct job_spec *s;
    bool script;
    write_job(".yaml", "apiVersion: penstock.dev/v1\nkind: FlinkJob\nmetadata: {name: j}\n"
                       "spec: {sql: SELECT 1, maxParallelism: 4, config: {x: 'y'}}\n");
    assert_ok(read_job(&a, "@ --parallelism 4 --set z=1", &s, &script, &e), &e);
    assert_false(script);
    assert_string_equal(s->name, "j");
    assert_int_equal(s->n_settings, 2);
    assert_err(read_job(&a, "@ -p 5", &s, &script, &e), ERR_VALIDATION, &e,
               "--parallelism 5 is more than spec.maxParallelism (4)");
    unlink(job_path);
    arena_release(&a);
}

static void what_is_no_job_is_an_error(void **state) {
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "which file?; see 'penstock run --help'"},
        {"a b", "one file at a time"},
        {"-e SELECT a", "--execute and a file: one of them"},
        {"/nonexistent/x.sql", "open /nonexistent/x.sql: No such file or directory"},
        {"@ --set a", "--set 'a': write --set key=value"},
        {"@ -p 0", "--parallelism"},
    };
    struct arena a;
    arena_init(&a);
    write_job(".sql", "SELECT 1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        struct job_spec *s;
        bool script;
        int rc = read_job(&a, cases[i].line, &s, &script, &e);
        if (rc >= 0 || !strstr(e.msg, cases[i].message))
            fail_msg("'%s': %d: %s", cases[i].line, rc, e.msg);
    }
    unlink(job_path);
    arena_release(&a);
}

/* ---- the commands ---- */

static void pages_come_from_the_tables(void **state) {
    static const char *const shells[] = {"bash", "zsh", "fish", "man"};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        char *argv[] = {"completion", (char *)shells[i], NULL};
        capture_begin();
        int rc = cli_cmd_completion.run(2, argv);
        captured = capture_end();
        assert_int_equal(rc, CLI_OK);
        for (int k = 0; cli_commands[k]; k++)
            assert_non_null(strstr(captured, cli_commands[k]->name));
        assert_non_null(strstr(captured, "parallelism"));
    }
    char *argv[] = {"completion", "csh", NULL};
    capture_begin();
    int rc = cli_cmd_completion.run(2, argv);
    captured = capture_end();
    assert_int_equal(rc, CLI_USAGE);
    assert_non_null(strstr(captured, "bash, zsh, fish, man"));
}

/* Outside and inside of single quotes, with \' inside for one of them. */
static void every_quote_of_fish_is_closed(void **state) {
    char *argv[] = {"completion", "fish", NULL};
    capture_begin();
    int rc = cli_cmd_completion.run(2, argv);
    captured = capture_end();
    assert_int_equal(rc, CLI_OK);
    assert_non_null(strstr(captured, "'List this user\\'s running local jobs.'"));
    bool open = false;
    for (const char *p = captured; *p; p++) {
        if (open && *p == '\\') {
            p++;
        } else if (*p == '\'') {
            open = !open;
        } else if (*p == '\n') {
            assert_false(open);
        }
    }
}

static void arguments_that_a_command_does_not_take(void **state) {
    char *argv[] = {"list", "everything", NULL};
    capture_begin();
    int rc = cli_cmd_list.run(2, argv);
    captured = capture_end();
    assert_int_equal(rc, CLI_USAGE);
    assert_non_null(strstr(captured, "takes no argument, such as 'everything'"));
}

static void wrong_usage_has_its_exit_code(void **state) {
    for (int i = 0; cli_commands[i]; i++) {
        char *wrong[] = {(char *)cli_commands[i]->name, "--no-such-option", NULL};
        char *help[] = {(char *)cli_commands[i]->name, "--help", NULL};
        capture_begin();
        int rc = cli_commands[i]->run(2, wrong), rc_help = cli_commands[i]->run(2, help);
        captured = capture_end();
        assert_int_equal(rc, CLI_USAGE);
        assert_int_equal(rc_help, CLI_OK);
    }
    char *argv[] = {"cancel", "no-such-job-anywhere", NULL};
    capture_begin();
    int rc = cli_cmd_cancel.run(2, argv);
    captured = capture_end();
    assert_int_equal(rc, CLI_FAILED);
    assert_non_null(strstr(captured, "no running job 'no-such-job-anywhere'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_parsed),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(a_script_takes_the_options),
        cmocka_unit_test(a_manifest_sets_the_frame),
        cmocka_unit_test(what_is_no_job_is_an_error),
        cmocka_unit_test(pages_come_from_the_tables),
        cmocka_unit_test(every_quote_of_fish_is_closed),
        cmocka_unit_test(arguments_that_a_command_does_not_take),
        cmocka_unit_test(wrong_usage_has_its_exit_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
