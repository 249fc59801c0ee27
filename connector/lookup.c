/* lookup.c - the lookup.* options that all connectors share which can be looked up. */
#include "connector/connector.h"

static const char *const cache_choices[] = {"NONE", "PARTIAL", "FULL", NULL};
static const char *const reload_choices[] = {"PERIODIC", "TIMED", NULL};
static const char *const schedule_choices[] = {"FIXED_DELAY", "FIXED_RATE", NULL};

#define AT(f) offsetof(struct lookup_options, f)
static const struct opt_row lookup_rows[] = {
    {"lookup.cache", OPT_ENUM, NULL, 0, 0, AT(cache),
     "NONE: each key is asked for. PARTIAL: rows of the keys that were asked for are kept. FULL: "
     "the "
     "table is read whole and looked up in memory. Default: FULL where the connector can't be "
     "asked "
     "by key (it is the only choice there), else NONE.",
     0, cache_choices},
    {"lookup.async", OPT_BOOL, "true", 0, 0, AT(async),
     "Ask for several keys at once, as many as table.exec.async-lookup.buffer-capacity says."},
    {"lookup.max-retries", OPT_INT, "3", 0, 1000, AT(max_retries),
     "How often a key that could not be asked for is asked for again."},
    {"lookup.partial-cache.max-rows", OPT_INT, NULL, 1, 1e12, AT(max_keys),
     "Keys in the cache, at most; the one that was not used for the longest time goes first."},
    {"lookup.partial-cache.expire-after-write", OPT_DURATION, NULL, 1, 1e15, AT(expire_write_ms),
     "How long rows are kept after they came."},
    {"lookup.partial-cache.expire-after-access", OPT_DURATION, NULL, 1, 1e15, AT(expire_access_ms),
     "How long rows are kept after they were last used."},
    {"lookup.partial-cache.cache-missing-key", OPT_BOOL, "true", 0, 0, AT(cache_missing),
     "Remember keys without rows, too."},
    {"lookup.full-cache.reload-strategy", OPT_ENUM, "PERIODIC", 0, 0, AT(reload),
     "When the table is read again. TIMED is not supported.", 0, reload_choices},
    {"lookup.full-cache.periodic-reload.interval", OPT_DURATION, NULL, 1, 1e15, AT(reload_ms),
     "How often the table is read again. Unset: it is read once, when the job starts."},
    {"lookup.full-cache.periodic-reload.schedule-mode", OPT_ENUM, "FIXED_DELAY", 0, 0, AT(schedule),
     "The interval lies between the end of reading and the next (FIXED_DELAY), or between their "
     "starts (FIXED_RATE).",
     0, schedule_choices},
    {"lookup.full-cache.timed-reload.iso-time", OPT_STRING, NULL, 0, 0, AT(reload_time),
     "Not supported: belongs to TIMED."},
    {"lookup.full-cache.timed-reload.interval-in-days", OPT_INT, NULL, 0, 0, AT(reload_days),
     "Not supported: belongs to TIMED."},
};
#undef AT
static const struct opt_table table = {lookup_rows, ARRAY_LEN(lookup_rows)};

const struct opt_table *connector_lookup_rows(void) {
    return &table;
}

static int check(const struct connector_table *t, const struct lookup_options *o, bool whole,
                 struct err *err) {
    if (whole && o->cache != LOOKUP_CACHE_FULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': option 'lookup.cache' = '%s': connector '%s' can't be asked by "
                       "key, its tables are read whole: 'FULL' is what there is",
                       t->name, cache_choices[o->cache], connector_table_option(t, "connector"));
    if (!whole && o->cache == LOOKUP_CACHE_FULL)
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': option 'lookup.cache' = 'FULL': connector '%s' can't read a "
                       "table whole; 'NONE' and 'PARTIAL' are what there is",
                       t->name, connector_table_option(t, "connector"));
    if (o->reload == LOOKUP_RELOAD_TIMED || o->reload_time || o->reload_days)
        return err_set(err, ERR_UNSUPPORTED,
                       "table '%s': option 'lookup.full-cache.reload-strategy' = 'TIMED' is not "
                       "supported; use PERIODIC and "
                       "'lookup.full-cache.periodic-reload.interval' = '1 d'",
                       t->name);
    return 0;
}

int connector_lookup_options(const struct connector_table *t, bool whole, struct arena *arena,
                             struct lookup_options *ret, struct err *err) {
    struct lookup_options o;
    opt_defaults(&table, &o);
    for (int i = 0; i < t->n_options; i++) {
        if (!opt_find(&table, t->options[i].key)) continue;
        int rc = opt_set(&table, arena, &o, t->options[i].key, t->options[i].value, err);
        if (rc) return connector_err_wrap(err, t->name);
    }
    if (o.cache < 0) o.cache = whole ? LOOKUP_CACHE_FULL : LOOKUP_CACHE_NONE;
    int rc = check(t, &o, whole, err);
    if (rc) return rc;
    *ret = o;
    return 0;
}
