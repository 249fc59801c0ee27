/* place.c - how many subtasks each node has, and whether its rows are already where they must be.
 */
#include "sql/phys/phys.h"

#include <string.h>

/* ---- parallelism ---- */

static int inherited(const struct planner *p, const struct pnode *n) {
    int most = 0;
    for (int i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i].dist == PDIST_HASH) return p->in->parallelism;
        most = MAX(most, n->inputs[i].node->run);
    }
    return most ? most : p->in->parallelism;
}

/* Rows all pass through one subtask, and would at any parallelism of the job. */
static bool is_single(const struct pnode *n) {
    if (n->max_parallelism == 1) return true;
    if (n->parallelism || !n->n_inputs) return false;
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i].dist != PDIST_ANY || !n->inputs[i].node->single) return false;
    return true;
}

void phys_parallel(struct planner *p) {
    int n_order;
    struct pnode **order = phys_order(p, &n_order);
    for (int i = 0; i < n_order; i++) {
        struct pnode *n = order[i];
        n->single = is_single(n);
        n->run = n->single ? 1 : n->parallelism ? n->parallelism : inherited(p, n);
    }
}

bool phys_is_placed(const struct pnode *n, int input) {
    const struct pinput *in = &n->inputs[input];
    const struct pnode *from = in->node;
    if (in->port || from->kind == PHYS_UNION) return false;
    switch (in->dist) {
    case PDIST_ANY:
        return true;
    case PDIST_ONE:
        return from->single;
    case PDIST_HASH:
        break;
    }
    return from->n_dist == in->keys.n &&
           !memcmp(from->dist, in->keys.cols, sizeof(int) * (size_t)in->keys.n);
}
