/* canal_json.c - the 'canal-json' format: changes as Alibaba Canal writes them. */
#include "connector/format/change_json.h"

extern const struct format_desc format_canal_json;

static const struct opt_row canal_rows[] = {
    CHANGE_COMMON_ROWS,
    {"database.include", OPT_STRING, NULL, 0, 0, offsetof(struct change_options, database),
     "Regular expression: read only messages whose database matches."},
    {"table.include", OPT_STRING, NULL, 0, 0, offsetof(struct change_options, table),
     "Regular expression: read only messages whose table matches."},
};

static const struct change_dialect canal = {
    .desc = &format_canal_json,
    .title = "Canal",
    .new_key = "data",
    .old_key = "old",
    .op_key = "type",
    .old_is_partial = true,
    .null_is_unchanged = true,
    .in_arrays = true,
    .ops = {{"INSERT", CHANGE_INSERT},
            {"UPDATE", CHANGE_UPDATE},
            {"DELETE", CHANGE_DELETE},
            {"CREATE", CHANGE_NOTHING}},
    .metadata = {{"database", "database", NULL, 0, false},
                 {"table", "table", NULL, 0, false},
                 {"sql-type", "sqlType", NULL, 0, false},
                 {"pk-names", "pkNames", NULL, 0, false},
                 {"ingestion-timestamp", "ts", NULL, 1, false},
                 {"event-timestamp", "es", NULL, 1, false}},
};

static const struct metadata_key canal_metadata[] = {
    {"database", "STRING", false, "Originating database."},
    {"table", "STRING", false, "Originating table."},
    {"sql-type", "MAP<STRING, INT>", false, "SQL types of the columns."},
    {"pk-names", "ARRAY<STRING>", false, "Primary key columns."},
    {"ingestion-timestamp", "TIMESTAMP_LTZ(3)", false, "When the connector processed the event."},
    {"event-timestamp", "TIMESTAMP_LTZ(3)", false, "When the source system made the event."},
    {NULL},
};

static int canal_check(const struct format_ctx *ctx, struct err *err) {
    return change_check(&canal, ctx, err);
}
static int canal_decoder(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    return change_decoder_new(&canal, ctx, ret, err);
}
static int canal_encoder(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    return change_encoder_new(&canal, ctx, ret, err);
}

const struct format_desc format_canal_json = {
    .name = "canal-json",
    .doc = "Changes of a database table as Alibaba Canal writes them.",
    .options = {canal_rows, ARRAY_LEN(canal_rows)},
    .source_mode = CHANGELOG_ALL,
    .sink_mode = CHANGELOG_ALL,
    .check = canal_check,
    .decoder_new = canal_decoder,
    .encoder_new = canal_encoder,
    .metadata = canal_metadata,
    .file_suffix = ".json",
    .by_name = true,
};
