/* match_pattern.c - moves of runs. */
#include "worker/match_pattern.h"

#include "base/core/attr.h"

#include <string.h>

size_t match_run_bytes(const struct match_pattern *p) {
    size_t n = sizeof(struct match_run) + sizeof(uint32_t) * (size_t)p->n;
    return (n + 7) / 8 * 8;
}

static int read_var(const cJSON *j, struct match_quantifier *q, const char **ret_name,
                    struct err *err) {
    int rc = json_get_i64(j, "min", &q->min, err);
    if (!rc) rc = json_get_i64(j, "max", &q->max, err);
    if (!rc) rc = json_get_str(j, "name", ret_name, err);
    if (rc) return rc;
    if (q->max < 0) q->max = INT64_MAX;
    if (q->min < 0 || q->max < 1 || q->max < q->min)
        return err_set(err, ERR_PROTOCOL, "bad quantifier of '%s'", *ret_name);
    q->greedy = json_opt_bool(j, "greedy", false);
    return 0;
}

int match_pattern_read(const cJSON *config, struct match_pattern *ret, struct err *err) {
    static const char *const skips[] = {"past_last", "next", "first", "last"};
    *ret = (struct match_pattern){.skip_var = (int)json_opt_i64(config, "skipVar", -1),
                                  .within_ms = json_opt_i64(config, "within", 0)};
    const cJSON *j;
    cJSON_ArrayForEach(j, json_opt(config, "vars")) {
        if (ret->n == MATCH_VARS_MAX) return err_set(err, ERR_PROTOCOL, "too many variables");
        int rc = read_var(j, &ret->vars[ret->n], &ret->names[ret->n], err);
        if (rc) return rc;
        ret->n++;
    }
    const char *skip = json_opt_str(config, "skip", "past_last");
    size_t s = 0;
    while (s < ARRAY_LEN(skips) && strcmp(skips[s], skip))
        s++;
    bool to_var = s >= MATCH_SKIP_FIRST;
    if (!ret->n || s == ARRAY_LEN(skips) ||
        (to_var && (ret->skip_var < 0 || ret->skip_var >= ret->n)))
        return err_set(err, ERR_PROTOCOL, "bad pattern");
    ret->skip = (enum match_skip)s;
    return 0;
}

static bool holds_for(uint64_t holds, int var) {
    return holds >> var & 1;
}

/* What comes first behind a greedy variable doesn't take its rows. */
static bool shut(const struct match_pattern *p, int var, uint64_t count, uint64_t holds) {
    return !count && var && p->vars[var - 1].greedy && holds_for(holds, var - 1);
}

/* Whether nothing more need come, as far as this row tells. */
static bool can_end(const struct match_pattern *p, int var, uint64_t count, uint64_t holds) {
    for (; var < p->n; var++, count = 0)
        if (shut(p, var, count, holds) || count < (uint64_t)p->vars[var].min) return false;
    return true;
}

int match_moves(const struct match_pattern *p, int var, uint64_t count, uint64_t holds,
                struct match_move *ret) {
    int n = 0;
    for (; var < p->n && !shut(p, var, count, holds); var++, count = 0) {
        const struct match_quantifier *q = &p->vars[var];
        if (holds_for(holds, var)) {
            bool full = count + 1 == (uint64_t)q->max;
            int next = full ? var + 1 : var;
            if (next < p->n) ret[n++] = (struct match_move){var, next, false};
            if (can_end(p, next, full ? 0 : count + 1, holds))
                ret[n++] = (struct match_move){var, next, true};
        }
        if (count < (uint64_t)q->min) break;
    }
    return n;
}

uint64_t match_needs(const struct match_pattern *p, int var, uint64_t count) {
    uint64_t needs = 0;
    if (!count && var && p->vars[var - 1].greedy) needs |= (uint64_t)1 << (var - 1);
    for (; var < p->n; var++, count = 0) {
        needs |= (uint64_t)1 << var;
        if (count < (uint64_t)p->vars[var].min) break;
    }
    /* Greedy ones further on, if all that comes is optional. */
    for (int v = var + 1; v < p->n && p->vars[v].min == 0; v++)
        if (p->vars[v].greedy) needs |= (uint64_t)1 << v;
    return needs;
}

int match_skip_to(const struct match_pattern *p, const struct match_run *match, int64_t *ret,
                  struct err *err) {
    int64_t at = match->start;
    switch (p->skip) {
    case MATCH_SKIP_PAST_LAST:
        *ret = at + match->rows;
        return 0;
    case MATCH_SKIP_NEXT:
        *ret = at + 1;
        return 0;
    default:
        break;
    }
    int v = p->skip_var;
    const char *which = p->skip == MATCH_SKIP_FIRST ? "FIRST" : "LAST";
    if (!match->counts[v])
        return err_set(err, ERR_RUNTIME, "AFTER MATCH SKIP TO %s %s: a match has no row of '%s'",
                       which, p->names[v], p->names[v]);
    for (int i = 0; i < v; i++)
        at += match->counts[i];
    if (p->skip == MATCH_SKIP_LAST) at += match->counts[v] - 1;
    if (at == match->start)
        return err_set(
            err, ERR_RUNTIME,
            "AFTER MATCH SKIP TO %s %s: could not skip to the first row of a match, which "
            "would be found again and again",
            which, p->names[v]);
    *ret = at;
    return 0;
}
