/* commands.c - the table of commands, and shell completion made of it. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option completion_options[] = {{NULL, 0, NULL, NULL, NULL}};

static void print_options(const struct cli_command *c, const char *prefix) {
    for (const struct cli_option *o = c->options; o->name; o++)
        printf("%s--%s ", prefix, o->name);
}

static void print_bash(void) {
    printf("_penstock() {\n    local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} words=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (int i = 0; cli_commands[i]; i++)
        printf("%s ", cli_commands[i]->name);
    printf("\"\n    else\n        case $cmd in\n");
    for (int i = 0; cli_commands[i]; i++) {
        printf("        %s) words=\"", cli_commands[i]->name);
        print_options(cli_commands[i], "");
        printf("--help\" ;;\n");
    }
    printf("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    if [ \"$COMP_CWORD\" -gt 1 ] && [ \"${cur#-}\" = \"$cur\" ]; then\n"
           "        COMPREPLY+=($(compgen -f -- \"$cur\"))\n    fi\n}\n"
           "complete -o filenames -F _penstock penstock\n");
}

/* In fish's single quotes, where \ and ' are written with a \ in front. */
static void print_quoted(const char *text) {
    putchar('\'');
    for (; *text; text++)
        printf(*text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
    putchar('\'');
}

static void print_fish(void) {
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        printf("complete -c penstock -n __fish_use_subcommand -a %s -d ", c->name);
        print_quoted(c->summary);
        printf("\n");
        for (const struct cli_option *o = c->options; o->name; o++) {
            printf("complete -c penstock -n '__fish_seen_subcommand_from %s' -l %s%s -d ", c->name,
                   o->name, o->arg ? " -r" : "");
            print_quoted(o->help);
            if (o->choices) {
                printf(" -a '");
                for (int k = 0; o->choices[k]; k++)
                    printf("%s ", o->choices[k]);
                printf("'");
            }
            printf("\n");
        }
    }
}

/* penstock(1): from the same tables. */
static void print_man(void) {
    printf(".TH PENSTOCK 1 \"\" \"penstock %s\" \"User Commands\"\n.SH NAME\npenstock \\- stateful "
           "streaming "
           "SQL\n.SH SYNOPSIS\n.B penstock\n.I COMMAND\n[options] [arguments]\n.SH COMMANDS\n",
           PENSTOCK_VERSION);
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        printf(".SS penstock %s%s%s\n%s\n", c->name, c->args ? " " : "", c->args ? c->args : "",
               c->summary);
        for (const struct cli_option *o = c->options; o->name; o++) {
            printf(".TP\n");
            if (o->letter) printf("\\fB\\-%c\\fR, ", o->letter);
            printf("\\fB\\-\\-%s\\fR%s%s\n%s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "",
                   o->help);
        }
    }
    printf(
        ".SH EXIT STATUS\n"
        ".TP\n0\nAll statements succeeded; of cancel: the job has stopped.\n"
        ".TP\n1\nA statement or job failed, or standard output takes no more; of validate: there "
        "are errors; of cancel: there is no such job, or it did not stop.\n"
        ".TP\n2\nBad usage, an unreadable or invalid manifest, or the processes could not be "
        "started: nothing ran.\n"
        ".TP\n130\nThe job was cancelled, by Ctrl-C or by penstock cancel: its results are "
        "incomplete. A second Ctrl-C kills it.\n"
        ".SH FILES\n.I $XDG_RUNTIME_DIR/penstock\n(else /tmp/penstock\\-UID): the running local "
        "jobs.\n");
}

static int run_completion(int argc, char **argv) {
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_completion, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    const char *shell = args.n_rest == 1 ? args.rest[0] : "";
    if (!strcmp(shell, "bash")) {
        print_bash();
    } else if (!strcmp(shell, "zsh")) {
        puts("autoload -U +X bashcompinit && bashcompinit");
        print_bash();
    } else if (!strcmp(shell, "fish")) {
        print_fish();
    } else if (!strcmp(shell, "man")) {
        print_man();
    } else {
        cli_complain(&args, "for what? One of bash, zsh, fish, man");
        return CLI_USAGE;
    }
    return CLI_OK;
}

const struct cli_command cli_cmd_completion = {
    "completion", "Print a completion script for a shell.", run_completion, completion_options,
    "bash|zsh|fish|man"};

const struct cli_command *const cli_commands[] = {
    &cli_cmd_run,    &cli_cmd_plan, &cli_cmd_validate,   &cli_cmd_list,
    &cli_cmd_cancel, &cli_cmd_top,  &cli_cmd_log_level,  &cli_cmd_savepoint,
    &cli_cmd_state,  &cli_cmd_stop, &cli_cmd_completion, NULL};
