/* json.c - typed access to cJSON trees, strict parsing, and a printer. */
#include "base/core/json.h"

#include "base/core/json_check.h"
#include "base/core/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_EXACT_MAX 9007199254740992.0 /* 2^53: integers up to here are exact in a double */

void json_free_ptr(cJSON **j) {
    cJSON_Delete(*j);
}

int json_parse(const char *text, size_t len, cJSON **ret_json, struct err *err) {
    if (len > JSON_SIZE_MAX_BYTES) {
        return err_set(err, ERR_INVALID, "JSON of %zu bytes is larger than the limit of %d", len,
                       JSON_SIZE_MAX_BYTES);
    }
    int rc = json_check(text, len, err);
    if (rc) return rc;
    const char *end = NULL;
    cJSON *j = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!j) {
        return err_set(err, ERR_PARSE, "JSON: parser stopped at byte %zu",
                       end ? (size_t)(end - text) : 0);
    }
    *ret_json = j;
    return 0;
}

/* ---- printing ------------------------------------------------------------------------------ */

void json_quote(struct str *out, struct sv s) {
    static const char hex[] = "0123456789abcdef";
    str_reserve(out, s.len + 2);
    str_add_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            char esc[2] = {'\\', (char)c};
            str_add_n(out, esc, 2);
            i++;
        } else if (c < 0x20 || c == 0x7F) {
            const char *pos = c ? strchr("\bb\ff\nn\rr\tt", c) : NULL;
            if (pos && c < 0x20) {
                char esc[2] = {'\\', pos[1]};
                str_add_n(out, esc, 2);
            } else {
                char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
                str_add_n(out, esc, 6);
            }
            i++;
        } else {
            size_t n = utf8_char_len(s.ptr + i, s.len - i);
            if (n) {
                str_add_n(out, s.ptr + i, n);
                i += n;
            } else {
                str_add_utf8(out, 0xFFFD);
                i++;
            }
        }
    }
    str_add_char(out, '"');
}

static void print_number(struct str *out, double v) {
    if (!isfinite(v)) {
        str_add(out, "null");
    } else if (v == floor(v) && fabs(v) <= JSON_EXACT_MAX) {
        if (v == 0 && signbit(v)) str_add_char(out, '-');
        str_add_i64(out, (int64_t)v);
    } else {
        char buf[32];
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(buf, sizeof(buf), "%.*g", digits, v);
            if (strtod(buf, NULL) == v) break;
        }
        str_add(out, buf);
    }
}

static void print_break(struct str *out, int depth) {
    str_add_char(out, '\n');
    for (int i = 0; i < depth; i++)
        str_add_n(out, "  ", 2);
}

/* depth < 0: compact. */
static void print_value(const cJSON *j, struct str *out, int depth) {
    if (!j || cJSON_IsNull(j) || cJSON_IsInvalid(j)) {
        str_add(out, "null");
    } else if (cJSON_IsBool(j)) {
        str_add(out, cJSON_IsTrue(j) ? "true" : "false");
    } else if (cJSON_IsNumber(j)) {
        print_number(out, j->valuedouble);
    } else if (cJSON_IsString(j)) {
        json_quote(out, sv_from(j->valuestring));
    } else if (cJSON_IsRaw(j)) {
        str_add(out, j->valuestring ? j->valuestring : "null");
    } else {
        bool object = cJSON_IsObject(j);
        str_add_char(out, object ? '{' : '[');
        int inner = depth < 0 ? depth : depth + 1;
        for (const cJSON *c = j->child; c; c = c->next) {
            if (depth >= 0) print_break(out, inner);
            if (object) {
                json_quote(out, sv_from(c->string));
                str_add(out, depth < 0 ? ":" : ": ");
            }
            print_value(c, out, inner);
            if (c->next) str_add_char(out, ',');
        }
        if (depth >= 0 && j->child) print_break(out, depth);
        str_add_char(out, object ? '}' : ']');
    }
}

void json_print(const cJSON *j, struct str *out) {
    print_value(j, out, -1);
}

void json_print_pretty(const cJSON *j, struct str *out) {
    print_value(j, out, 0);
}

/* ---- reading ------------------------------------------------------------------------------- */

static const cJSON *member(const cJSON *obj, const char *key) {
    return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;
}

static int required(const cJSON *obj, const char *key, const cJSON **ret, struct err *err) {
    if (!cJSON_IsObject(obj))
        return err_set(err, ERR_INVALID, "field '%s' is wanted from what is no object", key);
    *ret = member(obj, key);
    return *ret ? 0 : err_set(err, ERR_INVALID, "field '%s' is missing", key);
}

static int wrong_type(const char *key, const char *expected, struct err *err) {
    return err_set(err, ERR_INVALID, "field '%s' must be %s", key, expected);
}

int json_get_str(const cJSON *obj, const char *key, const char **ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!cJSON_IsString(j)) return wrong_type(key, "a string", err);
    *ret = j->valuestring;
    return 0;
}

/* 1 if j is an integer within [INT64_MIN, UINT64_MAX], as sign and magnitude. */
static bool as_integer(const cJSON *j, bool *ret_negative, uint64_t *ret_magnitude) {
    if (cJSON_IsNumber(j)) {
        double v = j->valuedouble;
        if (!(fabs(v) <= JSON_EXACT_MAX) || v != floor(v)) return false;
        *ret_negative = v < 0;
        *ret_magnitude = (uint64_t)fabs(v);
        return true;
    }
    if (!cJSON_IsString(j)) return false;
    const char *s = j->valuestring;
    *ret_negative = *s == '-';
    if (*s == '-') s++;
    if (*s < '0' || *s > '9') return false;
    char *end;
    errno = 0;
    *ret_magnitude = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool as_i64(const cJSON *j, int64_t *ret) {
    bool negative;
    uint64_t magnitude;
    if (!as_integer(j, &negative, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *ret = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

int json_get_i64(const cJSON *obj, const char *key, int64_t *ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    return as_i64(j, ret) ? 0 : wrong_type(key, "a 64-bit integer (as a string beyond 2^53)", err);
}

int json_get_u64(const cJSON *obj, const char *key, uint64_t *ret, struct err *err) {
    const cJSON *j;
    bool negative;
    uint64_t magnitude;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!as_integer(j, &negative, &magnitude) || (negative && magnitude)) {
        return wrong_type(key, "an unsigned 64-bit integer (as a string beyond 2^53)", err);
    }
    *ret = magnitude;
    return 0;
}

int json_get_int(const cJSON *obj, const char *key, int *ret, struct err *err) {
    int64_t v;
    int rc = json_get_i64(obj, key, &v, err);
    if (rc) return rc;
    if (v < INT32_MIN || v > INT32_MAX) return wrong_type(key, "a 32-bit integer", err);
    *ret = (int)v;
    return 0;
}

int json_get_bool(const cJSON *obj, const char *key, bool *ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!cJSON_IsBool(j)) return wrong_type(key, "true or false", err);
    *ret = cJSON_IsTrue(j);
    return 0;
}

int json_get_f64(const cJSON *obj, const char *key, double *ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!cJSON_IsNumber(j) || !isfinite(j->valuedouble)) return wrong_type(key, "a number", err);
    *ret = j->valuedouble;
    return 0;
}

int json_get_array(const cJSON *obj, const char *key, const cJSON **ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!cJSON_IsArray(j)) return wrong_type(key, "an array", err);
    *ret = j;
    return 0;
}

int json_get_object(const cJSON *obj, const char *key, const cJSON **ret, struct err *err) {
    const cJSON *j;
    int rc = required(obj, key, &j, err);
    if (rc) return rc;
    if (!cJSON_IsObject(j)) return wrong_type(key, "an object", err);
    *ret = j;
    return 0;
}

const char *json_opt_str(const cJSON *obj, const char *key, const char *dflt) {
    const cJSON *j = member(obj, key);
    return cJSON_IsString(j) ? j->valuestring : dflt;
}

int64_t json_opt_i64(const cJSON *obj, const char *key, int64_t dflt) {
    int64_t v;
    return as_i64(member(obj, key), &v) ? v : dflt;
}

bool json_opt_bool(const cJSON *obj, const char *key, bool dflt) {
    const cJSON *j = member(obj, key);
    return cJSON_IsBool(j) ? cJSON_IsTrue(j) : dflt;
}

double json_opt_f64(const cJSON *obj, const char *key, double dflt) {
    const cJSON *j = member(obj, key);
    return cJSON_IsNumber(j) && isfinite(j->valuedouble) ? j->valuedouble : dflt;
}

const cJSON *json_opt(const cJSON *obj, const char *key) {
    const cJSON *j = member(obj, key);
    return cJSON_IsNull(j) ? NULL : j;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* cJSON returns NULL only when it is out of memory. */
static cJSON *must(cJSON *j) {
    CHECKF(j, "out of memory in cJSON");
    return j;
}

void json_set(cJSON *obj, const char *key, cJSON *v) {
    must(v);
    bool ok = member(obj, key) ? cJSON_ReplaceItemInObjectCaseSensitive(obj, key, v)
                               : cJSON_AddItemToObject(obj, key, v);
    CHECKF(ok, "set member '%s'", key);
}

void json_set_str(cJSON *obj, const char *key, const char *v) {
    json_set(obj, key, v ? cJSON_CreateString(v) : cJSON_CreateNull());
}

cJSON *json_i64(int64_t v) {
    if (v >= -(int64_t)JSON_EXACT_MAX && v <= (int64_t)JSON_EXACT_MAX)
        return must(cJSON_CreateNumber((double)v));
    char buf[24];
    snprintf(buf, sizeof(buf), "%" PRId64, v);
    return must(cJSON_CreateString(buf));
}

cJSON *json_u64(uint64_t v) {
    if (v <= (uint64_t)JSON_EXACT_MAX) return must(cJSON_CreateNumber((double)v));
    char buf[24];
    snprintf(buf, sizeof(buf), "%" PRIu64, v);
    return must(cJSON_CreateString(buf));
}

void json_set_i64(cJSON *obj, const char *key, int64_t v) {
    json_set(obj, key, json_i64(v));
}

void json_set_u64(cJSON *obj, const char *key, uint64_t v) {
    json_set(obj, key, json_u64(v));
}

void json_set_bool(cJSON *obj, const char *key, bool v) {
    json_set(obj, key, cJSON_CreateBool(v));
}

void json_set_f64(cJSON *obj, const char *key, double v) {
    json_set(obj, key, isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull());
}
