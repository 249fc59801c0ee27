/* library.c - shared libraries: found, opened, their descriptions checked, functions registered. */
#include "vector/udf/udf_int.h"

#include "base/core/mem.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_PREFIX "penstock_udf_"

/* All functions loaded so far; taken under the mutex, which nothing calls out of but dlopen and the
 * library's entry point. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct udf *loaded;

void udf_split(const char *text, struct sv *ret_file, struct sv *ret_symbol) {
    const char *hash = strrchr(text, '#');
    size_t n = hash ? (size_t)(hash - text) : strlen(text);
    *ret_file = (struct sv){text, n};
    *ret_symbol = hash ? (struct sv){hash + 1, strlen(hash + 1)} : (struct sv){"", 0};
}

bool udf_is_library(const char *text) {
    struct sv file, symbol;
    udf_split(text, &file, &symbol);
    AUTO_FREE char *name = mem_strndup(file.ptr, file.len);
    for (char *p = strstr(name, ".so"); p; p = strstr(p + 3, ".so"))
        if (strspn(p + 3, ".0123456789") == strlen(p + 3)) return true;
    return false;
}

/* Java classes that published scripts name, and the built-in function that does the same. */
static const struct {
    const char *class_name, *function;
} java_classes[] = {
    {"com.github.nexmark.flink.udf.CountChar", "COUNT_CHAR"},
};

const char *udf_java_function(const char *class_name) {
    for (size_t i = 0; i < ARRAY_LEN(java_classes); i++)
        if (!strcmp(java_classes[i].class_name, class_name)) return java_classes[i].function;
    return NULL;
}

/* ---- the library ---------------------------------------------------------------------------- */

static int open_entry(const char *ref, penstock_udf_entry *ret, struct err *err) {
    struct sv file, symbol;
    udf_split(ref, &file, &symbol);
    AUTO_FREE char *path = mem_strndup(file.ptr, file.len);
    if (access(path, R_OK))
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_PERMISSION,
                       "library %s: %s; every worker needs it at this path", path, strerror(errno));
    dlerror();
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        const char *why = dlerror();
        return err_set(err, ERR_INVALID, "library %s can't be loaded: %s", path,
                       why ? why : "unknown reason");
    }
    AUTO_STR name = STR_INIT;
    str_add(&name, ENTRY_PREFIX);
    str_add_n(&name, symbol.ptr, symbol.len);
    void *entry = dlsym(lib, str_text(&name));
    if (!entry)
        return err_set(err, ERR_INVALID,
                       "library %s has no function '%s' (no symbol %s); 'libmine.so#name' says "
                       "which one is meant",
                       path, symbol.ptr, str_text(&name));
    memcpy(ret, &entry, sizeof entry);
    return 0;
}

static int check_def(const struct penstock_udf *d, struct err *err) {
    if (!d)
        return err_set(err, ERR_INVALID,
                       "it refuses this engine, which speaks version %d of the ABI",
                       PENSTOCK_UDF_ABI);
    if (d->abi != PENSTOCK_UDF_ABI)
        return err_set(err, ERR_INVALID,
                       "it is built for version %u of the ABI, this engine speaks version %d; "
                       "build it anew with this engine's penstock/udf.h",
                       d->abi, PENSTOCK_UDF_ABI);
    if (d->size_bytes < sizeof *d)
        return err_set(err, ERR_INVALID, "its description has %u bytes, not %zu", d->size_bytes,
                       sizeof *d);
    if (d->kind < PENSTOCK_UDF_SCALAR || d->kind > PENSTOCK_UDF_AGGREGATE)
        return err_set(err, ERR_INVALID, "it is of unknown kind %u", d->kind);
    if (d->n_overloads < 1 || d->n_overloads > UDF_OVERLOADS_MAX || !d->overloads)
        return err_set(err, ERR_INVALID, "it has %u overloads", d->n_overloads);
    return 0;
}

static int read_overloads(struct udf *u, struct err *err) {
    AUTO_STR text = STR_INIT;
    u->n_overloads = u->def->n_overloads;
    u->overloads = ARENA_NEW_N(&u->arena, struct udf_overload, u->n_overloads);
    for (uint32_t i = 0; i < u->n_overloads; i++) {
        const struct penstock_udf_overload *o = &u->def->overloads[i];
        bool agg = u->kind == UDF_AGGREGATE;
        if (agg ? !o->aggregate : !o->eval)
            return err_set(err, ERR_INVALID, "overload %u has no %s", i + 1,
                           agg ? "aggregate" : "eval");
        int rc = udf_parse_signature(&u->arena, o->signature, u->kind == UDF_TABLE,
                                     &u->overloads[i], err);
        if (rc) return rc;
        str_addf(&text, "%s%s%s", i ? "; " : "", u->name, o->signature);
    }
    u->signature = str_take(&text);
    return 0;
}

static void udf_free(struct udf *u) {
    arena_release(&u->arena);
    free(u->name);
    free(u->ref);
    free(u->signature);
    free(u);
}

static int udf_make(const char *name, const char *ref, struct udf **ret, struct err *err) {
    penstock_udf_entry entry = NULL;
    int rc = open_entry(ref, &entry, err);
    if (rc) return rc;
    struct udf *u = mem_zalloc(sizeof *u);
    arena_init(&u->arena);
    u->name = mem_strdup(name);
    u->ref = mem_strdup(ref);
    u->def = entry(PENSTOCK_UDF_ABI);
    rc = check_def(u->def, err);
    if (!rc) {
        u->kind = (enum udf_kind)(u->def->kind - PENSTOCK_UDF_SCALAR);
        rc = read_overloads(u, err);
    }
    if (!rc) rc = u->kind == UDF_AGGREGATE ? udf_make_agg(u, err) : udf_make_func(u, err);
    if (rc) {
        udf_free(u);
        return err_wrap(err, "library %s", ref);
    }
    *ret = u;
    return 0;
}

int udf_load(const char *name, const char *ref, const struct udf **ret, struct err *err) {
    pthread_mutex_lock(&mutex);
    struct udf *u = loaded;
    while (u && (strcmp(u->name, name) != 0 || strcmp(u->ref, ref) != 0))
        u = u->next;
    int rc = 0;
    if (!u) {
        rc = udf_make(name, ref, &u, err);
        if (!rc) {
            u->next = loaded;
            loaded = u;
        }
    }
    pthread_mutex_unlock(&mutex);
    if (rc) return err_wrap(err, "function '%s'", name);
    *ret = u;
    return 0;
}

enum udf_kind udf_kind(const struct udf *u) {
    return u->kind;
}

const char *udf_ref(const struct udf *u) {
    return u->ref;
}

const char *udf_doc(const struct udf *u) {
    return u->def->doc;
}

const char *udf_signature(const struct udf *u) {
    return u->signature;
}

const struct func *udf_func(const struct udf *u) {
    return &u->func;
}

const struct agg *udf_agg(const struct udf *u) {
    return &u->agg;
}
