/* cmd_top.c - penstock top: what a running job's vertices do now, where it is held up, and by
 * whom. */
#include "base/core/clock.h"
#include "base/core/mem.h"
#include "cli/local_jobs.h"
#include "cli/progress.h"
#include "cli/table.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const formats[] = {"text", "json", NULL};
static const struct cli_option options[] = {
    {"interval", 'i', "SECONDS", "time between two pictures (1)", NULL},
    {"once", '1', NULL, "show one picture and end; so it is where output is no terminal", NULL},
    {"output", 'o', "FORMAT", "text or json", formats},
    {NULL, 0, NULL, NULL, NULL}};

static void add_share(cJSON *row, const cJSON *o, const char *name) {
    AUTO_STR s = STR_INIT;
    const cJSON *v = json_opt(o, name);
    if (cJSON_IsNumber(v)) str_addf(&s, "%.0f %%", v->valuedouble * 100);
    cJSON_AddItemToArray(row, cJSON_CreateString(str_text(&s)));
}

static void add_count(cJSON *row, const cJSON *o, const char *name) {
    AUTO_STR s = STR_INIT;
    const cJSON *v = json_opt(o, name);
    if (cJSON_IsNumber(v)) show_count(&s, (int64_t)v->valuedouble);
    cJSON_AddItemToArray(row, cJSON_CreateString(str_text(&s)));
}

static void add_ms(cJSON *row, const cJSON *o, const char *name) {
    AUTO_STR s = STR_INIT;
    const cJSON *v = json_opt(o, name);
    if (cJSON_IsNumber(v)) show_duration(&s, (int64_t)v->valuedouble);
    cJSON_AddItemToArray(row, cJSON_CreateString(str_text(&s)));
}

enum { NAME_MAX_CHARS = 40 };

static void add_name(cJSON *row, const char *name) {
    AUTO_STR s = STR_INIT;
    size_t len = strlen(name), n = 0;
    while (n < len && n < NAME_MAX_CHARS)
        n += MAX(utf8_char_len(name + n, len - n), (size_t)1);
    str_add_n(&s, name, n);
    if (n < len) str_add(&s, "...");
    cJSON_AddItemToArray(row, cJSON_CreateString(str_text(&s)));
}

static void show_vertices(const cJSON *load) {
    static const char *const names[] = {"VERTEX", "NAME", "P",       "IN/S",    "OUT/S",
                                        "BUSY",   "MOST", "BLOCKED", "WAITING", "READY",
                                        "QUEUE",  "LAG",  "P99"};
    struct table *t = table_of_texts(names, ARRAY_LEN(names));
    const cJSON *v;
    cJSON_ArrayForEach(v, json_opt(load, "vertices")) {
        AUTO_JSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(row, cJSON_CreateString(json_opt_str(v, "uid", "")));
        add_name(row, json_opt_str(v, "name", ""));
        add_count(row, v, "parallelism");
        add_count(row, v, "recordsInPerS");
        add_count(row, v, "recordsOutPerS");
        add_share(row, v, "busy");
        add_share(row, v, "busyMax");
        add_share(row, v, "backpressured");
        add_share(row, v, "waiting");
        add_share(row, v, "ready");
        add_count(row, v, "queuedBatches");
        add_ms(row, v, "watermarkLagMs");
        add_ms(row, json_opt(v, "latencyMs"), "p99");
        table_add(t, NULL, row);
    }
    table_end(t);
}

static void show_edges(const cJSON *load) {
    static const char *const names[] = {"FROM", "TO",      "RECORDS/S",    "BYTES/S",
                                        "MOST", "BLOCKED", "BLOCKED TIME", "EPISODES"};
    struct table *t = table_of_texts(names, ARRAY_LEN(names));
    const cJSON *e;
    cJSON_ArrayForEach(e, json_opt(load, "edges")) {
        AUTO_JSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(row, cJSON_CreateString(json_opt_str(e, "from", "")));
        cJSON_AddItemToArray(row, cJSON_CreateString(json_opt_str(e, "to", "")));
        add_count(row, e, "recordsPerS");
        add_count(row, e, "bytesPerS");
        add_share(row, e, "blockedMax");
        add_share(row, e, "blocked");
        add_ms(row, e, "blockedMs");
        add_count(row, e, "episodes");
        table_add(t, NULL, row);
    }
    table_end(t);
}

static void show(const cJSON *job, const cJSON *load) {
    AUTO_STR age = STR_INIT;
    show_duration(&age, json_opt_i64(job, "elapsedMs", 0));
    printf("%s (%s), %s for %s\n", json_opt_str(job, "name", ""), json_opt_str(job, "id", ""),
           json_opt_str(job, "state", ""), str_text(&age));
    show_vertices(load);
    if (json_opt(load, "edges")->child) show_edges(load);
    const cJSON *c;
    cJSON_ArrayForEach(c, json_opt(load, "causes")) {
        table_print_text(json_opt_str(c, "text", ""));
        putchar('\n');
    }
    fflush(stdout);
}

/* Until the time is over; true: the person wants to leave (q, or the end of input). */
static bool wait_key(int64_t ms) {
    int64_t until_ns = clock_mono_ns() + ms * INT64_C(1000000);
    for (;;) {
        int64_t left_ms = (until_ns - clock_mono_ns() + 999999) / 1000000;
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        char c;
        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0) return false;
        if (read(STDIN_FILENO, &c, 1) != 1 || c == 'q') return true;
    }
}

static int run(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_top, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct err err = ERR_INIT;
    int seconds;
    if (cli_int(&args, "interval", 1, 3600, 1, &seconds, &err) || args.n_rest > 1) {
        cli_complain(&args, "%s", err.code ? err.msg : "one job at a time");
        return CLI_USAGE;
    }
    bool json = cli_value(&args, "output") && !strcmp(cli_value(&args, "output"), "json");
    bool live = !cli_flag(&args, "once") && !json && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    struct local_jobs l;
    const cJSON *job = NULL;
    rc = local_jobs_open(&l, &args);
    if (!rc) {
        rc = local_jobs_find(&l, args.n_rest ? args.rest[0] : NULL, &job, &err);
        if (rc) cli_complain(&args, "%s", err.msg);
    }
    bool leave = rc;
    while (!leave) {
        const struct run_entry *r = local_jobs_run(&l, job);
        AUTO_STR path = STR_INIT, load_path = STR_INIT;
        AUTO_JSON *now = NULL, *load = NULL;
        str_addf(&path, "/v1/jobs/%s", json_opt_str(job, "id", ""));
        str_addf(&load_path, "%s/load", str_text(&path));
        rc = local_jobs_call(&l, r, "GET", str_text(&path), NULL, &now, &err);
        if (!rc) rc = local_jobs_call(&l, r, "GET", str_text(&load_path), NULL, &load, &err);
        if (rc) {
            cli_complain(&args, "the job has ended, or doesn't answer: %s", err.msg);
            break;
        }
        if (json) {
            AUTO_STR out = STR_INIT;
            json_print_pretty(load, &out);
            puts(str_text(&out));
        } else {
            if (live) fputs("\033[H\033[2J", stdout);
            show(now, load);
        }
        leave = !live || local_job_is_over(now) || wait_key(seconds * INT64_C(1000));
    }
    local_jobs_release(&l);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_cmd_top = {
    "top", "Show live what a running job's vertices do, where it is held up, and by whom.", run,
    options, "[JOB]"};
