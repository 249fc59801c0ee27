/* output.c - events to text or JSON. JSON is one line per statement: {"statement", "line", "kind",
 * "what", "schema", "rows", "state", "error"...}; rows are written as they come. Lines of print
 * sinks go to standard output in between. */
#include "cli/output.h"

#include "base/core/mem.h"
#include "base/proto/control.h"
#include "cli/progress.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct output {
    enum output_format format;
    struct progress *progress; /* NULL: none is shown */
    int64_t open_index;        /* statement whose table or JSON line is open; -1 = none */
    struct table *table;
    bool any_row;
    struct str held; /* print sinks' lines that came while a JSON line was open */
    cJSON *inserts;  /* statement events of INSERTs until their end, by index */
};

struct output *output_new(enum output_format format, enum output_progress progress) {
    struct output *o = mem_zalloc(sizeof *o);
    o->format = format;
    o->open_index = -1;
    o->inserts = cJSON_CreateArray();
    if (progress == PROGRESS_ALWAYS || (progress == PROGRESS_AUTO && isatty(2)))
        o->progress = progress_new();
    return o;
}

static void hide(struct output *o) {
    if (o->progress) progress_hide(o->progress);
}

/* ---- JSON ---- */

static void json_head(struct output *o, const cJSON *e, struct str *out) {
    str_addf(out, "{\"statement\":%lld", (long long)json_opt_i64(e, "index", 0));
    static const char *const fields[] = {"line", "column", "sql", "kind", "what", "text", "schema"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const cJSON *f = json_opt(e, fields[i]);
        if (!f) continue;
        str_addf(out, ",\"%s\":", fields[i]);
        json_print(f, out);
    }
}

/* {"class", "stage"...}: class is parse, validation or runtime. */
static void json_error(const cJSON *e, struct str *out) {
    const cJSON *err = json_opt(e, "error");
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_str(j, "class", json_opt_str(err, "stage", "runtime"));
    json_set_str(j, "code", json_opt_str(err, "code", "INTERNAL"));
    if (json_opt(err, "line")) {
        json_set_i64(j, "line", json_opt_i64(err, "line", 0));
        json_set_i64(j, "column", json_opt_i64(err, "column", 0));
    }
    json_set_str(j, "message", json_opt_str(err, "message", ""));
    str_add(out, ",\"error\":");
    json_print(j, out);
}

static void json_close(struct output *o, const cJSON *end) {
    AUTO_STR line = STR_INIT;
    str_add(&line, "]");
    str_addf(&line, ",\"state\":\"%s\"", end ? json_opt_str(end, "state", "failed") : "failed");
    if (end && json_opt(end, "error")) json_error(end, &line);
    str_add(&line, "}\n");
    fwrite(str_text(&line), 1, line.len, stdout);
    fwrite(str_text(&o->held), 1, o->held.len, stdout);
    str_clear(&o->held);
    fflush(stdout);
    o->open_index = -1;
}

static void json_statement(struct output *o, const cJSON *e) {
    AUTO_STR line = STR_INIT;
    const char *kind = json_opt_str(e, "kind", "done");
    json_head(o, e, &line);
    if (!strcmp(kind, "rows")) { /* as the rows of a query: +I */
        str_add(&line, ",\"rows\":[");
        const cJSON *row;
        cJSON_ArrayForEach(row, json_opt(e, "rows")) {
            str_add(&line,
                    row->prev && row != json_opt(e, "rows")->child ? ",[\"+I\"," : "[\"+I\",");
            json_print(row, &line);
            str_add_char(&line, ']');
        }
        str_add(&line, "],\"state\":\"finished\"}\n");
    } else if (!strcmp(kind, "query")) {
        str_add(&line, ",\"rows\":[");
        o->open_index = json_opt_i64(e, "index", 0);
        o->any_row = false;
    } else {
        str_add(&line, ",\"state\":\"finished\"}\n");
    }
    fwrite(str_text(&line), 1, line.len, stdout);
    fflush(stdout);
}

static void json_rows(struct output *o, const cJSON *e) {
    AUTO_STR rows = STR_INIT, line = STR_INIT;
    const cJSON *row;
    cJSON_ArrayForEach(row, json_opt(e, "rows")) {
        if (o->any_row) str_add_char(&rows, ',');
        json_print(row, &rows);
        o->any_row = true;
    }
    control_show_nul(str_text(&rows), SV_LIT("\\u0000"), &line);
    fwrite(str_text(&line), 1, line.len, stdout);
    fflush(stdout);
}

/* ---- text ---- */

/* What EXPLAIN and SHOW CREATE answer: not a cell but a text of many lines. NULL: something else.
 */
static const char *long_text(const cJSON *e) {
    const cJSON *rows = json_opt(e, "rows"), *row = cJSON_GetArrayItem(rows, 0);
    if (cJSON_GetArraySize(rows) != 1 || cJSON_GetArraySize(row) != 1) return NULL;
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(row, 0));
    return text && strchr(text, '\n') ? text : NULL;
}

static void text_statement(struct output *o, const cJSON *e) {
    const char *kind = json_opt_str(e, "kind", "done");
    if (!strcmp(kind, "rows") && long_text(e)) {
        table_print_text(long_text(e));
    } else if (!strcmp(kind, "rows")) {
        struct table *t = table_new(json_opt(e, "schema"), false);
        const cJSON *row;
        cJSON_ArrayForEach(row, json_opt(e, "rows")) table_add(t, NULL, row);
        table_end(t);
    } else if (!strcmp(kind, "query")) {
        o->table = table_new(json_opt(e, "schema"), true);
        o->open_index = json_opt_i64(e, "index", 0);
    } else if (!strcmp(kind, "done") && json_opt(e, "text")) {
        fprintf(stderr, "%s\n", json_opt_str(e, "text", ""));
    }
}

static void text_rows(struct output *o, const cJSON *e) {
    const cJSON *row;
    cJSON_ArrayForEach(row, json_opt(e, "rows")) {
        const cJSON *op = cJSON_GetArrayItem(row, 0), *cells = cJSON_GetArrayItem(row, 1);
        table_add(o->table, cJSON_IsString(op) ? op->valuestring : "", cells);
    }
}

static void text_summary(const cJSON *e) {
    const cJSON *s;
    cJSON_ArrayForEach(s, json_opt(e, "sinks")) {
        const char *connector = json_opt_str(s, "connector", "");
        if (!strcmp(connector, "collect")) continue;
        AUTO_STR line = STR_INIT;
        show_count(&line, json_opt_i64(s, "records", 0));
        str_addf(&line, " records to %s (%s)", json_opt_str(s, "table", ""), connector);
        if (json_opt(s, "path")) str_addf(&line, ": %s", json_opt_str(s, "path", ""));
        fprintf(stderr, "%s\n", str_text(&line));
    }
    AUTO_STR line = STR_INIT;
    show_count(&line, json_opt_i64(e, "recordsIn", 0));
    str_add(&line, " records read, ");
    show_bytes(&line, json_opt_i64(e, "bytesIn", 0));
    str_add(&line, ", in ");
    show_duration(&line, json_opt_i64(e, "elapsedMs", 0));
    if (json_opt_i64(e, "skipped", 0)) {
        str_add(&line, "; ");
        show_count(&line, json_opt_i64(e, "skipped", 0));
        str_add(&line, " malformed records skipped");
    }
    if (json_opt_i64(e, "late", 0)) {
        str_add(&line, "; ");
        show_count(&line, json_opt_i64(e, "late", 0));
        str_add(&line, " late records dropped");
    }
    fprintf(stderr, "%s\n", str_text(&line));
}

static void close_table(struct output *o, bool failed) {
    (failed ? table_fail : table_end)(o->table);
    o->table = NULL;
    o->open_index = -1;
}

static void text_end(struct output *o, const cJSON *e) {
    bool query = o->table && json_opt_i64(e, "index", 0) == o->open_index;
    const char *state = json_opt_str(e, "state", "failed");
    const cJSON *err = json_opt(e, "error");
    if (query) close_table(o, err);
    if (err)
        fprintf(stderr, "failed: %s\n", json_opt_str(err, "message", "unknown reason"));
    else if (!strcmp(state, "cancelled"))
        fprintf(stderr, "cancelled\n");
    else if (!strcmp(state, "stopped"))
        fprintf(stderr, "stopped with checkpoint %lld in %s\n",
                (long long)json_opt_i64(json_opt(e, "checkpoint"), "id", 0),
                json_opt_str(json_opt(e, "checkpoint"), "location", "?"));
    if (!err && !query) text_summary(e);
}

/* ---- events ---- */

static void on_statement(struct output *o, const cJSON *e) {
    if (!strcmp(json_opt_str(e, "kind", ""), "insert"))
        cJSON_AddItemToArray(o->inserts, cJSON_Duplicate(e, true));
    else if (o->format == OUTPUT_JSON)
        json_statement(o, e);
    else
        text_statement(o, e);
}

static cJSON *take_insert(struct output *o, int64_t index) {
    cJSON *i;
    cJSON_ArrayForEach(i, o->inserts) if (json_opt_i64(i, "index", -1) ==
                                          index) return cJSON_DetachItemViaPointer(o->inserts, i);
    return NULL;
}

static void on_end(struct output *o, const cJSON *e) {
    int64_t index = json_opt_i64(e, "index", 0);
    AUTO_JSON *insert = take_insert(o, index);
    if (o->format == OUTPUT_TEXT) {
        text_end(o, e);
    } else if (index == o->open_index) {
        json_close(o, e);
    } else {
        AUTO_STR line = STR_INIT;
        json_head(o, insert ? insert : e, &line);
        str_addf(&line, ",\"state\":\"%s\"", json_opt_str(e, "state", "failed"));
        if (json_opt(e, "error")) json_error(e, &line);
        static const char *const fields[] = {"elapsedMs", "recordsIn", "recordsOut", "skipped",
                                             "late",      "sinks",     "checkpoint"};
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            if (!json_opt(e, fields[i])) continue;
            str_addf(&line, ",\"%s\":", fields[i]);
            json_print(json_opt(e, fields[i]), &line);
        }
        str_add(&line, "}\n");
        if (o->open_index >= 0)
            str_add_sv(&o->held, str_view(&line));
        else
            fwrite(str_text(&line), 1, line.len, stdout);
        fflush(stdout);
    }
}

static void on_output(struct output *o, const cJSON *e) {
    AUTO_STR text = STR_INIT;
    control_show_nul(json_opt_str(e, "text", ""), (struct sv){"", 1}, &text);
    if (!strcmp(json_opt_str(e, "stream", "stdout"), "stderr")) {
        fwrite(str_text(&text), 1, text.len, stderr);
    } else if (o->format == OUTPUT_JSON && o->open_index >= 0) {
        str_add_sv(&o->held, str_view(&text));
    } else {
        fwrite(str_text(&text), 1, text.len, stdout);
        fflush(stdout);
    }
}

static void on_error(struct output *o, const cJSON *e) {
    int64_t index = json_opt_i64(e, "index", 0);
    cJSON_Delete(take_insert(o, index));
    if (o->format == OUTPUT_TEXT) {
        if (o->table && index == o->open_index) close_table(o, true); /* planned and refused */
        const char *rendered = json_opt_str(e, "rendered", NULL);
        if (rendered)
            fprintf(stderr, "%s%s", rendered,
                    *rendered && rendered[strlen(rendered) - 1] == '\n' ? "" : "\n");
        else
            fprintf(stderr, "%s\n", json_opt_str(json_opt(e, "error"), "message", "failed"));
    } else if (index == o->open_index) {
        json_close(o, e);
    } else {
        AUTO_STR line = STR_INIT;
        json_head(o, e, &line);
        json_error(e, &line);
        str_add(&line, "}\n");
        fwrite(str_text(&line), 1, line.len, stdout);
        fflush(stdout);
    }
}

void output_event(struct output *o, const char *type, const cJSON *e) {
    if (!strcmp(type, EVENT_PROGRESS)) {
        if (o->table) table_flush(o->table); /* a slow result shouldn't wait for its widths */
        if (o->progress) progress_update(o->progress, e);
        return;
    }
    hide(o);
    if (!strcmp(type, EVENT_STATEMENT))
        on_statement(o, e);
    else if (!strcmp(type, EVENT_JOB)) {
        if (o->progress) progress_begin(o->progress, json_opt_str(e, "name", ""));
    } else if (!strcmp(type, EVENT_ROWS) && o->format == OUTPUT_JSON)
        json_rows(o, e);
    else if (!strcmp(type, EVENT_ROWS) && o->table)
        text_rows(o, e);
    else if (!strcmp(type, EVENT_OUTPUT))
        on_output(o, e);
    else if (!strcmp(type, EVENT_END))
        on_end(o, e);
    else if (!strcmp(type, EVENT_ERROR))
        on_error(o, e);
    else if (!strcmp(type, EVENT_RESTART))
        fprintf(stderr, "restarting %s: %s\n",
                json_opt_bool(e, "checkpoint", false) ? "from the last checkpoint"
                                                      : "from the beginning",
                json_opt_str(json_opt(e, "error"), "message", "unknown reason"));
    else if (!strcmp(type, EVENT_WARNING))
        fprintf(stderr, "warning: %s\n", json_opt_str(e, "text", ""));
}

void output_finish(struct output *o) {
    hide(o);
    if (o->table) table_end(o->table);
    o->table = NULL;
    if (o->format == OUTPUT_JSON && o->open_index >= 0) json_close(o, NULL);
}

void output_free(struct output *o) {
    if (!o) return;
    progress_free(o->progress);
    str_release(&o->held);
    cJSON_Delete(o->inserts);
    free(o);
}
