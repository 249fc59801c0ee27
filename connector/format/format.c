/* format.c - the table of formats and their options. */
#include "connector/format/format.h"

#include "base/core/mem.h"
#include "connector/option.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT(name) extern const struct format_desc format_##name;
#include "connector/format/format_list.def"
#undef FORMAT

/* Ends in NULL: a table of no formats would have no element. */
static const struct format_desc *const formats[] = {
#define FORMAT(name) &format_##name,
#include "connector/format/format_list.def"
#undef FORMAT
    NULL};

const struct format_desc *const *format_all(size_t *ret_n) {
    *ret_n = ARRAY_LEN(formats) - 1;
    return formats;
}

const struct format_desc *format_find(const char *name) {
    for (size_t i = 0; formats[i]; i++) {
        if (strcmp(formats[i]->name, name) == 0) return formats[i];
    }
    return NULL;
}

int format_of_table(const struct connector_table *t, const struct format_desc **ret,
                    struct err *err) {
    const char *name = connector_table_option(t, "format");
    if (!name) {
        return err_set(err, ERR_VALIDATION,
                       "table '%s': option 'format' is missing; for example 'format' = 'json'",
                       t->name);
    }
    *ret = format_find(name);
    if (*ret) return 0;
    AUTO_STR all = STR_INIT;
    for (size_t i = 0; formats[i]; i++)
        str_addf(&all, "%s'%s'", i ? ", " : "", formats[i]->name);
    return err_set(err, ERR_VALIDATION, "table '%s': unknown format '%s'; there are %s", t->name,
                   name, str_text(&all));
}

int format_options(const struct format_desc *f, const struct connector_table *t,
                   struct arena *arena, void *dst, struct err *err) {
    opt_defaults(&f->options, dst);
    AUTO_STR prefix = STR_INIT, what = STR_INIT;
    str_addf(&prefix, "%s.", f->name);
    str_addf(&what, "format '%s'", f->name);
    const char **names = mem_calloc((size_t)t->n_options + 1, sizeof *names);
    size_t n_names = 0;
    int rc = 0;
    for (int i = 0; i < t->n_options && !rc; i++) {
        const char *key = t->options[i].key;
        if (strncmp(key, str_text(&prefix), prefix.len) != 0) continue;
        key += prefix.len;
        names[n_names++] = key;
        if (option_row(&f->options, key)) {
            rc = opt_set(&f->options, arena, dst, key, t->options[i].value, err);
            if (rc) err_wrap(err, "format '%s'", f->name);
        } else {
            rc = option_unknown(&f->options, str_text(&prefix), key, str_text(&what), err);
        }
    }
    if (!rc) rc = opt_check_required(&f->options, names, n_names, err);
    free(names);
    return rc ? connector_err_wrap(err, t->name) : 0;
}
