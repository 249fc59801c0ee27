/* control.c - frames of the control protocol. */
#include "base/proto/control.h"

#include <string.h>

void control_hide_nul(struct sv s, struct str *out) {
    const char *nul;
    while (s.len && (nul = memchr(s.ptr, 0, s.len))) {
        size_t n = (size_t)(nul - s.ptr);
        str_add_n(out, s.ptr, n);
        str_add(out, CONTROL_NUL);
        s = (struct sv){nul + 1, s.len - n - 1};
    }
    str_add_sv(out, s);
}

void control_show_nul(const char *text, struct sv nul, struct str *out) {
    const char *at;
    while ((at = strstr(text, CONTROL_NUL))) {
        str_add_n(out, text, (size_t)(at - text));
        str_add_sv(out, nul);
        text = at + strlen(CONTROL_NUL);
    }
    str_add(out, text);
}

cJSON *control_new(const char *type) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "t", type);
    return j;
}

int control_parse(const void *data, size_t len, cJSON **ret_json, const char **ret_type,
                  struct err *err) {
    cJSON *j = NULL;
    int rc = json_parse(data, len, &j, err);
    if (!rc) rc = json_get_str(j, "t", ret_type, err);
    if (rc) {
        cJSON_Delete(j);
        return err_wrap(err, "control frame");
    }
    *ret_json = j;
    return 0;
}

cJSON *control_error_to_json(const struct err *e, const char *stage) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "code", err_code_name(e->code));
    json_set_str(j, "class", err_class_name(e->cls));
    json_set_str(j, "stage", stage);
    if (e->line) {
        json_set_i64(j, "line", e->line);
        json_set_i64(j, "column", e->column);
    }
    json_set_str(j, "message", e->msg);
    return j;
}

void control_error_from_json(const cJSON *j, struct err *ret_err, const char **ret_stage) {
    err_clear(ret_err);
    err_set_at(ret_err, err_code_parse(json_opt_str(j, "code", "INTERNAL")),
               (int)json_opt_i64(j, "line", 0), (int)json_opt_i64(j, "column", 0), "%s",
               json_opt_str(j, "message", "no message"));
    if (ret_stage) *ret_stage = json_opt_str(j, "stage", "runtime");
}
