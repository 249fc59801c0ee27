/* commit.c - making part files visible, in the coordinator: rename each to its final name, then
 * mark complete partitions. Every step may be repeated after a crash: a file that has its final
 * name already is done, and what INSERT OVERWRITE removes is told by not being of these sinks. */
#include "connector/filesystem/filesystem.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/filesystem/local.h"
#include "connector/filesystem/partition.h"
#include "vector/func/tz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct commit {
    struct arena arena;
    const struct connector_table *table;
    struct filesystem_options options;
    const cJSON *committables;
    bool end;
    int64_t watermark; /* least of all sinks */
    const char **dirs; /* of the files, each once */
    size_t n_dirs, cap_dirs;
};

static bool is_hidden(const char *name) {
    return name[0] == '.' || name[0] == '_';
}

/* ---- what is committed ---- */

static void add_dir(struct commit *c, const char *dst) {
    size_t n = (size_t)(strrchr(dst, '/') - dst);
    for (size_t i = 0; i < c->n_dirs; i++) {
        if (strlen(c->dirs[i]) == n && memcmp(c->dirs[i], dst, n) == 0) return;
    }
    if (c->n_dirs == c->cap_dirs) {
        c->cap_dirs = c->cap_dirs ? c->cap_dirs * 2 : 16;
        c->dirs = mem_reallocarray(c->dirs, c->cap_dirs, sizeof *c->dirs);
    }
    c->dirs[c->n_dirs] = arena_strndup(&c->arena, dst, n);
    c->n_dirs++;
}

/* Calls f for each file of each committable. */
static int each_file(struct commit *c,
                     int (*f)(struct commit *c, const char *tmp, const char *dst,
                              const char *partition, struct err *err),
                     struct err *err) {
    const cJSON *one, *file;
    cJSON_ArrayForEach(one, c->committables) {
        const cJSON *files;
        int rc = json_get_array(one, "files", &files, err);
        if (rc) return rc;
        cJSON_ArrayForEach(file, files) {
            const char *tmp, *dst, *partition;
            rc = json_get_str(file, "tmp", &tmp, err);
            if (!rc) rc = json_get_str(file, "dst", &dst, err);
            if (!rc) rc = json_get_str(file, "partition", &partition, err);
            if (!rc && !strrchr(dst, '/'))
                rc = err_set(err, ERR_INVALID, "field 'dst' must be a path");
            if (!rc) rc = f(c, tmp, dst, partition, err);
            if (rc) return rc;
        }
    }
    return 0;
}

static int note_dir(struct commit *c, const char *tmp, const char *dst, const char *partition,
                    struct err *err) {
    add_dir(c, dst);
    return 0;
}

static int rename_file(struct commit *c, const char *tmp, const char *dst, const char *partition,
                       struct err *err) {
    int rc = local_rename(tmp, dst, err);
    if (rc != ERR_NOT_FOUND) return rc;
    if (!local_exists(dst)) {
        return err_set(err, ERR_IO,
                       "part file %s is gone, neither it nor %s exists: its rows are lost", tmp,
                       dst);
    }
    err_clear(err);
    return 0;
}

static int remove_tmp(struct commit *c, const char *tmp, const char *dst, const char *partition,
                      struct err *err) {
    return local_remove(tmp, err);
}

/* ---- INSERT OVERWRITE ---- */

/* Removes dir's visible files, all but those of the committables' sinks. */
static int clear_dir(struct commit *c, const char *dir, struct err *err) {
    const char *const *names;
    size_t n;
    int rc = local_entries(&c->arena, dir, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        bool own = names[i][0] == '.';
        const cJSON *one;
        cJSON_ArrayForEach(one, c->committables) {
            const char *sink = json_opt_str(one, "sink", "/");
            own |= strncmp(names[i], sink, strlen(sink)) == 0;
        }
        const char *path = arena_printf(&c->arena, "%s/%s", dir, names[i]);
        if (!own && !local_is_dir(path)) rc = local_remove(path, err);
    }
    return rc;
}

static int overwrite(struct commit *c, struct err *err) {
    if (!c->options.overwrite || !cJSON_GetArraySize(c->committables)) return 0;
    int rc = 0;
    if (!c->table->n_partition_keys) rc = clear_dir(c, c->options.path, err);
    for (size_t i = 0; i < c->n_dirs && !rc; i++)
        rc = clear_dir(c, c->dirs[i], err);
    return rc;
}

/* ---- leftovers ---- */

/* Hidden files of a sink's earlier attempts: no checkpoint will ever name them. */
static int purge_dir(struct commit *c, const char *dir, const char *prefix, uint64_t attempt,
                     struct err *err) {
    const char *const *names;
    size_t n, n_prefix = strlen(prefix);
    int rc = local_entries(&c->arena, dir, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        if (names[i][0] != '.' || strncmp(names[i] + 1, prefix, n_prefix) != 0) continue;
        unsigned long long of;
        if (sscanf(names[i] + 1 + n_prefix, "%llu-", &of) == 1 && of < attempt)
            rc = local_remove(arena_printf(&c->arena, "%s/%s", dir, names[i]), err);
    }
    return rc;
}

static int purge(struct commit *c, struct err *err) {
    const cJSON *one;
    cJSON_ArrayForEach(one, c->committables) {
        uint64_t attempt = (uint64_t)json_opt_i64(one, "attempt", 0);
        const char *prefix = json_opt_str(one, "prefix", "/");
        for (size_t i = 0; i < c->n_dirs && attempt; i++) {
            int rc = purge_dir(c, c->dirs[i], prefix, attempt, err);
            if (rc) return rc;
        }
    }
    return 0;
}

/* ---- complete partitions ---- */

static int write_success(struct commit *c, const char *dir, struct err *err) {
    const char *path = arena_printf(&c->arena, "%s/%s", dir, c->options.success_name);
    int fd;
    int rc = local_remove(path, err);
    if (!rc) rc = local_create(path, &fd, err);
    if (rc) return rc;
    local_close(fd);
    return local_sync_dir(dir, err);
}

/* Newest visible file of dir and its marker; -1 where there is none. */
static int partition_state(struct commit *c, const char *dir, int64_t *ret_first, int64_t *ret_last,
                           int64_t *ret_marked, struct err *err) {
    struct file_list files = {0};
    *ret_first = *ret_last = *ret_marked = -1;
    int rc = local_list(&c->arena, dir, &files, err);
    for (size_t i = 0; i < files.n && !rc; i++) {
        int64_t t = files.files[i].mtime_ms;
        if (*ret_first < 0 || t < *ret_first) *ret_first = t;
        if (t > *ret_last) *ret_last = t;
    }
    const char *marker = arena_printf(&c->arena, "%s/%s", dir, c->options.success_name);
    if (!rc && local_exists(marker)) {
        rc = local_list(&c->arena, marker, &files, err);
        if (!rc && files.n) *ret_marked = files.files[0].mtime_ms;
    }
    return rc;
}

/* Whether a partition with data newer than its marker is complete now. */
static int is_complete(struct commit *c, const char *partition, int64_t first_ms, bool *ret,
                       struct err *err) {
    *ret = c->end;
    if (c->end) return 0;
    if (c->options.commit_trigger == COMMIT_PROCESS_TIME) {
        *ret = first_ms + c->options.commit_delay_ms <= clock_wall_ms();
        return 0;
    }
    int64_t local_ms;
    const struct tz *zone;
    int rc = partition_time(partition, c->options.time_pattern, &local_ms, err);
    if (!rc) rc = tz_get(c->options.commit_zone, &zone, err);
    if (rc) return rc;
    *ret = c->watermark != WATERMARK_MIN &&
           tz_local_to_utc(zone, local_ms) + c->options.commit_delay_ms <= c->watermark;
    return 0;
}

/* Walks down to the partitions: depth levels of "name=value" below dir. */
static int mark_below(struct commit *c, const char *dir, const char *partition, int depth,
                      struct err *err) {
    if (depth == 0) {
        int64_t first, last, marked;
        bool complete;
        int rc = partition_state(c, dir, &first, &last, &marked, err);
        if (rc || last < 0 || marked >= last) return rc;
        rc = is_complete(c, partition, first, &complete, err);
        return rc || !complete ? rc : write_success(c, dir, err);
    }
    const char *const *names;
    size_t n;
    int rc = local_entries(&c->arena, dir, &names, &n, err);
    for (size_t i = 0; i < n && !rc; i++) {
        if (is_hidden(names[i]) || !strchr(names[i], '=')) continue;
        const char *sub = arena_printf(&c->arena, "%s/%s", dir, names[i]);
        const char *p =
            arena_printf(&c->arena, "%s%s%s", partition, *partition ? "/" : "", names[i]);
        if (local_is_dir(sub)) rc = mark_below(c, sub, p, depth - 1, err);
    }
    return rc;
}

static int mark_partitions(struct commit *c, struct err *err) {
    if (!c->options.success_file || !c->table->n_partition_keys) return 0;
    if (c->options.commit_trigger == COMMIT_PROCESS_TIME && !c->options.commit_delay_ms) {
        int rc = 0;
        for (size_t i = 0; i < c->n_dirs && !rc; i++)
            rc = write_success(c, c->dirs[i], err);
        return rc;
    }
    return mark_below(c, c->options.path, "", c->table->n_partition_keys, err);
}

/* ---- entry points ---- */

static int commit_begin(struct commit *c, const struct connector_table *t,
                        const cJSON *committables, bool end, struct err *err) {
    memset(c, 0, sizeof *c);
    arena_init(&c->arena);
    c->table = t;
    c->committables = committables;
    c->end = end;
    c->watermark = WATERMARK_MAX;
    const cJSON *one;
    cJSON_ArrayForEach(one, committables) {
        int64_t wm = json_opt_i64(one, "watermark", WATERMARK_MIN);
        if (wm < c->watermark) c->watermark = wm;
    }
    if (!cJSON_GetArraySize(committables)) c->watermark = WATERMARK_MIN;
    return filesystem_options(t, &c->arena, &c->options, err);
}

static void commit_end(struct commit *c) {
    free(c->dirs);
    arena_release(&c->arena);
}

int filesystem_commit(const struct connector_table *t, const cJSON *committables, bool end,
                      struct err *err) {
    struct commit c;
    int rc = commit_begin(&c, t, committables, end, err);
    if (!rc) rc = each_file(&c, note_dir, err);
    if (!rc) rc = overwrite(&c, err);
    if (!rc) rc = each_file(&c, rename_file, err);
    for (size_t i = 0; i < c.n_dirs && !rc; i++)
        rc = local_sync_dir(c.dirs[i], err);
    if (!rc) rc = purge(&c, err);
    if (!rc) rc = mark_partitions(&c, err);
    commit_end(&c);
    return rc ? err_wrap(err, "table '%s': commit", t->name) : 0;
}

int filesystem_abort(const struct connector_table *t, const cJSON *committables, struct err *err) {
    struct commit c;
    int rc = commit_begin(&c, t, committables, false, err);
    if (!rc) rc = each_file(&c, remove_tmp, err);
    commit_end(&c);
    return rc ? err_wrap(err, "table '%s': abort", t->name) : 0;
}
