/* options.h - one row of spec.fileSystems: which URIs it serves, where they are, whose keys, and
 * the options of its type. */
#ifndef PENSTOCK_FS_OPTIONS_H
#define PENSTOCK_FS_OPTIONS_H

#include "base/core/opt.h"
#include "fs/fs.h"

/* Where keys stand: exactly one of the three, or none. Never the keys themselves. */
struct fs_secret_ref {
    const char *path;       /* directory with one file per key (a mounted Kubernetes secret) */
    const char *file;       /* "name = value" lines; an AWS credentials file ([default]) is one */
    const char *env_prefix; /* environment variables: PREFIX_ACCESS_KEY_ID... */
};

struct fs_options {
    const char *name;     /* for messages and metrics; the prefix, where the row has none */
    const char *prefix;   /* "s3://bucket/", "hdfs://host:8020/", "s3:"; a URI's longest one wins */
    const char *type;     /* "local", "s3", "webhdfs" */
    const char *endpoint; /* "https://host:port"; webhdfs: one or more, with commas */
    const char *region;
    bool path_style;
    const char *user; /* webhdfs: user.name */
    struct fs_secret_ref secret;
    const char *ca_file; /* whom to trust; NULL: the system's list */
    bool insecure_tls;
    /* fs_option_table, all types */
    int64_t connect_timeout_ms, request_timeout_ms, operation_timeout_ms;
    int64_t retries, retry_base_ms, retry_max_ms, rotation_grace_ms;
    double requests_per_second; /* 0: no limit */
    int64_t bytes_per_second;   /* 0: no limit */
    int64_t connections;
    int64_t part_bytes, parts_in_flight, list_page;       /* s3 */
    int64_t write_buffer_bytes, block_bytes, replication; /* webhdfs */
};

/* Rows of `options:`; a table for docs, too. */
const struct opt_table *fs_option_table(void);
/* From one object as the manifest has it. Strings go into the arena. ERR_VALIDATION names the
 * field. */
int fs_options_read(struct arena *a, const cJSON *json, struct fs_options *ret,
                    struct err *err) ATTR_MUST_USE;
/* All defaults, for a store that no row names. */
void fs_options_default(struct fs_options *ret, const char *name, const char *type);

#endif
