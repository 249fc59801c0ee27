/* facts.h - what is known of a node's rows (upsert keys, distribution, window columns), and the
 * schemas, JSON and text that translators build. */
#ifndef PENSTOCK_SQL_PHYS_FACTS_H
#define PENSTOCK_SQL_PHYS_FACTS_H

#include "sql/rel.h"

struct err;
struct pnode;
struct planner;

struct colset {
    int n;
    const int *cols;
};

enum window_prop { WPROP_NONE, WPROP_START, WPROP_END, WPROP_TIME };

/* ---- facts ---- */

struct colset colset_of(struct arena *a, const int *cols, int n); /* sorted, without repeats */
bool colset_has(struct colset s, int col);
bool colset_covers(struct colset s, struct colset part);
bool colset_eq(struct colset x, struct colset y);
void phys_add_key(struct pnode *n, struct colset key);
/* Keys, distribution and window columns of n's only input, where column i of the input is column
 * map[i] of n (-1: gone). */
void phys_map_facts(struct planner *p, struct pnode *n, const struct pnode *from, const int *map);
void phys_same_facts(struct pnode *n, const struct pnode *from);
enum window_prop phys_prop(const struct pnode *n, int col);
void phys_set_prop(struct planner *p, struct pnode *n, int col, enum window_prop prop);
/* Binds an aggregate anew, for retractions, where in sends any; some can't take them. */
int phys_agg_for(struct planner *p, const struct rel *r, const struct pnode *in,
                 struct agg_call *call, const int *args, struct err *err) ATTR_MUST_USE;
bool phys_window_eq(const struct pnode *x, const struct pnode *y);

/* ---- schemas and JSON ---- */

struct schema *phys_schema(struct arena *a, int n); /* fields zeroed, to be filled */
const struct schema *phys_schema_plain(struct arena *a,
                                       const struct schema *s); /* no time attributes */
cJSON *phys_json_cols(const int *cols, int n);
cJSON *phys_json_order(const struct sort_key *keys, int n);
cJSON *phys_json_agg(const struct agg_call *c, const int *cols, int filter,
                     const struct sort_key *order, int n_order);
void phys_print_cols(const struct schema *s, const int *cols, int n, struct str *out); /* a, b */
void phys_print_order(const struct schema *s, const struct sort_key *k, int n, struct str *out);
void phys_print_agg(const struct schema *in, const struct agg_call *c, const int *cols, int filter,
                    struct str *out);
const char *phys_keep(struct planner *p, struct str *s); /* copies to the arena */

#endif
