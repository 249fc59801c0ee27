/* bind_insert.c - INSERT INTO: columns by position, PARTITION values, missing columns NULL, and the
 * implicit casts that Flink's store assignment allows. */
#include "sql/bind.h"

#include <string.h>

/* A connector that can overwrite has this option, which INSERT OVERWRITE sets. */
#define OVERWRITE_OPTION "penstock.overwrite"

/* ---- store assignment ---- */

static bool in_kinds(enum type_kind k, unsigned kinds) {
    return kinds >> k & 1;
}

#define K(kind) (1u << TYPE_##kind)
#define INTS_TO_TINYINT K(TINYINT)
#define INTS_TO_SMALLINT (INTS_TO_TINYINT | K(SMALLINT))
#define INTS_TO_INT (INTS_TO_SMALLINT | K(INT))
#define INTS_TO_BIGINT (INTS_TO_INT | K(BIGINT))
#define NUMERIC (INTS_TO_BIGINT | K(FLOAT) | K(DOUBLE) | K(DECIMAL))
#define TIMESTAMPS (K(TIMESTAMP) | K(TIMESTAMP_LTZ))

/* What a column of each kind takes without a CAST (Flink's LogicalTypeCasts, implicit). */
static const unsigned implicit_from[TYPE_KIND_COUNT] = {
    [TYPE_BOOLEAN] = K(BOOLEAN),
    [TYPE_TINYINT] = INTS_TO_TINYINT,
    [TYPE_SMALLINT] = INTS_TO_SMALLINT,
    [TYPE_INT] = INTS_TO_INT,
    [TYPE_BIGINT] = INTS_TO_BIGINT,
    [TYPE_FLOAT] = INTS_TO_BIGINT | K(FLOAT) | K(DECIMAL),
    [TYPE_DOUBLE] = NUMERIC,
    [TYPE_DECIMAL] = NUMERIC,
    [TYPE_CHAR] = K(CHAR),
    [TYPE_VARCHAR] = K(CHAR) | K(VARCHAR),
    [TYPE_BINARY] = K(BINARY),
    [TYPE_VARBINARY] = K(BINARY) | K(VARBINARY),
    [TYPE_DATE] = K(DATE) | K(TIMESTAMP),
    [TYPE_TIME] = K(TIME) | K(TIMESTAMP),
    [TYPE_TIMESTAMP] = TIMESTAMPS,
    [TYPE_TIMESTAMP_LTZ] = TIMESTAMPS,
    [TYPE_INTERVAL_YEAR_MONTH] = K(INTERVAL_YEAR_MONTH),
    [TYPE_INTERVAL_DAY_TIME] = K(INTERVAL_DAY_TIME),
    [TYPE_VARIANT] = K(VARIANT),
    [TYPE_BITMAP] = K(BITMAP),
};

static bool assignable(const struct type *from, const struct type *to, bool top) {
    if (from->kind == TYPE_NULL) return true;
    if (!top && from->nullable && !to->nullable) return false;
    if (!type_is_nested(to)) return in_kinds(from->kind, implicit_from[to->kind]);
    if (from->kind != to->kind || from->n_children != to->n_children) return false;
    for (int i = 0; i < to->n_children; i++)
        if (!assignable(from->children[i], to->children[i], false)) return false;
    return true;
}

static void add_fields(struct binder *b, const struct schema *s, struct str *out) {
    str_add_char(out, '[');
    for (int i = 0; i < s->n; i++) {
        if (i) str_add(out, ", ");
        str_addf(out, "%s: ", s->fields[i].name);
        type_print(type_with_time_attr(b->a, s->fields[i].type, TIME_ATTR_NONE), out);
    }
    str_add_char(out, ']');
}

static int mismatch(struct binder *b, const struct table_desc *t, const struct schema *query,
                    const struct schema *sink, const char *cause, const struct ast_span *at,
                    struct err *err) {
    AUTO_STR q = STR_INIT, s = STR_INIT;
    add_fields(b, query, &q);
    add_fields(b, sink, &s);
    return invalid(at, err,
                   "column types of query result and sink for '%s.%s.%s' do not match: %s. Query "
                   "schema: %s, sink schema: %s",
                   t->catalog, t->database, t->name, cause, str_text(&q), str_text(&s));
}

/* A cast that would change nothing: the same type, or text within the sink's length. */
static bool cast_needless(const struct type *from, const struct type *to) {
    if (type_eq_ignore_null(from, to)) return true;
    if (type_is_char(from) && to->kind == TYPE_VARCHAR) return from->length <= to->length;
    if (type_is_binary(from) && to->kind == TYPE_VARBINARY) return from->length <= to->length;
    return false;
}

/* in's columns in the sink's types. The sink checks NOT NULL at run time, so nullability stays. */
static int assign(struct binder *b, const struct table_desc *t, const struct rel *in,
                  const struct schema *sink, const struct ast_span *at, const struct rel **ret,
                  struct err *err) {
    if (in->schema->n != sink->n)
        return mismatch(
            b, t, in->schema, sink,
            arena_printf(b->a, "different number of columns, %d and %d", in->schema->n, sink->n),
            at, err);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, sink->n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, sink->n + 1);
    bool same = true;
    for (int i = 0; i < sink->n; i++) {
        const struct type *from = in->schema->fields[i].type, *to = sink->fields[i].type;
        names[i] = sink->fields[i].name;
        exprs[i] = column_of(b->a, in, i);
        if (!assignable(from, to, true))
            return mismatch(b, t, in->schema, sink,
                            arena_printf(b->a,
                                         "incompatible types for sink column '%s' at "
                                         "position %d",
                                         names[i], i),
                            at, err);
        same &= !strcmp(names[i], in->schema->fields[i].name) && type_eq_ignore_null(from, to);
        if (cast_needless(from, to)) continue;
        int rc = func_cast(b->a, exprs[i], type_with_null(b->a, to, true), false, &exprs[i], err);
        if (rc) return err_at(err, rc, at);
    }
    *ret = same ? in : rel_project(b->a, in, exprs, names, sink->n);
    return 0;
}

/* ---- column lists and PARTITION ---- */

/* Columns of the table that a sink gets: physical ones and metadata that can be written. */
static const struct schema *sink_schema(struct binder *b, const struct table_desc *t) {
    int n = 0;
    const struct schema *s = schema_new(b->a, t->n_columns);
    struct field *f = (struct field *)s->fields;
    for (int i = 0; i < t->n_columns; i++) {
        const struct column_desc *c = &t->columns[i];
        if (c->kind == COLUMN_COMPUTED || c->is_virtual) continue;
        f[n++] = (struct field){c->name, c->type};
    }
    ((struct schema *)s)->n = n;
    return s;
}

struct target {                /* where each sink column comes from */
    const struct expr **fixed; /* PARTITION (c = v), or NULL */
    int *source;               /* column of the query, or -1 */
};

static int fixed_partitions(struct binder *b, const struct ast_insert *ins,
                            const struct table_desc *t, const struct schema *sink,
                            struct target *tg, struct err *err) {
    if (!ins->partition) return 0;
    for (size_t i = 0; i < ins->partition->n; i++) {
        const struct ast_partition_value *v = &ins->partition->items[i];
        int c;
        int rc = schema_need(sink, &v->name, "the sink", &c, err);
        if (rc) return rc;
        bool key = false;
        for (int k = 0; k < t->n_partition_keys; k++)
            key |= !strcmp(t->columns[t->partition_keys[k]].name, v->name.text);
        if (!key)
            return invalid(&v->name.span, err, "'%s' is no partition column of '%s'", v->name.text,
                           t->name);
        if (!v->value) continue;
        struct expr_place p = {.b = b, .clause = "PARTITION"};
        const struct expr *e;
        rc = bind_expr(&p, v->value, &e, err);
        if (!rc) rc = bind_cast_to(b, v->value, e, sink->fields[c].type, false, &tg->fixed[c], err);
        if (rc) return rc;
    }
    return 0;
}

static int listed_columns(const struct ast_insert *ins, const struct schema *sink,
                          struct target *tg, int *ret_n, struct err *err) {
    for (size_t i = 0; i < ins->n_columns; i++) {
        const struct ast_ident *id = ins->columns[i];
        int c;
        if (id->parts.n != 1)
            return unsupported(&id->base.span, err, "INSERT into fields of a ROW column");
        int rc = schema_need(sink, &id->parts.items[0], "the sink", &c, err);
        if (rc) return rc;
        if (tg->source[c] >= 0)
            return invalid(&id->base.span, err, "column '%s' is listed twice",
                           id->parts.items[0].text);
        if (tg->fixed[c])
            return invalid(&id->base.span, err, "column '%s' has its value in PARTITION",
                           id->parts.items[0].text);
        tg->source[c] = (int)i;
    }
    *ret_n = (int)ins->n_columns;
    return 0;
}

/* Puts in's columns where the list and PARTITION want them; columns left out are NULL. */
static int arrange(struct binder *b, const struct ast_insert *ins, const struct table_desc *t,
                   const struct schema *sink, const struct rel *in, const struct rel **ret,
                   struct err *err) {
    *ret = in;
    if (!ins->n_columns && !ins->partition) return 0;
    struct target tg = {ARENA_NEW_N(b->a, const struct expr *, sink->n + 1),
                        ARENA_NEW_N(b->a, int, sink->n + 1)};
    int n = 0;
    for (int i = 0; i < sink->n; i++)
        tg.source[i] = -1;
    int rc = fixed_partitions(b, ins, t, sink, &tg, err);
    if (!rc && ins->n_columns) rc = listed_columns(ins, sink, &tg, &n, err);
    if (rc) return rc;
    for (int i = 0; !ins->n_columns && i < sink->n; i++)
        if (!tg.fixed[i]) tg.source[i] = n++;
    if (n != in->schema->n)
        return invalid(&ins->query->base.span, err,
                       "INSERT has %d target columns, its query gives %d", n, in->schema->n);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, sink->n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, sink->n + 1);
    for (int i = 0; i < sink->n; i++) {
        const struct type *t2 = sink->fields[i].type;
        names[i] = sink->fields[i].name;
        if (tg.fixed[i]) {
            exprs[i] = tg.fixed[i];
        } else if (tg.source[i] >= 0) {
            exprs[i] = column_of(b->a, in, tg.source[i]);
        } else if (!t2->nullable) {
            return invalid(&ins->base.span, err,
                           "column '%s' is NOT NULL and has no value: list it", names[i]);
        } else {
            exprs[i] = expr_literal(b->a, value_null(b->a, t2));
        }
    }
    *ret = rel_project(b->a, in, exprs, names, sink->n);
    return 0;
}

/* Metadata columns in the types that the connector takes. */
static int to_connector_types(struct binder *b, const struct table_desc *t, const struct rel **in,
                              const struct schema **schema, const struct ast_span *at,
                              struct err *err) {
    int n = (*schema)->n, k = 0;
    const struct schema *s = schema_copy(b->a, *schema);
    const struct expr **exprs = ARENA_NEW_N(b->a, const struct expr *, n + 1);
    const char **names = ARENA_NEW_N(b->a, const char *, n + 1);
    bool same = true;
    for (int i = 0; i < t->n_columns; i++) {
        if (t->columns[i].kind == COLUMN_COMPUTED || t->columns[i].is_virtual) continue;
        const struct type *to = table_connector_type(b->a, t, i);
        names[k] = s->fields[k].name;
        exprs[k] = column_of(b->a, *in, k);
        if (!type_eq_ignore_null(to, s->fields[k].type)) {
            same = false;
            int rc = bind_cast_to(b, NULL, exprs[k], to, false, &exprs[k], err);
            if (rc) {
                err_wrap(err, "metadata column '%s'", names[k]);
                return err_at(err, rc, at);
            }
        }
        ((struct field *)s->fields)[k++].type = to;
    }
    *schema = s;
    if (!same) *in = rel_project(b->a, *in, exprs, names, n);
    return 0;
}

/* ---- the statement ---- */

static int check_sink(const struct table_desc *t, const struct ast_insert *ins, struct err *err) {
    const struct ast_span *at = &ins->table->base.span;
    if (table_is_view(t))
        return invalid(at, err, "'%s' is a view: rows can be inserted into tables only", t->name);
    int rc = table_use(t, true, at, err);
    if (rc) return rc;
    if (ins->overwrite && !opt_find(&t->connector->options, OVERWRITE_OPTION))
        return invalid(at, err, "INSERT OVERWRITE: connector '%s' of table '%s' can't overwrite",
                       t->connector->name, t->name);
    if (ins->upsert) return unsupported(at, err, "UPSERT INTO");
    return 0;
}

static int sink_options(struct binder *b, const struct ast_insert *ins, const struct table_desc *t,
                        struct rel *sink, struct err *err) {
    struct rel scan = {0};
    int rc = apply_options(b, t, &ins->hints, &scan, err);
    if (rc) return rc;
    int n = scan.u.scan.n_options;
    struct table_option *opts = ARENA_NEW_N(b->a, struct table_option, n + 1);
    if (n) memcpy(opts, scan.u.scan.options, sizeof(*opts) * (size_t)n);
    if (ins->overwrite) opts[n++] = (struct table_option){OVERWRITE_OPTION, "true"};
    sink->u.sink.options = opts;
    sink->u.sink.n_options = n;
    sink->hints = scan.hints;
    sink->n_hints = scan.n_hints;
    return 0;
}

int bind_insert(struct binder *b, const struct ast_insert *ins, const struct rel **ret,
                struct err *err) {
    static const char *const conflicts[] = {NULL, "ERROR", "NOTHING", "DEDUPLICATE"};
    const struct table_desc *t;
    const struct rel *in;
    int rc = session_need_table(b->s, &ins->table->parts, &t, err);
    if (!rc) rc = check_sink(t, ins, err);
    if (rc) return rc;
    b->null_ok = true;
    rc = bind_query(b, ins->query, NULL, &in, err);
    b->null_ok = false;
    if (rc) return rc;
    const struct schema *schema = sink_schema(b, t);
    rc = arrange(b, ins, t, schema, in, &in, err);
    if (!rc) rc = assign(b, t, in, schema, &ins->table->base.span, &in, err);
    if (!rc) rc = to_connector_types(b, t, &in, &schema, &ins->table->base.span, err);
    if (rc) return rc;
    struct rel *sink = rel_new(b->a, REL_SINK, schema, &in, 1);
    rc = sink_options(b, ins, t, sink, err);
    if (rc) return rc;
    sink->u.sink.table = t;
    sink->u.sink.overwrite = ins->overwrite;
    sink->u.sink.on_conflict = conflicts[ins->conflict];
    sink->line = ins->base.span.line;
    sink->column = ins->base.span.column;
    *ret = sink;
    return 0;
}

const struct rel *bind_collect(struct binder *b, const struct rel *in, const struct ast *at) {
    struct rel *sink = rel_new(b->a, REL_SINK, in->schema, &in, 1);
    sink->u.sink.collect = true;
    sink->line = at->span.line;
    sink->column = at->span.column;
    return sink;
}
