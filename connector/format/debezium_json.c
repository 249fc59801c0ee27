/* debezium_json.c - the 'debezium-json' format: changes as Debezium writes them. */
#include "connector/format/change_json.h"

extern const struct format_desc format_debezium_json;

static const struct opt_row debezium_rows[] = {
    CHANGE_COMMON_ROWS,
    {"schema-include", OPT_BOOL, "false", 0, 0, offsetof(struct change_options, schema_include),
     "Messages have the schema beside the payload (value.converter.schemas.enable)."},
};

static const struct change_dialect debezium = {
    .desc = &format_debezium_json,
    .title = "Debezium",
    .new_key = "after",
    .old_key = "before",
    .op_key = "op",
    .ops = {{"c", CHANGE_INSERT}, {"r", CHANGE_INSERT}, {"u", CHANGE_UPDATE}, {"d", CHANGE_DELETE}},
    .metadata = {{"schema", "schema", NULL, 0, true},
                 {"ingestion-timestamp", "ts_ms", NULL, 1, false},
                 {"source.timestamp", "source", "ts_ms", 1, false},
                 {"source.database", "source", "db", 0, false},
                 {"source.schema", "source", "schema", 0, false},
                 {"source.table", "source", "table", 0, false},
                 {"source.properties", "source", NULL, 0, false}},
};

static const struct metadata_key debezium_metadata[] = {
    {"schema", "STRING", false, "Schema of the message, where it has one."},
    {"ingestion-timestamp", "TIMESTAMP_LTZ(3)", false, "When the connector processed the event."},
    {"source.timestamp", "TIMESTAMP_LTZ(3)", false, "When the source system made the event."},
    {"source.database", "STRING", false, "Originating database."},
    {"source.schema", "STRING", false, "Originating database schema."},
    {"source.table", "STRING", false, "Originating table."},
    {"source.properties", "MAP<STRING, STRING>", false, "All properties of the source."},
    {NULL},
};

static int debezium_check(const struct format_ctx *ctx, struct err *err) {
    return change_check(&debezium, ctx, err);
}
static int debezium_decoder(const struct format_ctx *ctx, struct decoder **ret, struct err *err) {
    return change_decoder_new(&debezium, ctx, ret, err);
}
static int debezium_encoder(const struct format_ctx *ctx, struct encoder **ret, struct err *err) {
    return change_encoder_new(&debezium, ctx, ret, err);
}

const struct format_desc format_debezium_json = {
    .name = "debezium-json",
    .doc = "Changes of a database table as Debezium writes them.",
    .options = {debezium_rows, ARRAY_LEN(debezium_rows)},
    .source_mode = CHANGELOG_ALL,
    .sink_mode = CHANGELOG_ALL,
    .check = debezium_check,
    .decoder_new = debezium_decoder,
    .encoder_new = debezium_encoder,
    .metadata = debezium_metadata,
    .file_suffix = ".json",
    .by_name = true,
};
