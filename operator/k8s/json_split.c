/* json_split.c - see json_split.h. */
#include "operator/k8s/json_split.h"

#include <string.h>

void json_split_init(struct json_split *s, const struct json_split_ops *ops, void *self,
                     const char *elements, size_t value_max_bytes) {
    *s = (struct json_split){
        .ops = ops, .self = self, .elements = elements, .value_max_bytes = value_max_bytes};
}

void json_split_release(struct json_split *s) {
    str_release(&s->value);
}

void json_split_clear(struct json_split *s) {
    struct str value = s->value;
    json_split_init(s, s->ops, s->self, s->elements, s->value_max_bytes);
    str_clear(&value);
    s->value = value;
}

bool json_split_is_whole(const struct json_split *s) {
    return s->depth == 0;
}

static int gather(struct json_split *s, const char *from, const char *to, struct err *err) {
    size_t n = (size_t)(to - from);
    if (s->value.len + n > s->value_max_bytes)
        return err_set(err, ERR_BUDGET, "'%s' is larger than %zu bytes", s->key,
                       s->value_max_bytes);
    str_add_n(&s->value, from, n);
    return 0;
}

static int gathered(struct json_split *s, struct err *err) {
    s->capture_depth = 0;
    s->capture_string = false;
    int rc = s->ops->on_value(s->self, s->key, str_view(&s->value), err);
    str_clear(&s->value);
    return rc;
}

/* c opened something, and depth is the new one: is that what is to be gathered? */
static void opened(struct json_split *s, char c) {
    if (s->capture_depth) return;
    if (s->depth == 2 && s->after_colon) {
        if (c == '[' && s->elements && strcmp(s->key, s->elements) == 0) {
            s->in_elements = true;
        } else {
            s->capture_depth = 2;
        }
    } else if (s->depth == 3 && s->in_elements && c == '{') {
        s->capture_depth = 3;
    }
}

static int structural(struct json_split *s, char c, bool *ret_gathered, struct err *err) {
    *ret_gathered = false;
    switch (c) {
    case '{':
    case '[':
        if (s->depth == 0 && c == '[') return err_set(err, ERR_PROTOCOL, "not a JSON object");
        if (++s->depth > JSON_SPLIT_DEPTH_MAX)
            return err_set(err, ERR_PROTOCOL, "JSON nested deeper than %d", JSON_SPLIT_DEPTH_MAX);
        if (s->depth == 1) s->after_colon = s->in_elements = false;
        opened(s, c);
        return 0;
    case '}':
    case ']':
        if (s->depth-- == 0) return err_set(err, ERR_PROTOCOL, "unexpected '%c'", c);
        if (s->depth == 1) s->in_elements = false;
        *ret_gathered = s->capture_depth && s->depth == s->capture_depth - 1;
        return 0;
    case ':':
        if (s->depth == 1) s->after_colon = true;
        return 0;
    case ',':
        if (s->depth == 1) s->after_colon = false;
        return 0;
    default:
        if (s->depth == 0 && !strchr(" \t\r\n", c))
            return err_set(err, ERR_PROTOCOL, "not JSON: it has '%.1s' where an object begins", &c);
        return 0;
    }
}

static void string_begins(struct json_split *s) {
    s->in_string = true;
    if (s->depth != 1) return;
    if (s->after_colon) {
        s->capture_depth = 2;
        s->capture_string = true;
    } else {
        s->in_key = true;
        s->key_len = 0;
    }
}

/* Longer keys than JSON_SPLIT_KEY_MAX, and those with escapes, are none that anybody asks for. */
static void key_char(struct json_split *s, char c) {
    if (s->key_len <= JSON_SPLIT_KEY_MAX) s->key[s->key_len++] = c;
    s->key[s->key_len <= JSON_SPLIT_KEY_MAX ? s->key_len : 0] = 0;
}

/* One character inside a string. True: it is its last. */
static bool string_char(struct json_split *s, char c) {
    if (s->escaped) {
        s->escaped = false;
    } else if (c == '\\') {
        s->escaped = true;
    } else if (c == '"') {
        s->in_string = false;
        if (s->in_key && !s->key_len) s->key[0] = 0;
        s->in_key = false;
        return true;
    }
    if (s->in_key) key_char(s, c);
    return false;
}

int json_split_feed(struct json_split *s, const char *data, size_t len, struct err *err) {
    const char *end = data + len, *from = data; /* what is gathered begins in this piece */
    int rc = 0;
    for (const char *p = data; p < end; p++) {
        bool was = s->capture_depth != 0, done = false;
        if (s->in_string) {
            done = string_char(s, *p) && s->capture_string;
        } else if (*p == '"') {
            if (s->depth == 0) return err_set(err, ERR_PROTOCOL, "not a JSON object");
            string_begins(s);
        } else {
            rc = structural(s, *p, &done, err);
            if (rc) return rc;
            if (s->depth == 0 && *p == '}' && (rc = s->ops->on_end(s->self, err))) return rc;
        }
        if (!was && s->capture_depth) from = p;
        if (done) {
            if ((rc = gather(s, from, p + 1, err)) || (rc = gathered(s, err))) return rc;
        }
    }
    return s->capture_depth ? gather(s, from, end, err) : 0;
}

/* ---- whole objects --------------------------------------------------------------------------- */

static const char *skip_space(const char *p, const char *end) {
    while (p < end && strchr(" \t\r\n", *p) && *p)
        p++;
    return p;
}

/* Behind the string that begins at p; NULL if it doesn't end. */
static const char *skip_string(const char *p, const char *end) {
    for (p++; p < end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == '"') {
            return p + 1;
        }
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end) {
    if (p < end && *p == '"') return skip_string(p, end);
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            if (!(p = skip_string(p, end))) return NULL;
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if (*p == '}' || *p == ']') {
            if (depth == 0) return p; /* a number's end */
            if (--depth == 0) return p + 1;
        }
        if (*p == ',' && depth == 0) return p;
        p++;
    }
    return NULL;
}

bool json_split_member(struct sv object, const char *key, struct sv *ret) {
    const char *end = object.ptr + object.len, *p = skip_space(object.ptr, end);
    if (p == end || *p++ != '{') return false;
    while ((p = skip_space(p, end)) < end && *p == '"') {
        const char *name = p + 1;
        if (!(p = skip_string(p, end))) return false;
        struct sv found = {name, (size_t)(p - 1 - name)};
        p = skip_space(p, end);
        if (p == end || *p++ != ':') return false;
        const char *value = skip_space(p, end);
        if (!(p = skip_value(value, end))) return false;
        if (sv_eq_str(found, key)) {
            *ret = sv_trim((struct sv){value, (size_t)(p - value)});
            return true;
        }
        p = skip_space(p, end);
        if (p == end || *p++ != ',') return false;
    }
    return false;
}

struct sv json_split_text(struct sv object, const char *key, const char *subkey) {
    struct sv v;
    if (!json_split_member(object, key, &v)) return (struct sv){0};
    if (subkey && !json_split_member(v, subkey, &v)) return (struct sv){0};
    if (v.len < 2 || v.ptr[0] != '"') return (struct sv){0};
    return (struct sv){v.ptr + 1, v.len - 2};
}
