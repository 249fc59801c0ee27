/* datagen.c - a source of made-up rows at a given rate. Its splits are one generator per subtask:
 * {"id", "generator", "of", "seed", "records", "position": {"rows"}}; generator i of n makes rows
 * i, i + n, i + 2n and so on. */
#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "connector/datagen/field.h"

#include <stdlib.h>
#include <string.h>

struct datagen_options {
    int64_t rows_per_second, number_of_rows, seed;
    const char *family; /* not read: field.c looks up 'fields.#.*' by column */
};

#define AT(f) offsetof(struct datagen_options, f)
static const struct opt_row datagen_rows[] = {
    {"rows-per-second", OPT_INT, "10000", 1, 1e15, AT(rows_per_second),
     "Rows per second, all subtasks together."},
    {"number-of-rows", OPT_INT, "-1", -1, 9e18, AT(number_of_rows),
     "Ends after so many rows; -1: never, unless a sequence ends."},
    {"penstock.seed", OPT_INT, "-1", -1, 9e18, AT(seed),
     "Seed of random values; -1: another one for each start of the job."},
    {"fields.#.kind", OPT_STRING, "random", 0, 0, AT(family), "'random' or 'sequence'."},
    {"fields.#.min", OPT_STRING, NULL, 0, 0, AT(family),
     "Least random number; the type's by default."},
    {"fields.#.max", OPT_STRING, NULL, 0, 0, AT(family),
     "Largest random number; the type's by default."},
    {"fields.#.max-past", OPT_STRING, NULL, 0, 0, AT(family),
     "How far back a random timestamp may be; 0 by default: now."},
    {"fields.#.length", OPT_STRING, NULL, 0, 0, AT(family),
     "Length of a random string (100) or collection (3)."},
    {"fields.#.var-len", OPT_STRING, "false", 0, 0, AT(family),
     "Strings and bytes have any length of 1 to 'length'."},
    {"fields.#.null-rate", OPT_STRING, "0", 0, 0, AT(family), "Share of NULLs, 0 to 1."},
    {"fields.#.start", OPT_STRING, NULL, 0, 0, AT(family), "First value of a sequence."},
    {"fields.#.end", OPT_STRING, NULL, 0, 0, AT(family), "Last value of a sequence."},
    {"fields.#.seed", OPT_STRING, NULL, 0, 0, AT(family), "A seed of this column's own."},
};
#undef AT
extern const struct connector_desc connector_datagen;

struct generator {
    cJSON *json;
    int i, of;
    uint64_t seed;
    int64_t count, max; /* rows made; rows to make */
    int64_t base_ns, base_count;
};

struct datagen_source {
    struct source base;
    struct arena arena;
    struct source_ctx ctx;
    struct datagen_options options;
    int64_t total; /* rows of all generators; INT64_MAX: without end */
    int n_out;
    int *column;              /* of the table, per produced column */
    struct field_gen *fields; /* per column of the table */
    struct col_builder *builders;
    struct generator **generators;
    size_t n, cap, next;
    bool no_more;
};

/* ---- options ---- */

static int read_table(const struct connector_table *t, struct arena *a, struct datagen_options *o,
                      struct field_gen **ret_fields, int64_t *ret_total, struct err *err) {
    int rc = connector_options(&connector_datagen, t, a, o, err);
    if (rc) return rc;
    bool *used = ARENA_NEW_N(a, bool, t->n_options + 1);
    struct field_gen *fields = ARENA_NEW_N(a, struct field_gen, t->schema->n + 1);
    int64_t total = o->number_of_rows < 0 ? INT64_MAX : o->number_of_rows;
    for (int i = 0; i < t->schema->n && !rc; i++) {
        const struct field *f = &t->schema->fields[i];
        rc = field_gen_init(&fields[i], a, t, f->name, f->type, used, err);
        if (!rc) total = MIN(total, field_gen_rows(&fields[i]));
    }
    for (int i = 0; i < t->n_options && !rc; i++) {
        if (strncmp(t->options[i].key, "fields.", 7) == 0 && !used[i])
            rc = err_set(err, ERR_VALIDATION,
                         "option '%s' fits no column: there is none of this name, or its type or "
                         "kind has no such option",
                         t->options[i].key);
    }
    *ret_fields = fields;
    *ret_total = total;
    return rc ? connector_err_wrap(err, t->name) : 0;
}

static int datagen_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct datagen_options o;
    struct field_gen *fields;
    int64_t total;
    int rc = read_table(t, &a, &o, &fields, &total, err);
    arena_release(&a);
    return rc;
}

static int datagen_bounded(const struct connector_table *t, bool *ret, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct datagen_options o;
    struct field_gen *fields;
    int64_t total;
    int rc = read_table(t, &a, &o, &fields, &total, err);
    if (!rc) *ret = total != INT64_MAX;
    arena_release(&a);
    return rc;
}

/* Rows of generator i of n: the first ones have one more. */
static int64_t rows_of(int64_t total, int i, int n) {
    return total == INT64_MAX ? total : total / n + (total % n > i);
}

static int datagen_enumerate(const struct connector_table *t, int parallelism, cJSON **ret_splits,
                             struct err *err) {
    struct arena a;
    arena_init(&a);
    struct datagen_options o;
    struct field_gen *fields;
    int64_t total;
    int rc = read_table(t, &a, &o, &fields, &total, err);
    if (!rc) {
        int64_t seed = o.seed >= 0 ? o.seed : clock_wall_ns() & INT64_MAX;
        cJSON *out = cJSON_CreateArray();
        for (int i = 0; i < parallelism; i++) {
            cJSON *s = cJSON_CreateObject();
            json_set_str(s, "id", arena_printf(&a, "generator-%d-of-%d", i, parallelism));
            json_set_i64(s, "generator", i);
            json_set_i64(s, "of", parallelism);
            json_set_i64(s, "seed", seed);
            if (total != INT64_MAX) json_set_i64(s, "records", rows_of(total, i, parallelism));
            cJSON_AddItemToArray(out, s);
        }
        *ret_splits = out;
    }
    arena_release(&a);
    return rc;
}

/* ---- source ---- */

static int datagen_add_split(struct source *base, const cJSON *json, struct err *err) {
    struct datagen_source *s = CONTAINER_OF(base, struct datagen_source, base);
    int i, of;
    int64_t seed;
    int rc = json_get_int(json, "generator", &i, err);
    if (!rc) rc = json_get_int(json, "of", &of, err);
    if (!rc) rc = json_get_i64(json, "seed", &seed, err);
    if (!rc && (of < 1 || i < 0 || i >= of)) rc = err_set(err, ERR_INVALID, "no such generator");
    if (rc) return err_wrap(err, "split");
    struct generator *g = mem_zalloc(sizeof *g);
    g->i = i;
    g->of = of;
    g->seed = (uint64_t)seed;
    const cJSON *p = json_opt(json, "position");
    g->count = p ? json_opt_i64(p, "rows", 0) : 0;
    g->max = rows_of(s->total, i, of);
    g->base_ns = -1;
    g->json = cJSON_Duplicate(json, true);
    cJSON_DeleteItemFromObject(g->json, "position");
    MEM_GROW(s->generators, s->n, s->cap);
    s->generators[s->n++] = g;
    return 0;
}

static void datagen_no_more(struct source *base) {
    CONTAINER_OF(base, struct datagen_source, base)->no_more = true;
}

/* Rows that may be given now. Hundredths of a second's rows at a time, so that batches aren't tiny;
 * the first of them at once. */
static uint32_t due(struct datagen_source *s, struct generator *g, int64_t *ret_wake_ns) {
    int64_t left = g->max - g->count, now = clock_mono_ns();
    if (left <= 0) return 0;
    if (g->base_ns < 0) {
        g->base_ns = now;
        g->base_count = g->count;
    }
    double rate = (double)s->options.rows_per_second / g->of;
    int64_t quantum = (int64_t)MIN(MAX(rate / 100, 1.0), (double)s->ctx.batch_rows);
    quantum = MIN(quantum, left);
    double elapsed_s = (double)(now - g->base_ns) * 1e-9;
    int64_t allowed = quantum + (int64_t)(elapsed_s * rate) - (g->count - g->base_count);
    if (allowed >= quantum) return (uint32_t)MIN(MIN(allowed, left), (int64_t)s->ctx.batch_rows);
    /* When the quantum behind what was given is due. */
    double at_s = (double)(g->count - g->base_count) / rate;
    int64_t wake = g->base_ns + (int64_t)(at_s * 1e9) + 1;
    *ret_wake_ns = MIN(*ret_wake_ns, MAX(wake, now + 1));
    return 0;
}

static struct batch *make_batch(struct datagen_source *s, struct generator *g, uint32_t n) {
    struct batch *b = batch_new(s->n_out);
    b->n = n;
    for (int i = 0; i < s->n_out; i++) {
        struct col_builder *cb = &s->builders[i];
        int column = s->column[i];
        for (uint32_t k = 0; k < n; k++) {
            int64_t row = g->i + (g->count + k) * g->of;
            field_gen_add(&s->fields[column], g->seed, column, row, s->ctx.env, cb);
        }
        col_builder_finish(cb, &b->cols[i]);
    }
    g->count += n;
    b->source_ns = clock_mono_ns();
    return b;
}

static int datagen_poll(struct source *base, struct batch **ret, int64_t *ret_wake_ns,
                        struct err *err) {
    struct datagen_source *s = CONTAINER_OF(base, struct datagen_source, base);
    bool left = false;
    *ret_wake_ns = INT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        size_t which = (s->next + i) % s->n;
        struct generator *g = s->generators[which];
        left |= g->count < g->max;
        uint32_t n = due(s, g, ret_wake_ns);
        if (!n) continue;
        *ret = make_batch(s, g, n);
        (*ret)->split = (uint32_t)which;
        s->next = which + 1;
        __atomic_fetch_add(&base->stats.records, n, __ATOMIC_RELAXED);
        return SOURCE_DATA;
    }
    return left || !s->no_more ? SOURCE_WAIT : SOURCE_END;
}

static int datagen_snapshot(struct source *base, cJSON **ret, struct err *err) {
    struct datagen_source *s = CONTAINER_OF(base, struct datagen_source, base);
    cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; i < s->n; i++) {
        cJSON *j = cJSON_Duplicate(s->generators[i]->json, true), *p = cJSON_CreateObject();
        json_set_i64(p, "rows", s->generators[i]->count);
        json_set(j, "position", p);
        cJSON_AddItemToArray(out, j);
    }
    *ret = out;
    return 0;
}

static void datagen_free(struct source *base) {
    struct datagen_source *s = CONTAINER_OF(base, struct datagen_source, base);
    for (size_t i = 0; i < s->n; i++) {
        cJSON_Delete(s->generators[i]->json);
        free(s->generators[i]);
    }
    for (int i = 0; i < s->n_out && s->builders; i++)
        col_builder_release(&s->builders[i]);
    free(s->generators);
    arena_release(&s->arena);
    free(s);
}

static const struct source_ops datagen_ops = {datagen_add_split, datagen_no_more, datagen_poll,
                                              datagen_snapshot, datagen_free};

static int datagen_new(const struct connector_table *t, const struct source_ctx *ctx,
                       struct source **ret, struct err *err) {
    struct datagen_source *s = mem_zalloc(sizeof *s);
    s->base.ops = &datagen_ops;
    s->ctx = *ctx;
    arena_init(&s->arena);
    int rc = read_table(t, &s->arena, &s->options, &s->fields, &s->total, err);
    if (rc) {
        datagen_free(&s->base);
        return rc;
    }
    s->n_out = t->n_projection < 0 ? t->schema->n : t->n_projection;
    s->column = ARENA_NEW_N(&s->arena, int, s->n_out + 1);
    s->builders = ARENA_NEW_N(&s->arena, struct col_builder, s->n_out + 1);
    for (int i = 0; i < s->n_out; i++) {
        s->column[i] = t->n_projection < 0 ? i : t->projection[i];
        col_builder_init(&s->builders[i], t->schema->fields[s->column[i]].type, ctx->batch_rows);
    }
    *ret = &s->base;
    return 0;
}

const struct connector_desc connector_datagen = {
    .name = "datagen",
    .doc = "Made-up rows at a given rate.",
    .caps = CONNECTOR_SOURCE | CONNECTOR_PROJECTION,
    .options = {datagen_rows, ARRAY_LEN(datagen_rows)},
    .check = datagen_check,
    .is_bounded = datagen_bounded,
    .enumerate = datagen_enumerate,
    .source_new = datagen_new,
};
