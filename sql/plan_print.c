/* plan_print.c - a plan for people: as an indented text tree and as a DOT graph. */
#include "base/core/mem.h"
#include "sql/plan.h"

#include <string.h>

static int count_channels(const struct plan *p) {
    int n = 0;
    for (int i = 0; i < p->n_edges; i++)
        n += plan_edge_channels(p, &p->edges[i]);
    return n;
}

static const char *plural(int n) {
    return n == 1 ? "" : "s";
}

static void print_edge_label(const struct plan *p, const struct plan_edge *e, struct str *out) {
    str_add(out, routing_name(e->routing));
    if (e->n_keys) {
        str_add_char(out, '[');
        for (int i = 0; i < e->n_keys; i++)
            str_addf(out, "%s%s", i ? ", " : "", e->schema->fields[e->keys[i]].name);
        str_add_char(out, ']');
    }
    int n = plan_edge_channels(p, e);
    str_addf(out, " %dx%d, %d channel%s", p->vertices[e->from].parallelism,
             p->vertices[e->to].parallelism, n, plural(n));
}

static void print_schema(const struct schema *s, struct str *out) {
    for (int i = 0; i < s->n; i++) {
        str_addf(out, "%s%s ", i ? ", " : "", s->fields[i].name);
        type_print(s->fields[i].type, out);
    }
}

/* One op and, below it, what is chained behind it. */
static void print_op(const struct plan_vertex *v, int k, int depth, struct str *out) {
    const struct plan_op *op = &v->ops[k];
    str_addf(out, "%*s", 4 + 3 * depth, "");
    if (depth) str_add(out, op->input_port ? "+! " : "+- ");
    str_addf(out, "%s  (%s ", op->name, op->uid);
    changelog_print(op->changelog, out);
    str_add(out, op->stateful ? ", state)\n" : ")\n");
    for (int i = k + 1; i < v->n_ops; i++)
        if (v->ops[i].input == k) print_op(v, i, depth + 1, out);
}

static void print_inputs(const struct plan *p, int vertex, struct str *out) {
    for (int i = 0; i < p->n_edges; i++) {
        const struct plan_edge *e = &p->edges[i];
        if (e->to != vertex) continue;
        str_addf(out, "    <- [%d]", e->from);
        if (p->vertices[vertex].n_inputs > 1) str_addf(out, " into port %d", e->to_port);
        str_add(out, ": ");
        print_edge_label(p, e, out);
        if (e->from_op != p->vertices[e->from].n_ops - 1 || e->from_port)
            str_addf(out, ", from %s%s", p->vertices[e->from].ops[e->from_op].uid,
                     e->from_port ? " side output" : "");
        str_add_char(out, '\n');
    }
}

void plan_print_text(const struct plan *p, struct str *out) {
    int n = count_channels(p);
    str_addf(out, "%s: %s, %s; %d vert%s, %d edge%s, %d channel%s\n", p->name,
             p->config.batch_mode ? "batch" : "streaming",
             p->config.bounded ? "bounded" : "unbounded", p->n_vertices,
             p->n_vertices == 1 ? "ex" : "ices", p->n_edges, plural(p->n_edges), n, plural(n));
    for (int i = 0; i < p->n_vertices; i++) {
        const struct plan_vertex *v = &p->vertices[i];
        str_addf(out, "[%d] %s  parallelism %d of %d", i, v->uid, v->parallelism,
                 v->max_parallelism);
        if (strcmp(v->slot_group, "default")) str_addf(out, ", slot group %s", v->slot_group);
        str_add_char(out, '\n');
        print_inputs(p, i, out);
        print_op(v, 0, 0, out);
    }
    if (p->result) {
        str_add(out, "result: ");
        print_schema(p->result, out);
        str_add_char(out, '\n');
    }
}

/* Text inside a DOT label; \l ends a left-aligned line. */
static void dot_escape(struct str *out, const char *s) {
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') str_add_char(out, '\\');
        if (*s == '\n')
            str_add(out, "\\l");
        else
            str_add_char(out, *s);
    }
}

void plan_print_dot(const struct plan *p, struct str *out) {
    str_add(out, "digraph \"");
    dot_escape(out, p->name);
    str_add(out, "\" {\n  rankdir=LR;\n  node [shape=box];\n");
    for (int i = 0; i < p->n_vertices; i++) {
        const struct plan_vertex *v = &p->vertices[i];
        str_addf(out, "  v%d [label=\"", i);
        for (int k = 0; k < v->n_ops; k++) {
            dot_escape(out, v->ops[k].name);
            str_add(out, "\\l");
        }
        str_addf(out, "%s, parallelism %d\\l\"];\n", v->uid, v->parallelism);
    }
    for (int i = 0; i < p->n_edges; i++) {
        AUTO_STR label = STR_INIT;
        print_edge_label(p, &p->edges[i], &label);
        str_addf(out, "  v%d -> v%d [label=\"", p->edges[i].from, p->edges[i].to);
        dot_escape(out, str_text(&label));
        str_add(out, "\"];\n");
    }
    str_add(out, "}\n");
}
