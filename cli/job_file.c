/* job_file.c - the job that a command is about: manifest, script, or text on the command line. */
#include "cli/cli.h"

#include "base/core/mem.h"
#include "base/core/str.h"
#include "fs/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOB_FILE_MAX_BYTES = 16 << 20 };

static int read_all(const char *path, struct str *out, struct err *err) {
    bool in = !strcmp(path, "-");
    int fd = in ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set_errno(err, ERR_NOT_FOUND, errno, "open %s", path);
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0 && out->len <= JOB_FILE_MAX_BYTES)
        str_add_n(out, buf, (size_t)n);
    int e = errno;
    if (!in) close(fd);
    if (n < 0) return err_set_errno(err, ERR_IO, e, "read %s", path);
    if (out->len > JOB_FILE_MAX_BYTES)
        return err_set(err, ERR_INVALID, "%s is larger than %d MiB", path,
                       JOB_FILE_MAX_BYTES >> 20);
    return 0;
}

static bool has_suffix(const char *s, const char *suffix) {
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && !strcmp(s + n - k, suffix);
}

static const char *base_name(struct arena *a, const char *path) {
    if (!strcmp(path, "-")) return "script";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? arena_strndup(a, name, (size_t)(dot - name)) : arena_strdup(a, name);
}

static int apply_options(struct arena *a, const struct cli_args *args, bool is_script,
                         struct job_spec *s, struct err *err) {
    int p;
    if (cli_int(args, "parallelism", 1, 32768, s->parallelism, &p, err)) return err->code;
    s->parallelism = p;
    if (s->max_parallelism < p) {
        if (!is_script)
            return err_set(err, ERR_VALIDATION,
                           "--parallelism %d is more than spec.maxParallelism (%d)", p,
                           s->max_parallelism);
        s->max_parallelism = p;
    }
    const char *mode = cli_value(args, "mode");
    if (mode)
        s->mode = !strcmp(mode, "batch")       ? JOB_MODE_BATCH
                  : !strcmp(mode, "streaming") ? JOB_MODE_STREAMING
                                               : JOB_MODE_AUTOMATIC;
    const char *levels = cli_value(args, "log");
    if (levels) s->log_levels = levels;
    struct job_setting *set =
        ARENA_NEW_N(a, struct job_setting, s->n_settings + args->n_values + 2);
    if (s->n_settings) memcpy(set, s->settings, sizeof *set * (size_t)s->n_settings);
    for (int i = 0; i < args->n_values; i++) {
        if (strcmp(args->values[i].option->name, "set")) continue;
        const char *kv = args->values[i].value, *eq = strchr(kv, '=');
        if (!eq) return err_set(err, ERR_INVALID, "--set '%s': write --set key=value", kv);
        set[s->n_settings].key = arena_strndup(a, kv, (size_t)(eq - kv));
        set[s->n_settings++].value = arena_strdup(a, eq + 1);
    }
    const char *from = cli_value(args, "from-checkpoint");
    if (from) set[s->n_settings++] = (struct job_setting){"execution.state-recovery.path", from};
    if (cli_flag(args, "allow-non-restored-state"))
        set[s->n_settings++] =
            (struct job_setting){"execution.state-recovery.ignore-unclaimed-state", "true"};
    s->settings = set;
    return 0;
}

/* The folder that libraries are looked for in: a file's own, or for a script given on the command
 * line (".") or standard input ("-") the current one. */
static const char *directory_of(struct arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    char real[PATH_MAX];
    const char *dir = !slash          ? "."
                      : slash == path ? "/"
                                      : arena_strndup(a, path, (size_t)(slash - path));
    return realpath(dir, real) ? arena_strdup(a, real) : NULL;
}

int cli_read_job(struct arena *a, const struct cli_args *args, struct job_spec **ret,
                 bool *ret_is_script, struct err *err) {
    const char *text = cli_value(args, "execute");
    struct job_spec *s = NULL;
    *ret_is_script = true;
    if (text && args->n_rest) return err_set(err, ERR_INVALID, "--execute and a file: one of them");
    if (!text && args->n_rest != 1)
        return err_set(err, ERR_INVALID, "%s; see 'penstock %s --help'",
                       args->n_rest ? "one file at a time" : "which file?", args->cmd->name);
    if (text) {
        s = job_spec_of_script(a, "script", text);
    } else {
        AUTO_STR content = STR_INIT;
        const char *path = args->rest[0];
        int rc = read_all(path, &content, err);
        if (rc) return rc;
        if (memchr(str_text(&content), '\0', content.len))
            return err_set(err, ERR_INVALID, "%s is not text: it has a NUL character", path);
        /* A byte order mark says nothing in UTF-8. */
        const char *body = str_text(&content);
        if (!strncmp(body, "\xEF\xBB\xBF", 3)) body += 3;
        if (has_suffix(path, ".yaml") || has_suffix(path, ".yml") || has_suffix(path, ".json")) {
            *ret_is_script = false;
            rc = job_spec_read(a, path, body, strlen(body), &s, err);
            if (rc) return rc;
        } else {
            s = job_spec_of_script(a, base_name(a, path), body);
            s->file = strcmp(path, "-") ? path : NULL;
        }
    }
    s->directory = directory_of(a, text ? "." : args->rest[0]);
    AUTO_JSON *stores = job_spec_file_systems(s);
    int rc = fs_use(stores, err); /* for what is checked here; the job's processes do the same */
    if (!rc) rc = apply_options(a, args, *ret_is_script, s, err);
    if (!rc) *ret = s;
    return rc;
}
