/* resource.c - see resource.h. */
#include "operator/k8s/resource.h"

#include "base/core/attr.h"
#include "base/net/http_client.h"

#include <string.h>

#define K8S_RESOURCE(id, group, version, plural, kind, namespaced)                                 \
    static const struct k8s_resource row_##id = {group, version, plural, kind, namespaced};        \
    const struct k8s_resource *const K8S_##id = &row_##id;
#include "operator/k8s/resource_list.def"
#undef K8S_RESOURCE

static const struct k8s_resource *const rows[] = {
#define K8S_RESOURCE(id, group, version, plural, kind, namespaced) &row_##id,
#include "operator/k8s/resource_list.def"
#undef K8S_RESOURCE
};

const struct k8s_resource *k8s_resource_of_kind(const char *group, const char *kind) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i]->kind, kind) == 0 && (!group || strcmp(rows[i]->group, group) == 0))
            return rows[i];
    }
    return NULL;
}

void k8s_api_version(const struct k8s_resource *r, struct str *out) {
    str_addf(out, "%s%s%s", r->group, *r->group ? "/" : "", r->version);
}

static void add_segment(struct str *out, const char *text) {
    str_add_char(out, '/');
    http_url_encode(out, sv_from(text), false);
}

void k8s_resource_path(const struct k8s_resource *r, const char *ns, const char *name,
                       const char *sub, struct str *out) {
    str_add(out, *r->group ? "/apis/" : "/api/");
    k8s_api_version(r, out);
    if (r->namespaced && ns && *ns) {
        str_add(out, "/namespaces");
        add_segment(out, ns);
    }
    add_segment(out, r->plural);
    if (name && *name) add_segment(out, name);
    if (name && *name && sub && *sub) add_segment(out, sub);
}
