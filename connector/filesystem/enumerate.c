/* enumerate.c - which files there are, cut into splits:
 * {"id": "path:start", "path", "start", "end", "size", "mtime", "bytes"}. A split has the records
 * whose first byte lies in [start, end); the reader finds the record borders. */
#include "connector/filesystem/filesystem.h"

#include "base/core/json.h"
#include "fs/walk.h"
#include "vector/func/regex.h"

#include <string.h>

enum {
    SPLIT_MAX_BYTES = 64 << 20,
    SPLIT_MIN_BYTES = 1 << 20,
    SPLITS_PER_SUBTASK = 4 /* so that fast subtasks can take more */
};

/* Of each request: the coordinator waits for it, and a job that can't list its input is better told
 * soon. */
static const struct fs_call listing = {.timeout_ms = 8000};

static void add_split(cJSON *out, const struct fs_entry *f, uint64_t start, uint64_t end) {
    cJSON *s = cJSON_CreateObject();
    AUTO_STR id = STR_INIT;
    str_addf(&id, "%s:%llu", f->uri, (unsigned long long)start);
    json_set_str(s, "id", str_text(&id));
    json_set_str(s, "path", f->uri);
    json_set_i64(s, "start", (int64_t)start);
    json_set_i64(s, "end", (int64_t)end);
    json_set_i64(s, "size", (int64_t)f->size_bytes);
    json_set_i64(s, "mtime", f->mtime_ms);
    json_set_i64(s, "bytes", (int64_t)(end - start));
    cJSON_AddItemToArray(out, s);
}

static int can_split(struct arena *a, const struct connector_table *t, bool *ret, struct err *err) {
    const struct format_desc *f;
    int rc = format_of_table(t, &f, err);
    if (rc) return rc;
    struct file_columns cols = file_columns(a, t);
    struct format_ctx ctx = {.schema = cols.schema, .table = t};
    *ret = !f->splittable || f->splittable(&ctx);
    return 0;
}

/* Keeps the files whose whole path matches. */
static int filter(const char *pattern, struct fs_list *files, struct err *err) {
    if (!pattern) return 0;
    AUTO_STR pcre = STR_INIT;
    struct regex *re = NULL;
    int rc = regex_from_java(sv_from(pattern), &pcre, err);
    if (!rc) rc = regex_new_whole(str_view(&pcre), &re, err);
    if (rc) return err_wrap(err, "option 'source.path.regex-pattern'");
    size_t n = 0;
    for (size_t i = 0; i < files->n; i++) {
        if (regex_find(re, sv_from(files->entries[i].uri), 0))
            files->entries[n++] = files->entries[i];
    }
    files->n = n;
    regex_free(re);
    return 0;
}

static uint64_t split_bytes(const struct fs_list *files, int parallelism) {
    uint64_t total = 0;
    for (size_t i = 0; i < files->n; i++)
        total += files->entries[i].size_bytes;
    uint64_t size = total / ((uint64_t)MAX(parallelism, 1) * SPLITS_PER_SUBTASK) + 1;
    return MIN(MAX(size, (uint64_t)SPLIT_MIN_BYTES), (uint64_t)SPLIT_MAX_BYTES);
}

static int make_splits(struct arena *a, const struct connector_table *t, int parallelism,
                       cJSON *out, struct err *err) {
    struct filesystem_options o;
    struct fs_list files = {0};
    bool split_format = false;
    int rc = filesystem_options(t, a, &o, err);
    if (!rc) rc = can_split(a, t, &split_format, err);
    if (!rc) rc = fs_glob(o.fs, o.path, &listing, a, &files, err);
    if (rc == ERR_NOT_FOUND && o.monitor_interval_ms > 0 && fs_is_pattern(o.path)) {
        err_clear(err); /* what matches is still to come */
        return 0;
    }
    if (!rc) rc = filter(o.path_regex, &files, err);
    if (rc) return rc;
    /* A monitored directory's files grow in number only: one split each, so that its id tells a
     * file that was seen. */
    bool monitored = o.monitor_interval_ms > 0;
    uint64_t size = parallelism > 1 ? split_bytes(&files, parallelism) : SPLIT_MAX_BYTES;
    for (size_t i = 0; i < files.n; i++) {
        const struct fs_entry *f = &files.entries[i];
        enum codec codec;
        rc = codec_of_path(f->uri, &codec, err);
        if (rc) return rc;
        if (!f->size_bytes) continue;
        if (codec != CODEC_NONE || !split_format || monitored || f->size_bytes <= size) {
            add_split(out, f, 0, f->size_bytes);
            continue;
        }
        uint64_t n = (f->size_bytes + size - 1) / size;
        for (uint64_t k = 0; k < n; k++)
            add_split(out, f, f->size_bytes / n * k,
                      k + 1 == n ? f->size_bytes : f->size_bytes / n * (k + 1));
    }
    return 0;
}

int filesystem_enumerate(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                         struct err *err) {
    struct arena a;
    arena_init(&a);
    cJSON *out = cJSON_CreateArray();
    int rc = make_splits(&a, t, parallelism, out, err);
    arena_release(&a);
    if (rc) {
        cJSON_Delete(out);
        return connector_err_wrap(err, t->name);
    }
    *ret_splits = out;
    return 0;
}
