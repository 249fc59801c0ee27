/* args.c - option tables: parsing, help. */
#include "cli/cli.h"

#include "base/core/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_complain(const struct cli_args *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "penstock%s%s: ", a && a->cmd ? " " : "", a && a->cmd ? a->cmd->name : "");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

void cli_print_help(const struct cli_command *cmd) {
    printf("Usage: penstock %s%s%s%s\n%s\n", cmd->name, cmd->options[0].name ? " [options]" : "",
           cmd->args ? " " : "", cmd->args ? cmd->args : "", cmd->summary);
    if (!cmd->options[0].name) return;
    printf("\nOptions:\n");
    for (const struct cli_option *o = cmd->options; o->name; o++) {
        AUTO_STR left = STR_INIT;
        if (o->letter)
            str_addf(&left, "-%c, ", o->letter);
        else
            str_add(&left, "    ");
        str_addf(&left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-28s %s\n", str_text(&left), o->help);
    }
}

static const struct cli_option *find_long(const struct cli_command *cmd, const char *name,
                                          size_t len) {
    for (const struct cli_option *o = cmd->options; o->name; o++)
        if (strlen(o->name) == len && !memcmp(o->name, name, len)) return o;
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_command *cmd, char c) {
    for (const struct cli_option *o = cmd->options; o->name; o++)
        if (o->letter == c) return o;
    return NULL;
}

static int unknown_option(const struct cli_args *a, const char *text) {
    const char *names[64];
    size_t n = 0;
    for (const struct cli_option *o = a->cmd->options; o->name && n < ARRAY_LEN(names); o++)
        names[n++] = o->name;
    const char *near = text[0] == '-' && text[1] == '-' ? str_nearest(text + 2, names, n) : NULL;
    if (near)
        cli_complain(a, "unknown option '%s'; did you mean '--%s'?", text, near);
    else
        cli_complain(a, "unknown option '%s'; see 'penstock %s --help'", text, a->cmd->name);
    return -1;
}

static int check_choice(const struct cli_args *a, const struct cli_option *o, const char *value) {
    if (!o->choices) return 0;
    AUTO_STR all = STR_INIT;
    for (int i = 0; o->choices[i]; i++) {
        if (!strcmp(o->choices[i], value)) return 0;
        str_addf(&all, "%s%s", i ? ", " : "", o->choices[i]);
    }
    cli_complain(a, "--%s is '%s', but must be one of: %s", o->name, value, str_text(&all));
    return -1;
}

static int add_value(struct cli_args *a, const struct cli_option *o, const char *value) {
    if (a->n_values == (int)ARRAY_LEN(a->values)) {
        cli_complain(a, "more than %zu options", ARRAY_LEN(a->values));
        return -1;
    }
    if (check_choice(a, o, value)) return -1;
    a->values[a->n_values].option = o;
    a->values[a->n_values++].value = value;
    return 0;
}

/* Takes the option at argv[*i]; moves *i when its argument is the next word. */
static int take_option(struct cli_args *a, int argc, char **argv, int *i) {
    char *word = argv[*i], *value = NULL;
    const struct cli_option *o;
    if (word[1] == '-') {
        char *eq = strchr(word, '=');
        o = find_long(a->cmd, word + 2, eq ? (size_t)(eq - word - 2) : strlen(word + 2));
        value = eq ? eq + 1 : NULL;
    } else {
        o = find_letter(a->cmd, word[1]);
        value = word[2] ? word + 2 : NULL;
    }
    if (!o) return unknown_option(a, word);
    if (!o->arg && value) {
        cli_complain(a, "--%s takes no value", o->name);
        return -1;
    }
    if (o->arg && !value) {
        if (*i + 1 >= argc) {
            cli_complain(a, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
            return -1;
        }
        value = argv[++*i];
    }
    return add_value(a, o, value ? value : "");
}

int cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli_args *ret) {
    *ret = (struct cli_args){.cmd = cmd, .rest = argv + 1};
    bool options_done = false;
    for (int i = 1; i < argc; i++) {
        if (!options_done && !strcmp(argv[i], "--")) {
            options_done = true;
        } else if (!options_done && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
            cli_print_help(cmd);
            return 1;
        } else if (!options_done && argv[i][0] == '-' && argv[i][1]) {
            if (take_option(ret, argc, argv, &i)) return -1;
        } else {
            ret->rest[ret->n_rest++] = argv[i];
        }
    }
    if (!cmd->args && ret->n_rest) {
        cli_complain(ret, "takes no argument, such as '%s'", ret->rest[0]);
        return -1;
    }
    return 0;
}

const char *cli_value(const struct cli_args *a, const char *name) {
    for (int i = a->n_values - 1; i >= 0; i--)
        if (!strcmp(a->values[i].option->name, name)) return a->values[i].value;
    return NULL;
}

bool cli_flag(const struct cli_args *a, const char *name) {
    return cli_value(a, name) != NULL;
}

int cli_int(const struct cli_args *a, const char *name, int min, int max, int dflt, int *ret,
            struct err *err) {
    const char *text = cli_value(a, name);
    *ret = dflt;
    if (!text) return 0;
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno || *end || end == text || v < min || v > max)
        return err_set(err, ERR_INVALID, "--%s is '%s', but must be a whole number from %d to %d",
                       name, text, min, max);
    *ret = (int)v;
    return 0;
}
