/* place.c - slots: subtask s of every vertex of a slot group shares slot s of the group; slots go
 * to the workers in turn, so that load spreads and forward edges stay inside a process. */
#include "coordinator/state.h"

#include "base/core/mem.h"

#include <stdlib.h>

struct group {
    const char *name;
    int slots, first;
};

static struct group *group_of(struct group *groups, int *n, const char *name) {
    for (int i = 0; i < *n; i++)
        if (!strcmp(groups[i].name, name)) return &groups[i];
    groups[*n] = (struct group){.name = name};
    return &groups[(*n)++];
}

/* Worker numbers of `need` slots, in turn over the live workers as far as each has slots left. */
static int fill_slots(struct coordinator *c, int *slots, int need, struct err *err) {
    AUTO_FREE int *left = mem_calloc((size_t)c->n_workers + 1, sizeof *left);
    int total = 0;
    for (int i = 0; i < c->n_workers; i++) {
        left[i] = !c->workers[i]->conn ? 0 : c->workers[i]->slots ? c->workers[i]->slots : need;
        total += left[i];
    }
    if (total < need)
        return err_set(
            err, ERR_UNAVAILABLE,
            "the job needs %d slots, its workers have %d: raise spec.workers.replicas or "
            "spec.workers.slots, or lower the parallelism",
            need, total);
    for (int given = 0, w = 0; given < need; w = (w + 1) % c->n_workers)
        if (left[w]-- > 0) slots[given++] = w;
    return 0;
}

/* The plan's slot groups, behind each other; returns how many slots they need. */
static int lay_out(const struct plan *p, struct group *groups, int *n_groups) {
    int need = 0;
    for (int v = 0; v < p->n_vertices; v++) {
        struct group *g = group_of(groups, n_groups, p->vertices[v].slot_group);
        g->slots = MAX(g->slots, p->vertices[v].parallelism);
    }
    for (int i = 0; i < *n_groups; i++) {
        groups[i].first = need;
        need += groups[i].slots;
    }
    return need;
}

int place_slots(const struct plan *p) {
    AUTO_FREE struct group *groups = mem_calloc((size_t)p->n_vertices + 1, sizeof *groups);
    int n_groups = 0;
    return lay_out(p, groups, &n_groups);
}

int place_tasks(struct job *j, struct err *err) {
    const struct plan *p = j->plan;
    AUTO_FREE struct group *groups = mem_calloc((size_t)p->n_vertices + 1, sizeof *groups);
    int n_groups = 0, need = lay_out(p, groups, &n_groups);
    AUTO_FREE int *slots = mem_calloc((size_t)need + 1, sizeof *slots);
    int rc = fill_slots(j->coord, slots, need, err);
    if (rc) return rc;
    for (int v = 0; v < p->n_vertices; v++) {
        struct group *g = group_of(groups, &n_groups, p->vertices[v].slot_group);
        for (int s = 0; s < p->vertices[v].parallelism; s++) {
            j->tasks[v][s].worker = slots[g->first + s];
            j->worker_used[j->tasks[v][s].worker] = true;
        }
    }
    return 0;
}
