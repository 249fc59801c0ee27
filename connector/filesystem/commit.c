/* commit.c - making part files visible, in the coordinator: complete each under its final name,
 * then mark complete partitions. Every step may be repeated after a crash: a file that has its
 * final name already is done, and what INSERT OVERWRITE removes is told by not being of these
 * sinks. */
#include "connector/filesystem/filesystem.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/filesystem/partition.h"
#include "fs/uri.h"
#include "fs/walk.h"
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
    const cJSON **staged;
    size_t n_staged, cap_staged;
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

/* Lists what the committables have staged, and the directories that it goes to. */
static int gather(struct commit *c, struct err *err) {
    const cJSON *one, *file;
    cJSON_ArrayForEach(one, c->committables) {
        const cJSON *files;
        int rc = json_get_array(one, "files", &files, err);
        if (rc) return rc;
        cJSON_ArrayForEach(file, files) {
            const char *dst;
            const cJSON *staged;
            rc = json_get_str(file, "dst", &dst, err);
            if (!rc) rc = json_get_object(file, "staged", &staged, err);
            if (!rc && !strrchr(dst, '/'))
                rc = err_set(err, ERR_INVALID, "field 'dst' must be a path");
            if (rc) return rc;
            add_dir(c, dst);
            MEM_GROW(c->staged, c->n_staged, c->cap_staged);
            c->staged[c->n_staged++] = staged;
        }
    }
    return 0;
}

static const char *below(struct commit *c, const char *dir, const char *name) {
    size_t n = strlen(dir);
    return arena_printf(&c->arena, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

/* ---- INSERT OVERWRITE ---- */

/* Removes dir's visible files, all but those of the committables' sinks. */
static int clear_dir(struct commit *c, const char *dir, struct err *err) {
    struct fs_list list;
    int rc = fs_list_all(c->options.fs, dir, NULL, &c->arena, &list, err);
    if (rc) return rc;
    const char **old = ARENA_NEW_N(&c->arena, const char *, list.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < list.n; i++) {
        const char *name = fs_uri_name(list.entries[i].uri);
        bool own = name[0] == '.' || list.entries[i].is_dir;
        const cJSON *one;
        cJSON_ArrayForEach(one, c->committables) {
            const char *sink = json_opt_str(one, "sink", "/");
            own |= strncmp(name, sink, strlen(sink)) == 0;
        }
        if (!own) old[n++] = list.entries[i].uri;
    }
    return fs_delete(c->options.fs, old, n, NULL, err);
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

/* A sink's writes of earlier attempts: no checkpoint will ever name them. */
struct leftover {
    size_t n_prefix; /* of the destination: directory and the sink's prefix */
    uint64_t attempt;
};

static bool is_leftover(void *self, const char *dst) {
    const struct leftover *l = self;
    unsigned long long of;
    return strlen(dst) > l->n_prefix && sscanf(dst + l->n_prefix, "%llu-", &of) == 1 &&
           of < l->attempt;
}

static int purge_dir(struct commit *c, const char *dir, const char *prefix, uint64_t attempt,
                     struct err *err) {
    const char *from = below(c, dir, prefix);
    struct leftover l = {strlen(from), attempt};
    return fs_sweep(c->options.fs, from, is_leftover, &l, NULL, err);
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
    return fs_put(c->options.fs, below(c, dir, c->options.success_name), "", 0, 0, NULL, err);
}

/* Newest visible file of dir and its marker; -1 where there is none. */
static int partition_state(struct commit *c, const char *dir, int64_t *ret_first, int64_t *ret_last,
                           int64_t *ret_marked, struct err *err) {
    struct fs_list files;
    struct fs_entry marker;
    *ret_first = *ret_last = *ret_marked = -1;
    int rc = fs_glob(c->options.fs, dir, NULL, &c->arena, &files, err);
    for (size_t i = 0; !rc && i < files.n; i++) {
        int64_t t = files.entries[i].mtime_ms;
        if (*ret_first < 0 || t < *ret_first) *ret_first = t;
        if (t > *ret_last) *ret_last = t;
    }
    if (rc) return rc;
    rc = fs_stat(c->options.fs, below(c, dir, c->options.success_name), NULL, &c->arena, &marker,
                 err);
    if (!rc) *ret_marked = marker.mtime_ms;
    if (rc != ERR_NOT_FOUND) return rc;
    err_clear(err);
    return 0;
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
    struct fs_list list;
    int rc = fs_list_all(c->options.fs, dir, NULL, &c->arena, &list, err);
    for (size_t i = 0; !rc && i < list.n; i++) {
        const char *name = fs_uri_name(list.entries[i].uri);
        if (is_hidden(name) || !strchr(name, '=') || !list.entries[i].is_dir) continue;
        const char *p = arena_printf(&c->arena, "%s%s%s", partition, *partition ? "/" : "", name);
        rc = mark_below(c, list.entries[i].uri, p, depth - 1, err);
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
    free(c->staged);
    arena_release(&c->arena);
}

int filesystem_commit(const struct connector_table *t, const cJSON *committables, bool end,
                      struct err *err) {
    struct commit c;
    int rc = commit_begin(&c, t, committables, end, err);
    if (!rc) rc = gather(&c, err);
    if (!rc) rc = overwrite(&c, err);
    if (!rc) rc = fs_commit(c.options.fs, c.staged, c.n_staged, NULL, err);
    if (!rc) rc = purge(&c, err);
    if (!rc) rc = mark_partitions(&c, err);
    commit_end(&c);
    return rc ? err_wrap(err, "table '%s': commit", t->name) : 0;
}

int filesystem_abort(const struct connector_table *t, const cJSON *committables, struct err *err) {
    struct commit c;
    int rc = commit_begin(&c, t, committables, false, err);
    if (!rc) rc = gather(&c, err);
    if (!rc) rc = fs_discard(c.options.fs, c.staged, c.n_staged, NULL, err);
    commit_end(&c);
    return rc ? err_wrap(err, "table '%s': abort", t->name) : 0;
}
