/* table.c - text tables on standard output. */
#include "cli/table.h"

#include "base/core/mem.h"
#include "base/proto/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    int n; /* columns, op included */
    char **names;
    bool *right; /* numbers */
    int *width;
    cJSON *held; /* rows of the sample */
    bool begun, with_op;
    long long n_rows;
};

/* What stands for a character that would break the table: a line break, a terminal's escape... NULL
 * if it may stand for itself. buf has room for it. */
static const char *shown_as(unsigned char c, char buf[8]) {
    static const char *const names[] = {['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    if (c >= 0x20 && c != 0x7F) return NULL;
    if (c < ARRAY_LEN(names) && names[c]) return names[c];
    snprintf(buf, 8, "\\x%02x", c);
    return buf;
}

/* Code points; close enough to columns of a terminal for tables of data. */
static int text_width(const char *s) {
    int w = 0;
    char buf[8];
    for (; *s; s++) {
        const char *shown = shown_as((unsigned char)*s, buf);
        w += shown ? (int)strlen(shown) : ((unsigned char)*s & 0xC0) != 0x80;
    }
    return w;
}

struct table *table_new(const cJSON *columns, bool with_op) {
    struct table *t = mem_zalloc(sizeof *t);
    t->with_op = with_op;
    t->n = cJSON_GetArraySize(columns) + with_op;
    t->names = mem_calloc((size_t)t->n + 1, sizeof *t->names);
    t->right = mem_calloc((size_t)t->n + 1, sizeof *t->right);
    t->width = mem_calloc((size_t)t->n + 1, sizeof *t->width);
    t->held = cJSON_CreateArray();
    int i = 0;
    if (with_op) t->names[i++] = mem_strdup("op");
    static const char *const numeric[] = {"TINYINT", "SMALLINT", "INT",    "BIGINT",
                                          "FLOAT",   "DOUBLE",   "DECIMAL"};
    const cJSON *c;
    cJSON_ArrayForEach(c, columns) {
        const char *type = json_opt_str(c, "type", "");
        for (size_t k = 0; k < ARRAY_LEN(numeric); k++)
            if (!strncmp(type, numeric[k], strlen(numeric[k])) && strncmp(type, "INTERVAL", 8))
                t->right[i] = true;
        t->names[i++] = mem_strdup(json_opt_str(c, "name", ""));
    }
    for (i = 0; i < t->n; i++)
        t->width[i] = text_width(t->names[i]);
    return t;
}

struct table *table_of_texts(const char *const *names, size_t n) {
    AUTO_JSON *columns = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        cJSON *c = cJSON_CreateObject();
        json_set_str(c, "name", names[i]);
        json_set_str(c, "type", "STRING");
        cJSON_AddItemToArray(columns, c);
    }
    return table_new(columns, false);
}

static void rule(const struct table *t) {
    for (int i = 0; i < t->n; i++) {
        fputs(i ? "-+-" : "+-", stdout);
        for (int k = 0; k < t->width[i]; k++)
            putchar('-');
    }
    puts("-+");
}

static void cell(const struct table *t, int i, const char *text, bool right) {
    fputs(i ? " | " : "| ", stdout);
    int pad = t->width[i] - text_width(text);
    for (int k = 0; right && k < pad; k++)
        putchar(' ');
    for (const char *p = text; *p; p++) {
        char buf[8];
        const char *shown = shown_as((unsigned char)*p, buf);
        if (shown) {
            fputs(shown, stdout);
        } else if (!strncmp(p, CONTROL_NUL, strlen(CONTROL_NUL))) {
            fputs("\xE2\x90\x80", stdout); /* U+2400, the picture of NUL */
            p += strlen(CONTROL_NUL) - 1;
        } else {
            putchar(*p);
        }
    }
    for (int k = 0; !right && k < pad; k++)
        putchar(' ');
}

static const char *cell_text(const cJSON *c) {
    return cJSON_IsString(c) ? c->valuestring : "<NULL>";
}

static void print_row(const struct table *t, const cJSON *row) {
    int i = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, row) {
        cell(t, i, cell_text(c), t->right[i]);
        i++;
    }
    puts(" |");
}

void table_flush(struct table *t) {
    const cJSON *row, *c;
    if (!t->begun) {
        cJSON_ArrayForEach(row, t->held) {
            int i = 0;
            cJSON_ArrayForEach(c, row) {
                t->width[i] = MAX(t->width[i], text_width(cell_text(c)));
                i++;
            }
        }
        t->begun = true;
        rule(t);
        for (int i = 0; i < t->n; i++)
            cell(t, i, t->names[i], t->right[i]);
        puts(" |");
        rule(t);
    }
    cJSON_ArrayForEach(row, t->held) print_row(t, row);
    cJSON_Delete(t->held);
    t->held = cJSON_CreateArray();
    fflush(stdout);
}

void table_add(struct table *t, const char *op, const cJSON *cells) {
    cJSON *row = cJSON_CreateArray();
    if (t->with_op) cJSON_AddItemToArray(row, cJSON_CreateString(op));
    int n = t->with_op;
    const cJSON *c;
    cJSON_ArrayForEach(c, cells) if (n++ < t->n)
        cJSON_AddItemToArray(row, cJSON_Duplicate(c, true));
    t->n_rows++;
    if (t->begun) {
        print_row(t, row);
        cJSON_Delete(row);
        return;
    }
    cJSON_AddItemToArray(t->held, row);
    if (t->n_rows >= TABLE_SAMPLE_ROWS) table_flush(t);
}

static void table_free(struct table *t) {
    for (int i = 0; i < t->n; i++)
        free(t->names[i]);
    free(t->names);
    free(t->right);
    free(t->width);
    cJSON_Delete(t->held);
    free(t);
}

void table_end(struct table *t) {
    table_flush(t);
    rule(t);
    printf("%lld row%s\n", t->n_rows, t->n_rows == 1 ? "" : "s");
    fflush(stdout);
    table_free(t);
}

void table_fail(struct table *t) {
    if (t->begun || t->n_rows)
        table_end(t);
    else
        table_free(t);
}

void table_print_text(const char *text) {
    char buf[8];
    for (const char *s = text; *s; s++) {
        const char *shown = *s == '\n' ? NULL : shown_as((unsigned char)*s, buf);
        if (shown)
            fputs(shown, stdout);
        else
            putchar(*s);
    }
    if (*text && text[strlen(text) - 1] != '\n') putchar('\n');
    fflush(stdout);
}
