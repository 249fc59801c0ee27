/* ogg_json.c - the 'ogg-json' format: changes as Oracle GoldenGate writes them. */
#include "connector/format/change_json.h"

extern const struct format_desc format_ogg_json;

static const struct opt_row ogg_rows[] = {
    CHANGE_COMMON_ROWS,
};

static const struct change_dialect ogg = {
    .desc = &format_ogg_json,
    .title = "Ogg",
    .new_key = "after",
    .old_key = "before",
    .op_key = "op_type",
    .ops = {{"I", CHANGE_INSERT}, {"U", CHANGE_UPDATE}, {"D", CHANGE_DELETE}},
    .metadata = {{"table", "table", NULL, 0, false},
                 {"primary-keys", "primary_keys", NULL, 0, false},
                 {"ingestion-timestamp", "current_ts", NULL, 0, false},
                 {"event-timestamp", "op_ts", NULL, 0, false}},
};

static const struct metadata_key ogg_metadata[] = {
    {"table", "STRING", false, "Fully qualified table name."},
    {"primary-keys", "ARRAY<STRING>", false, "Primary key columns."},
    {"ingestion-timestamp", "TIMESTAMP_LTZ(6)", false, "When the connector processed the event."},
    {"event-timestamp", "TIMESTAMP_LTZ(6)", false, "When the source system made the event."},
    {NULL},
};

static int ogg_check(const struct format_ctx *ctx, struct err *err) {
    return change_check(&ogg, ctx, err);
}
static int ogg_decoder(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    return change_decoder_new(&ogg, ctx, ret, err);
}
static int ogg_encoder(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    return change_encoder_new(&ogg, ctx, ret, err);
}

const struct format_desc format_ogg_json = {
    .name = "ogg-json",
    .doc = "Changes of a database table as Oracle GoldenGate writes them.",
    .options = {ogg_rows, ARRAY_LEN(ogg_rows)},
    .source_mode = CHANGELOG_ALL,
    .sink_mode = CHANGELOG_ALL,
    .check = ogg_check,
    .decoder_new = ogg_decoder,
    .encoder_new = ogg_encoder,
    .metadata = ogg_metadata,
    .file_suffix = ".json",
    .by_name = true,
};
