/* json.h - small wrappers over cJSON: typed reads with errors that name the path, and a compact
 * printer. Trees are owned by whoever made them (cJSON_Delete; AUTO_JSON). 64-bit integers beyond
 * 2^53 travel as strings; json_get_i64 and json_get_u64 accept both. */
#ifndef PENSTOCK_BASE_CORE_JSON_H
#define PENSTOCK_BASE_CORE_JSON_H

#include "base/core/attr.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

void json_free_ptr(cJSON **j);
#define AUTO_JSON ATTR_CLEANUP(json_free_ptr) cJSON

enum { JSON_DEPTH_MAX = 200, JSON_SIZE_MAX_BYTES = 16 << 20 };

/* Whole input must be one JSON value by RFC 8259, without \u0000; the error has line and column. */
int json_parse(const char *text, size_t len, cJSON **ret_json, struct err *err) ATTR_MUST_USE;
void json_print(const cJSON *j, struct str *out);        /* compact, appended */
void json_print_pretty(const cJSON *j, struct str *out); /* two-space indent, appended */

/* Required members: ERR_INVALID "field 'x' is missing" / "... must be a string". */
int json_get_str(const cJSON *obj, const char *key, const char **ret,
                 struct err *err) ATTR_MUST_USE; /* borrows obj */
int json_get_i64(const cJSON *obj, const char *key, int64_t *ret, struct err *err) ATTR_MUST_USE;
int json_get_u64(const cJSON *obj, const char *key, uint64_t *ret, struct err *err) ATTR_MUST_USE;
int json_get_int(const cJSON *obj, const char *key, int *ret, struct err *err) ATTR_MUST_USE;
int json_get_bool(const cJSON *obj, const char *key, bool *ret, struct err *err) ATTR_MUST_USE;
int json_get_f64(const cJSON *obj, const char *key, double *ret, struct err *err) ATTR_MUST_USE;
int json_get_array(const cJSON *obj, const char *key, const cJSON **ret,
                   struct err *err) ATTR_MUST_USE;
int json_get_object(const cJSON *obj, const char *key, const cJSON **ret,
                    struct err *err) ATTR_MUST_USE;
/* Optional members: the default when absent or of another type. */
const char *json_opt_str(const cJSON *obj, const char *key, const char *dflt);
int64_t json_opt_i64(const cJSON *obj, const char *key, int64_t dflt);
bool json_opt_bool(const cJSON *obj, const char *key, bool dflt);
double json_opt_f64(const cJSON *obj, const char *key, double dflt);
const cJSON *json_opt(const cJSON *obj, const char *key); /* NULL if absent or null */

/* Writers, each replacing a member of that name; integers beyond 2^53 become strings, numbers that
 * aren't finite become null. */
void json_set_str(cJSON *obj, const char *key, const char *v); /* NULL sets null */
void json_set_i64(cJSON *obj, const char *key, int64_t v);
void json_set_u64(cJSON *obj, const char *key, uint64_t v);
void json_set_bool(cJSON *obj, const char *key, bool v);
void json_set_f64(cJSON *obj, const char *key, double v);
void json_set(cJSON *obj, const char *key, cJSON *v /* takes */);
cJSON *json_i64(int64_t v);
cJSON *json_u64(uint64_t v);

/* Appends s as a JSON string literal with quotes; bytes that are no UTF-8 become U+FFFD. */
void json_quote(struct str *out, struct sv s);

#endif
