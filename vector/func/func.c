/* func.c - the table of scalar functions: lookup by name, resolution of calls. */
#include "vector/func/func.h"

#include "base/core/mem.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define F(name) extern const struct func func_##name;
#include "vector/func/func_list.def"
#undef F

static const struct func *const table[] = {
#define F(name) &func_##name,
#include "vector/func/func_list.def"
#undef F
};

enum { N_FUNCS = ARRAY_LEN(table) };

/* Names and aliases sorted for bsearch; functions sorted by name for the docs. */
struct name_entry {
    const char *name;
    const struct func *func;
};

static struct {
    pthread_once_t once;
    struct name_entry *names;
    const char **words;
    size_t n_names;
    const struct func *sorted[N_FUNCS + 1];
} idx = {.once = PTHREAD_ONCE_INIT};

static int by_name(const void *a, const void *b) {
    return strcasecmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

static int by_func_name(const void *a, const void *b) {
    return strcmp((*(const struct func *const *)a)->name, (*(const struct func *const *)b)->name);
}

static void add_name(const char *name, const struct func *f, size_t *cap) {
    MEM_GROW(idx.names, idx.n_names, *cap);
    idx.names[idx.n_names++] = (struct name_entry){name, f};
}

/* Built once and kept for the process. */
static void build_index(void) {
    size_t cap = 0;
    for (size_t i = 0; i < N_FUNCS; i++) {
        const struct func *f = table[i];
        idx.sorted[i] = f;
        add_name(f->name, f, &cap);
        if (!f->aliases) continue;
        char *list = mem_strdup(f->aliases), *save = NULL;
        for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
            while (*w == ' ')
                w++;
            add_name(w, f, &cap);
        }
    }
    qsort(idx.sorted, N_FUNCS, sizeof(idx.sorted[0]), by_func_name);
    qsort(idx.names, idx.n_names, sizeof(*idx.names), by_name);
    idx.words = mem_calloc(idx.n_names + 1, sizeof(*idx.words));
    size_t n_words = 0;
    for (size_t i = 0; i < idx.n_names; i++) {
        if (i)
            CHECKF(by_name(&idx.names[i - 1], &idx.names[i]) != 0, "function %s is listed twice",
                   idx.names[i].name);
        if (!(idx.names[i].func->flags & FUNC_HIDDEN)) idx.words[n_words++] = idx.names[i].name;
    }
}

const struct func *func_find(const char *name) {
    pthread_once(&idx.once, build_index);
    struct name_entry key = {name, NULL};
    struct name_entry *e = bsearch(&key, idx.names, idx.n_names, sizeof(key), by_name);
    return e ? e->func : NULL;
}

const char *func_nearest(const char *name) {
    pthread_once(&idx.once, build_index);
    size_t n = 0;
    while (idx.words[n])
        n++;
    return str_nearest(name, idx.words, n);
}

const struct func *const *func_all(size_t *ret_n) {
    pthread_once(&idx.once, build_index);
    *ret_n = N_FUNCS;
    return idx.sorted;
}

/* ---- resolution ----------------------------------------------------------------------------- */

static void print_args(const struct func_bind *fb, struct str *out) {
    bool op = !isalpha((unsigned char)fb->name[0]) && fb->n_args == 2;
    if (!op) str_addf(out, "%s(", fb->name);
    for (int i = 0; i < fb->n_args; i++) {
        if (i && op) str_addf(out, " %s ", fb->name);
        if (i && !op) str_add(out, ", ");
        struct type t = *fb->args[i]->type;
        t.nullable = true;
        str_add_char(out, '<');
        type_print(&t, out);
        str_add_char(out, '>');
    }
    if (!op) str_add_char(out, ')');
}

int func_bind_fail(const struct func_bind *fb, const char *forms, struct err *err) {
    AUTO_STR args = STR_INIT;
    print_args(fb, &args);
    if (!forms) forms = fb->func->signature;
    return err_set(err, ERR_VALIDATION,
                   "Cannot apply '%s' to arguments of type '%s'. Supported form(s): '%s'", fb->name,
                   str_text(&args), forms ? forms : fb->name);
}

static int check_arity(const struct func *f, int n_args, struct err *err) {
    if (n_args >= f->min_args && (f->max_args < 0 || n_args <= f->max_args)) return 0;
    AUTO_STR want = STR_INIT;
    if (f->max_args < 0)
        str_addf(&want, "at least %d", f->min_args);
    else if (f->max_args == f->min_args)
        str_addf(&want, "%d", f->min_args);
    else
        str_addf(&want, "%d to %d", f->min_args, f->max_args);
    return err_set(err, ERR_VALIDATION,
                   "Invalid number of arguments to function '%s': was expecting %s argument%s, "
                   "got %d. Supported form(s): %s",
                   f->name, str_text(&want), f->max_args == 1 ? "" : "s", n_args,
                   f->signature ? f->signature : f->name);
}

static int bind_call(struct arena *a, const struct func *f, const struct expr **args, int n_args,
                     const struct type *to, const struct expr **ret, struct err *err) {
    int rc = check_arity(f, n_args, err);
    if (rc) return rc;
    struct func_bind fb = {.arena = a, .func = f, .name = f->name, .n_args = n_args, .to = to};
    fb.args = arena_dup(a, args, sizeof(*args) * (size_t)(n_args ? n_args : 1));
    if ((rc = f->bind(&fb, err)) != 0) return rc;
    if (fb.rewrite) {
        *ret = fb.rewrite;
        return 0;
    }
    CHECKF(fb.ret_type, "%s sets no result type", f->name);
    *ret = expr_call(a, f, fb.ret_type, fb.args, fb.n_args);
    return 0;
}

int func_call(struct arena *a, const struct func *f, const struct expr **args, int n_args,
              const struct expr **ret, struct err *err) {
    return bind_call(a, f, args, n_args, NULL, ret, err);
}

int func_call_name(struct arena *a, const char *name, const struct expr **args, int n_args,
                   const struct expr **ret, struct err *err) {
    const struct func *f = func_find(name);
    if (f) return func_call(a, f, args, n_args, ret, err);
    const char *near = func_nearest(name);
    return err_set(err, ERR_VALIDATION, "No match found for function '%s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int func_cast(struct arena *a, const struct expr *e, const struct type *to, bool try_cast,
              const struct expr **ret, struct err *err) {
    const struct func *f = func_find(try_cast ? "TRY_CAST" : "CAST");
    CHECK(f != NULL);
    return bind_call(a, f, &e, 1, to, ret, err);
}
