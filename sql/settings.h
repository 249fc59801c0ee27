/* settings.h - the session's settings as typed values. The rows are in settings.def. */
#ifndef PENSTOCK_SQL_SETTINGS_H
#define PENSTOCK_SQL_SETTINGS_H

#include "base/core/opt.h"

enum runtime_mode { RUNTIME_STREAMING, RUNTIME_BATCH, RUNTIME_AUTOMATIC };
enum agg_phase { AGG_PHASE_AUTO, AGG_PHASE_TWO, AGG_PHASE_ONE };
enum sink_policy { SINK_POLICY_NONE, SINK_POLICY_AUTO, SINK_POLICY_FORCE };
enum not_null_enforcer { NOT_NULL_ERROR, NOT_NULL_DROP };
enum length_enforcer { LENGTH_IGNORE, LENGTH_TRIM_PAD, LENGTH_ERROR };

/* Durations are in ms, sizes in bytes. Enums are ints of the enums above. */
struct session_settings {
#define BOOL(name, field, dflt, help) bool field;
#define INT(name, field, dflt, min, max, help) int64_t field;
#define DURATION(name, field, dflt, help) int64_t field;
#define DOUBLE(name, field, dflt, min, max, help) double field;
#define SIZE(name, field, dflt, help) int64_t field;
#define STRING(name, field, dflt, help) const char *field;
#define ENUM(name, field, dflt, choices, help) int field;
#include "sql/settings.def"
#undef BOOL
#undef INT
#undef DURATION
#undef DOUBLE
#undef SIZE
#undef STRING
#undef ENUM
};

const struct opt_table *settings_table(void);
/* Where Flink has, or had, another name for a setting: the name used here; else NULL. */
const char *settings_alias(const char *key);
/* Why a setting is taken without effect so far, or NULL where it has its effect. value NULL: any
 * but the default. */
const char *settings_pending(const char *key, const char *value);
/* A key of Flink that has no meaning here: taken, and said so once. */
bool settings_ignored(const char *key);

#endif
