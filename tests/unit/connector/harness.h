/* harness.h - tables, decoders and encoders for the connector tests. */
#ifndef PENSTOCK_TESTS_UNIT_CONNECTOR_HARNESS_H
#define PENSTOCK_TESTS_UNIT_CONNECTOR_HARNESS_H

#include "connector/connector.h"
#include "connector/format/format.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct harness {
    struct arena arena;
    struct connector_table table;
    struct eval_env env;
    int all[64];
};

/* row_type: "ROW<a INT, b STRING>"; options: "key", "value", ..., NULL. Borrowed strings must
 * outlive h. */
void harness_init(struct harness *h, const char *row_type, const char *const *options);
void harness_release(struct harness *h);

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct format_ctx harness_format_ctx(struct harness *h);
struct decoder *harness_decoder(struct harness *h, const char *format);

/* Decodes text and returns "+I(1, a)" lines in the arena; a failure appends "error: ...". Bad
 * records that are skipped append "bad line N: ...". batch: rows per call of decode. */
const char *harness_decode(struct harness *h, const char *format, const char *text, size_t len,
                           uint32_t batch);
/* Appends a batch's rows as such lines. */
void harness_print(const struct batch *b, struct str *out);
/* A batch of the table's columns read from JSON lines; kinds: "+I", "-U"... per row or NULL. */
struct batch *harness_batch(struct harness *h, const char *json_lines, const char *const *kinds);
/* The whole batch encoded. */
const char *harness_encode(struct harness *h, const char *format, const struct batch *b);

#endif
