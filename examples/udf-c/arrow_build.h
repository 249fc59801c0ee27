/* arrow_build.h - making Arrow arrays to return, in as little as a function needs: each buffer is
 * malloced, release frees them. Copy it into a library of your own and change it as you like. */
#ifndef PENSTOCK_EXAMPLES_UDF_C_ARROW_BUILD_H
#define PENSTOCK_EXAMPLES_UDF_C_ARROW_BUILD_H

#include <penstock/udf.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline void array_release(struct ArrowArray *a) {
    for (int64_t i = 0; i < a->n_buffers; i++)
        free((void *)a->buffers[i]);
    for (int64_t i = 0; i < a->n_children; i++) {
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    free(a->buffers);
    free(a->children);
    a->release = NULL;
}

/* An array without buffers; buffers[0], the validity bitmap, stays NULL while nothing is NULL. */
static inline void array_init(struct ArrowArray *a, int64_t length, int n_buffers, int n_children) {
    memset(a, 0, sizeof *a);
    a->length = length;
    a->n_buffers = n_buffers;
    a->n_children = n_children;
    a->buffers = calloc((size_t)n_buffers + 1, sizeof *a->buffers);
    a->children = calloc((size_t)n_children + 1, sizeof *a->children);
    for (int i = 0; i < n_children; i++)
        a->children[i] = calloc(1, sizeof **a->children);
    a->release = array_release;
}

/* Fixed-width values; returns the buffer to fill in. */
static inline void *array_fixed(struct ArrowArray *a, int64_t length, size_t value_bytes) {
    array_init(a, length, 2, 0);
    void *values = calloc((size_t)length + 1, value_bytes);
    a->buffers[1] = values;
    return values;
}

static inline bool array_valid(const struct ArrowArray *a, int64_t i) {
    const uint8_t *bits = a->buffers[0];
    return !bits || (bits[i / 8] >> (i % 8) & 1);
}

static inline void array_set_null(struct ArrowArray *a, int64_t i) {
    if (!a->buffers[0]) {
        void *bits = malloc((size_t)a->length / 8 + 1);
        memset(bits, 0xFF, (size_t)a->length / 8 + 1);
        a->buffers[0] = bits;
    }
    ((uint8_t *)a->buffers[0])[i / 8] &= (uint8_t) ~(1u << (i % 8));
    a->null_count++;
}

/* String i of a "u" argument. */
static inline const char *array_string(const struct ArrowArray *a, int64_t i, size_t *ret_len) {
    const int32_t *offsets = a->buffers[1];
    *ret_len = (size_t)(offsets[i + 1] - offsets[i]);
    return (const char *)a->buffers[2] + offsets[i];
}

/* Strings (or bytes) that grow value by value. */
struct string_builder {
    int32_t *offsets;
    char *bytes;
    int64_t n, cap;
    size_t used, room;
};

static inline void strings_add(struct string_builder *b, const char *s, size_t len) {
    if (b->n + 2 > b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->offsets = realloc(b->offsets, (size_t)b->cap * sizeof *b->offsets);
    }
    if (b->used + len > b->room || !b->bytes) {
        b->room = (b->used + len) * 2 + 64;
        b->bytes = realloc(b->bytes, b->room);
    }
    if (len) memcpy(b->bytes + b->used, s, len);
    if (!b->n) b->offsets[0] = 0;
    b->used += len;
    b->offsets[++b->n] = (int32_t)b->used;
}

/* The array takes the builder's memory. */
static inline void strings_finish(struct string_builder *b, struct ArrowArray *ret) {
    array_init(ret, b->n, 3, 0);
    ret->buffers[1] = b->offsets ? b->offsets : calloc(1, sizeof *b->offsets);
    ret->buffers[2] = b->bytes ? b->bytes : calloc(1, 1);
    memset(b, 0, sizeof *b);
}

#endif
