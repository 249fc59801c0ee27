/* crd_docs.c - docs/flinkjob.md out of the CRDs' schemas. */
#include "base/proto/manifest.h"

#include <string.h>

static const char *text_at(const struct ynode *n, const char *key) {
    const struct ynode *v = ynode_get(n, key);
    return v && v->text ? v->text : NULL;
}

static void print_type(const struct ynode *s, struct str *out) {
    const struct ynode *values = ynode_get(s, "enum"), *more = ynode_get(s, "additionalProperties");
    if (values) {
        for (int i = 0; i < values->n; i++)
            str_addf(out, "%s`%s`", i ? ", " : "", values->items[i]->text);
        return;
    }
    const char *type = text_at(s, "type");
    str_add(out, more ? "map" : type ? type : "integer or string");
    const char *min = text_at(s, "minimum"), *max = text_at(s, "maximum");
    if (min && max) str_addf(out, ", %s to %s", min, max);
}

static void print_fields(const struct ynode *schema, const char *path, struct str *out) {
    const struct ynode *props = ynode_get(schema, "properties");
    for (int i = 0; props && i < props->n; i++) {
        const struct ynode *s = props->items[i];
        AUTO_STR sub = STR_INIT;
        str_addf(&sub, "%s%s%s", path, *path ? "." : "", props->keys[i]->text);
        if (strcmp(str_text(&sub), "metadata")) {
            str_addf(out, "| `%s` | ", str_text(&sub));
            print_type(s, out);
            const char *dflt = text_at(s, "default"), *doc = text_at(s, "description");
            str_addf(out, " | %s%s%s | %s |\n", dflt ? "`" : "", dflt ? dflt : "", dflt ? "`" : "",
                     doc ? doc : "");
        }
        print_fields(s, str_text(&sub), out);
        const struct ynode *more = ynode_get(s, "additionalProperties");
        str_add(&sub, ".<key>");
        if (more) print_fields(more, str_text(&sub), out);
    }
}

static void print_rules(const struct ynode *schema, struct str *out) {
    const struct ynode *rules = ynode_get(schema, "x-kubernetes-validations");
    for (int i = 0; rules && i < rules->n; i++)
        str_addf(out, "- %s\n", text_at(rules->items[i], "message"));
    const struct ynode *props = ynode_get(schema, "properties"),
                       *items = ynode_get(schema, "items");
    for (int i = 0; props && i < props->n; i++)
        print_rules(props->items[i], out);
    if (items) print_rules(items, out);
}

static int print_crd(struct sv text, const char *title, const char *file, struct str *out,
                     struct err *err) {
    struct arena a ATTR_CLEANUP(arena_release);
    arena_init(&a);
    struct ynode **docs;
    int n;
    int rc = yaml_parse(&a, text.ptr, text.len, &docs, &n, err);
    if (rc) return err_wrap(err, "the built-in CRD");
    const struct ynode *version = ynode_get(ynode_get(docs[0], "spec"), "versions")->items[0];
    const struct ynode *schema = ynode_get(ynode_get(version, "schema"), "openAPIV3Schema");
    str_addf(out,
             "# %s\n\nMade from `%s` by `make docs`. Unknown fields are refused, and so are "
             "manifests against one of these rules:\n\n",
             title, file);
    print_rules(schema, out);
    str_add(out, "\n| field | type | default | what it is |\n|---|---|---|---|\n");
    print_fields(schema, "", out);
    return 0;
}

int crd_print_docs(struct str *out, struct err *err) {
    int rc =
        print_crd(crd_flinkjob_text(), "FlinkJob", "crds/penstock.dev_flinkjobs.yaml", out, err);
    str_add(out, "\n");
    if (!rc)
        rc = print_crd(crd_flinksnapshot_text(), "FlinkSnapshot",
                       "crds/penstock.dev_flinksnapshots.yaml", out, err);
    return rc;
}
