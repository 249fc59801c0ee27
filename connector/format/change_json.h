/* change_json.h - what tells the JSON dialects of change data capture apart; change_json.c reads
 * and writes all of them. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_CHANGE_JSON_H
#define PENSTOCK_CONNECTOR_FORMAT_CHANGE_JSON_H

#include "connector/format/json_write.h"

enum { CHANGE_OPS_MAX = 6, CHANGE_METADATA_MAX = 8, CHANGE_FIELDS_MAX = 16 };

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_NOTHING };

/* Where a metadata column comes from. */
struct change_metadata {
    const char *key;
    const char *field, *inner; /* of the message; within it, or NULL */
    int64_t to_ms;             /* a TIMESTAMP_LTZ(3): ms in one unit of the number; else 0 */
    bool in_root;              /* beside the payload, where there is one */
};

struct change_dialect {
    const struct format_desc *desc;
    const char *title;   /* "Debezium" */
    const char *new_key; /* the row after the change: "after", "data" */
    const char *old_key; /* before it: "before", "old" */
    const char *op_key;
    bool old_is_partial;    /* old_key has the changed fields only */
    bool null_is_unchanged; /* and null there means unchanged as well */
    bool in_arrays;         /* several rows a message */
    struct {
        const char *text;
        enum change_op op;
    } ops[CHANGE_OPS_MAX];
    struct change_metadata metadata[CHANGE_METADATA_MAX];
};

/* All options of all dialects; each dialect's table has its own rows. */
struct change_options {
    bool ignore_errors, plain_decimal, skip_null_fields, schema_include;
    int time, null_key;
    const char *null_key_literal, *database, *table;
};

/* Rows that every dialect has. */
#define CHANGE_COMMON_ROWS                                                                         \
    {"ignore-parse-errors",                                                                        \
     OPT_BOOL,                                                                                     \
     "false",                                                                                      \
     0,                                                                                            \
     0,                                                                                            \
     offsetof(struct change_options, ignore_errors),                                               \
     "Fields that can't be read become NULL, records that can't are skipped."},                    \
        {"timestamp-format.standard",                                                              \
         OPT_ENUM,                                                                                 \
         "SQL",                                                                                    \
         0,                                                                                        \
         0,                                                                                        \
         offsetof(struct change_options, time),                                                    \
         "SQL: '2020-12-30 12:13:14.123'; ISO-8601: '2020-12-30T12:13:14.123'.",                   \
         0,                                                                                        \
         change_time_choices},                                                                     \
        {"map-null-key.mode",                                                                      \
         OPT_ENUM,                                                                                 \
         "FAIL",                                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         offsetof(struct change_options, null_key),                                                \
         "What to do with a MAP's NULL key when writing.",                                         \
         0,                                                                                        \
         change_null_key_choices},                                                                 \
        {"map-null-key.literal",                                                                   \
         OPT_STRING,                                                                               \
         "null",                                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         offsetof(struct change_options, null_key_literal),                                        \
         "The key written for NULL with mode LITERAL."},                                           \
        {"encode.decimal-as-plain-number",                                                         \
         OPT_BOOL,                                                                                 \
         "false",                                                                                  \
         0,                                                                                        \
         0,                                                                                        \
         offsetof(struct change_options, plain_decimal),                                           \
         "Writes DECIMALs as 27800 rather than 2.78E+4."},                                         \
    {                                                                                              \
        "encode.ignore-null-fields", OPT_BOOL, "false", 0, 0,                                      \
            offsetof(struct change_options, skip_null_fields),                                     \
            "Leaves NULL fields out when writing."                                                 \
    }
extern const char *const change_time_choices[], *const change_null_key_choices[];

int change_check(const struct change_dialect *d, const struct format_ctx *ctx, struct err *err);
int change_decoder_new(const struct change_dialect *d, const struct format_ctx *ctx,
                       struct decoder **ret, struct err *err);
int change_encoder_new(const struct change_dialect *d, const struct format_ctx *ctx,
                       struct encoder **ret, struct err *err);

#endif
