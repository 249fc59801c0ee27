/* maxwell_json.c - the 'maxwell-json' format: changes as Maxwell's daemon writes them. */
#include "connector/format/change_json.h"

extern const struct format_desc format_maxwell_json;

static const struct opt_row maxwell_rows[] = {
    CHANGE_COMMON_ROWS,
};

static const struct change_dialect maxwell = {
    .desc = &format_maxwell_json,
    .title = "Maxwell",
    .new_key = "data",
    .old_key = "old",
    .op_key = "type",
    .old_is_partial = true,
    .ops = {{"insert", CHANGE_INSERT}, {"update", CHANGE_UPDATE}, {"delete", CHANGE_DELETE}},
    .metadata = {{"database", "database", NULL, 0, false},
                 {"table", "table", NULL, 0, false},
                 {"primary-key-columns", "primary_key_columns", NULL, 0, false},
                 {"ingestion-timestamp", "ts", NULL, 1000, false}},
};

static const struct metadata_key maxwell_metadata[] = {
    {"database", "STRING", false, "Originating database."},
    {"table", "STRING", false, "Originating table."},
    {"primary-key-columns", "ARRAY<STRING>", false, "Primary key columns."},
    {"ingestion-timestamp", "TIMESTAMP_LTZ(3)", false, "When the connector processed the event."},
    {NULL},
};

static int maxwell_check(const struct format_ctx *ctx, struct err *err) {
    return change_check(&maxwell, ctx, err);
}
static int maxwell_decoder(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    return change_decoder_new(&maxwell, ctx, ret, err);
}
static int maxwell_encoder(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    return change_encoder_new(&maxwell, ctx, ret, err);
}

const struct format_desc format_maxwell_json = {
    .name = "maxwell-json",
    .doc = "Changes of a database table as Maxwell's daemon writes them.",
    .options = {maxwell_rows, ARRAY_LEN(maxwell_rows)},
    .source_mode = CHANGELOG_ALL,
    .sink_mode = CHANGELOG_ALL,
    .check = maxwell_check,
    .decoder_new = maxwell_decoder,
    .encoder_new = maxwell_encoder,
    .metadata = maxwell_metadata,
    .file_suffix = ".json",
    .by_name = true,
};
