/* cmd_state.c - penstock state: what a directory of checkpoints holds. */
#include "base/core/map.h"
#include "base/core/mem.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "coordinator/checkpoint/body.h"
#include "coordinator/checkpoint/copy.h"
#include "fs/stores.h"
#include "worker/state/state_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const formats[] = {"text", "json", "csv", NULL};
static const struct cli_option options[] = {
    {"output", 'o', "FORMAT", "text or json; export: json or csv", formats},
    {"op", 0, "UID", "export: of this op alone", NULL},
    {NULL, 0, NULL, NULL, NULL}};

struct state_dir {
    char *dir;
    struct fs *fs;
    struct ckpt_store *store;
};

static void close_dir(struct state_dir *d) {
    ckpt_store_free(d->store);
    free(d->dir);
}

static int open_dir(const char *dir, struct state_dir *ret, struct err *err) {
    *ret = (struct state_dir){.dir = mem_strdup(dir)};
    size_t n = strlen(dir);
    while (n > 1 && ret->dir[n - 1] == '/')
        ret->dir[--n] = 0;
    int rc = fs_find(ret->dir, &ret->fs, err);
    if (!rc) ret->store = ckpt_store_new(ret->fs, ret->dir);
    return rc;
}

/* ---- the checkpoints of a directory ---- */

/* Calls each for the complete checkpoints that are kept, the newest first. */
static int each_checkpoint(const struct state_dir *d,
                           int (*each)(void *self, const struct ckpt_manifest *m, struct err *err),
                           void *self, struct err *err) {
    struct ckpt_manifest m = {0};
    int rc = copy_newest(d->store, d->dir, &m, err);
    while (!rc) {
        uint64_t prev = m.record.prev_seq;
        rc = each(self, &m, err);
        ckpt_manifest_release(&m);
        if (rc || !prev) break;
        rc = ckpt_store_read(d->store, prev, &m, err);
        if (rc == ERR_NOT_FOUND) { /* pruned */
            err_clear(err);
            return 0;
        }
    }
    return rc;
}

/* ---- what all need: the blocks of a checkpoint ---- */

struct walk {
    const struct state_dir *dir;
    const cJSON *body;
    int64_t blocks, bytes, problems;
    /* An entry of the chain's key groups; NULL: blocks are only checked. */
    void (*entry)(void *self, const struct state_block *b, struct sv e);
    void *self;
};

enum { HASH_BYTES = 8 };

static int64_t number_at(const cJSON *list, int i) {
    return (int64_t)cJSON_GetNumberValue(cJSON_GetArrayItem(list, i));
}

static int read_piece(const struct walk *w, const cJSON *piece, struct str *out, struct err *err) {
    const cJSON *f = cJSON_GetArrayItem(json_opt(w->body, "files"), (int)number_at(piece, 0));
    size_t n = (size_t)number_at(piece, 2), got = 0;
    AUTO_STR uri = STR_INIT;
    str_addf(&uri, "%s/state/%s", w->dir->dir, json_opt_str(f, "name", "?"));
    struct fs_file *file;
    int rc = fs_open(w->dir->fs, str_text(&uri), NULL, &file, err);
    if (rc) return rc;
    AUTO_FREE char *buf = mem_alloc(n + 1);
    rc = fs_read_at(file, (uint64_t)number_at(piece, 1), buf, n, &got, NULL, err);
    fs_close(file);
    if (!rc && got < n)
        rc = err_set(err, ERR_CORRUPT, "%s ends before %lld", str_text(&uri),
                     (long long)(number_at(piece, 1) + number_at(piece, 2)));
    if (!rc) str_add_n(out, buf, n);
    return rc ? err_wrap(err, "%s", json_opt_str(f, "name", "?")) : 0;
}

/* The key group of an entry's hash lies in the chain's. */
static bool is_of_chain(const cJSON *chain, const cJSON *ops, struct sv entry) {
    uint64_t hash;
    if (entry.len < 1 + HASH_BYTES) return true;
    memcpy(&hash, entry.ptr + 1, HASH_BYTES);
    int64_t max = json_opt_i64(ops ? ops->child : NULL, "maxParallelism", 128);
    int64_t group = (int64_t)((hash >> 32) * (uint64_t)max >> 32);
    return group >= json_opt_i64(chain, "first", 0) && group <= json_opt_i64(chain, "last", max);
}

static int walk_block(struct walk *w, const cJSON *chain, const struct state_block *b,
                      struct err *err) {
    struct sv rest = b->entries;
    for (uint32_t i = 0; i < b->n_entries; i++) {
        uint32_t n;
        if (rest.len < 4) return err_set(err, ERR_CORRUPT, "a block's entries end too early");
        memcpy(&n, rest.ptr, 4);
        if (!n || rest.len - 4 < n)
            return err_set(err, ERR_CORRUPT, "a block's entries end too early");
        struct sv e = {rest.ptr + 4, n};
        bool keyed = e.ptr[0] == STATE_PUT || e.ptr[0] == STATE_GONE;
        if (!keyed || is_of_chain(chain, json_opt(w->body, "ops"), e)) w->entry(w->self, b, e);
        rest.ptr += 4 + n;
        rest.len -= 4 + n;
    }
    return 0;
}

static int walk_piece(struct walk *w, const cJSON *chain, const cJSON *piece, struct err *err) {
    AUTO_STR bytes = STR_INIT;
    int rc = read_piece(w, piece, &bytes, err);
    struct sv rest = str_view(&bytes);
    w->bytes += (int64_t)bytes.len;
    for (bool end = false; !rc;) {
        struct state_block b;
        size_t at = bytes.len - rest.len;
        rc = state_block_next(&rest, &b, &end, err);
        if (rc)
            return err_wrap(err, "block at %lld of '%s'", (long long)at + number_at(piece, 1),
                            json_opt_str(cJSON_GetArrayItem(json_opt(w->body, "files"),
                                                            (int)number_at(piece, 0)),
                                         "name", "?"));
        if (end) break;
        w->blocks++;
        if (w->entry) rc = walk_block(w, chain, &b, err);
    }
    return rc;
}

static int walk_state(struct walk *w, struct err *err) {
    const cJSON *c, *p;
    cJSON_ArrayForEach(c, json_opt(w->body, "chains"))
        cJSON_ArrayForEach(p, json_opt(c, "pieces")) {
        int rc = walk_piece(w, c, p, err);
        if (rc && w->entry) return rc;
        if (!rc) continue;
        printf("damaged: %s\n", err->msg); /* the others are still looked at */
        w->problems++;
        err_clear(err);
    }
    return 0;
}

/* ---- keys that are left when all pieces have been applied ---- */

/* A key by its hash: "<op>\x1f<part>\x1f<ns>\x1f<hash>" -> struct entry_size. Rows of a list that
 * have one key count as one. */
struct live {
    struct map entries;
};

struct entry_size {
    int64_t bytes;
};

static void apply_entry(void *self, const struct state_block *b, struct sv e) {
    struct live *l = self;
    AUTO_STR key = STR_INIT;
    uint64_t hash = 0;
    bool keyed = (e.ptr[0] == STATE_PUT || e.ptr[0] == STATE_GONE) && e.len > HASH_BYTES;
    if (e.ptr[0] == STATE_CLEAR) return; /* told by what follows it in a full snapshot */
    if (keyed) memcpy(&hash, e.ptr + 1, HASH_BYTES);
    str_addf(&key, "%.*s\x1f%.*s\x1f%" PRId64 "\x1f%016" PRIx64, (int)b->op_uid.len, b->op_uid.ptr,
             (int)b->name.len, b->name.ptr, b->ns, hash);
    struct entry_size *old = map_get(&l->entries, str_text(&key));
    if (e.ptr[0] == STATE_GONE) {
        map_remove(&l->entries, str_text(&key));
        free(old);
        return;
    }
    if (!old) {
        old = mem_zalloc(sizeof *old);
        map_put(&l->entries, str_text(&key), old);
    }
    old->bytes = (int64_t)e.len - 1;
}

static int read_live(const struct state_dir *d, const cJSON *body, struct live *l,
                     struct err *err) {
    map_init(&l->entries);
    struct walk w = {.dir = d, .body = body, .entry = apply_entry, .self = l};
    return walk_state(&w, err);
}

/* ---- ls ---- */

static void add_text(cJSON *row, const char *fmt, ...) ATTR_PRINTF(2, 3);
static void add_text(cJSON *row, const char *fmt, ...) {
    AUTO_STR text = STR_INIT;
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&text, fmt, ap);
    va_end(ap);
    cJSON_AddItemToArray(row, cJSON_CreateString(str_text(&text)));
}

static void time_text(int64_t ms, char text[32]) {
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static cJSON *summary(const struct ckpt_manifest *m) {
    cJSON *o = cJSON_CreateObject();
    json_set_u64(o, "checkpoint", m->record.checkpoint);
    json_set_str(o, "kind", json_opt_str(m->body, "kind", ""));
    json_set_str(o, "job", json_opt_str(m->body, "job", ""));
    json_set_str(o, "name", json_opt_str(m->body, "name", ""));
    json_set_i64(o, "time", json_opt_i64(m->body, "time", 0));
    json_set_bool(o, "finished", json_opt_bool(m->body, "finished", false));
    json_set_i64(o, "stateBytes", ckpt_body_state_bytes(m->body));
    json_set_i64(o, "files", (int64_t)m->record.n_files);
    return o;
}

static int list_one(void *self, const struct ckpt_manifest *m, struct err *err) {
    cJSON_AddItemToArray(self, summary(m));
    return 0;
}

static int list(const struct state_dir *d, bool json, struct err *err) {
    static const char *const names[] = {"CHECKPOINT", "KIND", "TIME", "STATE", "FILES", "JOB"};
    AUTO_JSON *all = cJSON_CreateArray();
    int rc = each_checkpoint(d, list_one, all, err);
    if (rc) return rc;
    if (json) {
        AUTO_STR out = STR_INIT;
        json_print_pretty(all, &out);
        puts(str_text(&out));
        return 0;
    }
    struct table *t = table_of_texts(names, ARRAY_LEN(names));
    const cJSON *c;
    cJSON_ArrayForEach(c, all) {
        AUTO_JSON *row = cJSON_CreateArray();
        AUTO_STR bytes = STR_INIT;
        char time[32];
        show_bytes(&bytes, json_opt_i64(c, "stateBytes", 0));
        time_text(json_opt_i64(c, "time", 0), time);
        add_text(row, "%lld", (long long)json_opt_i64(c, "checkpoint", 0));
        add_text(row, "%s%s", json_opt_str(c, "kind", ""),
                 json_opt_bool(c, "finished", false) ? " (finished)" : "");
        add_text(row, "%s", time);
        add_text(row, "%s", str_text(&bytes));
        add_text(row, "%lld", (long long)json_opt_i64(c, "files", 0));
        add_text(row, "%s", json_opt_str(c, "name", ""));
        table_add(t, NULL, row);
    }
    table_end(t);
    return 0;
}

/* ---- show ---- */

/* Keys and their bytes of each op and part. */
static cJSON *part_list(const struct live *l) {
    cJSON *parts = cJSON_CreateArray();
    struct map_entry e;
    for (size_t i = 0; map_next(&l->entries, &i, &e);) {
        struct sv rest = sv_from(e.key);
        const char *sep = memchr(rest.ptr, '\x1f', rest.len);
        const char *sep2 = strchr(sep + 1, '\x1f');
        AUTO_STR op = STR_INIT;
        AUTO_STR part = STR_INIT;
        str_add_n(&op, e.key, (size_t)(sep - e.key));
        str_add_n(&part, sep + 1, (size_t)(sep2 - sep - 1));
        cJSON *p, *found = NULL;
        cJSON_ArrayForEach(p, parts) if (!strcmp(json_opt_str(p, "op", ""), str_text(&op)) &&
                                         !strcmp(json_opt_str(p, "part", ""), str_text(&part)))
            found = p;
        if (!found) {
            found = cJSON_CreateObject();
            json_set_str(found, "op", str_text(&op));
            json_set_str(found, "part", str_text(&part));
            cJSON_AddItemToArray(parts, found);
        }
        json_set_i64(found, "keys", json_opt_i64(found, "keys", 0) + 1);
        json_set_i64(found, "bytes",
                     json_opt_i64(found, "bytes", 0) + ((struct entry_size *)e.value)->bytes);
    }
    return parts;
}

static const cJSON *op_of(const cJSON *body, const char *uid) {
    const cJSON *op;
    cJSON_ArrayForEach(
        op, json_opt(body, "ops")) if (!strcmp(json_opt_str(op, "uid", ""), uid)) return op;
    return NULL;
}

static void print_parts(const cJSON *body, const cJSON *parts) {
    static const char *const names[] = {"OP", "KIND", "PART", "KEYS", "BYTES", "NAME"};
    struct table *t = table_of_texts(names, ARRAY_LEN(names));
    const cJSON *p;
    cJSON_ArrayForEach(p, parts) {
        const cJSON *op = op_of(body, json_opt_str(p, "op", ""));
        AUTO_JSON *row = cJSON_CreateArray();
        AUTO_STR bytes = STR_INIT;
        show_bytes(&bytes, json_opt_i64(p, "bytes", 0));
        add_text(row, "%s", json_opt_str(p, "op", ""));
        add_text(row, "%s", json_opt_str(op, "kind", ""));
        add_text(row, "%s", json_opt_str(p, "part", ""));
        add_text(row, "%lld", (long long)json_opt_i64(p, "keys", 0));
        add_text(row, "%s", str_text(&bytes));
        add_text(row, "%s", json_opt_str(op, "name", ""));
        table_add(t, NULL, row);
    }
    table_end(t);
}

static void print_sources(const cJSON *body) {
    const cJSON *s, *one, *split;
    cJSON_ArrayForEach(s, json_opt(body, "sources")) {
        const cJSON *op = op_of(body, json_opt_str(s, "op", ""));
        printf("source %s  %s\n", json_opt_str(s, "op", ""), json_opt_str(op, "name", ""));
        cJSON_ArrayForEach(one, json_opt(s, "splits")) cJSON_ArrayForEach(split, one) {
            AUTO_STR at = STR_INIT;
            if (json_opt(split, "position")) json_print(json_opt(split, "position"), &at);
            printf("    %s at %s\n", json_opt_str(split, "id", "?"),
                   at.len ? str_text(&at) : "the beginning");
        }
    }
}

static int show(const struct state_dir *d, bool json, struct err *err) {
    struct ckpt_manifest m = {0};
    int rc = copy_newest(d->store, d->dir, &m, err);
    if (rc) return rc;
    struct live l;
    rc = read_live(d, m.body, &l, err);
    if (!rc) {
        AUTO_JSON *o = summary(&m);
        json_set(o, "parts", part_list(&l));
        if (json) {
            const cJSON *sources = json_opt(m.body, "sources"), *ops = json_opt(m.body, "ops");
            json_set(o, "ops", cJSON_Duplicate(ops, true));
            json_set(o, "sources", cJSON_Duplicate(sources, true));
            AUTO_STR out = STR_INIT;
            json_print_pretty(o, &out);
            puts(str_text(&out));
        } else {
            printf("checkpoint %lld of %s\n", (long long)json_opt_i64(o, "checkpoint", 0),
                   json_opt_str(o, "name", ""));
            print_parts(m.body, json_opt(o, "parts"));
            print_sources(m.body);
        }
    }
    map_release(&l.entries, free);
    ckpt_manifest_release(&m);
    return rc;
}

/* ---- export ---- */

struct exporter {
    bool csv;
    const char *op; /* of this one alone; NULL: all */
};

static void print_entry(const struct exporter *x, const struct state_block *b, struct sv e) {
    static const char *const kinds[] = {"", "put", "gone", "clear", "value"};
    bool keyed = (e.ptr[0] == STATE_PUT || e.ptr[0] == STATE_GONE) && e.len > HASH_BYTES;
    uint64_t hash = 0;
    if (keyed) memcpy(&hash, e.ptr + 1, HASH_BYTES);
    AUTO_STR hex = STR_INIT;
    AUTO_STR hash_text = STR_INIT;
    for (size_t i = 1 + (keyed ? HASH_BYTES : 0); i < e.len; i++)
        str_addf(&hex, "%02x", (unsigned char)e.ptr[i]);
    if (keyed) str_addf(&hash_text, "%016" PRIx64, hash);
    const char *kind = (size_t)e.ptr[0] < ARRAY_LEN(kinds) ? kinds[(size_t)e.ptr[0]] : "";
    if (x->csv) {
        printf("%.*s,%.*s,%" PRId64 ",%s,%s,%s\n", (int)b->op_uid.len, b->op_uid.ptr,
               (int)b->name.len, b->name.ptr, b->ns, kind, str_text(&hash_text), str_text(&hex));
        return;
    }
    AUTO_JSON *o = cJSON_CreateObject();
    AUTO_STR op = STR_INIT;
    AUTO_STR part = STR_INIT;
    AUTO_STR out = STR_INIT;
    str_add_sv(&op, b->op_uid);
    str_add_sv(&part, b->name);
    json_set_str(o, "op", str_text(&op));
    json_set_str(o, "part", str_text(&part));
    json_set_i64(o, "namespace", b->ns);
    json_set_str(o, "kind", kind);
    if (keyed) json_set_str(o, "hash", str_text(&hash_text));
    json_set_str(o, "entry", str_text(&hex));
    json_print(o, &out);
    puts(str_text(&out));
}

static void export_entry(void *self, const struct state_block *b, struct sv e) {
    const struct exporter *x = self;
    if (!x->op || (strlen(x->op) == b->op_uid.len && !memcmp(x->op, b->op_uid.ptr, b->op_uid.len)))
        print_entry(x, b, e);
}

/* Entry by entry, in the order in which they apply: later ones replace earlier ones. */
static int export(const struct state_dir *d, bool csv, const char *op, struct err *err) {
    struct ckpt_manifest m = {0};
    int rc = copy_newest(d->store, d->dir, &m, err);
    if (rc) return rc;
    struct exporter x = {csv, op};
    struct walk w = {.dir = d, .body = m.body, .entry = export_entry, .self = &x};
    if (csv) puts("op,part,namespace,kind,hash,entry");
    rc = walk_state(&w, err);
    ckpt_manifest_release(&m);
    return rc;
}

/* ---- verify ---- */

static int verify_one(void *self, const struct ckpt_manifest *m, struct err *err) {
    struct walk *w = self;
    w->body = m->body;
    w->blocks = w->bytes = 0;
    int64_t before = w->problems;
    int rc = walk_state(w, err);
    printf("checkpoint %llu: %s, %lld blocks, %lld bytes in %zu files\n",
           (unsigned long long)m->record.checkpoint, w->problems > before ? "damaged" : "sound",
           (long long)w->blocks, (long long)w->bytes, m->record.n_files);
    return rc;
}

static int verify(const struct state_dir *d, struct err *err) {
    struct walk w = {.dir = d};
    int rc = each_checkpoint(d, verify_one, &w, err);
    if (!rc && w.problems)
        rc = err_set(err, ERR_CORRUPT, "%lld damaged pieces of state", (long long)w.problems);
    return rc;
}

/* ---- the command ---- */

static int carry_out(const struct cli_args *args, const struct state_dir *d, struct err *err) {
    const char *what = args->rest[0], *format = cli_value(args, "output");
    bool json = format && !strcmp(format, "json"), csv = format && !strcmp(format, "csv");
    if (!strcmp(what, "ls")) return list(d, json, err);
    if (!strcmp(what, "show")) return show(d, json, err);
    if (!strcmp(what, "export")) return export(d, csv, cli_value(args, "op"), err);
    return verify(d, err);
}

static int run(int argc, char **argv) {
    static const char *const whats[] = {"ls", "show", "export", "verify"};
    struct cli_args args;
    int rc = cli_parse(&cli_cmd_state, argc, argv, &args);
    if (rc) return rc > 0 ? CLI_OK : CLI_USAGE;
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(whats); i++)
        known |= args.n_rest == 2 && !strcmp(args.rest[0], whats[i]);
    if (!known) {
        cli_complain(&args, "one of ls, show, export, verify, and a directory of checkpoints");
        return CLI_USAGE;
    }
    struct err err = ERR_INIT;
    struct state_dir d;
    rc = open_dir(args.rest[1], &d, &err);
    if (!rc) rc = carry_out(&args, &d, &err);
    if (rc) cli_complain(&args, "%s", err.msg);
    close_dir(&d);
    return rc ? CLI_FAILED : CLI_OK;
}

const struct cli_command cli_cmd_state = {
    "state",
    "Look at a directory of checkpoints: list them, show what the newest one holds, print it, "
    "check every checksum.",
    run, options, "ls|show|export|verify DIR"};
