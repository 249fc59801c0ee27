/* manifest.c - a YAML stream with one FlinkJob to a struct job_spec. */
#include "base/proto/manifest.h"

#include "base/core/log.h"

#include <string.h>

static const char *const MODES[] = {"", "streaming", "batch", "automatic"};

static const struct ynode *load_crd_schema(struct arena *a) {
    struct sv text = crd_flinkjob_text();
    struct ynode **docs;
    int n;
    struct err err = ERR_INIT;
    int rc = yaml_parse(a, text.ptr, text.len, &docs, &n, &err);
    CHECKF(!rc && n == 1, "the built-in CRD: %s", err.msg);
    const struct ynode *versions = ynode_get(ynode_get(docs[0], "spec"), "versions");
    return ynode_get(ynode_get(versions->items[0], "schema"), "openAPIV3Schema");
}

static const char *text_of(const struct ynode *map, const char *key) {
    const struct ynode *v = ynode_get(map, key);
    return v && v->kind == YNODE_STRING ? v->text : NULL;
}

static int find_job(struct ynode **docs, int n, const struct ynode **ret, struct err *err) {
    const struct ynode *job = NULL;
    for (int i = 0; i < n; i++) {
        if (docs[i]->kind == YNODE_NULL) continue;
        const char *kind = text_of(docs[i], "kind"), *api = text_of(docs[i], "apiVersion");
        if (!kind || !api)
            return err_set_at(err, ERR_VALIDATION, docs[i]->line, docs[i]->column,
                              "not a manifest: 'apiVersion' and 'kind' are needed, such as "
                              "'apiVersion: penstock.dev/v1' and 'kind: FlinkJob'");
        if (strcmp(kind, "FlinkJob")) continue;
        const struct ynode *av = ynode_get(docs[i], "apiVersion");
        if (strcmp(api, "penstock.dev/v1"))
            return err_set_at(err, ERR_VALIDATION, av->line, av->column,
                              "apiVersion '%s' of a FlinkJob is not known; use penstock.dev/v1",
                              api);
        if (job)
            return err_set_at(err, ERR_VALIDATION, docs[i]->line, docs[i]->column,
                              "a second FlinkJob (the first is in line %d): one at a time",
                              job->line);
        job = docs[i];
    }
    if (!job) return err_set(err, ERR_VALIDATION, "no FlinkJob among the documents of the file");
    *ret = job;
    return 0;
}

/* ---- where the script stands ---- */

static const char *line_at(const char *text, int line) {
    for (; line > 1; line--) {
        const char *nl = strchr(text, '\n');
        if (!nl) return text + strlen(text);
        text = nl + 1;
    }
    return text;
}

static int leading_spaces(const char *s) {
    return (int)strspn(s, " ");
}

/* The script is the scalar n of the file `text`. Sets the place if its lines are the file's: those
 * of a literal block, or one line that needs no unescaping. */
static void find_script(const char *text, const struct ynode *n, struct job_spec *s) {
    const char *at = line_at(text, n->line), *end = at + strcspn(at, "\n");
    for (int i = 1; i < n->column && at < end; i++)
        at += utf8_char_len(at, (size_t)(end - at)) ? utf8_char_len(at, (size_t)(end - at)) : 1;
    if (*at == '|') {
        int skip = 0; /* blank lines say nothing about the indentation */
        const char *first = n->text;
        for (; first[leading_spaces(first)] == '\n'; first += leading_spaces(first) + 1)
            skip++;
        int column = leading_spaces(line_at(text, n->line + 1 + skip)) - leading_spaces(first);
        if (column < 0) return; /* lines end in another way than by \n */
        s->sql_line = n->line + 1;
        s->sql_column = column;
        return;
    }
    int quote = *at == '\'' || *at == '"';
    if (strchr(n->text, '\n') || strncmp(at + quote, n->text, strlen(n->text))) return;
    s->sql_line = n->line;
    s->sql_column = n->column - 1 + quote;
}

void job_spec_place(const struct job_spec *s, int *line, int *column) {
    if (!s->sql_line || !*line) return;
    *line += s->sql_line - 1;
    *column += s->sql_column;
}

void job_spec_print_place(const struct job_spec *s, int line, int column, struct str *out) {
    job_spec_place(s, &line, &column);
    if (!s->file)
        str_addf(out, "%d:%d", line, column);
    else if (s->sql_line)
        str_addf(out, "%s:%d:%d", s->file, line, column);
    else
        str_addf(out, "%s: line %d, column %d of the SQL", s->file, line, column);
}

static int sql_from_config_map(const char *text, struct ynode **docs, int n,
                               const struct ynode *spec, struct job_spec *s, struct err *err) {
    const struct ynode *ref = ynode_get(ynode_get(spec, "sqlFrom"), "configMapKeyRef");
    const char *name = text_of(ref, "name"), *key = text_of(ref, "key");
    for (int i = 0; i < n; i++) {
        const char *kind = text_of(docs[i], "kind");
        const char *map_name = text_of(ynode_get(docs[i], "metadata"), "name");
        if (!kind || strcmp(kind, "ConfigMap") || !map_name || strcmp(map_name, name)) continue;
        const struct ynode *v = ynode_get(ynode_get(docs[i], "data"), key);
        if (!v || v->kind != YNODE_STRING)
            return err_set_at(err, ERR_VALIDATION, docs[i]->line, docs[i]->column,
                              "ConfigMap '%s' has no text under the key '%s'", name, key);
        s->sql = v->text;
        find_script(text, v, s);
        return 0;
    }
    return err_set_at(err, ERR_VALIDATION, ref->line, ref->column,
                      "no ConfigMap '%s' in the same file: put it beside the FlinkJob", name);
}

static void read_log(struct arena *a, const cJSON *log, struct job_spec *s) {
    AUTO_STR levels = STR_INIT;
    str_add(&levels, json_opt_str(log, "level", "info"));
    const cJSON *m;
    cJSON_ArrayForEach(m, json_opt(log, "modules"))
        str_addf(&levels, ",%s=%s", m->string, m->valuestring);
    s->log_levels = arena_strdup(a, str_text(&levels));
    s->log_json = !strcmp(json_opt_str(log, "format", "text"), "json");
}

/* Kept as it stands: fs/options.h reads it. */
static void read_file_systems(struct arena *a, const cJSON *rows, struct job_spec *s) {
    if (!cJSON_GetArraySize(rows)) return;
    AUTO_STR text = STR_INIT;
    json_print(rows, &text);
    s->file_systems = arena_strdup(a, str_text(&text));
}

static void read_edits(struct arena *a, const cJSON *vertices, struct job_spec *s) {
    s->n_edits = cJSON_GetArraySize(vertices);
    struct job_vertex_edit *e = ARENA_NEW_N(a, struct job_vertex_edit, s->n_edits);
    s->edits = e;
    const cJSON *v;
    cJSON_ArrayForEach(v, vertices) {
        e->uid = arena_strdup(a, v->string);
        e->parallelism = (int)json_opt_i64(v, "parallelism", 0);
        e->slot_group = arena_strdup(a, json_opt_str(v, "slotGroup", NULL));
        e->chain = json_opt(v, "chain") ? json_opt_bool(v, "chain", true) : -1;
        e++;
    }
}

/* spec.checkpoint is a short way to say some of the settings, which spec.config may say, too. */
static const struct {
    const char *field, *key;
} CHECKPOINT_SETTINGS[] = {
    {"interval", "execution.checkpointing.interval"},
    {"mode", "execution.checkpointing.mode"},
    {"retained", "execution.checkpointing.num-retained"},
    {"storage", "execution.checkpointing.dir"},
    {"timeout", "execution.checkpointing.timeout"},
};

static void read_settings(struct arena *a, const cJSON *spec, struct job_spec *s) {
    const cJSON *config = json_opt(spec, "config"), *checkpoint = json_opt(spec, "checkpoint"), *c;
    struct job_setting *set = ARENA_NEW_N(
        a, struct job_setting, cJSON_GetArraySize(config) + (int)ARRAY_LEN(CHECKPOINT_SETTINGS));
    s->settings = set;
    for (size_t i = 0; i < ARRAY_LEN(CHECKPOINT_SETTINGS); i++) {
        const cJSON *v = json_opt(checkpoint, CHECKPOINT_SETTINGS[i].field);
        if (!v) continue;
        set->key = CHECKPOINT_SETTINGS[i].key;
        set->value = cJSON_IsString(v) ? arena_strdup(a, v->valuestring)
                                       : arena_printf(a, "%d", v->valueint);
        set++;
    }
    cJSON_ArrayForEach(c, config) {
        set->key = arena_strdup(a, c->string);
        set->value = arena_strdup(a, c->valuestring);
        set++;
    }
    s->n_settings = (int)(set - s->settings);
}

/* From the checked spec, defaults filled in. */
static void read_spec(struct arena *a, const cJSON *spec, struct job_spec *s) {
    const char *mode = json_opt_str(spec, "mode", "");
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
        if (!strcmp(MODES[i], mode)) s->mode = (enum job_mode)i;
    s->state = arena_strdup(a, json_opt_str(json_opt(spec, "job"), "state", NULL));
    s->parallelism = (int)json_opt_i64(spec, "parallelism", 1);
    s->max_parallelism = (int)json_opt_i64(spec, "maxParallelism", 128);
    const cJSON *w = json_opt(spec, "workers");
    s->workers = (int)json_opt_i64(w, "replicas", 0);
    s->slots = (int)json_opt_i64(w, "slots", 0);
    s->stateless = !strcmp(json_opt_str(json_opt(spec, "job"), "upgradeMode", ""), "stateless");
    read_settings(a, spec, s);
    read_file_systems(a, json_opt(spec, "fileSystems"), s);
    read_log(a, json_opt(spec, "log"), s);
    read_edits(a, json_opt(json_opt(spec, "plan"), "vertices"), s);
}

/* ---- the CRD's rules: their messages are the CRD's, what they say in CEL is said here in C ----
 */

static bool rule_name(const cJSON *job) {
    const char *s = json_opt_str(json_opt(job, "metadata"), "name", "");
    size_t n = strlen(s);
    if (!n || n > JOB_NAME_MAX || s[0] < 'a' || s[0] > 'z' || s[n - 1] == '-') return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool rule_sql(const cJSON *spec) {
    return !json_opt(spec, "sql") != !json_opt(spec, "sqlFrom");
}

static bool rule_parallelism(const cJSON *spec) {
    return json_opt_i64(spec, "parallelism", 1) <= json_opt_i64(spec, "maxParallelism", 1);
}

static bool rule_slots(const cJSON *spec) {
    const cJSON *w = json_opt(spec, "workers");
    return !json_opt(w, "replicas") || !json_opt(w, "slots") ||
           json_opt_i64(w, "replicas", 0) * json_opt_i64(w, "slots", 0) >=
               json_opt_i64(spec, "parallelism", 1);
}

static bool rule_savepoint_dir(const cJSON *spec) {
    return strcmp(json_opt_str(json_opt(spec, "job"), "upgradeMode", ""), "savepoint") ||
           json_opt(json_opt(spec, "config"), "execution.checkpointing.savepoint-dir");
}

static bool rule_secret(const cJSON *secret) {
    return !json_opt(secret, "name") + !json_opt(secret, "path") + !json_opt(secret, "file") +
               !json_opt(secret, "envPrefix") >=
           3;
}

/* By how the rule begins; NULL: one about updates, which a manifest alone can't break. */
static const struct rule {
    const char *cel;
    bool (*holds)(const cJSON *self);
} RULES[] = {
    {"self.metadata.name.matches(", rule_name},
    {"has(self.sql) != has(self.sqlFrom)", rule_sql},
    {"self.parallelism <= self.maxParallelism", rule_parallelism},
    {"!has(self.workers.replicas) || !has(self.workers.slots) ||", rule_slots},
    {"self.job.upgradeMode != 'savepoint' ||", rule_savepoint_dir},
    {"self.job.upgradeMode == 'stateless' || self.maxParallelism == oldSelf", NULL},
    {"(has(self.name) ? 1 : 0) + (has(self.path) ? 1 : 0)", rule_secret},
};

static int check_rules_at(const struct ynode *schema, const struct ynode *v, const cJSON *self,
                          struct err *err) {
    const struct ynode *list = ynode_get(schema, "x-kubernetes-validations");
    for (int i = 0; list && i < list->n; i++) {
        const char *cel = text_of(list->items[i], "rule");
        const struct rule *r = NULL;
        for (size_t k = 0; k < ARRAY_LEN(RULES); k++)
            if (!strncmp(cel, RULES[k].cel, strlen(RULES[k].cel))) r = &RULES[k];
        CHECKF(r, "rule of the CRD that isn't known here: %s", cel);
        if (r->holds && !r->holds(self))
            return err_set_at(err, ERR_VALIDATION, v->line, v->column, "%s",
                              text_of(list->items[i], "message"));
    }
    return 0;
}

/* self: v with defaults filled in, checked against the schema. */
static int check_rules(const struct ynode *schema, const struct ynode *v, const cJSON *self,
                       struct err *err) {
    int rc = check_rules_at(schema, v, self, err);
    const struct ynode *props = ynode_get(schema, "properties"),
                       *items = ynode_get(schema, "items");
    for (int i = 0; !rc && props && i < props->n; i++) {
        const struct ynode *sub = ynode_get(v, props->keys[i]->text);
        const cJSON *sub_self = json_opt(self, props->keys[i]->text);
        if (sub && sub_self) rc = check_rules(props->items[i], sub, sub_self, err);
    }
    for (int i = 0; !rc && items && i < v->n; i++)
        rc = check_rules(items, v->items[i], cJSON_GetArrayItem(self, i), err);
    return rc;
}

static int read_docs(struct arena *a, const char *text, struct ynode **docs, int n,
                     struct job_spec *s, struct err *err) {
    const struct ynode *job = NULL;
    int rc = find_job(docs, n, &job, err);
    if (rc) return rc;
    AUTO_JSON *checked = NULL;
    const struct ynode *schema = load_crd_schema(a);
    if ((rc = schema_check(a, schema, job, "FlinkJob", &checked, err))) return rc;
    const struct ynode *spec = ynode_get(job, "spec"), *meta = ynode_get(job, "metadata");
    s->name = text_of(meta, "name");
    if (!s->name)
        return err_set_at(err, ERR_VALIDATION, job->line, job->column,
                          "field 'metadata.name' is missing");
    s->ns = text_of(meta, "namespace") ? text_of(meta, "namespace") : "default";
    read_spec(a, cJSON_GetObjectItemCaseSensitive(checked, "spec"), s);
    if ((rc = check_rules(schema, job, checked, err))) return rc;
    const struct ynode *sql = ynode_get(spec, "sql");
    if (!sql) return sql_from_config_map(text, docs, n, spec, s, err);
    s->sql = sql->text;
    find_script(text, sql, s);
    return 0;
}

int job_spec_read(struct arena *a, const char *file, const char *text, size_t len,
                  struct job_spec **ret, struct err *err) {
    struct ynode **docs;
    int n;
    struct job_spec *s = ARENA_NEW(a, struct job_spec);
    int rc = yaml_parse(a, text, len, &docs, &n, err);
    if (!rc) rc = read_docs(a, arena_strndup(a, text, len), docs, n, s, err);
    if (rc) {
        if (err && err->line) return err_wrap(err, "%s:%d:%d", file, err->line, err->column);
        return err_wrap(err, "%s", file);
    }
    s->file = arena_strdup(a, file);
    *ret = s;
    return 0;
}

int job_spec_of_object(struct arena *a, const cJSON *flinkjob, const char *sql,
                       struct job_spec **ret, struct err *err) {
    const cJSON *meta = json_opt(flinkjob, "metadata"), *spec = json_opt(flinkjob, "spec");
    struct job_spec *s = ARENA_NEW(a, struct job_spec);
    const char *name;
    int rc = json_get_str(meta, "name", &name, err);
    if (!rc && !sql) rc = json_get_str(spec, "sql", &sql, err);
    if (rc) return err_wrap(err, "FlinkJob");
    s->name = arena_strdup(a, name);
    s->ns = arena_strdup(a, json_opt_str(meta, "namespace", "default"));
    s->sql = arena_strdup(a, sql);
    s->sql_line = 1;
    read_spec(a, spec, s);
    *ret = s;
    return 0;
}

struct job_spec *job_spec_of_script(struct arena *a, const char *name, const char *sql) {
    struct job_spec *s = ARENA_NEW(a, struct job_spec);
    s->name = arena_strdup(a, name);
    s->ns = "default";
    s->sql = arena_strdup(a, sql);
    s->sql_line = 1;
    s->parallelism = 1;
    s->max_parallelism = 128;
    s->log_levels = "info";
    return s;
}

cJSON *job_spec_file_systems(const struct job_spec *s) {
    cJSON *rows = NULL;
    struct err err = ERR_INIT;
    if (!s->file_systems) return NULL;
    int rc = json_parse(s->file_systems, strlen(s->file_systems), &rows, &err);
    CHECKF(!rc, "fileSystems: %s", err.msg);
    return rows;
}

cJSON *job_spec_to_json(const struct job_spec *s) {
    cJSON *j = cJSON_CreateObject();
    json_set_str(j, "name", s->name);
    json_set_str(j, "namespace", s->ns);
    json_set_str(j, "sql", s->sql);
    json_set_str(j, "file", s->file);
    json_set_i64(j, "sqlLine", s->sql_line);
    json_set_i64(j, "sqlColumn", s->sql_column);
    json_set_str(j, "directory", s->directory);
    if (s->mode) json_set_str(j, "mode", MODES[s->mode]);
    json_set_i64(j, "parallelism", s->parallelism);
    json_set_i64(j, "maxParallelism", s->max_parallelism);
    if (s->stateless) json_set_str(cJSON_AddObjectToObject(j, "job"), "upgradeMode", "stateless");
    cJSON *w = cJSON_AddObjectToObject(j, "workers");
    if (s->workers) json_set_i64(w, "replicas", s->workers);
    if (s->slots) json_set_i64(w, "slots", s->slots);
    cJSON *config = cJSON_AddObjectToObject(j, "config");
    for (int i = 0; i < s->n_settings; i++)
        json_set_str(config, s->settings[i].key, s->settings[i].value);
    if (s->file_systems) json_set(j, "fileSystems", job_spec_file_systems(s));
    json_set_str(j, "logLevels", s->log_levels);
    json_set_bool(j, "logJson", s->log_json);
    cJSON *edits = cJSON_AddObjectToObject(cJSON_AddObjectToObject(j, "plan"), "vertices");
    for (int i = 0; i < s->n_edits; i++) {
        cJSON *e = cJSON_AddObjectToObject(edits, s->edits[i].uid);
        if (s->edits[i].parallelism) json_set_i64(e, "parallelism", s->edits[i].parallelism);
        if (s->edits[i].slot_group) json_set_str(e, "slotGroup", s->edits[i].slot_group);
        if (s->edits[i].chain >= 0) json_set_bool(e, "chain", s->edits[i].chain);
    }
    return j;
}

int job_spec_from_json(struct arena *a, const cJSON *j, struct job_spec **ret, struct err *err) {
    struct job_spec *s = ARENA_NEW(a, struct job_spec);
    const char *name, *sql;
    int rc = json_get_str(j, "name", &name, err);
    if (!rc) rc = json_get_str(j, "sql", &sql, err);
    if (rc) return err_wrap(err, "job spec");
    read_spec(a, j, s);
    s->name = arena_strdup(a, name);
    s->ns = arena_strdup(a, json_opt_str(j, "namespace", "default"));
    s->sql = arena_strdup(a, sql);
    s->file = arena_strdup(a, json_opt_str(j, "file", NULL));
    s->sql_line = (int)json_opt_i64(j, "sqlLine", 0);
    s->sql_column = (int)json_opt_i64(j, "sqlColumn", 0);
    s->directory = arena_strdup(a, json_opt_str(j, "directory", NULL));
    s->log_levels = arena_strdup(a, json_opt_str(j, "logLevels", "info"));
    s->log_json = json_opt_bool(j, "logJson", false);
    *ret = s;
    return 0;
}
