/* run_dir.h - the user's running local jobs: one file each, mode 0600, in $XDG_RUNTIME_DIR/penstock
 * (else /tmp/penstock-UID, owned by the user alone). A file whose process is gone is removed by
 * whoever meets it. */
#ifndef PENSTOCK_CLI_RUN_DIR_H
#define PENSTOCK_CLI_RUN_DIR_H

#include "base/core/err.h"
#include "base/core/json.h"
#include "base/core/str.h"

struct run_entry {
    char *path; /* of its file */
    char *name; /* of the job */
    int64_t pid;
    int port;
    char *token;
};

/* The folder, made if it isn't there. */
int run_dir_path(struct str *out, struct err *err) ATTR_MUST_USE;
/* Path of a file of this process in it: "<pid>.<suffix>". */
int run_dir_file(const char *suffix, struct str *out, struct err *err) ATTR_MUST_USE;
/* Writes text to a file that only the user may read. */
int run_dir_write(const char *path, struct sv text, struct err *err) ATTR_MUST_USE;
int run_dir_register(const char *path, const char *name, int port, const char *token,
                     struct err *err) ATTR_MUST_USE;
/* Entries of live runs; the array and its strings are freed by run_entries_free. */
int run_dir_list(struct run_entry **ret, int *ret_n, struct err *err) ATTR_MUST_USE;
void run_entries_free(struct run_entry *e, int n);

#endif
