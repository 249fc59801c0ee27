/* change_json.c - the decoder and encoder behind debezium-json, canal-json, maxwell-json and
 * ogg-json. A message is an envelope of a few fields: it is walked once for their places, then the
 * rows in it are read like plain JSON. */
#include "connector/format/change_json.h"

#include "base/core/mem.h"
#include "connector/format/emit.h"
#include "connector/format/iso_time.h"
#include "vector/func/regex.h"
#include "vector/text.h"

#include <stdlib.h>
#include <string.h>

const char *const change_time_choices[] = {"SQL", "ISO-8601", NULL};
const char *const change_null_key_choices[] = {"FAIL", "DROP", "LITERAL", NULL};

enum { FIELD_NEW, FIELD_OLD, FIELD_OP, FIELD_DATABASE, FIELD_TABLE, FIELDS_FIXED };

struct change_column {
    int column; /* builder */
    const struct change_metadata *meta;
    int field; /* of envelope or root */
    struct json_node *node;
};

struct change_decoder {
    struct decoder base;
    struct arena arena;
    const struct change_dialect *dialect;
    struct change_options options;
    struct json_reader reader;
    struct json_lines lines;
    struct json_node *envelope, *root; /* root: {"payload": envelope}, where there is one */
    struct json_node *row;             /* the physical columns */
    int n_meta;
    struct change_column *meta;
    struct regex *database, *table;
    const uint32_t **old_places, **new_places; /* per field of row */
    const uint32_t **rows_new, **rows_old;     /* of a message's arrays */
    size_t n_new, n_old, cap_new, cap_old;
};

/* ---- rows ---- */

/* A number of units since the epoch, or a date and time in UTC. */
static int put_time(struct change_decoder *d, const struct change_metadata *m,
                    struct col_builder *b) {
    struct json_reader *r = &d->reader;
    struct sv s;
    int64_t v;
    int32_t ns = 0;
    int rc = json_text(r, &r->scratch, &s);
    if (rc) return rc;
    if (text_parse_i64_strict(s.ptr, s.len, &v) == TEXT_OK)
        emit_timestamp(b, v * MAX(m->to_ms, 1), 0);
    else if (iso_timestamp(s.ptr, s.len, ' ', false, false, &v, &ns) ||
             iso_timestamp(s.ptr, s.len, 'T', true, false, &v, &ns) ||
             iso_timestamp(s.ptr, s.len, 'T', true, true, &v, &ns))
        emit_timestamp(b, v, ns);
    else
        return json_fail(r, "'%.*s' is no time", (int)MIN(s.len, 40), s.ptr);
    return 0;
}

/* The metadata column of a message whose places are given. */
static int put_metadata(struct change_decoder *d, struct change_column *c,
                        const uint32_t *const *places, struct col_builder *b) {
    struct json_reader *r = &d->reader;
    const uint32_t *at = places[c->field];
    if (at && c->meta->inner) {
        r->tok = at;
        at = NULL;
        bool more = false;
        int rc = json_peek(r) == '{' ? json_object_begin(r, &more) : 0;
        while (!rc && more) {
            struct sv key;
            rc = json_key(r, &key);
            if (!rc && sv_eq_str(key, c->meta->inner)) at = r->tok;
            if (!rc) rc = json_skip(r);
            if (!rc) rc = json_object_next(r, &more);
        }
        if (rc) return rc;
    }
    if (!at) {
        emit_null(b);
        return 0;
    }
    r->tok = at;
    if (c->node->type->kind != TYPE_TIMESTAMP_LTZ || json_peek(r) == 'n')
        return json_value(r, c->node, b);
    return put_time(d, c->meta, b);
}

struct message {
    const uint32_t *root[CHANGE_FIELDS_MAX], *envelope[CHANGE_FIELDS_MAX];
};

static int close_row(struct change_decoder *d, const struct message *m, struct row_sink *out,
                     enum row_kind kind) {
    for (int i = 0; i < d->n_meta; i++) {
        struct change_column *c = &d->meta[i];
        int rc = put_metadata(d, c, c->meta->in_root && d->root ? m->root : m->envelope,
                              &out->cols[c->column]);
        if (rc) return err_wrap(&d->reader.err, "metadata '%s'", c->meta->key);
    }
    col_add_int(out->kinds, kind);
    out->n_rows++;
    return 0;
}

/* The object at `at` as a row. */
static int put_row(struct change_decoder *d, const struct message *m, const uint32_t *at,
                   const char *key, enum row_kind kind, struct row_sink *out) {
    struct json_reader *r = &d->reader;
    if (at) r->tok = at;
    if (!at || json_peek(r) != '{') {
        return json_fail(r, "field '%s' of a %s message must be an object%s", key,
                         d->dialect->title,
                         kind == ROW_UPDATE_BEFORE || kind == ROW_DELETE
                             ? "; a Postgres table needs REPLICA IDENTITY FULL for it"
                             : "");
    }
    int rc = json_row(r, d->row, out->cols);
    if (rc) return err_wrap(&r->err, "field '%s'", key);
    return close_row(d, m, out, kind);
}

static bool is_null(struct change_decoder *d, const uint32_t *at) {
    d->reader.tok = at;
    return json_peek(&d->reader) == 'n';
}

/* The row before an update of which `old` has the changed fields and `new` the others. */
static int put_old_row(struct change_decoder *d, const struct message *m, const uint32_t *old,
                       const uint32_t *new, struct row_sink *out) {
    struct json_reader *r = &d->reader;
    struct json_node *row = d->row;
    r->tok = old;
    int rc = json_places(r, row, d->old_places);
    if (rc) return err_wrap(&r->err, "field '%s'", d->dialect->old_key);
    r->tok = new;
    rc = json_places(r, row, d->new_places);
    if (rc) return err_wrap(&r->err, "field '%s'", d->dialect->new_key);
    for (int i = 0; i < row->n_fields; i++) {
        struct col_builder *b = &out->cols[row->fields[i].column];
        const uint32_t *at = d->old_places[i];
        if (!at || (d->dialect->null_is_unchanged && is_null(d, at))) at = d->new_places[i];
        rc = 0;
        if (at) {
            r->tok = at;
            rc = json_value(r, row->fields[i].node, b);
        } else {
            emit_null(b);
        }
        if (rc) return err_wrap(&r->err, "field '%s'", row->fields[i].name);
    }
    return close_row(d, m, out, ROW_UPDATE_BEFORE);
}

static int put_change(struct change_decoder *d, const struct message *m, enum change_op op,
                      const uint32_t *old, const uint32_t *new, struct row_sink *out) {
    const struct change_dialect *x = d->dialect;
    int rc;
    switch (op) {
    case CHANGE_INSERT:
        return put_row(d, m, new, x->new_key, ROW_INSERT, out);
    case CHANGE_DELETE: /* a partial old row would not do: then the last state is in `new` */
        return x->old_is_partial ? put_row(d, m, new, x->new_key, ROW_DELETE, out)
                                 : put_row(d, m, old, x->old_key, ROW_DELETE, out);
    case CHANGE_UPDATE:
        if (!new) return put_row(d, m, new, x->new_key, ROW_UPDATE_AFTER, out);
        rc = x->old_is_partial && old ? put_old_row(d, m, old, new, out)
                                      : put_row(d, m, old, x->old_key, ROW_UPDATE_BEFORE, out);
        return rc ? rc : put_row(d, m, new, x->new_key, ROW_UPDATE_AFTER, out);
    default:
        return 0;
    }
}

/* ---- messages ---- */

static int array_places(struct json_reader *r, const uint32_t *at, const char *key,
                        const uint32_t ***list, size_t *n, size_t *cap) {
    *n = 0;
    if (!at) return 0;
    r->tok = at;
    if (json_peek(r) == 'n') return 0;
    bool more;
    int rc = json_array_begin(r, &more);
    while (!rc && more) {
        MEM_GROW(*list, *n, *cap);
        (*list)[(*n)++] = r->tok;
        rc = json_skip(r);
        if (!rc) rc = json_array_next(r, &more);
    }
    return rc ? err_wrap(&r->err, "field '%s'", key) : 0;
}

static int put_array(struct change_decoder *d, const struct message *m, enum change_op op,
                     struct row_sink *out) {
    struct json_reader *r = &d->reader;
    const struct change_dialect *x = d->dialect;
    int rc =
        array_places(r, m->envelope[FIELD_NEW], x->new_key, &d->rows_new, &d->n_new, &d->cap_new);
    if (!rc)
        rc = array_places(r, m->envelope[FIELD_OLD], x->old_key, &d->rows_old, &d->n_old,
                          &d->cap_old);
    if (!rc && op != CHANGE_NOTHING && !d->n_new && !m->envelope[FIELD_NEW])
        return json_fail(r, "a %s message has no field '%s'", x->title, x->new_key);
    for (size_t i = 0; i < d->n_new && !rc; i++) {
        const uint32_t *old = i < d->n_old ? d->rows_old[i] : NULL;
        rc = put_change(d, m, op, old, d->rows_new[i], out);
    }
    return rc;
}

static int find_op(struct change_decoder *d, const uint32_t *at, bool *ret_known,
                   enum change_op *ret) {
    struct json_reader *r = &d->reader;
    struct sv text;
    if (at) r->tok = at;
    if (!at || json_peek(r) == 'n')
        return json_fail(r, "a %s message has no field '%s'", d->dialect->title,
                         d->dialect->op_key);
    int rc = json_text(r, &r->scratch, &text);
    if (rc) return rc;
    *ret_known = true;
    for (int i = 0; i < CHANGE_OPS_MAX && d->dialect->ops[i].text; i++) {
        if (sv_eq_str(text, d->dialect->ops[i].text)) {
            *ret = d->dialect->ops[i].op;
            return 0;
        }
    }
    *ret_known = false;
    return json_fail(r, "'%.*s' is no '%s' of %s", (int)MIN(text.len, 40), text.ptr,
                     d->dialect->op_key, d->dialect->title);
}

/* Whether the message is of the databases and tables wanted. */
static int is_included(struct change_decoder *d, struct regex *re, const uint32_t *at, bool *ret) {
    if (!re) return 0;
    struct json_reader *r = &d->reader;
    struct sv text = {"", 0};
    if (at) r->tok = at;
    int rc = at ? json_text(r, &r->scratch, &text) : 0;
    if (!rc && !regex_find(re, text, 0)) *ret = false;
    return rc;
}

static int read_message(void *self, struct json_reader *r, struct row_sink *out) {
    struct change_decoder *d = self;
    struct message m = {0};
    const uint32_t *end = r->tok;
    int rc = 0;
    if (d->root) {
        rc = json_places(r, d->root, m.root);
        end = r->tok;
        if (!rc && !m.root[0]) rc = json_fail(r, "a message with schema has no field 'payload'");
        if (rc) return rc;
        r->tok = m.root[0];
        if (json_peek(r) == 'n') { /* a tombstone */
            r->tok = end;
            return 0;
        }
    }
    rc = json_places(r, d->envelope, m.envelope);
    if (!d->root) end = r->tok;
    bool included = true, known = false;
    enum change_op op = CHANGE_NOTHING;
    if (!rc) rc = is_included(d, d->database, m.envelope[FIELD_DATABASE], &included);
    if (!rc) rc = is_included(d, d->table, m.envelope[FIELD_TABLE], &included);
    if (!rc && included) {
        rc = find_op(d, m.envelope[FIELD_OP], &known, &op);
        if (!rc)
            rc = d->dialect->in_arrays
                     ? put_array(d, &m, op, out)
                     : put_change(d, &m, op, m.envelope[FIELD_OLD], m.envelope[FIELD_NEW], out);
    }
    if (!rc) r->tok = end;
    return rc;
}

static int change_decode(struct decoder *base, const char *data, size_t len, bool at_end,
                         struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                         struct record_error *ret_bad, struct err *err) {
    struct change_decoder *d = CONTAINER_OF(base, struct change_decoder, base);
    return json_lines_decode(&d->lines, data, len, at_end, out, ret_consumed, ret_lines, ret_bad,
                             err);
}

static int change_message(struct decoder *base, const char *data, size_t len, struct row_sink *out,
                          struct err *err) {
    struct change_decoder *d = CONTAINER_OF(base, struct change_decoder, base);
    return json_lines_message(&d->lines, data, len, out, err);
}

static void change_decoder_free(struct decoder *base) {
    struct change_decoder *d = CONTAINER_OF(base, struct change_decoder, base);
    if (d->reader.index) json_reader_release(&d->reader);
    regex_free(d->database);
    regex_free(d->table);
    free(d->rows_new);
    free(d->rows_old);
    arena_release(&d->arena);
    free(d);
}

static const struct decoder_ops decoder_ops = {change_decode, change_message, change_decoder_free};

/* ---- making ---- */

/* Which columns of ctx are the format's metadata. */
static const char *metadata_key(const struct format_ctx *ctx, int column) {
    return ctx->metadata ? ctx->metadata[column] : NULL;
}

static int find_metadata(const struct change_dialect *x, const char *key,
                         const struct change_metadata **ret, struct err *err) {
    for (int i = 0; i < CHANGE_METADATA_MAX && x->metadata[i].key; i++) {
        if (strcmp(x->metadata[i].key, key) == 0) {
            *ret = &x->metadata[i];
            return 0;
        }
    }
    return err_set(err, ERR_VALIDATION, "format '%s' has no metadata '%s'", x->desc->name, key);
}

static int add_field(struct field *fields, int *n, const char *name) {
    for (int i = 0; i < *n; i++) {
        if (strcmp(fields[i].name, name) == 0) return i;
    }
    CHECK(*n < CHANGE_FIELDS_MAX);
    fields[*n] = (struct field){name, type_of(TYPE_VARCHAR)};
    return (*n)++;
}

/* Nodes for the envelope, what may be around it, and the row. */
static int make_nodes(struct change_decoder *d, const struct format_ctx *ctx, struct err *err) {
    const struct change_dialect *x = d->dialect;
    struct arena *a = &d->arena;
    struct field envelope[CHANGE_FIELDS_MAX], root[CHANGE_FIELDS_MAX];
    int n_envelope = 0, n_root = 0, n_row = 0;
    const char *const fixed[FIELDS_FIXED] = {x->new_key, x->old_key, x->op_key, "database",
                                             "table"};
    for (int i = 0; i < FIELDS_FIXED; i++)
        add_field(envelope, &n_envelope, fixed[i]);
    add_field(root, &n_root, "payload");
    struct field *row = ARENA_NEW_N(a, struct field, ctx->n_produced + 1);
    int *columns = ARENA_NEW_N(a, int, ctx->n_produced + 1);
    d->meta = ARENA_NEW_N(a, struct change_column, ctx->n_produced + 1);
    int rc = 0;
    for (int i = 0; i < ctx->n_produced && !rc; i++) {
        const struct field *f = &ctx->schema->fields[ctx->produced[i]];
        const char *key = metadata_key(ctx, ctx->produced[i]);
        if (!key) {
            row[n_row] = *f;
            columns[n_row++] = i;
            continue;
        }
        struct change_column *c = &d->meta[d->n_meta++];
        rc = find_metadata(x, key, &c->meta, err);
        if (rc) break;
        c->column = i;
        bool outside = c->meta->in_root && d->options.schema_include;
        c->field = outside ? add_field(root, &n_root, c->meta->field)
                           : add_field(envelope, &n_envelope, c->meta->field);
        rc = json_node_new(a, f->type, &c->node, err);
    }
    if (!rc) rc = json_node_row(a, n_row, row, columns, &d->row, err);
    if (!rc) rc = json_node_row(a, n_envelope, envelope, NULL, &d->envelope, err);
    if (!rc && d->options.schema_include) rc = json_node_row(a, n_root, root, NULL, &d->root, err);
    d->old_places = ARENA_NEW_N(a, const uint32_t *, n_row + 1);
    d->new_places = ARENA_NEW_N(a, const uint32_t *, n_row + 1);
    return rc;
}

static int make_regex(const char *option, const char *pattern, struct regex **ret,
                      struct err *err) {
    if (!pattern) return 0;
    AUTO_STR pcre = STR_INIT;
    int rc = regex_from_java(sv_from(pattern), &pcre, err);
    if (!rc) rc = regex_new_whole(str_view(&pcre), ret, err);
    return rc ? err_wrap(err, "option '%s'", option) : 0;
}

int change_decoder_new(const struct change_dialect *dialect, const struct format_ctx *ctx,
                       struct decoder **ret, struct err *err) {
    struct change_decoder *d = mem_zalloc(sizeof *d);
    arena_init(&d->arena);
    d->base.ops = &decoder_ops;
    d->dialect = dialect;
    int rc = format_options(dialect->desc, ctx->table, &d->arena, &d->options, err);
    if (!rc) rc = make_nodes(d, ctx, err);
    if (!rc) rc = make_regex("database.include", d->options.database, &d->database, err);
    if (!rc) rc = make_regex("table.include", d->options.table, &d->table, err);
    if (rc) {
        change_decoder_free(&d->base);
        return rc;
    }
    struct json_read_options ro = {.ignore_errors = d->options.ignore_errors,
                                   .time = (enum json_time_format)d->options.time};
    json_reader_init(&d->reader, &ro);
    d->lines = (struct json_lines){&d->reader, &d->base, read_message, d, 0};
    *ret = &d->base;
    return 0;
}

int change_check(const struct change_dialect *x, const struct format_ctx *ctx, struct err *err) {
    struct decoder *d = NULL;
    int rc = change_decoder_new(x, ctx, &d, err);
    if (d) d->ops->free(d);
    return rc;
}

/* ---- encoder ---- */

struct change_encoder {
    struct encoder base;
    struct arena arena;
    const struct change_dialect *dialect;
    struct json_write_options options;
    const struct sv *names;
    int n;
    struct sv head[2], tail[2]; /* around the row; [1]: of a retraction */
};

static const char *op_text(const struct change_dialect *x, enum change_op op) {
    for (int i = 0; i < CHANGE_OPS_MAX && x->ops[i].text; i++) {
        if (x->ops[i].op == op) return x->ops[i].text;
    }
    return "";
}

/* As Flink: an update is written as a deletion and an insertion. */
static void make_frames(struct change_encoder *e, bool skip_nulls) {
    const struct change_dialect *x = e->dialect;
    struct arena *a = &e->arena;
    const char *insert = op_text(x, CHANGE_INSERT), *delete = op_text(x, CHANGE_DELETE);
    const char *head[2], *tail[2];
    if (x->old_is_partial) {
        head[0] = head[1] = arena_printf(a, "{\"%s\":%s", x->new_key, x->in_arrays ? "[" : "");
        const char *close = x->in_arrays ? "]" : "";
        tail[0] = arena_printf(a, "%s,\"%s\":\"%s\"}", close, x->op_key, insert);
        tail[1] = arena_printf(a, "%s,\"%s\":\"%s\"}", close, x->op_key, delete);
    } else {
        const char *none_before = skip_nulls ? "" : arena_printf(a, "\"%s\":null,", x->old_key);
        const char *none_after = skip_nulls ? "" : arena_printf(a, ",\"%s\":null", x->new_key);
        head[0] = arena_printf(a, "{%s\"%s\":", none_before, x->new_key);
        head[1] = arena_printf(a, "{\"%s\":", x->old_key);
        tail[0] = arena_printf(a, ",\"%s\":\"%s\"}", x->op_key, insert);
        tail[1] = arena_printf(a, "%s,\"%s\":\"%s\"}", none_after, x->op_key, delete);
    }
    for (int i = 0; i < 2; i++) {
        e->head[i] = sv_from(head[i]);
        e->tail[i] = sv_from(tail[i]);
    }
}

static int change_encode_message(struct encoder *base, const struct batch *b, uint32_t row,
                                 struct str *out, struct err *err) {
    struct change_encoder *e = CONTAINER_OF(base, struct change_encoder, base);
    int retract = b->kinds && !row_kind_adds(b->kinds[row]);
    str_add_sv(out, e->head[retract]);
    int rc = json_write_row(&e->options, b->cols, e->names, e->n, row, out, err);
    str_add_sv(out, e->tail[retract]);
    return rc;
}

static int change_encode(struct encoder *base, const struct batch *b, uint32_t from, uint32_t n,
                         struct str *out, struct err *err) {
    for (uint32_t i = from; i < from + n; i++) {
        int rc = change_encode_message(base, b, i, out, err);
        if (rc) return rc;
        str_add_char(out, '\n');
    }
    return 0;
}

static void change_encoder_free(struct encoder *base) {
    struct change_encoder *e = CONTAINER_OF(base, struct change_encoder, base);
    arena_release(&e->arena);
    free(e);
}

static const struct encoder_ops encoder_ops = {change_encode, change_encode_message,
                                               change_encoder_free};

int change_encoder_new(const struct change_dialect *dialect, const struct format_ctx *ctx,
                       struct encoder **ret, struct err *err) {
    struct change_encoder *e = mem_zalloc(sizeof *e);
    arena_init(&e->arena);
    e->base.ops = &encoder_ops;
    e->dialect = dialect;
    struct change_options o = {0};
    int rc = format_options(dialect->desc, ctx->table, &e->arena, &o, err);
    if (!rc && o.schema_include)
        rc =
            err_set(err, ERR_UNSUPPORTED, "table '%s': '%s.schema-include' can't be set for a sink",
                    ctx->table->name, dialect->desc->name);
    if (rc) {
        change_encoder_free(&e->base);
        return rc;
    }
    e->options = (struct json_write_options){.time = (enum json_time_format)o.time,
                                             .null_key = (enum json_null_key)o.null_key,
                                             .null_key_literal = o.null_key_literal,
                                             .plain_decimal = o.plain_decimal,
                                             .skip_null_fields = o.skip_null_fields};
    e->names = json_write_names(&e->arena, ctx->schema, ctx->produced, ctx->n_produced);
    e->n = ctx->n_produced;
    make_frames(e, o.skip_null_fields);
    *ret = &e->base;
    return 0;
}
