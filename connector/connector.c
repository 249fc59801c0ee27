/* connector.c - the table of connectors, and how a table's WITH options become a connector's option
 * struct. */
#include "connector/connector.h"

#include "base/core/mem.h"
#include "connector/format/format.h"
#include "connector/option.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTOR(name) extern const struct connector_desc connector_##name;
#include "connector/connector_list.def"
#undef CONNECTOR

static const struct connector_desc *const connectors[] = {
#define CONNECTOR(name) &connector_##name,
#include "connector/connector_list.def"
#undef CONNECTOR
};

const struct connector_desc *const *connector_all(size_t *ret_n) {
    *ret_n = ARRAY_LEN(connectors);
    return connectors;
}

const struct connector_desc *connector_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(connectors); i++) {
        if (strcmp(connectors[i]->name, name) == 0) return connectors[i];
    }
    return NULL;
}

/* What the planner and the framework handle for every connector. */
static bool is_common(const char *key) {
    static const char *const names[] = {"connector", "penstock.dead-letter", "scan.parallelism",
                                        "sink.parallelism", "property-version"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(key, names[i]) == 0) return true;
    }
    return strncmp(key, "scan.watermark.", 15) == 0;
}

/* 'format' or an option of the chosen format: checked by format_options. */
static bool is_format_option(const struct connector_table *t, const char *key) {
    if (strcmp(key, "format") == 0) return true;
    const char *format = connector_table_option(t, "format");
    size_t n = format ? strlen(format) : 0;
    return n && strncmp(key, format, n) == 0 && key[n] == '.';
}

int connector_options(const struct connector_desc *d, const struct connector_table *t,
                      struct arena *arena, void *dst, struct err *err) {
    opt_defaults(&d->options, dst);
    const char **names = mem_calloc((size_t)t->n_options + 1, sizeof *names);
    int rc = 0;
    for (int i = 0; i < t->n_options && !rc; i++) {
        const char *key = t->options[i].key;
        names[i] = key;
        if (option_row(&d->options, key)) {
            rc = opt_set(&d->options, arena, dst, key, t->options[i].value, err);
        } else if (!option_known(&d->options, key) && !is_common(key) &&
                   !(d->caps & CONNECTOR_LOOKUP && opt_find(connector_lookup_rows(), key)) &&
                   !((d->caps & CONNECTOR_FORMAT) && is_format_option(t, key))) {
            AUTO_STR what = STR_INIT;
            str_addf(&what, "connector '%s'", d->name);
            bool lookup = d->caps & CONNECTOR_LOOKUP && !strncmp(key, "lookup.", 7);
            rc = option_unknown(lookup ? connector_lookup_rows() : &d->options, "", key,
                                str_text(&what), err);
        }
    }
    if (!rc) rc = opt_check_required(&d->options, names, (size_t)t->n_options, err);
    free(names);
    if (rc) return connector_err_wrap(err, t->name);
    struct lookup_options lookup;
    bool lookups = d->caps & CONNECTOR_LOOKUP;
    return lookups ? connector_lookup_options(t, !d->lookup_new, arena, &lookup, err) : 0;
}

const struct schema *connector_produced(struct arena *arena, const struct connector_table *t) {
    if (t->n_projection < 0) return t->schema;
    const struct schema *s = schema_new(arena, t->n_projection);
    for (int i = 0; i < t->n_projection; i++)
        ((struct field *)s->fields)[i] = t->schema->fields[t->projection[i]];
    return s;
}
