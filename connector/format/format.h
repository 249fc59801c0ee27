/* format.h - bytes to columns and back. A decoder appends rows to column builders, one per
 * produced column; an encoder appends bytes for rows of a batch. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_FORMAT_H
#define PENSTOCK_CONNECTOR_FORMAT_FORMAT_H

#include "sql/catalog.h"

struct decoder;
struct encoder;
struct eval_env;

/* Where rows go: builders in the order of the produced schema. */
struct row_sink {
    int32_t n_cols;
    struct col_builder *cols;
    uint32_t n_rows;       /* appended so far */
    uint32_t max_rows;     /* stop there; the last record's rows may go beyond */
    struct buffer *borrow; /* the input's memory, kept alive by string columns that view into it;
                              NULL: strings must be copied */
    struct col_builder
        *kinds; /* changelog formats: TINYINT row kinds; NULL for insert-only formats */
};

struct format_ctx {
    const struct schema *schema; /* the table's columns in declared order */
    const int *produced; /* decoder: columns wanted, in row_sink's order; encoder: columns to
                            write, which are the batch's columns in this order */
    int n_produced;
    const struct connector_table *table; /* options '<format>.x' */
    const struct eval_env *env;
    const char *const *metadata; /* per column of schema: the format's metadata key, or NULL; the
                                    array itself may be NULL */
};

/* A record that the format can't read: decided by its own options (fail or skip). */
struct record_error {
    uint64_t offset; /* of the record in the block */
    uint64_t length;
    uint64_t record; /* number of the record in the block, from 0 */
    uint64_t line;   /* lines before it in the block */
    struct err err;
};

struct decoder_ops {
    /* Decodes whole records from data[0..len) until max_rows or no whole record is left; at_end: a
     * last record without terminator is whole. *ret_consumed: bytes used. *ret_lines: line breaks
     * within them. A bad record: with skipping on, calls on_bad and goes on (its rows are rolled
     * back); else returns ERR_RECORD with *ret_bad filled. */
    int (*decode)(struct decoder *d, const char *data, size_t len, bool at_end,
                  struct row_sink *out, size_t *ret_consumed, uint64_t *ret_lines,
                  struct record_error *ret_bad, struct err *err);
    /* One message that is one record (Kafka): appends 0 or more rows. */
    int (*decode_message)(struct decoder *d, const char *data, size_t len, struct row_sink *out,
                          struct err *err);
    void (*free)(struct decoder *d);
};

struct decoder {
    const struct decoder_ops *ops;
    bool at_file_start; /* set by the caller: the next decode begins at a file's first byte; cleared
                           by the decoder */
    bool skip_bad;      /* set by the caller: report through on_bad and go on */
    void *bad_self;
    void (*on_bad)(void *bad_self, const struct record_error *bad, struct sv raw);
};

struct encoder_ops {
    /* Appends rows [from, from + n) of b, each with the format's record terminator. */
    int (*encode)(struct encoder *e, const struct batch *b, uint32_t from, uint32_t n,
                  struct str *out, struct err *err);
    /* One row without terminator (Kafka). */
    int (*encode_message)(struct encoder *e, const struct batch *b, uint32_t row, struct str *out,
                          struct err *err);
    void (*free)(struct encoder *e);
};

struct encoder {
    const struct encoder_ops *ops;
};

/* One per format: `const struct format_desc format_<name>`, one line in format_list.def. */
struct format_desc {
    const char *name, *doc;
    struct opt_table options; /* without the 'name.' prefix */
    enum changelog_mode source_mode, sink_mode;
    int (*check)(const struct format_ctx *ctx, struct err *err);
    int (*decoder_new)(const struct format_ctx *ctx, struct decoder **ret, struct err *err);
    int (*encoder_new)(const struct format_ctx *ctx, struct encoder **ret, struct err *err);
    const struct metadata_key *metadata; /* that it reads; ended by a NULL key; may be NULL */
    const char *file_suffix;             /* ".json" */
    bool by_name; /* finds the fields of a ROW by name: a table may declare some of them */
    /* Whether a record ends at every line break, so that a file can be read from any of them.
     * NULL: yes. */
    bool (*splittable)(const struct format_ctx *ctx);
};

const struct format_desc *format_find(const char *name);
const struct format_desc *const *format_all(size_t *ret_n);
/* By the table's option 'format'; ERR_VALIDATION if it is missing or unknown. */
int format_of_table(const struct connector_table *t, const struct format_desc **ret,
                    struct err *err) ATTR_MUST_USE;
/* Fills dst from the table's '<name>.*' options; ERR_VALIDATION for unknown ones, with the nearest.
 */
int format_options(const struct format_desc *f, const struct connector_table *t,
                   struct arena *arena, void *dst, struct err *err) ATTR_MUST_USE;

#endif
