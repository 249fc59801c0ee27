/* schema.c - values checked against the OpenAPI v3 subset that CRDs use: type, properties,
 * required, additionalProperties, items, enum, minimum, maximum, minLength, maxLength,
 * pattern (what POSIX and RE2 have in common), x-kubernetes-int-or-string,
 * x-kubernetes-preserve-unknown-fields. */
#include "base/proto/manifest.h"

#include <regex.h>
#include <string.h>

static const char *schema_type(const struct ynode *s) {
    const struct ynode *t = ynode_get(s, "type");
    return t ? t->text : "object";
}

static int wrong_type(const struct ynode *v, const char *path, const char *want, struct err *err) {
    if (v->kind <= YNODE_STRING && v->text)
        return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                          "field '%s' must be %s, not %s ('%s')", path, want,
                          ynode_kind_name(v->kind), v->text);
    return err_set_at(err, ERR_VALIDATION, v->line, v->column, "field '%s' must be %s, not %s",
                      path, want, ynode_kind_name(v->kind));
}

static int check_enum(const struct ynode *schema, const struct ynode *v, const char *path,
                      struct err *err) {
    const struct ynode *list = ynode_get(schema, "enum");
    if (!list) return 0;
    AUTO_STR all = STR_INIT;
    const char *words[32];
    size_t n = 0;
    for (int i = 0; i < list->n; i++) {
        if (!strcmp(list->items[i]->text, v->text)) return 0;
        str_addf(&all, "%s%s", i ? ", " : "", list->items[i]->text);
        if (n < ARRAY_LEN(words)) words[n++] = list->items[i]->text;
    }
    const char *near = str_nearest(v->text, words, n);
    return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                      "field '%s' is '%s', but must be one of: %s%s%s%s", path, v->text,
                      str_text(&all), near ? "; did you mean '" : "", near ? near : "",
                      near ? "'?" : "");
}

static int check_range(const struct ynode *schema, const struct ynode *v, double x,
                       const char *path, const char *what, const char *min_key, const char *max_key,
                       struct err *err) {
    const struct ynode *min = ynode_get(schema, min_key), *max = ynode_get(schema, max_key);
    if (min && x < min->f)
        return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                          "field '%s': %s %.15g is less than the minimum %.15g", path, what, x,
                          min->f);
    if (max && x > max->f)
        return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                          "field '%s': %s %.15g is more than the maximum %.15g", path, what, x,
                          max->f);
    return 0;
}

static int check_pattern(const struct ynode *schema, const struct ynode *v, const char *path,
                         struct err *err) {
    const struct ynode *p = ynode_get(schema, "pattern");
    if (!p) return 0;
    regex_t re;
    CHECKF(!regcomp(&re, p->text, REG_EXTENDED | REG_NOSUB), "pattern %s", p->text);
    bool matches = !regexec(&re, v->text, 0, NULL, 0);
    regfree(&re);
    if (matches) return 0;
    return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                      "field '%s' is '%s', but must match %s", path, v->text, p->text);
}

static int check_scalar(const struct ynode *schema, const struct ynode *v, const char *path,
                        cJSON **ret, struct err *err) {
    const char *type = schema_type(schema);
    int rc = 0;
    if (!strcmp(type, "string")) {
        if (v->kind != YNODE_STRING) {
            if (v->kind == YNODE_SEQ || v->kind == YNODE_MAP || v->kind == YNODE_NULL)
                return wrong_type(v, path, "a string", err);
            return err_set_at(err, ERR_VALIDATION, v->line, v->column,
                              "field '%s' must be a string, not %s: put %s in quotes", path,
                              ynode_kind_name(v->kind), v->text);
        }
        rc = check_enum(schema, v, path, err);
        if (!rc)
            rc = check_range(schema, v, (double)strlen(v->text), path, "a length of", "minLength",
                             "maxLength", err);
        if (!rc) rc = check_pattern(schema, v, path, err);
        if (!rc) *ret = cJSON_CreateString(v->text);
    } else if (!strcmp(type, "integer")) {
        if (v->kind != YNODE_INT) return wrong_type(v, path, "an integer", err);
        rc = check_range(schema, v, (double)v->i, path, "the value", "minimum", "maximum", err);
        if (!rc) *ret = json_i64(v->i);
    } else if (!strcmp(type, "number")) {
        if (v->kind != YNODE_INT && v->kind != YNODE_FLOAT)
            return wrong_type(v, path, "a number", err);
        rc = check_range(schema, v, v->f, path, "the value", "minimum", "maximum", err);
        if (!rc) *ret = cJSON_CreateNumber(v->f);
    } else if (!strcmp(type, "boolean")) {
        if (v->kind != YNODE_BOOL) return wrong_type(v, path, "true or false", err);
        *ret = cJSON_CreateBool(v->i != 0);
    } else {
        UNREACHABLE("schema type %s", type);
    }
    return rc;
}

static int unknown_field(const struct ynode *props, const struct ynode *key, const char *path,
                         struct err *err) {
    AUTO_STR all = STR_INIT;
    const char *words[64];
    size_t n = 0;
    for (int i = 0; props && i < props->n; i++) {
        str_addf(&all, "%s%s", i ? ", " : "", props->keys[i]->text);
        if (n < ARRAY_LEN(words)) words[n++] = props->keys[i]->text;
    }
    const char *near = str_nearest(key->text, words, n);
    if (near)
        return err_set_at(err, ERR_VALIDATION, key->line, key->column,
                          "unknown field '%s' in '%s'; did you mean '%s'?", key->text, path, near);
    return err_set_at(err, ERR_VALIDATION, key->line, key->column,
                      "unknown field '%s' in '%s'; known fields: %s", key->text, path,
                      str_text(&all));
}

static int fill_defaults(struct arena *a, const struct ynode *props, const char *path, cJSON *obj,
                         struct err *err) {
    for (int i = 0; props && i < props->n; i++) {
        const char *name = props->keys[i]->text;
        const struct ynode *dflt = ynode_get(props->items[i], "default");
        if (!dflt || cJSON_GetObjectItemCaseSensitive(obj, name)) continue;
        cJSON *v = NULL;
        int rc =
            schema_check(a, props->items[i], dflt, arena_printf(a, "%s.%s", path, name), &v, err);
        if (rc) return rc;
        json_set(obj, name, v);
    }
    return 0;
}

static int check_object(struct arena *a, const struct ynode *schema, const struct ynode *v,
                        const char *path, cJSON **ret, struct err *err) {
    if (v->kind != YNODE_MAP) return wrong_type(v, path, "a mapping", err);
    const struct ynode *props = ynode_get(schema, "properties");
    const struct ynode *more = ynode_get(schema, "additionalProperties");
    if (!props && !more) { /* metadata: the API server's business */
        *ret = ynode_to_json(v);
        return 0;
    }
    AUTO_JSON *obj = cJSON_CreateObject();
    for (int i = 0; i < v->n; i++) {
        const struct ynode *key = v->keys[i];
        const struct ynode *sub = ynode_get(props, key->text);
        if (!sub) sub = more;
        if (!sub) return unknown_field(props, key, path, err);
        cJSON *item = NULL;
        const char *sub_path = arena_printf(a, "%s.%s", path, key->text);
        int rc = schema_check(a, sub, v->items[i], sub_path, &item, err);
        if (rc) return rc;
        json_set(obj, key->text, item);
    }
    const struct ynode *required = ynode_get(schema, "required");
    for (int i = 0; required && i < required->n; i++)
        if (!ynode_get(v, required->items[i]->text))
            return err_set_at(err, ERR_VALIDATION, v->line, v->column, "field '%s.%s' is missing",
                              path, required->items[i]->text);
    int rc = fill_defaults(a, props, path, obj, err);
    if (rc) return rc;
    *ret = obj;
    obj = NULL;
    return 0;
}

static int check_array(struct arena *a, const struct ynode *schema, const struct ynode *v,
                       const char *path, cJSON **ret, struct err *err) {
    if (v->kind != YNODE_SEQ) return wrong_type(v, path, "a sequence", err);
    const struct ynode *items = ynode_get(schema, "items");
    AUTO_JSON *arr = cJSON_CreateArray();
    for (int i = 0; i < v->n; i++) {
        cJSON *item = NULL;
        int rc =
            schema_check(a, items, v->items[i], arena_printf(a, "%s[%d]", path, i), &item, err);
        if (rc) return rc;
        cJSON_AddItemToArray(arr, item);
    }
    *ret = arr;
    arr = NULL;
    return 0;
}

static bool says(const struct ynode *schema, const char *key) {
    const struct ynode *v = ynode_get(schema, key);
    return v && v->kind == YNODE_BOOL && v->i;
}

/* Quantities: 2, 500m, 1Gi. */
static int check_int_or_string(const struct ynode *v, const char *path, cJSON **ret,
                               struct err *err) {
    if (v->kind != YNODE_INT && v->kind != YNODE_STRING)
        return wrong_type(v, path, "an integer or a string", err);
    *ret = v->kind == YNODE_INT ? json_i64(v->i) : cJSON_CreateString(v->text);
    return 0;
}

int schema_check(struct arena *a, const struct ynode *schema, const struct ynode *value,
                 const char *path, cJSON **ret, struct err *err) {
    if (says(schema, "x-kubernetes-int-or-string"))
        return check_int_or_string(value, path, ret, err);
    const char *type = schema_type(schema);
    if (!strcmp(type, "object")) return check_object(a, schema, value, path, ret, err);
    if (!strcmp(type, "array")) return check_array(a, schema, value, path, ret, err);
    return check_scalar(schema, value, path, ret, err);
}
