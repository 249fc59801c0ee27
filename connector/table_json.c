/* table_json.c - struct connector_table as JSON, for plans:
 * {"name", "schema", "metadata": [key | null], "projection": [i], "options": {k: v},
 *  "primaryKey": [i], "partitionKeys": [i], "sinkMode": bits, "deadLetter": schema,
 *  "batch": bool, "zone"}; what is absent has its default. */
#include "base/core/json.h"
#include "base/core/str.h"
#include "sql/catalog.h"

#include <string.h>

const char *connector_table_option(const struct connector_table *t, const char *key) {
    for (int i = 0; i < t->n_options; i++) {
        if (strcmp(t->options[i].key, key) == 0) return t->options[i].value;
    }
    return NULL;
}

static cJSON *ints_to_json(const int *v, int n) {
    cJSON *a = cJSON_CreateArray();
    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(a, cJSON_CreateNumber(v[i]));
    return a;
}

cJSON *connector_table_to_json(const struct connector_table *t) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "name", t->name);
    json_set(j, "schema", schema_to_json(t->schema));
    if (t->metadata) {
        cJSON *m = cJSON_CreateArray();
        for (int i = 0; i < t->schema->n; i++) {
            cJSON_AddItemToArray(m, t->metadata[i] ? cJSON_CreateString(t->metadata[i])
                                                   : cJSON_CreateNull());
        }
        json_set(j, "metadata", m);
    }
    if (t->n_projection >= 0)
        json_set(j, "projection", ints_to_json(t->projection, t->n_projection));
    cJSON *o = cJSON_CreateObject();
    for (int i = 0; i < t->n_options; i++)
        json_set_str(o, t->options[i].key, t->options[i].value);
    json_set(j, "options", o);
    if (t->n_primary_key) json_set(j, "primaryKey", ints_to_json(t->primary_key, t->n_primary_key));
    if (t->n_partition_keys)
        json_set(j, "partitionKeys", ints_to_json(t->partition_keys, t->n_partition_keys));
    if (t->sink_mode) json_set_i64(j, "sinkMode", t->sink_mode);
    if (t->dead_letter) json_set(j, "deadLetter", schema_to_json(t->dead_letter));
    if (t->batch_mode) json_set_bool(j, "batch", true);
    if (t->zone) json_set_str(j, "zone", t->zone);
    return j;
}

/* Optional array of column numbers below limit. *ret_n is n_absent where there is none. */
static int ints_from_json(struct arena *a, const cJSON *j, const char *key, int limit, int n_absent,
                          const int **ret, int *ret_n, struct err *err) {
    const cJSON *arr = json_opt(j, key);
    *ret = NULL;
    *ret_n = n_absent;
    if (!arr) return 0;
    if (!cJSON_IsArray(arr)) return err_set(err, ERR_INVALID, "field '%s' must be an array", key);
    int n = cJSON_GetArraySize(arr), i = 0;
    int *v = ARENA_NEW_N(a, int, n + 1);
    const cJSON *e;
    cJSON_ArrayForEach(e, arr) {
        if (!cJSON_IsNumber(e) || e->valueint < 0 || e->valueint >= limit)
            return err_set(err, ERR_INVALID, "field '%s' must hold column numbers below %d", key,
                           limit);
        v[i++] = e->valueint;
    }
    *ret = v;
    *ret_n = n;
    return 0;
}

static int metadata_from_json(struct arena *a, const cJSON *j, struct connector_table *t,
                              struct err *err) {
    const cJSON *arr = json_opt(j, "metadata");
    if (!arr) return 0;
    if (!cJSON_IsArray(arr) || cJSON_GetArraySize(arr) != t->schema->n)
        return err_set(err, ERR_INVALID, "field 'metadata' must have one entry per column");
    const char **m = ARENA_NEW_N(a, const char *, t->schema->n + 1);
    int i = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, arr) {
        m[i++] = cJSON_IsString(e) ? arena_strdup(a, e->valuestring) : NULL;
    }
    t->metadata = m;
    return 0;
}

static int options_from_json(struct arena *a, const cJSON *j, struct connector_table *t,
                             struct err *err) {
    const cJSON *obj;
    int rc = json_get_object(j, "options", &obj, err);
    if (rc) return rc;
    int n = 0;
    struct table_option *opts = ARENA_NEW_N(a, struct table_option, cJSON_GetArraySize(obj) + 1);
    const cJSON *e;
    cJSON_ArrayForEach(e, obj) {
        if (!cJSON_IsString(e))
            return err_set(err, ERR_INVALID, "field 'options.%s' must be a string", e->string);
        opts[n++] =
            (struct table_option){arena_strdup(a, e->string), arena_strdup(a, e->valuestring)};
    }
    t->options = opts;
    t->n_options = n;
    return 0;
}

int connector_table_from_json(struct arena *a, const cJSON *j, struct connector_table *ret,
                              struct err *err) {
    struct connector_table t = {0};
    const char *name;
    int rc = json_get_str(j, "name", &name, err);
    if (!rc) rc = schema_from_json(a, json_opt(j, "schema"), &t.schema, err);
    if (!rc) rc = metadata_from_json(a, j, &t, err);
    if (!rc) rc = options_from_json(a, j, &t, err);
    if (rc) return err_wrap(err, "table");
    int n = t.schema->n;
    rc = ints_from_json(a, j, "projection", n, -1, &t.projection, &t.n_projection, err);
    if (!rc) rc = ints_from_json(a, j, "primaryKey", n, 0, &t.primary_key, &t.n_primary_key, err);
    if (!rc) {
        rc = ints_from_json(a, j, "partitionKeys", n, 0, &t.partition_keys, &t.n_partition_keys,
                            err);
    }
    const cJSON *dead = json_opt(j, "deadLetter");
    if (!rc && dead) rc = schema_from_json(a, dead, &t.dead_letter, err);
    if (rc) return connector_err_wrap(err, name);
    t.name = arena_strdup(a, name);
    t.sink_mode = (enum changelog_mode)json_opt_i64(j, "sinkMode", 0);
    t.batch_mode = json_opt_bool(j, "batch", false);
    t.zone = arena_strdup(a, json_opt_str(j, "zone", NULL));
    *ret = t;
    return 0;
}

int connector_err_wrap(struct err *err, const char *table) {
    AUTO_STR prefix = STR_INIT;
    str_addf(&prefix, "table '%s'", table);
    size_t n = prefix.len;
    if (!strncmp(err->msg, str_text(&prefix), n) && strchr(": ", err->msg[n])) return err->code;
    return err_wrap(err, "%s", str_text(&prefix));
}
