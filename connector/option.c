/* option.c - families of options and the error for an unknown one. */
#include "connector/option.h"

#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_family(const char *name) {
    size_t n = strlen(name);
    return strchr(name, '#') || (n && name[n - 1] == '*');
}

/* '#' stands for one or more characters, '*' at the end for any rest. */
static bool family_match(const char *pat, const char *key) {
    for (; *pat; pat++, key++) {
        if (*pat == '*' && !pat[1]) return *key != 0;
        if (*pat == '#') {
            for (const char *k = key + 1; key[0] && k[-1]; k++) {
                if (family_match(pat + 1, k)) return true;
            }
            return false;
        }
        if (*pat != *key) return false;
    }
    return !*key;
}

const struct opt_row *option_row(const struct opt_table *rows, const char *key) {
    const struct opt_row *r = opt_find(rows, key);
    return r && !is_family(r->name) ? r : NULL;
}

bool option_known(const struct opt_table *rows, const char *key) {
    for (size_t i = 0; i < rows->n_rows; i++) {
        const char *name = rows->rows[i].name;
        if (is_family(name) ? family_match(name, key) : strcmp(name, key) == 0) return true;
    }
    return false;
}

int option_unknown(const struct opt_table *rows, const char *prefix, const char *key,
                   const char *what, struct err *err) {
    const char **words = mem_calloc(rows->n_rows + 1, sizeof *words);
    for (size_t i = 0; i < rows->n_rows; i++)
        words[i] = rows->rows[i].name;
    const char *near = str_nearest(key, words, rows->n_rows);
    int rc;
    if (near) {
        rc = err_set(err, ERR_VALIDATION, "unknown option '%s%s' of %s; did you mean '%s%s'?",
                     prefix, key, what, prefix, near);
    } else {
        AUTO_STR all = STR_INIT;
        for (size_t i = 0; i < rows->n_rows; i++)
            str_addf(&all, "%s'%s%s'", i ? ", " : "", prefix, words[i]);
        rc = err_set(err, ERR_VALIDATION, "unknown option '%s%s' of %s; it has %s", prefix, key,
                     what, rows->n_rows ? str_text(&all) : "no options of its own");
    }
    free(words);
    return rc;
}
