/* yaml.c - libyaml's document API turned into struct ynode trees. */
#include "base/core/yaml.h"

#include "base/core/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    struct arena *arena;
    yaml_document_t *doc;
    struct ynode **made; /* by libyaml node id: aliases share */
    bool *open;          /* on the path from the root: an alias to it would be a cycle */
    struct err *err;
    size_t n_nodes;
};

const char *ynode_kind_name(enum ynode_kind k) {
    static const char *const names[] = {"null",     "a boolean",  "an integer", "a number",
                                        "a string", "a sequence", "a mapping"};
    return names[k];
}

const struct ynode *ynode_get(const struct ynode *map, const char *key) {
    if (!map || map->kind != YNODE_MAP) return NULL;
    for (int i = 0; i < map->n; i++)
        if (!strcmp(map->keys[i]->text, key)) return map->items[i];
    return NULL;
}

static bool word_in(const char *s, const char *const *words) {
    for (; *words; words++)
        if (!strcmp(s, *words)) return true;
    return false;
}

static bool scan_int(const char *s, int64_t *ret) {
    const char *p = s + (*s == '-' || *s == '+');
    int base = 10;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'o')) {
        base = p[1] == 'x' ? 16 : 8;
        p += 2;
        if (p - s > 2) return false; /* no sign in front of 0x */
    }
    if (!*p || *p == '-' || *p == '+' || *p == ' ') return false;
    char *end;
    errno = 0;
    long long v = strtoll(p, &end, base);
    if (*end || errno) return false;
    *ret = *s == '-' ? -v : v;
    return true;
}

static bool scan_float(const char *s, double *ret) {
    static const char *const inf[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
    static const char *const ninf[] = {"-.inf", "-.Inf", "-.INF", NULL};
    static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
    if (word_in(s, inf)) return *ret = HUGE_VAL, true;
    if (word_in(s, ninf)) return *ret = -HUGE_VAL, true;
    if (word_in(s, nan_words)) return *ret = NAN, true;
    if (!*s || strspn(s, "+-.0123456789eE") != strlen(s) || !strpbrk(s, "0123456789")) return false;
    char *end;
    *ret = strtod(s, &end);
    return *end == '\0';
}

/* YAML 1.2 core schema for plain scalars. */
static void type_plain(struct ynode *n) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (word_in(n->text, nulls)) {
        n->kind = YNODE_NULL;
    } else if (word_in(n->text, trues) || word_in(n->text, falses)) {
        n->kind = YNODE_BOOL;
        n->i = n->text[0] == 't' || n->text[0] == 'T';
    } else if (scan_int(n->text, &n->i)) {
        n->kind = YNODE_INT;
        n->f = (double)n->i;
    } else if (scan_float(n->text, &n->f)) {
        n->kind = YNODE_FLOAT;
    } else {
        n->kind = YNODE_STRING;
    }
}

static int read_scalar(struct reader *r, const yaml_node_t *y, struct ynode *n) {
    const char *text = (const char *)y->data.scalar.value;
    if (strlen(text) != y->data.scalar.length)
        return err_set_at(r->err, ERR_PARSE, n->line, n->column, "a NUL character in a scalar");
    n->text = arena_strdup(r->arena, text);
    n->kind = YNODE_STRING;
    bool by_tag = y->tag && strcmp((const char *)y->tag, YAML_STR_TAG) != 0;
    if (by_tag && strncmp((const char *)y->tag, "tag:yaml.org,2002:", 18) != 0)
        return err_set_at(r->err, ERR_PARSE, n->line, n->column,
                          "tag '%s' is not supported: only YAML's own types are", y->tag);
    if (y->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) type_plain(n);
    return 0;
}

static int read_node(struct reader *r, int id, int depth, struct ynode **ret);

static int read_map(struct reader *r, const yaml_node_t *y, int depth, struct ynode *n) {
    n->kind = YNODE_MAP;
    n->n = (int)(y->data.mapping.pairs.top - y->data.mapping.pairs.start);
    n->keys = ARENA_NEW_N(r->arena, struct ynode *, n->n);
    n->items = ARENA_NEW_N(r->arena, struct ynode *, n->n);
    for (int i = 0; i < n->n; i++) {
        const yaml_node_pair_t *p = &y->data.mapping.pairs.start[i];
        int rc = read_node(r, p->key, depth + 1, &n->keys[i]);
        if (rc) return rc;
        struct ynode *k = n->keys[i];
        if (k->kind == YNODE_SEQ || k->kind == YNODE_MAP)
            return err_set_at(r->err, ERR_PARSE, k->line, k->column, "a key must be a scalar");
        if (!strcmp(k->text, "<<"))
            return err_set_at(r->err, ERR_PARSE, k->line, k->column,
                              "merge keys ('<<') are not supported: write the fields out");
        for (int j = 0; j < i; j++)
            if (!strcmp(n->keys[j]->text, k->text))
                return err_set_at(r->err, ERR_PARSE, k->line, k->column,
                                  "key '%s' stands twice (first in line %d)", k->text,
                                  n->keys[j]->line);
        if ((rc = read_node(r, p->value, depth + 1, &n->items[i]))) return rc;
    }
    return 0;
}

static int read_seq(struct reader *r, const yaml_node_t *y, int depth, struct ynode *n) {
    n->kind = YNODE_SEQ;
    n->n = (int)(y->data.sequence.items.top - y->data.sequence.items.start);
    n->items = ARENA_NEW_N(r->arena, struct ynode *, n->n);
    for (int i = 0; i < n->n; i++) {
        int rc = read_node(r, y->data.sequence.items.start[i], depth + 1, &n->items[i]);
        if (rc) return rc;
    }
    return 0;
}

static int read_node(struct reader *r, int id, int depth, struct ynode **ret) {
    yaml_node_t *y = yaml_document_get_node(r->doc, id);
    int line = (int)y->start_mark.line + 1, column = (int)y->start_mark.column + 1;
    if (depth > YAML_DEPTH_MAX)
        return err_set_at(r->err, ERR_PARSE, line, column, "nested deeper than %d levels",
                          YAML_DEPTH_MAX);
    if (r->open[id])
        return err_set_at(r->err, ERR_PARSE, line, column, "an alias refers to what contains it");
    if (r->made[id] && r->made[id]->kind <= YNODE_STRING) {
        *ret = r->made[id];
        return 0;
    }
    if (++r->n_nodes > YAML_NODES_MAX)
        return err_set_at(r->err, ERR_PARSE, line, column, "more than %d values", YAML_NODES_MAX);
    struct ynode *n = ARENA_NEW(r->arena, struct ynode);
    n->line = line;
    n->column = column;
    r->open[id] = true;
    int rc;
    if (y->type == YAML_MAPPING_NODE)
        rc = read_map(r, y, depth, n);
    else if (y->type == YAML_SEQUENCE_NODE)
        rc = read_seq(r, y, depth, n);
    else
        rc = read_scalar(r, y, n);
    r->open[id] = false;
    if (rc) return rc;
    r->made[id] = n;
    *ret = n;
    return 0;
}

static int read_document(struct arena *a, yaml_document_t *doc, size_t *n_nodes, struct ynode **ret,
                         struct err *err) {
    size_t n = (size_t)(doc->nodes.top - doc->nodes.start);
    struct reader r = {.arena = a, .doc = doc, .err = err, .n_nodes = *n_nodes};
    r.made = mem_calloc(n + 1, sizeof(*r.made));
    r.open = mem_calloc(n + 1, sizeof(*r.open));
    int rc = read_node(&r, 1, 0, ret);
    *n_nodes = r.n_nodes;
    free(r.made);
    free(r.open);
    return rc;
}

/* libyaml's time grows with the square of the depth, so what is too deep is turned away before it
 * makes a document of it. What isn't YAML is left to that. */
static int check_depth(const char *text, size_t len, struct err *err) {
    yaml_parser_t parser;
    yaml_event_t event;
    CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    int depth = 0, rc = 0;
    for (bool end = false; !end && !rc && yaml_parser_parse(&parser, &event);) {
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) depth--;
        if (depth > YAML_DEPTH_MAX)
            rc = err_set_at(err, ERR_PARSE, (int)event.start_mark.line + 1,
                            (int)event.start_mark.column + 1, "nested more than %d levels deep",
                            YAML_DEPTH_MAX);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

int yaml_parse(struct arena *a, const char *text, size_t len, struct ynode ***ret_docs,
               int *ret_n_docs, struct err *err) {
    if (len > YAML_SIZE_MAX_BYTES)
        return err_set(err, ERR_PARSE, "%zu bytes of YAML; at most %d are read", len,
                       YAML_SIZE_MAX_BYTES);
    if (check_depth(text, len, err)) return err->code;
    yaml_parser_t parser;
    CHECK(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    struct ynode **docs = NULL;
    int n_docs = 0, cap = 0, rc = 0;
    size_t n_nodes = 0;
    for (;;) {
        yaml_document_t doc;
        if (!yaml_parser_load(&parser, &doc)) {
            int line = (int)parser.problem_mark.line + 1;
            int column = (int)parser.problem_mark.column + 1;
            rc = err_set_at(err, ERR_PARSE, line, column, "not valid YAML: %s%s%s",
                            parser.problem ? parser.problem : "unreadable",
                            parser.context ? ", " : "", parser.context ? parser.context : "");
            break;
        }
        if (!yaml_document_get_root_node(&doc)) {
            yaml_document_delete(&doc);
            break;
        }
        MEM_GROW(docs, n_docs, cap);
        rc = read_document(a, &doc, &n_nodes, &docs[n_docs], err);
        yaml_document_delete(&doc);
        if (rc) break;
        n_docs++;
    }
    yaml_parser_delete(&parser);
    if (!rc) {
        *ret_docs = arena_dup(a, docs, sizeof(*docs) * (size_t)n_docs);
        *ret_n_docs = n_docs;
    }
    free(docs);
    return rc;
}

cJSON *ynode_to_json(const struct ynode *n) {
    switch (n->kind) {
    case YNODE_NULL:
        return cJSON_CreateNull();
    case YNODE_BOOL:
        return cJSON_CreateBool(n->i != 0);
    case YNODE_INT:
        return json_i64(n->i);
    case YNODE_FLOAT:
        return cJSON_CreateNumber(n->f);
    case YNODE_STRING:
        return cJSON_CreateString(n->text);
    case YNODE_SEQ: {
        cJSON *j = cJSON_CreateArray();
        for (int i = 0; i < n->n; i++)
            cJSON_AddItemToArray(j, ynode_to_json(n->items[i]));
        return j;
    }
    case YNODE_MAP: {
        cJSON *j = cJSON_CreateObject();
        for (int i = 0; i < n->n; i++)
            cJSON_AddItemToObject(j, n->keys[i]->text, ynode_to_json(n->items[i]));
        return j;
    }
    }
    return NULL;
}
