/* cmd_run.c - penstock run. */
#include "cli/cli.h"
#include "cli/local.h"
#include "cli/output.h"

#include "base/core/log.h"

#include <stdio.h>
#include <string.h>

static const char *const modes[] = {"streaming", "batch", "automatic", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const progresses[] = {"auto", "always", "never", NULL};

static const struct cli_option options[] = {
    {"execute", 'e', "SQL", "run this text in place of a file", NULL},
    {"parallelism", 'p', "N", "subtasks of each vertex", NULL},
    {"mode", 'm', "MODE", "streaming, batch or automatic", modes},
    {"workers", 'w', "N", "worker processes (1)", NULL},
    {"slots", 0, "N", "slots per worker (as many as the job needs)", NULL},
    {"set", 's', "KEY=VALUE", "a setting, as SET makes it; may be repeated", NULL},
    {"output", 'o', "FORMAT", "text or json: one JSON object per statement", formats},
    {"keep-going", 'k', NULL, "go on behind a statement that failed", NULL},
    {"progress", 0, "WHEN", "auto (on a terminal), always or never", progresses},
    {"usage", 0, NULL, "say at the end what memory and CPU each process used", NULL},
    {"rest-port", 0, "PORT", "port of the REST API (any free one)", NULL},
    {"from-checkpoint", 0, "DIR", "start from the newest checkpoint of this directory", NULL},
    {"allow-non-restored-state", 0, NULL,
     "drop what the checkpoint holds of ops that the job doesn't have", NULL},
    {"fresh", 0, NULL, "don't start from the job's last checkpoint", NULL},
    {"log", 0, "LEVELS", "such as warn or info,net=debug (warn)", NULL},
    {NULL, 0, NULL, NULL, NULL}};

/* What a manifest may say, but not where there is no cluster. */
static int check_local(const struct job_spec *spec, struct err *err) {
    if (spec->state && strcmp(spec->state, "running"))
        return err_set(
            err, ERR_VALIDATION,
            "spec.job.state is '%s', which is for a cluster: leave it out to run the job "
            "here, or look at its plan with 'penstock plan'",
            spec->state);
    AUTO_JSON *stores = job_spec_file_systems(spec);
    const cJSON *s;
    cJSON_ArrayForEach(s, stores) {
        if (json_opt(json_opt(s, "secret"), "name"))
            return err_set(err, ERR_VALIDATION,
                           "spec.fileSystems '%s': secret.name is a Secret that the operator "
                           "mounts in a cluster; to run the job here give 'path', 'file' or "
                           "'envPrefix'",
                           json_opt_str(s, "prefix", ""));
    }
    return 0;
}

static int run(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_run, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    struct arena arena;
    arena_init(&arena);
    struct err err = ERR_INIT;
    struct job_spec *spec = NULL;
    struct local_options o = {.keep_going = cli_flag(&args, "keep-going"),
                              .usage = cli_flag(&args, "usage"),
                              .fresh = cli_flag(&args, "fresh"),
                              .from_checkpoint = cli_value(&args, "from-checkpoint") != NULL};
    rc = cli_read_job(&arena, &args, &spec, &o.script, &err);
    if (!rc) rc = check_local(spec, &err);
    if (!rc && !cli_flag(&args, "log") && !strcmp(spec->log_levels, "info"))
        spec->log_levels = "warn";
    if (!rc) rc = log_parse_levels(spec->log_levels, 0, &err);
    if (!rc)
        rc =
            cli_int(&args, "workers", 1, 1000, spec->workers ? spec->workers : 1, &o.workers, &err);
    if (!rc) rc = cli_int(&args, "slots", 1, 256, spec->slots, &o.slots, &err);
    if (!rc) rc = cli_int(&args, "rest-port", 1, 65535, 0, &o.port, &err);
    if (rc) {
        cli_complain(&args, "%s", err.msg);
        arena_release(&arena);
        return CLI_USAGE;
    }
    o.spec = spec;
    const char *format = cli_value(&args, "output"), *progress = cli_value(&args, "progress");
    struct output *out = output_new(format && !strcmp(format, "json") ? OUTPUT_JSON : OUTPUT_TEXT,
                                    !progress || !strcmp(progress, "auto") ? PROGRESS_AUTO
                                    : !strcmp(progress, "always")          ? PROGRESS_ALWAYS
                                                                           : PROGRESS_NEVER);
    int code = local_run(&o, out);
    output_free(out);
    arena_release(&arena);
    return code;
}

const struct cli_command cli_cmd_run = {
    "run", "Run a FlinkJob manifest (.yaml) or a SQL script on this machine.", run, options,
    "FILE|-"};
