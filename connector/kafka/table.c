/* table.c - what the options of a kafka or upsert-kafka table mean together: topics, formats, and
 * which columns are in keys and values. */
#include "connector/kafka/kafka.h"

#include "base/core/mem.h"
#include "connector/kafka/wire.h"

#include <stdlib.h>
#include <string.h>

static const char *const startup_choices[] = {
    "earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets", NULL};
static const char *const bounded_choices[] = {"unbounded", "latest-offset",    "group-offsets",
                                              "timestamp", "specific-offsets", NULL};
static const char *const include_choices[] = {"ALL", "EXCEPT_KEY", NULL};
static const char *const guarantee_choices[] = {"none", "at-least-once", "exactly-once", NULL};
static const char *const naming_choices[] = {"INCREMENTING", "POOLING", NULL};
static const char *const lost_choices[] = {"fail", "ignore", NULL};

#define AT(f) offsetof(struct kafka_options, f)
#define CONNECT_ROWS                                                                               \
    {"properties.bootstrap.servers",                                                               \
     OPT_STRING,                                                                                   \
     NULL,                                                                                         \
     0,                                                                                            \
     0,                                                                                            \
     AT(servers),                                                                                  \
     "Brokers to begin with: 'host:port,host:port'.",                                              \
     OPT_REQUIRED},                                                                                \
        {"properties.*",                                                                           \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         0,                                                                                        \
         "A property of the client, by the Java client's name or librdkafka's (docs/kafka.md)."},  \
        {"value.format",                                                                           \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         AT(value_format),                                                                         \
         "Format of values, with options 'value.<format>.*'. The same as 'format'."},              \
        {"key.format",                                                                             \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         AT(key_format),                                                                           \
         "Format of keys, with options 'key.<format>.*'. Unset: keys are left alone."},            \
        {"key.fields-prefix",                                                                      \
         OPT_STRING,                                                                               \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         AT(key_prefix),                                                                           \
         "What the names of key columns begin with in the table, and not in the key."},            \
        {"value.fields-include",                                                                   \
         OPT_ENUM,                                                                                 \
         "ALL",                                                                                    \
         0,                                                                                        \
         0,                                                                                        \
         AT(fields_include),                                                                       \
         "Whether key columns are in the value as well.",                                          \
         0,                                                                                        \
         include_choices},                                                                         \
        {"sink.delivery-guarantee",                                                                \
         OPT_ENUM,                                                                                 \
         "at-least-once",                                                                          \
         0,                                                                                        \
         0,                                                                                        \
         AT(guarantee),                                                                            \
         "exactly-once: rows are written in transactions, which are committed with the job's "     \
         "checkpoints; readers see them with isolation.level = read_committed.",                   \
         0,                                                                                        \
         guarantee_choices},                                                                       \
        {"sink.transactional-id-prefix",                                                           \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         AT(transaction_prefix),                                                                   \
         "Begin of the transactions' ids; of this job alone. Needed for exactly-once."},           \
        {"sink.transaction-naming-strategy",                                                       \
         OPT_ENUM,                                                                                 \
         "INCREMENTING",                                                                           \
         0,                                                                                        \
         0,                                                                                        \
         AT(naming),                                                                               \
         "Accepted for compatibility: ids are used again once that can do no harm.",               \
         0,                                                                                        \
         naming_choices},                                                                          \
        {"penstock.sink.lost-transactions",                                                        \
         OPT_ENUM,                                                                                 \
         "fail",                                                                                   \
         0,                                                                                        \
         0,                                                                                        \
         AT(lost),                                                                                 \
         "What to do when the broker has given up a transaction that a completed checkpoint "      \
         "relies on (the job was down for longer than transaction.timeout.ms): fail, or ignore "   \
         "that its rows are lost.",                                                                \
         0,                                                                                        \
         lost_choices},                                                                            \
        {"scan.topic-partition-discovery.interval",                                                \
         OPT_DURATION,                                                                             \
         "5 min",                                                                                  \
         0,                                                                                        \
         1e15,                                                                                     \
         AT(discovery_ms),                                                                         \
         "Look for new partitions this often; 0: never."},                                         \
        {"topic", OPT_STRING, NULL, 0, 0, AT(topic), "Topic; to read, also several: 'a;b'."},      \
        {"topic-pattern",                                                                          \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         AT(topic_pattern),                                                                        \
         "Read all topics whose whole name matches this regular expression."},                     \
        {"scan.bounded.mode",   OPT_ENUM, "unbounded",    0, 0, AT(bounded),                       \
         "Where reading ends.", 0,        bounded_choices},                                        \
        {"scan.bounded.specific-offsets",                                                          \
         OPT_STRING,                                                                               \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         AT(bounded_offsets),                                                                      \
         "With 'specific-offsets': the first ones not read, 'partition:0,offset:42;...'."},        \
    {                                                                                              \
        "scan.bounded.timestamp-millis", OPT_INT, "-1", 0, 0, AT(bounded_ms),                      \
            "With 'timestamp': ends before the first record of this time or later."                \
    }

static const struct opt_row kafka_rows[] = {
    CONNECT_ROWS,
    {"key.fields", OPT_STRING, NULL, 0, 0, AT(key_fields), "The key's columns: 'a;b'."},
    {"scan.startup.mode", OPT_ENUM, "group-offsets", 0, 0, AT(startup), "Where reading begins.", 0,
     startup_choices},
    {"scan.startup.specific-offsets", OPT_STRING, NULL, 0, 0, AT(startup_offsets),
     "With 'specific-offsets': 'partition:0,offset:42;partition:1,offset:300'."},
    {"scan.startup.timestamp-millis", OPT_INT, "-1", 0, 0, AT(startup_ms),
     "With 'timestamp': begins with the first record of this time or later."},
    {"sink.partitioner", OPT_STRING, "default", 0, 0, AT(partitioner),
     "default: by the key as Kafka's Java client does, without key any; fixed: each subtask writes "
     "one partition; round-robin."},
};
static const struct opt_row upsert_rows[] = {
    CONNECT_ROWS,
    {"sink.buffer-flush.max-rows", OPT_INT, "0", 0, 1e9, AT(flush_rows),
     "Keep so many rows back and write only the last one of each key; 0: none. Together with the "
     "interval."},
    {"sink.buffer-flush.interval", OPT_DURATION, "0 s", 0, 1e15, AT(flush_ms),
     "Write what is kept back after this time at the latest."},
};
#undef AT

/* ---- options ---- */

/* 'key.json.x' with 'key.format' = 'json'. */
static const char *format_suffix(const char *key, const char *prefix, const char *format) {
    size_t n = strlen(prefix), m = format ? strlen(format) : 0;
    if (!m || strncmp(key, prefix, n) || strncmp(key + n, format, m) || key[n + m] != '.')
        return NULL;
    return key + n;
}

static int read_options(const struct connector_table *t, const struct connector_desc *d,
                        struct arena *a, struct kafka_options *o, struct err *err) {
    const char *key_format = connector_table_option(t, "key.format");
    const char *value_format = connector_table_option(t, "value.format");
    struct connector_table own = *t;
    struct table_option *options = ARENA_NEW_N(a, struct table_option, t->n_options + 1);
    own.n_options = 0;
    for (int i = 0; i < t->n_options; i++) {
        const char *key = t->options[i].key;
        if (!format_suffix(key, "key.", key_format) && !format_suffix(key, "value.", value_format))
            options[own.n_options++] = t->options[i];
    }
    own.options = options;
    int rc = connector_options(d, &own, a, o, err);
    o->format = connector_table_option(t, "format");
    return rc;
}

static int split_names(struct arena *a, const char *text, const char ***ret, int *ret_n) {
    int n = 0;
    const char **names = ARENA_NEW_N(a, const char *, strlen(text) + 1);
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ";");
        struct sv one = sv_trim((struct sv){p, len});
        if (one.len) names[n++] = arena_strndup(a, one.ptr, one.len);
        p += len + (p[len] == ';');
    }
    *ret = names;
    *ret_n = n;
    return n;
}

int kafka_parse_offsets(struct arena *a, const char *option, const char *text,
                        struct kafka_offset **ret, int *ret_n, struct err *err) {
    int n, at = 0;
    const char **items;
    split_names(a, text, &items, &n);
    struct kafka_offset *out = ARENA_NEW_N(a, struct kafka_offset, n + 1);
    for (; at < n; at++) {
        long partition;
        long long offset;
        int used = 0;
        if (sscanf(items[at], "partition : %ld , offset : %lld %n", &partition, &offset, &used) !=
                2 ||
            items[at][used] || partition < 0 || partition > INT32_MAX || offset < 0)
            break;
        out[at] = (struct kafka_offset){(int32_t)partition, offset};
    }
    if (!n || at < n)
        return err_set(err, ERR_VALIDATION,
                       "Invalid properties '%s' should follow the format "
                       "'partition:0,offset:42;partition:1,offset:300', but is '%s'.",
                       option, text);
    *ret = out;
    *ret_n = n;
    return 0;
}

/* One of the modes of start or end, and what it needs. */
static int check_mode(const struct kafka_table *k, struct arena *a, const char *what,
                      const char *mode, bool timestamp, int64_t ms, bool specific,
                      const char *offsets, struct err *err) {
    if (timestamp && ms < 0)
        return err_set(err, ERR_VALIDATION,
                       "'scan.%s.timestamp-millis' is required in 'timestamp' %s mode but missing.",
                       what, what);
    if (!specific) return 0;
    if (!offsets)
        return err_set(err, ERR_VALIDATION,
                       "'scan.%s.specific-offsets' is required in 'specific-offsets' %s mode but "
                       "missing.",
                       what, what);
    if (k->n_topics != 1)
        return err_set(err, ERR_VALIDATION,
                       "Currently Kafka source only supports specific offset for single topic.");
    struct kafka_offset *list;
    int n;
    const char *option = arena_printf(a, "scan.%s.specific-offsets", what);
    return kafka_parse_offsets(a, option, offsets, &list, &n, err);
}

static int check_partitioner(struct kafka_options *o, struct err *err) {
    const char *p = o->partitioner ? o->partitioner : "default";
    if (!strcmp(p, "default"))
        o->partitioner_kind = PARTITIONER_DEFAULT;
    else if (!strcmp(p, "fixed"))
        o->partitioner_kind = PARTITIONER_FIXED;
    else if (!strcmp(p, "round-robin"))
        o->partitioner_kind = PARTITIONER_ROUND_ROBIN;
    else
        return err_set(err, ERR_UNSUPPORTED,
                       "option 'sink.partitioner' = '%s': classes of Java are not supported; there "
                       "are 'default', 'fixed' and 'round-robin'",
                       p);
    if (o->partitioner_kind == PARTITIONER_ROUND_ROBIN && o->key_fields)
        return err_set(err, ERR_VALIDATION,
                       "Currently 'round-robin' partitioner only works when option 'key.fields' is "
                       "not specified.");
    return 0;
}

static int check_values(struct kafka_table *k, struct arena *a, struct err *err) {
    struct kafka_options *o = &k->options;
    if (o->topic && o->topic_pattern)
        return err_set(err, ERR_VALIDATION,
                       "Option 'topic' and 'topic-pattern' shouldn't be set together.");
    if (!o->topic && !o->topic_pattern)
        return err_set(err, ERR_VALIDATION, "Either 'topic' or 'topic-pattern' must be set.");
    if (o->topic && !split_names(a, o->topic, &k->topics, &k->n_topics))
        return err_set(err, ERR_VALIDATION, "option 'topic' names no topic");
    int rc = check_mode(k, a, "startup", "startup", o->startup == STARTUP_TIMESTAMP, o->startup_ms,
                        o->startup == STARTUP_SPECIFIC, o->startup_offsets, err);
    if (!rc)
        rc = check_mode(k, a, "bounded", "bounded", o->bounded == BOUNDED_TIMESTAMP, o->bounded_ms,
                        o->bounded == BOUNDED_SPECIFIC, o->bounded_offsets, err);
    if (!rc) rc = check_partitioner(o, err);
    if (!rc && k->upsert && (o->flush_rows > 0) != (o->flush_ms > 0))
        rc = err_set(err, ERR_VALIDATION,
                     "'sink.buffer-flush.max-rows' and 'sink.buffer-flush.interval' must be set to "
                     "be greater than zero together to enable sink buffer flushing.");
    return rc;
}

const char *kafka_property(const struct kafka_table *k, const char *name) {
    const struct connector_table *t = k->table;
    for (int i = 0; i < t->n_options; i++)
        if (!strncmp(t->options[i].key, "properties.", 11) && !strcmp(t->options[i].key + 11, name))
            return t->options[i].value;
    return NULL;
}

/* ---- columns ---- */

const char *kafka_format_metadata(const char *key) {
    return strncmp(key, "value.", 6) ? NULL : key + 6;
}

static bool is_physical(const struct connector_table *t, int column) {
    return !t->metadata || !t->metadata[column];
}

/* Marks the key's columns. */
static int find_key(const struct kafka_table *k, struct arena *a, bool *in_key, int *order, int *n,
                    struct err *err) {
    const struct connector_table *t = k->table;
    *n = 0;
    if (k->upsert) {
        for (int i = 0; i < t->n_primary_key; i++) {
            in_key[t->primary_key[i]] = true;
            order[(*n)++] = t->primary_key[i];
        }
        return 0;
    }
    const char *prefix = k->options.key_prefix;
    int n_names = 0;
    const char **names = NULL;
    if (k->options.key_fields) split_names(a, k->options.key_fields, &names, &n_names);
    for (int i = 0; i < n_names; i++) {
        int c = schema_find(t->schema, names[i]);
        if (c < 0 || !is_physical(t, c)) {
            AUTO_STR all = STR_INIT;
            for (int j = 0; j < t->schema->n; j++)
                if (is_physical(t, j))
                    str_addf(&all, "%s%s", all.len ? ", " : "", t->schema->fields[j].name);
            return err_set(err, ERR_VALIDATION,
                           "Could not find the field '%s' in the table schema for usage in the key "
                           "format. A key field must be a regular, physical column. The following "
                           "columns can be selected in the 'key.fields' option: [%s]",
                           names[i], str_text(&all));
        }
        if (strncmp(names[i], prefix, strlen(prefix)))
            return err_set(err, ERR_VALIDATION,
                           "All fields in 'key.fields' must be prefixed with '%s' when option "
                           "'key.fields-prefix' is set but field '%s' is not prefixed.",
                           prefix, names[i]);
        in_key[c] = true;
        order[(*n)++] = c;
    }
    return 0;
}

/* The table's options as the format sees them: those under 'key.' or 'value.' without it. */
static void derive_table(const struct kafka_table *k, struct arena *a, const char *prefix,
                         const char *format, struct kafka_part *part) {
    const struct connector_table *t = k->table;
    struct table_option *o = ARENA_NEW_N(a, struct table_option, t->n_options + 2);
    int n = 0;
    o[n++] = (struct table_option){"format", format};
    for (int i = 0; i < t->n_options; i++) {
        const char *key = *prefix ? format_suffix(t->options[i].key, prefix, format)
                                  : format_suffix(t->options[i].key, "", format);
        if (key) o[n++] = (struct table_option){key, t->options[i].value};
    }
    part->table = *t;
    part->table.options = o;
    part->table.n_options = n;
    part->table.schema = part->schema;
    part->table.metadata = part->metadata;
    part->table.n_projection = -1;
    part->table.n_primary_key = part->table.n_partition_keys = 0;
}

static int make_part(const struct kafka_table *k, struct arena *a, const int *columns, int n,
                     const char *option_prefix, const char *name, size_t strip,
                     struct kafka_part *part, struct err *err) {
    const struct connector_table *t = k->table;
    const struct schema *s = schema_new(a, n);
    struct field *f = (struct field *)s->fields;
    const char **metadata = ARENA_NEW_N(a, const char *, n + 1);
    part->column = ARENA_NEW_N(a, int, n + 1);
    for (int i = 0; i < n; i++) {
        part->column[i] = columns[i];
        f[i] = t->schema->fields[columns[i]];
        f[i].name += strip;
        if (!is_physical(t, columns[i]))
            metadata[i] = kafka_format_metadata(t->metadata[columns[i]]);
    }
    part->schema = s;
    part->metadata = metadata;
    derive_table(k, a, option_prefix, name, part);
    return format_of_table(&part->table, &part->format, err);
}

static int make_parts(struct kafka_table *k, struct arena *a, struct err *err) {
    const struct connector_table *t = k->table;
    struct kafka_options *o = &k->options;
    bool *in_key = ARENA_NEW_N(a, bool, t->schema->n + 1);
    int *key = ARENA_NEW_N(a, int, t->schema->n + 1),
        *value = ARENA_NEW_N(a, int, t->schema->n + 1);
    int n_key = 0, n_value = 0;
    int rc = find_key(k, a, in_key, key, &n_key, err);
    if (rc) return rc;
    if (o->fields_include == 1)
        for (int i = 0; i < t->schema->n; i++)
            if (is_physical(t, i) && !in_key[i]) value[n_value++] = i;
    if (o->fields_include == 0)
        for (int i = 0; i < t->schema->n; i++)
            if (is_physical(t, i)) value[n_value++] = i;
    for (int i = 0; i < t->schema->n; i++)
        if (!is_physical(t, i) && kafka_format_metadata(t->metadata[i])) value[n_value++] = i;
    const char *value_format = o->value_format ? o->value_format : o->format;
    rc = make_part(k, a, value, n_value, o->value_format ? "value." : "", value_format, 0,
                   &k->value, err);
    if (!rc && o->key_format)
        rc =
            make_part(k, a, key, n_key, "key.", o->key_format, strlen(o->key_prefix), &k->key, err);
    return rc;
}

static int check_formats(const struct kafka_table *k, struct err *err) {
    const struct kafka_options *o = &k->options;
    if (o->format && o->value_format)
        return err_set(err, ERR_VALIDATION,
                       "options 'format' and 'value.format' mean the same: set one of them");
    if (!o->format && !o->value_format)
        return err_set(err, ERR_VALIDATION,
                       k->upsert ? "option 'value.format' is missing; for example 'value.format' = "
                                   "'json'"
                                 : "option 'format' is missing; for example 'format' = 'json'");
    if (k->upsert && !o->key_format)
        return err_set(err, ERR_VALIDATION,
                       "option 'key.format' is missing; for example 'key.format' = 'json'");
    if (!k->upsert && o->key_fields && !o->key_format)
        return err_set(err, ERR_VALIDATION,
                       "The option 'key.fields' can only be declared if a key format is defined "
                       "using 'key.format'.");
    if (!k->upsert && o->key_format && (!o->key_fields || !*o->key_fields))
        return err_set(err, ERR_VALIDATION,
                       "A key format 'key.format' requires the declaration of one or more of key "
                       "fields using 'key.fields'.");
    if (*o->key_prefix && o->fields_include == 0)
        return err_set(err, ERR_VALIDATION,
                       "A key prefix is not allowed when option 'value.fields-include' is set to "
                       "'ALL'. Set it to 'EXCEPT_KEY' instead to avoid field overlaps.");
    if (k->upsert && !k->table->n_primary_key)
        return err_set(err, ERR_VALIDATION,
                       "'upsert-kafka' tables require to define a PRIMARY KEY constraint. The "
                       "PRIMARY KEY specifies which columns should be read from or write to the "
                       "Kafka message key. The PRIMARY KEY also defines records in the "
                       "'upsert-kafka' table should update or delete on which keys.");
    return 0;
}

int kafka_table(const struct connector_table *t, struct arena *a, struct kafka_table *ret,
                struct err *err) {
    struct kafka_table k = {.table = t};
    k.upsert = !strcmp(connector_table_option(t, "connector"), "upsert-kafka");
    int rc =
        read_options(t, k.upsert ? &connector_upsert_kafka : &connector_kafka, a, &k.options, err);
    if (k.upsert) k.options.startup = STARTUP_EARLIEST;
    if (!rc) rc = check_formats(&k, err);
    if (!rc) rc = check_values(&k, a, err);
    if (!rc) rc = make_parts(&k, a, err);
    if (rc) return connector_err_wrap(err, t->name);
    *ret = k;
    return 0;
}

/* ---- checks of the planner ---- */

static int check_part(const struct kafka_table *k, const struct kafka_part *p, const char *what,
                      bool as_sink, struct err *err) {
    if (!p->format) return 0;
    const struct format_desc *f = p->format;
    struct arena a;
    arena_init(&a);
    int n = p->schema->n, *all = ARENA_NEW_N(&a, int, n + 1);
    for (int i = 0; i < n; i++)
        all[i] = i;
    struct format_ctx ctx = {p->schema, all, n, &p->table, NULL, p->metadata};
    int rc = 0;
    if (k->upsert && (as_sink ? f->sink_mode : f->source_mode) != CHANGELOG_INSERT)
        rc = err_set(err, ERR_VALIDATION,
                     "'upsert-kafka' connector doesn't support '%s' as %s format, because '%s' is "
                     "not in insert-only mode.",
                     f->name, what, f->name);
    for (int i = 0; i < n && !rc; i++) {
        if (!p->metadata[i]) continue;
        const struct metadata_key *m = f->metadata;
        while (m && m->key && strcmp(m->key, p->metadata[i]))
            m++;
        if (!m || !m->key)
            rc = err_set(err, ERR_VALIDATION, "table '%s': format '%s' has no metadata '%s'",
                         k->table->name, f->name, p->metadata[i]);
    }
    if (!rc && f->check) rc = f->check(&ctx, err);
    if (!rc && !(as_sink ? (void *)f->encoder_new : (void *)f->decoder_new))
        rc = err_set(err, ERR_UNSUPPORTED, "format '%s' can't be %s", f->name,
                     as_sink ? "written" : "read");
    arena_release(&a);
    return rc;
}

static int check_source(const struct kafka_table *k, struct err *err) {
    const struct kafka_options *o = &k->options;
    bool start = o->startup == STARTUP_GROUP, end = o->bounded == BOUNDED_GROUP;
    if ((start || end) && !kafka_property(k, "group.id"))
        return err_set(err, ERR_VALIDATION,
                       "'scan.%s.mode' = 'group-offsets'%s needs 'properties.group.id'",
                       start ? "startup" : "bounded", start ? ", the default," : "");
    return 0;
}

static int check_sink(const struct kafka_table *k, struct err *err) {
    const struct kafka_options *o = &k->options;
    if (o->guarantee == GUARANTEE_EXACTLY_ONCE &&
        (!o->transaction_prefix || !*o->transaction_prefix))
        return err_set(err, ERR_VALIDATION,
                       "sink.transactional-id-prefix must be specified when using "
                       "DeliveryGuarantee.EXACTLY_ONCE.");
    if (o->topic_pattern || k->n_topics != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': a sink writes one topic: 'topic-pattern' and lists of topics "
                       "are for sources",
                       k->table->name);
    return o->guarantee == GUARANTEE_EXACTLY_ONCE ? wire_check(k, err) : 0;
}

int kafka_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct kafka_table k;
    rd_kafka_conf_t *conf = NULL;
    int rc = kafka_table(t, &a, &k, err);
    if (!rc) rc = kafka_conf(&k, as_sink ? KAFKA_SINK : KAFKA_SOURCE, &conf, err);
    if (conf) rd_kafka_conf_destroy(conf);
    if (!rc) rc = as_sink ? check_sink(&k, err) : check_source(&k, err);
    if (!rc) rc = check_part(&k, &k.value, "value", as_sink, err);
    if (!rc) rc = check_part(&k, &k.key, "key", as_sink, err);
    const struct format_desc *f = rc ? NULL : k.value.format;
    if (f && !k.upsert && t->n_primary_key &&
        (as_sink ? f->sink_mode : f->source_mode) == CHANGELOG_INSERT)
        rc = err_set(err, ERR_VALIDATION,
                     "The Kafka table '%s' with '%s' format doesn't support defining PRIMARY KEY "
                     "constraint on the table, because it can't guarantee the semantic of primary "
                     "key.",
                     t->name, f->name);
    arena_release(&a);
    return rc ? connector_err_wrap(err, t->name) : 0;
}

/* ---- descriptors ---- */

const struct metadata_key kafka_metadata[] = {
    {"topic", "STRING", false, "Topic of the record."},
    {"partition", "INT", false, "Its partition."},
    {"headers", "MAP<STRING, BYTES>", true, "Its headers; of one name the last one."},
    {"leader-epoch", "INT", false,
     "Epoch of the partition's leader; NULL: librdkafka 2.0 doesn't tell it."},
    {"offset", "BIGINT", false, "Its offset in the partition."},
    {"timestamp", "TIMESTAMP_LTZ(3)", true, "Its time."},
    {"timestamp-type", "STRING", false, "NoTimestampType, CreateTime or LogAppendTime."},
    {"value.schema", "STRING", false, "Of debezium-json: the message's schema."},
    {"value.ingestion-timestamp", "TIMESTAMP_LTZ(3)", false,
     "Of debezium-json, canal-json, maxwell-json: when the connector saw the event."},
    {"value.event-timestamp", "TIMESTAMP_LTZ(3)", false,
     "Of canal-json, ogg-json: when the source made the event."},
    {"value.source.timestamp", "TIMESTAMP_LTZ(3)", false,
     "Of debezium-json: when the source made the event."},
    {"value.source.database", "STRING", false, "Of debezium-json: the originating database."},
    {"value.source.schema", "STRING", false, "Of debezium-json: the originating schema."},
    {"value.source.table", "STRING", false, "Of debezium-json: the originating table."},
    {"value.source.properties", "MAP<STRING, STRING>", false,
     "Of debezium-json: all properties of the source."},
    {"value.database", "STRING", false, "Of canal-json, maxwell-json: the originating database."},
    {"value.table", "STRING", false,
     "Of canal-json, maxwell-json, ogg-json: the originating table."},
    {NULL},
};

static int kafka_bounded(const struct connector_table *t, bool *ret, struct err *err) {
    const char *mode = connector_table_option(t, "scan.bounded.mode");
    *ret = mode && strcasecmp(mode, "unbounded");
    return 0;
}

static int64_t kafka_discovery(const struct connector_table *t) {
    bool bounded;
    if (!kafka_bounded(t, &bounded, NULL) && bounded) return 0;
    const char *text = connector_table_option(t, "scan.topic-partition-discovery.interval");
    int64_t ms = 0;
    if (opt_parse_duration_ms(text ? text : "5 min", &ms, NULL)) return 0;
    return ms;
}

static const struct format_desc *value_format(const struct connector_table *t) {
    const char *name = connector_table_option(t, "value.format");
    if (!name) name = connector_table_option(t, "format");
    return name ? format_find(name) : NULL;
}

static enum changelog_mode kafka_source_mode(const struct connector_table *t) {
    const struct format_desc *f = value_format(t);
    return f ? f->source_mode : CHANGELOG_INSERT;
}
static enum changelog_mode kafka_sink_mode(const struct connector_table *t,
                                           enum changelog_mode input) {
    const struct format_desc *f = value_format(t);
    return f ? f->sink_mode : CHANGELOG_INSERT;
}
static enum changelog_mode upsert_source_mode(const struct connector_table *t) {
    return CHANGELOG_UPSERT;
}
static enum changelog_mode upsert_sink_mode(const struct connector_table *t,
                                            enum changelog_mode input) {
    return CHANGELOG_UPSERT;
}

static bool kafka_nested(const struct connector_table *t) {
    const struct format_desc *f = value_format(t);
    return f && f->by_name && !connector_table_option(t, "key.format");
}

#define KAFKA_COMMON                                                                               \
    .caps = CONNECTOR_SOURCE | CONNECTOR_SINK | CONNECTOR_FORMAT | CONNECTOR_PROJECTION,           \
    .metadata = kafka_metadata, .check = kafka_check, .is_bounded = kafka_bounded,                 \
    .enumerate = kafka_enumerate, .enumerate_more = kafka_enumerate_more,                          \
    .discovery_interval_ms = kafka_discovery, .source_new = kafka_source_new,                      \
    .sink_new = kafka_sink_new, .commit = kafka_commit, .abort = kafka_abort

const struct connector_desc connector_kafka = {
    .name = "kafka",
    .doc = "Records of Kafka topics (docs/kafka.md).",
    .options = {kafka_rows, ARRAY_LEN(kafka_rows)},
    .source_mode = kafka_source_mode,
    .sink_mode = kafka_sink_mode,
    .nested_projection = kafka_nested,
    KAFKA_COMMON,
};

const struct connector_desc connector_upsert_kafka = {
    .name = "upsert-kafka",
    .doc =
        "A Kafka topic as a table with PRIMARY KEY: the last value of a key counts, NULL deletes "
        "it (docs/kafka.md).",
    .options = {upsert_rows, ARRAY_LEN(upsert_rows)},
    .source_mode = upsert_source_mode,
    .sink_mode = upsert_sink_mode,
    KAFKA_COMMON,
};
