/* gen_docs.c - prints the pages of docs/ that are made from tables in the code: gen_docs PAGE. Each
 * page is one row below; `make docs` writes docs/PAGE.md, `make docs-check` compares. */
#include "base/core/opt.h"
#include "base/core/str.h"
#include "base/metrics.h"
#include "base/proto/manifest.h"
#include "connector/connector.h"
#include "connector/format/format.h"
#include "fs/options.h"
#include "sql/catalog.h"
#include "sql/settings.h"
#include "vector/func/agg.h"

#include <stdio.h>
#include <string.h>

/* Text inside a table cell. */
static void cell(struct str *out, const char *text) {
    for (; text && *text; text++) {
        if (*text == '|')
            str_add(out, "\\|");
        else
            str_add_char(out, *text == '\n' ? ' ' : *text);
    }
}

static void option_rows(const struct opt_table *t, const char *prefix, struct str *out) {
    str_add(out, "| option | type | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct opt_row *r = &t->rows[i];
        str_addf(out, "| `%s%s` | ", prefix, r->name);
        if (r->type == OPT_ENUM)
            for (int k = 0; r->choices[k]; k++)
                str_addf(out, "%s`%s`", k ? ", " : "", r->choices[k]);
        else
            str_add(out, opt_type_name(r->type));
        str_add(out, " | ");
        if (r->flags & OPT_REQUIRED)
            str_add(out, "(required)");
        else if (r->dflt && *r->dflt)
            str_addf(out, "`%s`", r->dflt);
        str_add(out, " | ");
        cell(out, r->help);
        const char *why = t == settings_table() ? settings_pending(r->name, NULL) : NULL;
        if (why) str_addf(out, " **No effect yet:** %s.", why);
        str_add(out, " |\n");
    }
    str_add_char(out, '\n');
}

static void settings_docs(struct str *out) {
    str_add(out, "# Settings\n\nMade from `sql/settings.def` by `make docs`. `SET 'key' = "
                 "'value';` in a script, "
                 "`spec.config` in a FlinkJob, `--set key=value` on the command line. Names and "
                 "defaults are "
                 "Flink's; `penstock.*` are our own. Unknown keys are errors; settings of Flink's "
                 "processes, network and deployment, and those marked **No effect yet**, are "
                 "accepted with a warning.\n\n");
    option_rows(settings_table(), "", out);
}

static void uses(const struct connector_desc *d, struct str *out) {
    static const struct {
        enum connector_caps cap;
        const char *name;
    } all[] = {
        {CONNECTOR_SOURCE, "source"}, {CONNECTOR_SINK, "sink"}, {CONNECTOR_LOOKUP, "lookup"}};
    const char *sep = "";
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (!(d->caps & all[i].cap)) continue;
        str_addf(out, "%s%s", sep, all[i].name);
        sep = ", ";
    }
}

static void connectors_docs(struct str *out) {
    str_add(out, "# Connectors and formats\n\nMade from the tables in `connector/` by `make "
                 "docs`.\n\n## Connectors\n\n");
    size_t n;
    const struct connector_desc *const *all = connector_all(&n);
    for (size_t i = 0; i < n; i++) {
        const struct connector_desc *d = all[i];
        if (d->caps & CONNECTOR_HIDDEN) continue;
        str_addf(out, "### %s\n\n%s (", d->name, d->doc);
        uses(d, out);
        str_add(out, ")\n\n");
        if (d->options.n_rows) option_rows(&d->options, "", out);
        if (!d->metadata || !d->metadata->key) continue;
        str_add(out, "| metadata column | type | what it is |\n|---|---|---|\n");
        for (const struct metadata_key *m = d->metadata; m->key; m++) {
            str_addf(out, "| `%s` | %s | ", m->key, m->type);
            cell(out, m->doc);
            str_add(out, " |\n");
        }
        str_add_char(out, '\n');
    }
    str_add(out,
            "## Lookups\n\nTables whose connector can be looked up are joined by `JOIN t FOR "
            "SYSTEM_TIME AS OF o.proctime AS a ON ...`, `proctime` being a column `AS PROCTIME()`, "
            "and take these options beside their own. The hint `/*+ LOOKUP('table' = 'a', ...) */` "
            "may say `async`, `output-mode` (`ordered`, `allow_unordered`), `capacity`, `timeout`, "
            "and, to ask again for keys without rows, `'retry-predicate' = 'lookup_miss', "
            "'retry-strategy' = 'fixed_delay', 'fixed-delay' = '10 s', 'max-attempts' = '3'`.\n\n");
    option_rows(connector_lookup_rows(), "", out);
    str_add(out,
            "## Formats\n\nOptions are written with the format's name in front, as shown.\n\n");
    const struct format_desc *const *formats = format_all(&n);
    for (size_t i = 0; i < n; i++) {
        str_addf(out, "### %s\n\n%s\n\n", formats[i]->name, formats[i]->doc);
        AUTO_STR prefix = STR_INIT;
        str_addf(&prefix, "%s.", formats[i]->name);
        if (formats[i]->options.n_rows) option_rows(&formats[i]->options, str_text(&prefix), out);
    }
}

static void filesystem_options_docs(struct str *out) {
    str_add(out, "# Options of file systems\n\nMade from `fs/options.c` by `make docs`. Set in "
                 "`options` of a row of `spec.fileSystems` (docs/filesystems.md).\n\n");
    option_rows(fs_option_table(), "", out);
}

static void functions_docs(struct str *out) {
    str_add(out, "# Functions\n\nMade from the tables in `vector/func/` by `make docs`.\n\n## "
                 "Scalar functions and "
                 "operators\n\n| function | category | what it gives |\n|---|---|---|\n");
    size_t n;
    const struct func *const *all = func_all(&n);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->flags & FUNC_HIDDEN) continue;
        str_add(out, "| `");
        cell(out, all[i]->signature ? all[i]->signature : all[i]->name);
        str_addf(out, "` | %s | ", all[i]->category ? all[i]->category : "");
        cell(out, all[i]->doc);
        str_add(out, " |\n");
    }
    str_add(out, "\n## Aggregate functions\n\n| function | what it gives |\n|---|---|\n");
    const struct agg *const *aggs = agg_all(&n);
    for (size_t i = 0; i < n; i++) {
        if (aggs[i]->name[0] == '$') continue;
        str_add(out, "| `");
        cell(out, aggs[i]->signature ? aggs[i]->signature : aggs[i]->name);
        str_add(out, "` | ");
        cell(out, aggs[i]->doc);
        str_add(out, " |\n");
    }
}

static void flinkjob_docs(struct str *out) {
    struct err err = ERR_INIT;
    CHECKF(!crd_print_docs(out, &err), "%s", err.msg);
}

static const struct {
    const char *name;
    void (*print)(struct str *out);
} pages[] = {
    {"connectors", connectors_docs}, {"filesystem-options", filesystem_options_docs},
    {"flinkjob", flinkjob_docs},     {"functions", functions_docs},
    {"metrics", metrics_docs},       {"settings", settings_docs},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < ARRAY_LEN(pages); i++) {
        if (strcmp(argv[1], pages[i].name) != 0) continue;
        AUTO_STR out = STR_INIT;
        pages[i].print(&out);
        return fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
    }
    fprintf(stderr, "usage: gen_docs PAGE; pages:");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        fprintf(stderr, " %s", pages[i].name);
    fputc('\n', stderr);
    return 2;
}
