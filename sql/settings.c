/* settings.c - the option table that settings.def makes, old names, and Flink's settings that mean
 * nothing here. */
#include "sql/settings.h"

#include "base/core/str.h"

#include <string.h>

static const char *const choices_runtime_mode[] = {"STREAMING", "BATCH", "AUTOMATIC", NULL};
static const char *const choices_retention[] = {"DELETE_ON_CANCELLATION", "RETAIN_ON_CANCELLATION",
                                                "NO_EXTERNALIZED_CHECKPOINTS", NULL};
static const char *const choices_cp_mode[] = {"EXACTLY_ONCE", "AT_LEAST_ONCE", NULL};
static const char *const choices_async_mode[] = {"ORDERED", "ALLOW_UNORDERED", NULL};
static const char *const choices_disabled_enabled[] = {"DISABLED", "ENABLED", NULL};
static const char *const choices_none_auto_force[] = {"NONE", "AUTO", "FORCE", NULL};
static const char *const choices_error_drop[] = {"ERROR", "DROP", NULL};
static const char *const choices_length[] = {"IGNORE", "TRIM_PAD", "ERROR", NULL};
static const char *const choices_agg_phase[] = {"AUTO", "TWO_PHASE", "ONE_PHASE", NULL};
static const char *const choices_ndu[] = {"IGNORE", "TRY_RESOLVE", NULL};
static const char *const choices_dialect[] = {"default", NULL};

#define ROW(name, type, dflt, min, max, field, help, choices)                                      \
    {name, type, dflt, min, max, offsetof(struct session_settings, field), help, 0, choices},
#define BOOL(name, field, dflt, help) ROW(name, OPT_BOOL, dflt, 0, 0, field, help, NULL)
#define INT(name, field, dflt, min, max, help) ROW(name, OPT_INT, dflt, min, max, field, help, NULL)
#define DURATION(name, field, dflt, help) ROW(name, OPT_DURATION, dflt, 0, 0, field, help, NULL)
#define DOUBLE(name, field, dflt, min, max, help)                                                  \
    ROW(name, OPT_DOUBLE, dflt, min, max, field, help, NULL)
#define SIZE(name, field, dflt, help) ROW(name, OPT_SIZE, dflt, 0, 0, field, help, NULL)
#define STRING(name, field, dflt, help) ROW(name, OPT_STRING, dflt, 0, 0, field, help, NULL)
#define ENUM(name, field, dflt, choices, help) ROW(name, OPT_ENUM, dflt, 0, 0, field, help, choices)

static const struct opt_row rows[] = {
#include "sql/settings.def"
};

static const struct opt_table table = {rows, ARRAY_LEN(rows)};

static const struct {
    const char *old, *now;
} aliases[] = {
    {"execution.buffer-timeout", "execution.buffer-timeout.interval"},
    {"execution.checkpointing.unaligned", "execution.checkpointing.unaligned.enabled"},
    {"pipeline.operator-chaining", "pipeline.operator-chaining.enabled"},
    {"execution.savepoint.ignore-unclaimed-state",
     "execution.state-recovery.ignore-unclaimed-state"},
    {"execution.savepoint.path", "execution.state-recovery.path"},
    {"restart-strategy", "restart-strategy.type"},
    {"state.backend", "state.backend.type"},
    {"state.checkpoints.dir", "execution.checkpointing.dir"},
    {"state.checkpoints.num-retained", "execution.checkpointing.num-retained"},
    {"state.savepoints.dir", "execution.checkpointing.savepoint-dir"},
    {"table.exec.resource.default-parallelism", "parallelism.default"},
    {"table.optimizer.non-deterministic-update.strategy",
     "table.optimizer.nondeterministic-update.strategy"},
};

/* What settings ask for that isn't there yet: beginnings of their keys, and the values that ask for
 * no more than what is done. */
static const struct {
    const char *prefix, *why, *fine[3];
} pending[] = {
    {"execution.checkpointing.aligned-checkpoint-timeout", "barriers are always aligned", {0}},
    {"execution.checkpointing.externalized-checkpoint-retention",
     "the last checkpoint is kept when a job is cancelled",
     {"RETAIN_ON_CANCELLATION"}},
    {"execution.checkpointing.mode", "barriers are always aligned", {"EXACTLY_ONCE"}},
    {"execution.checkpointing.unaligned", "barriers are always aligned", {"false"}},
    {"state.backend.type", "state is kept in memory", {"hashmap"}},
    {"table.optimizer.nondeterministic-update.strategy", "plans are not checked for it", {0}},
};

/* Beginnings of the keys of Flink that tune its JVM processes, its network stack, its deployment
 * and those rules of its optimizer that have no counterpart. */
static const char *const ignored[] = {
    "akka.",
    "blob.",
    "classloader.",
    "client.",
    "cluster.",
    "containerized.",
    "env.",
    "execution.attached",
    "execution.batch",
    "execution.checkpointing.", /* those without a row, as below */
    "execution.job-",
    "execution.savepoint",
    "execution.shutdown-",
    "execution.sorted-",
    "execution.state-recovery.",
    "execution.submit-",
    "execution.target",
    "fs.",
    "heartbeat.",
    "high-availability",
    "historyserver.",
    "io.",
    "jobmanager.",
    "jobstore.",
    "kubernetes.",
    "metrics.",
    "pekko.",
    "pipeline.",
    "python.",
    "queryable-state.",
    "resourcemanager.",
    "rest.",
    "restart-strategy.",
    "rpc.",
    "s3.",
    "security.",
    "slotmanager.",
    "slow-task-detector.",
    "sql-client.",
    "sql-gateway.",
    "state.",
    "table.builtin-",
    "table.catalog-",
    "table.display.",
    "table.exec.async-",
    "table.exec.deduplicate.",
    "table.exec.hive.",
    "table.exec.interval-join.",
    "table.exec.legacy-transformation-uids",
    "table.exec.local-hash-agg.",
    "table.exec.operator-fusion-codegen.",
    "table.exec.rank.",
    "table.exec.resource.",
    "table.exec.simplify-operator-name-enabled",
    "table.exec.sort.",
    "table.exec.spill-",
    "table.exec.uid.",
    "table.exec.window-agg.",
    "table.generated-code.",
    "table.optimizer.",
    "table.plan.",
    "table.resources.",
    "table.rtas-ctas.",
    "task.",
    "taskmanager.",
    "web.",
    "yarn.",
    "zookeeper.",
};

const struct opt_table *settings_table(void) {
    return &table;
}

const char *settings_alias(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(aliases[i].old, key) == 0) return aliases[i].now;
    return NULL;
}

/* Edit distance of a and b, where it is at most 2; else 3. */
static int near_distance(const char *a, const char *b) {
    enum { LIMIT = 3, WIDTH = 2 * LIMIT + 1 };
    int la = (int)strlen(a), lb = (int)strlen(b);
    if (la - lb >= LIMIT || lb - la >= LIMIT) return LIMIT;
    int prev[WIDTH], cur[WIDTH]; /* cells of the band j - i in -LIMIT .. LIMIT */
    for (int k = 0; k < WIDTH; k++)
        prev[k] = k >= LIMIT ? k - LIMIT : LIMIT;
    for (int i = 1; i <= la; i++) {
        for (int k = 0; k < WIDTH; k++) {
            int j = i + k - LIMIT;
            cur[k] = LIMIT;
            if (j < 0 || j > lb) continue;
            int best = j ? prev[k] + (a[i - 1] != b[j - 1]) : LIMIT;
            if (k + 1 < WIDTH) best = MIN(best, prev[k + 1] + 1);
            if (k > 0) best = MIN(best, cur[k - 1] + 1);
            if (j == 0) best = MIN(best, i);
            cur[k] = MIN(best, LIMIT);
        }
        memcpy(prev, cur, sizeof(prev));
    }
    return prev[lb - la + LIMIT];
}

/* A known setting with a slip of the pen is no setting of Flink's. */
static bool is_misspelt(const char *key) {
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (near_distance(key, rows[i].name) < 3) return true;
    return false;
}

const char *settings_pending(const char *key, const char *value) {
    const struct opt_row *row = opt_find(&table, key);
    for (size_t i = 0; i < ARRAY_LEN(pending); i++) {
        if (!sv_starts(sv_from(key), pending[i].prefix)) continue;
        for (size_t k = 0; value && k < ARRAY_LEN(pending[i].fine); k++)
            if (pending[i].fine[k] && !strcasecmp(value, pending[i].fine[k])) return NULL;
        if (value && row && row->dflt && !strcasecmp(value, row->dflt)) return NULL;
        return pending[i].why;
    }
    return NULL;
}

bool settings_ignored(const char *key) {
    struct sv k = sv_from(key);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        if (sv_starts(k, ignored[i])) return !is_misspelt(key);
    return false;
}
