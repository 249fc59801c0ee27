/* filesystem.c - the descriptor of the filesystem connector: options and what they mean together.
 */
#include "connector/filesystem/filesystem.h"

#include "fs/stores.h"
#include "fs/uri.h"
#include "fs/walk.h"
#include "vector/func/tz.h"

#include <string.h>

static const char *const codec_choices[] = {"none", "gzip", "zstd", NULL};
static const char *const trigger_choices[] = {"process-time", "partition-time", NULL};
static const char *const statistics_choices[] = {"NONE", "ALL", NULL};

#define AT(f) offsetof(struct filesystem_options, f)
static const struct opt_row filesystem_rows[] = {
    {"path", OPT_STRING, NULL, 0, 0, AT(path),
     "File, directory (read with all below it) or shell pattern: a plain path, or the URI of a "
     "store (s3://bucket/dir, hdfs://host:8020/dir; docs/filesystems.md).",
     OPT_REQUIRED},
    {"partition.default-name", OPT_STRING, "__DEFAULT_PARTITION__", 0, 0, AT(default_partition),
     "Directory name for the partition value NULL or empty."},
    {"source.monitor-interval", OPT_DURATION, NULL, 1, 1e15, AT(monitor_interval_ms),
     "Look for new files this often, for ever. Unset: read what is there and end."},
    {"source.path.regex-pattern", OPT_STRING, NULL, 0, 0, AT(path_regex),
     "Read only files whose whole path matches."},
    {"source.report-statistics", OPT_ENUM, "NONE", 0, 0, AT(report_statistics),
     "Accepted for compatibility; sizes are always known to the planner.", 0, statistics_choices},
    {"sink.rolling-policy.file-size", OPT_SIZE, "128 mb", 1, 1e15, AT(roll_size_bytes),
     "A part file is closed when it has this size."},
    {"sink.rolling-policy.rollover-interval", OPT_DURATION, "30 min", 1, 1e15, AT(roll_interval_ms),
     "A part file is closed when it has been open this long. Every checkpoint closes it as well."},
    {"sink.rolling-policy.inactivity-interval", OPT_DURATION, "30 min", 1, 1e15,
     AT(roll_inactivity_ms), "A part file is closed when nothing was written for this long."},
    {"sink.rolling-policy.check-interval", OPT_DURATION, "1 min", 1, 1e15, AT(roll_check_ms),
     "How often the two intervals are looked at."},
    {"sink.compression", OPT_ENUM, "none", 0, 0, AT(compression), "Compression of part files.", 0,
     codec_choices},
    {"sink.shuffle-by-partition.enable", OPT_BOOL, "false", 0, 0, AT(shuffle_by_partition),
     "Accepted for compatibility; rows are not shuffled, each subtask writes part files of its "
     "own."},
    {"sink.partition-commit.trigger", OPT_ENUM, "process-time", 0, 0, AT(commit_trigger),
     "What makes a partition complete: that it was written to and the delay is over, or that event "
     "time has passed its own time plus the delay.",
     0, trigger_choices},
    {"sink.partition-commit.delay", OPT_DURATION, "0 s", 0, 1e15, AT(commit_delay_ms),
     "How long to wait before a partition is complete."},
    {"sink.partition-commit.watermark-time-zone", OPT_STRING, "UTC", 0, 0, AT(commit_zone),
     "Zone in which partition times are compared with event time."},
    {"sink.partition-commit.policy.kind", OPT_STRING, NULL, 0, 0, AT(commit_policy),
     "What to do with a complete partition: 'success-file' writes an empty marker file."},
    {"sink.partition-commit.policy.class", OPT_STRING, NULL, 0, 0, AT(policy_class),
     "Not supported: a Java class."},
    {"sink.partition-commit.policy.class.parameters", OPT_STRING, NULL, 0, 0, AT(policy_parameters),
     "Not supported: belongs to a Java class."},
    {"sink.partition-commit.success-file.name", OPT_STRING, "_SUCCESS", 0, 0, AT(success_name),
     "Name of the marker file."},
    {"partition.time-extractor.kind", OPT_STRING, "default", 0, 0, AT(time_extractor),
     "How a partition's time is found; 'default': by the pattern."},
    {"partition.time-extractor.class", OPT_STRING, NULL, 0, 0, AT(extractor_class),
     "Not supported: a Java class."},
    {"partition.time-extractor.timestamp-pattern", OPT_STRING, NULL, 0, 0, AT(time_pattern),
     "Time of a partition made of its columns: '$dt $hour:00:00'."},
    {"partition.time-extractor.timestamp-formatter", OPT_STRING, NULL, 0, 0, AT(time_formatter),
     "Format of that time; 'yyyy-MM-dd HH:mm:ss' alone is supported."},
    {"auto-compaction", OPT_BOOL, "false", 0, 0, AT(auto_compaction),
     "Not supported: merging of small files. Checkpoint less often, or raise the file size."},
    {"compaction.file-size", OPT_SIZE, NULL, 0, 0, AT(compaction_file_size),
     "Belongs to auto-compaction."},
    {"compaction.parallelism", OPT_INT, NULL, 0, 0, AT(compaction_parallelism),
     "Belongs to auto-compaction."},
    {"penstock.overwrite", OPT_BOOL, "false", 0, 0, AT(overwrite),
     "Set by INSERT OVERWRITE: what was in the table, or in the partitions written, is replaced."},
};
#undef AT

static int check_values(const struct connector_table *t, struct filesystem_options *o,
                        struct err *err) {
    if (o->auto_compaction)
        return err_set(err, ERR_UNSUPPORTED, "option 'auto-compaction' is not supported");
    if (o->policy_class || o->policy_parameters)
        return err_set(
            err, ERR_UNSUPPORTED,
            "option 'sink.partition-commit.policy.class' is not supported; 'success-file' "
            "is the policy there is");
    if (strcmp(o->time_extractor, "default") != 0 || o->extractor_class)
        return err_set(err, ERR_UNSUPPORTED,
                       "option 'partition.time-extractor.kind': only 'default' is supported");
    if (o->time_formatter && strcmp(o->time_formatter, "yyyy-MM-dd HH:mm:ss") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "option 'partition.time-extractor.timestamp-formatter': only 'yyyy-MM-dd "
                       "HH:mm:ss' is supported");
    for (const char *p = o->commit_policy; p && *p;) {
        size_t n = strcspn(p, ",");
        struct sv kind = sv_trim((struct sv){p, n});
        if (!sv_eq_str(kind, "success-file"))
            return err_set(err, ERR_UNSUPPORTED,
                           "option 'sink.partition-commit.policy.kind': '%.*s' is not supported; "
                           "'success-file' is",
                           (int)kind.len, kind.ptr);
        o->success_file = true;
        p += n + (p[n] == ',');
    }
    if (!o->success_name[0] || strchr(o->success_name, '/'))
        return err_set(err, ERR_VALIDATION,
                       "option 'sink.partition-commit.success-file.name' must be a file name");
    const struct tz *zone;
    return tz_get(o->commit_zone, &zone, err);
}

int filesystem_options(const struct connector_table *t, struct arena *a,
                       struct filesystem_options *ret, struct err *err) {
    struct filesystem_options o = {0};
    int rc = connector_options(&connector_filesystem, t, a, &o, err);
    if (rc) return rc;
    rc = fs_uri_normalize(a, o.path, &o.path, err);
    if (!rc) rc = fs_find(o.path, &o.fs, err);
    if (!rc) rc = check_values(t, &o, err);
    if (rc) return connector_err_wrap(err, t->name);
    *ret = o;
    return 0;
}

bool is_partition_key(const struct connector_table *t, int column) {
    for (int i = 0; i < t->n_partition_keys; i++) {
        if (t->partition_keys[i] == column) return true;
    }
    return false;
}

struct file_columns file_columns(struct arena *a, const struct connector_table *t) {
    int *cols = ARENA_NEW_N(a, int, t->schema->n + 1), n = 0;
    for (int i = 0; i < t->schema->n; i++) {
        if (!is_partition_key(t, i) && !(t->metadata && t->metadata[i])) cols[n++] = i;
    }
    const struct schema *s = schema_new(a, n);
    for (int i = 0; i < n; i++)
        ((struct field *)s->fields)[i] = t->schema->fields[cols[i]];
    return (struct file_columns){s, cols};
}

static const struct metadata_key filesystem_metadata[] = {
    {"file.path", "STRING NOT NULL", false, "Full path of the file."},
    {"file.name", "STRING NOT NULL", false, "Name of the file."},
    {"file.size", "BIGINT NOT NULL", false, "Bytes of the file."},
    {"file.modification-time", "TIMESTAMP_LTZ(3) NOT NULL", false,
     "When the file was last written to."},
    {NULL},
};

static int filesystem_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct filesystem_options o;
    const struct format_desc *f = NULL;
    int rc = filesystem_options(t, &a, &o, err);
    if (!rc) rc = format_of_table(t, &f, err);
    struct file_columns cols = file_columns(&a, t);
    int *all = ARENA_NEW_N(&a, int, cols.schema->n + 1);
    for (int i = 0; i < cols.schema->n; i++)
        all[i] = i;
    struct format_ctx ctx = {cols.schema, all, cols.schema->n, t, NULL};
    if (!rc && f->check) rc = f->check(&ctx, err);
    if (!rc && as_sink && !f->encoder_new)
        rc = err_set(err, ERR_UNSUPPORTED, "table '%s': format '%s' can't be written", t->name,
                     f->name);
    if (!rc && !as_sink && !f->decoder_new)
        rc = err_set(err, ERR_UNSUPPORTED, "table '%s': format '%s' can't be read", t->name,
                     f->name);
    if (!rc && as_sink && fs_is_pattern(o.path))
        rc = err_set(err, ERR_VALIDATION, "table '%s': a sink's path can't be a pattern: '%s'",
                     t->name, o.path);
    if (!rc && as_sink && o.overwrite && !t->batch_mode)
        rc = err_set(err, ERR_VALIDATION,
                     "table '%s': INSERT OVERWRITE needs batch mode "
                     "(SET 'execution.runtime-mode' = 'batch')",
                     t->name);
    arena_release(&a);
    return rc;
}

static int filesystem_bounded(const struct connector_table *t, bool *ret, struct err *err) {
    *ret = !connector_table_option(t, "source.monitor-interval");
    return 0;
}

static int64_t filesystem_discovery(const struct connector_table *t) {
    const char *text = connector_table_option(t, "source.monitor-interval");
    int64_t ms = 0;
    return text && opt_parse_duration_ms(text, &ms, NULL) == 0 ? ms : 0;
}

static enum changelog_mode filesystem_source_mode(const struct connector_table *t) {
    const struct format_desc *f;
    return format_of_table(t, &f, NULL) == 0 ? f->source_mode : CHANGELOG_INSERT;
}

static enum changelog_mode filesystem_sink_mode(const struct connector_table *t,
                                                enum changelog_mode input) {
    const struct format_desc *f;
    return format_of_table(t, &f, NULL) == 0 ? f->sink_mode : CHANGELOG_INSERT;
}

static bool filesystem_nested(const struct connector_table *t) {
    const struct format_desc *f;
    return format_of_table(t, &f, NULL) == 0 && f->by_name;
}

const struct connector_desc connector_filesystem = {
    .name = "filesystem",
    .doc = "Files of a directory, plain or compressed, with Hive-style partitions.",
    .caps = CONNECTOR_SOURCE | CONNECTOR_SINK | CONNECTOR_FORMAT | CONNECTOR_PROJECTION |
            CONNECTOR_PARTITIONED | CONNECTOR_LOOKUP,
    .options = {filesystem_rows, ARRAY_LEN(filesystem_rows)},
    .metadata = filesystem_metadata,
    .check = filesystem_check,
    .is_bounded = filesystem_bounded,
    .source_mode = filesystem_source_mode,
    .sink_mode = filesystem_sink_mode,
    .nested_projection = filesystem_nested,
    .enumerate = filesystem_enumerate,
    .discovery_interval_ms = filesystem_discovery,
    .source_new = filesystem_source_new,
    .sink_new = filesystem_sink_new,
    .commit = filesystem_commit,
    .abort = filesystem_abort,
};
