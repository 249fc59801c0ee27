/* yaml.h - YAML documents as a tree with places, over libyaml. The tree lives in an arena. Anchors
 * and aliases are resolved (shared nodes; the expanded size is bounded), duplicate keys are errors,
 * tags other than the core ones are refused. Scalars are typed by YAML 1.2's core schema as kubectl
 * reads them. */
#ifndef PENSTOCK_BASE_CORE_YAML_H
#define PENSTOCK_BASE_CORE_YAML_H

#include "base/core/arena.h"
#include "base/core/err.h"
#include "base/core/json.h"

enum {
    YAML_SIZE_MAX_BYTES = 4 << 20,
    YAML_DEPTH_MAX = 100,
    YAML_NODES_MAX = 200000 /* after alias expansion */
};

enum ynode_kind {
    YNODE_NULL,
    YNODE_BOOL,
    YNODE_INT,
    YNODE_FLOAT,
    YNODE_STRING,
    YNODE_SEQ,
    YNODE_MAP
};

struct ynode {
    enum ynode_kind kind;
    int line, column; /* 1-based, of the node's start */
    const char *text; /* scalars: as written (unquoted) */
    int64_t i;        /* BOOL, INT */
    double f;         /* INT, FLOAT */
    int n;            /* SEQ: items; MAP: pairs */
    struct ynode **items;
    struct ynode **keys; /* MAP: STRING nodes, beside items */
};

/* All documents of a stream. Errors: ERR_PARSE with line and column. */
int yaml_parse(struct arena *a, const char *text, size_t len, struct ynode ***ret_docs,
               int *ret_n_docs, struct err *err) ATTR_MUST_USE;
const struct ynode *ynode_get(const struct ynode *map, const char *key); /* NULL if absent */
const char *ynode_kind_name(enum ynode_kind k); /* "a mapping", "a string" ... */
/* Owned by the caller. */
cJSON *ynode_to_json(const struct ynode *n);

#endif
