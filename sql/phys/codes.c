/* codes.c - TO_CHANGELOG and FROM_CHANGELOG: between row kinds and a column that names them. */
#include "sql/phys/phys.h"

#include <string.h>

static unsigned kinds_of(const struct rel *r) {
    unsigned kinds = 0;
    for (int i = 0; i < r->u.changelog.n_codes; i++)
        kinds |= 1u << r->u.changelog.codes[i].kind;
    return kinds;
}

static cJSON *codes_json(const struct rel *r) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < r->u.changelog.n_codes; i++) {
        cJSON *c = cJSON_CreateObject();
        json_set_i64(c, "kind", r->u.changelog.codes[i].kind);
        json_set_str(c, "code", r->u.changelog.codes[i].code);
        cJSON_AddItemToArray(list, c);
    }
    return list;
}

static struct pnode *to_codes(struct planner *p, const struct rel *r, struct pnode *in) {
    const struct schema *s = phys_schema_plain(p->arena, r->schema);
    struct pnode *n = phys_new(p, PHYS_TO_CHANGELOG, r, s, &in, 1);
    n->kinds = CHANGELOG_INSERT;
    n->source_mode = kinds_of(r);
    json_set(n->config, "codes", codes_json(r));
    phys_label(p, n, "ToChangelog(op=[%s])", s->fields[0].name);
    return n;
}

static int from_codes(struct planner *p, const struct rel *r, struct pnode *in, struct pnode **ret,
                      struct err *err) {
    struct pnode *n = phys_new(p, PHYS_FROM_CHANGELOG, r, in->schema, &in, 1);
    int rc = phys_require(p, n, 0, CHANGELOG_INSERT, "FROM_CHANGELOG", err);
    if (rc) return rc;
    unsigned mode = kinds_of(r);
    if (p->batch && mode != CHANGELOG_INSERT)
        return phys_err(
            r, err, ERR_VALIDATION,
            "FROM_CHANGELOG makes a table that is updated, which batch mode can't take; "
            "SET 'execution.runtime-mode' = 'streaming'");
    n->source_mode = mode;
    n->kinds = mode & ~(unsigned)CHANGELOG_UPDATE_BEFORE;
    json_set_i64(n->config, "op", r->u.changelog.column);
    json_set(n->config, "codes", codes_json(r));
    phys_label(p, n, "FromChangelog(op=[%s])", in->schema->fields[r->u.changelog.column].name);
    int *cols = ARENA_NEW_N(p->arena, int, r->schema->n + 1);
    for (int i = 0; i < r->schema->n; i++)
        cols[i] = i + (i >= r->u.changelog.column);
    *ret = phys_pick(p, r, n, cols, r->schema->n);
    return 0;
}

int phys_codes(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    int rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    if (!r->u.changelog.to) return from_codes(p, r, in, ret, err);
    *ret = to_codes(p, r, in);
    return 0;
}
