/* filesystem.h - what the parts of the filesystem connector share: options, and the columns that a
 * file itself has. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_FILESYSTEM_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_FILESYSTEM_H

#include "connector/connector.h"
#include "connector/filesystem/codec.h"
#include "connector/format/format.h"
#include "fs/fs.h"

extern const struct connector_desc connector_filesystem;

enum commit_trigger { COMMIT_PROCESS_TIME, COMMIT_PARTITION_TIME };

struct filesystem_options {
    const char *path; /* as fs_uri_normalize gives it */
    struct fs *fs;    /* that serves it */
    const char *default_partition;
    int64_t monitor_interval_ms; /* 0 = read what is there and end */
    const char *path_regex;
    int64_t roll_size_bytes, roll_interval_ms, roll_inactivity_ms, roll_check_ms;
    int compression; /* enum codec */
    int commit_trigger;
    int64_t commit_delay_ms;
    const char *commit_zone, *commit_policy, *success_name;
    const char *time_extractor, *time_pattern, *time_formatter;
    const char *policy_class, *policy_parameters, *extractor_class;
    bool overwrite, auto_compaction, shuffle_by_partition;
    int64_t compaction_file_size;
    int64_t compaction_parallelism;
    int report_statistics;
    bool success_file; /* of commit_policy */
};

/* Reads and checks them; strings in the arena. */
int filesystem_options(const struct connector_table *t, struct arena *a,
                       struct filesystem_options *ret, struct err *err) ATTR_MUST_USE;

/* The table's columns that stand in the files: neither partition keys nor metadata. */
struct file_columns {
    const struct schema *schema;
    const int *table_column; /* per column of schema */
};
struct file_columns file_columns(struct arena *a, const struct connector_table *t);
bool is_partition_key(const struct connector_table *t, int column);

/* enumerate.c, source.c, sink.c, commit.c */
int filesystem_enumerate(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                         struct err *err);
int filesystem_source_new(const struct connector_table *t, const struct source_ctx *ctx,
                          struct source **ret, struct err *err);
int filesystem_sink_new(const struct connector_table *t, const struct sink_ctx *ctx,
                        struct sink **ret, struct err *err);
int filesystem_commit(const struct connector_table *t, const cJSON *committables, bool end,
                      struct err *err);
int filesystem_abort(const struct connector_table *t, const cJSON *committables, struct err *err);

#endif
