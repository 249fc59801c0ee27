/* main.c - penstock: dispatch to the commands. */
#include "cli/cli.h"

#include "base/core/log.h"
#include "base/core/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void usage(FILE *f) {
    fputs("Usage: penstock COMMAND [options] [arguments]\n"
          "Stateful streaming SQL.\n\nCommands:\n",
          f);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("\n'penstock COMMAND --help' shows a command's options; 'penstock --version' the "
          "version.\n",
          f);
}

/* What a command printed may still lie in a buffer, and not fit where it goes. */
static int end(const char *name, int code) {
    int e = fflush(stdout) ? errno : ferror(stdout) ? EIO : 0;
    if (!e || code != CLI_OK) return code;
    fprintf(stderr, "penstock %s: write to standard output: %s\n", name, strerror(e));
    return CLI_FAILED;
}

int main(int argc, char **argv) {
    log_init("penstock", LOG_WARN, false);
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name || !strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        usage(name ? stdout : stderr);
        return name ? end(name, CLI_OK) : CLI_USAGE;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        puts("penstock " PENSTOCK_VERSION);
        return end(name, CLI_OK);
    }
    const char *names[64];
    size_t n = 0;
    for (int i = 0; cli_commands[i]; i++) {
        if (!strcmp(cli_commands[i]->name, name))
            return end(name, cli_commands[i]->run(argc - 1, argv + 1));
        names[n++] = cli_commands[i]->name;
    }
    const char *near = str_nearest(name, names, n);
    fprintf(stderr, "penstock: unknown command '%s'%s%s%s\n", name,
            near ? "; did you mean '" : "; see 'penstock --help'", near ? near : "",
            near ? "'?" : "");
    return CLI_USAGE;
}
