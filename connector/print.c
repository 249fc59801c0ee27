/* print.c - a sink that writes every row as one line: "+I[a, 1]", with "identifier:subtask> " in
 * front where there is an identifier or more than one subtask. */
#include "base/core/mem.h"
#include "connector/connector.h"
#include "vector/func/func.h"
#include "vector/value.h"

#include <stdlib.h>
#include <string.h>

struct print_options {
    const char *identifier;
    bool standard_error;
    const char *changelog_mode;
};

static const struct opt_row print_rows[] = {
    {"print-identifier", OPT_STRING, NULL, 0, 0, offsetof(struct print_options, identifier),
     "Text in front of every line."},
    {"standard-error", OPT_BOOL, "false", 0, 0, offsetof(struct print_options, standard_error),
     "Writes to standard error in place of standard output."},
    {"changelog-mode", OPT_STRING, "all", 0, 0, offsetof(struct print_options, changelog_mode),
     "Kinds of change taken: 'all', or a comma-separated list of I, UB, UA and D. 'I,UA,D' lets "
     "the planner send an upsert stream."},
};

extern const struct connector_desc connector_print;

struct print_sink {
    struct sink base;
    struct sink_ctx ctx;
    bool to_stderr;
    struct str prefix, line;
};

static int print_write(struct sink *s, struct batch *in, struct err *err) {
    struct print_sink *p = CONTAINER_OF(s, struct print_sink, base);
    if (p->ctx.output_full(p->ctx.output_self)) return SINK_BUSY;
    uint64_t bytes = 0;
    for (uint32_t row = 0; row < in->n; row++) {
        str_clear(&p->line);
        str_add_sv(&p->line, str_view(&p->prefix));
        str_add(&p->line, row_kind_text[in->kinds ? in->kinds[row] : ROW_INSERT]);
        str_add_char(&p->line, '[');
        for (int i = 0; i < in->n_cols; i++) {
            if (i) str_add(&p->line, ", ");
            value_print_java(&in->cols[i], row, p->ctx.env->zone, &p->line);
        }
        str_add_char(&p->line, ']');
        p->ctx.print_line(p->ctx.output_self, str_view(&p->line), p->to_stderr);
        bytes += p->line.len + 1;
    }
    __atomic_fetch_add(&s->records, in->n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->bytes, bytes, __ATOMIC_RELAXED);
    return SINK_OK;
}

static void print_free(struct sink *s) {
    struct print_sink *p = CONTAINER_OF(s, struct print_sink, base);
    str_release(&p->prefix);
    str_release(&p->line);
    free(p);
}

static const struct sink_ops print_ops = {.write = print_write, .free = print_free};

static int parse_mode(const char *text, enum changelog_mode *ret, struct err *err) {
    static const struct {
        const char *name;
        enum changelog_mode mode;
    } kinds[] = {{"I", CHANGELOG_INSERT},
                 {"UB", CHANGELOG_UPDATE_BEFORE},
                 {"UA", CHANGELOG_UPDATE_AFTER},
                 {"D", CHANGELOG_DELETE},
                 {"all", CHANGELOG_ALL}};
    unsigned mode = 0;
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        struct sv word = sv_trim((struct sv){p, strcspn(p, ",")});
        size_t k = 0;
        while (k < ARRAY_LEN(kinds) && !sv_ieq(word, kinds[k].name))
            k++;
        if (k == ARRAY_LEN(kinds)) {
            return err_set(err, ERR_VALIDATION,
                           "option 'changelog-mode': '%.*s' is not one of I, UB, UA, D, all",
                           (int)word.len, word.ptr);
        }
        mode |= kinds[k].mode;
    }
    *ret = (enum changelog_mode)mode;
    return 0;
}

static int print_options(const struct connector_table *t, struct arena *arena,
                         struct print_options *o, enum changelog_mode *ret_mode, struct err *err) {
    int rc = connector_options(&connector_print, t, arena, o, err);
    if (rc) return rc;
    rc = parse_mode(o->changelog_mode, ret_mode, err);
    return rc ? connector_err_wrap(err, t->name) : 0;
}

static int print_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena arena;
    arena_init(&arena);
    struct print_options o;
    enum changelog_mode mode;
    int rc = print_options(t, &arena, &o, &mode, err);
    arena_release(&arena);
    return rc;
}

static enum changelog_mode print_mode(const struct connector_table *t, enum changelog_mode input) {
    const char *text = connector_table_option(t, "changelog-mode");
    enum changelog_mode mode = CHANGELOG_ALL;
    if (text && parse_mode(text, &mode, NULL) != 0) mode = CHANGELOG_ALL; /* print_check reports */
    return mode;
}

static int print_new(const struct connector_table *t, const struct sink_ctx *ctx, struct sink **ret,
                     struct err *err) {
    struct arena arena;
    arena_init(&arena);
    struct print_options o;
    enum changelog_mode mode;
    int rc = print_options(t, &arena, &o, &mode, err);
    if (!rc) {
        struct print_sink *p = mem_zalloc(sizeof *p);
        p->base.ops = &print_ops;
        p->ctx = *ctx;
        p->to_stderr = o.standard_error;
        const char *id = o.identifier ? o.identifier : "";
        str_add(&p->prefix, id);
        if (ctx->parallelism > 1) str_addf(&p->prefix, "%s%d", *id ? ":" : "", ctx->subtask + 1);
        if (p->prefix.len) str_add(&p->prefix, "> ");
        *ret = &p->base;
    }
    arena_release(&arena);
    return rc;
}

const struct connector_desc connector_print = {
    .name = "print",
    .doc = "Writes every row as a line to standard output.",
    .caps = CONNECTOR_SINK | CONNECTOR_PARTITIONED,
    .options = {print_rows, ARRAY_LEN(print_rows)},
    .check = print_check,
    .sink_mode = print_mode,
    .sink_new = print_new,
};
