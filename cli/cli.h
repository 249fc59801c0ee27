/* cli.h - the commands of `penstock`, and what they share. */
#ifndef PENSTOCK_CLI_CLI_H
#define PENSTOCK_CLI_CLI_H

#include "base/core/err.h"
#include "base/core/json.h"
#include "base/proto/manifest.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,       /* a statement or job failed */
    CLI_USAGE = 2,        /* unknown option, unreadable or invalid manifest; nothing ran */
    CLI_INTERRUPTED = 130 /* the job was cancelled: by Ctrl-C, or by `penstock cancel` */
};

/* One option of a command; --name [ARG]. */
struct cli_option {
    const char *name;
    char letter;     /* 0 = none */
    const char *arg; /* NULL = a flag */
    const char *help;
    const char *const *choices; /* of arg; NULL = anything */
};

struct cli_command {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns enum cli_exit */
    const struct cli_option
        *options;     /* ended by a NULL name; drives parsing, help and completion */
    const char *args; /* "FILE|-" */
};

extern const struct cli_command *const cli_commands[]; /* NULL-terminated */
extern const struct cli_command cli_cmd_run, cli_cmd_plan, cli_cmd_validate, cli_cmd_list,
    cli_cmd_cancel, cli_cmd_top, cli_cmd_log_level, cli_cmd_completion, cli_cmd_savepoint,
    cli_cmd_state, cli_cmd_stop;

struct cli_args {
    const struct cli_command *cmd;
    int n_values;
    struct {
        const struct cli_option *option;
        const char *value;
    } values[64];
    int n_rest;
    char **rest;
};

/* Parses options anywhere among the arguments (cmd->args NULL: there may be none); prints what is
 * wrong and how to get help. -1: usage error, 1: --help was asked for and printed. */
int cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli_args *ret);
/* Value of an option (the last one given), NULL if absent; flags give "". */
const char *cli_value(const struct cli_args *a, const char *name);
bool cli_flag(const struct cli_args *a, const char *name);
/* dflt where the option isn't given. */
int cli_int(const struct cli_args *a, const char *name, int min, int max, int dflt, int *ret,
            struct err *err) ATTR_MUST_USE;
void cli_print_help(const struct cli_command *cmd);

/* "penstock run: ..." on stderr. */
void cli_complain(const struct cli_args *a, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* A manifest (.yaml, .yml, .json), a script (anything else, or "-" for standard input), or
 * --execute's text. Options
 * --parallelism, --mode, --set are applied. *ret_is_script says which. */
int cli_read_job(struct arena *a, const struct cli_args *args, struct job_spec **ret,
                 bool *ret_is_script, struct err *err) ATTR_MUST_USE;

#endif
