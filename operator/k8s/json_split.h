/* json_split.h - private to operator/k8s: takes lists and watch streams apart as they arrive,
 * without holding more than one object. Pure; fuzzed. */
#ifndef PENSTOCK_OPERATOR_K8S_JSON_SPLIT_H
#define PENSTOCK_OPERATOR_K8S_JSON_SPLIT_H

#include "base/core/attr.h"
#include "base/core/err.h"
#include "base/core/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { JSON_SPLIT_DEPTH_MAX = 200, JSON_SPLIT_KEY_MAX = 31 };

struct json_split_ops {
    /* A member of a top-level object whose value is an object, an array or a string: its JSON text,
     * borrowed. Of the array member named `elements` each element that is an object, instead. Not
     * checked further: json_parse does. Non-zero (ERR_*) ends the feed with it, err set. */
    int (*on_value)(void *self, const char *key, struct sv value, struct err *err);
    /* A top-level object is whole. */
    int (*on_end)(void *self, struct err *err);
};

/* A stream of JSON objects, with white space between them. */
struct json_split {
    const struct json_split_ops *ops;
    void *self;
    const char *elements; /* NULL = none */
    size_t value_max_bytes;
    /* private */
    struct str value; /* the one being gathered */
    char key[JSON_SPLIT_KEY_MAX + 1];
    size_t key_len;
    int depth, capture_depth; /* capture_depth 0 = not gathering */
    bool in_string, escaped, in_key, after_colon, in_elements, capture_string;
};

void json_split_init(struct json_split *s, const struct json_split_ops *ops, void *self,
                     const char *elements, size_t value_max_bytes);
void json_split_release(struct json_split *s);
void json_split_clear(struct json_split *s); /* for another stream */
/* 0; ERR_PROTOCOL: no JSON; ERR_BUDGET: a value is larger than value_max_bytes; or what a callback
 * said. After an error only clear and release may follow. */
int json_split_feed(struct json_split *s, const char *data, size_t len,
                    struct err *err) ATTR_MUST_USE;
/* Is the stream at a place where it may end? */
bool json_split_is_whole(const struct json_split *s);

/* The text of a member of a whole object, found without parsing the rest; false if there is none. A
 * string comes with its quotes. */
bool json_split_member(struct sv object, const char *key, struct sv *ret);
/* The same for a string without escapes, by a path of two: metadata.resourceVersion. Empty if there
 * is none. */
struct sv json_split_text(struct sv object, const char *key, const char *subkey);

#endif
