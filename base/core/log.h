/* log.h - structured logging: a constant message plus key-value pairs.
 *
 *     log_info("checkpoint done", KV_U64("checkpoint", id), KV_STR("path", path));
 *
 * Text form (default): 2026-01-31T10:00:00.123Z INFO  coordinator  checkpoint done checkpoint=4
 * JSON form: one object a line. To stderr. Each .c names its module once, before including this:
 *     #define LOG_MODULE "worker"
 * Levels are per module and can change while running, with an expiry. Never log a secret, never
 * log per row. Thread-safe. */
#ifndef PENSTOCK_BASE_CORE_LOG_H
#define PENSTOCK_BASE_CORE_LOG_H

#include "base/core/attr.h"
#include "base/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

enum kv_type { KV_TYPE_STR, KV_TYPE_I64, KV_TYPE_U64, KV_TYPE_F64, KV_TYPE_BOOL };
struct kv {
    const char *key;
    enum kv_type type;
    union {
        const char *s;
        int64_t i;
        uint64_t u;
        double f;
        bool b;
    } v;
};
#define KV_STR(k, x) ((struct kv){.key = (k), .type = KV_TYPE_STR, .v.s = (x)})
#define KV_I64(k, x) ((struct kv){.key = (k), .type = KV_TYPE_I64, .v.i = (int64_t)(x)})
#define KV_U64(k, x) ((struct kv){.key = (k), .type = KV_TYPE_U64, .v.u = (uint64_t)(x)})
#define KV_F64(k, x) ((struct kv){.key = (k), .type = KV_TYPE_F64, .v.f = (x)})
#define KV_BOOL(k, x) ((struct kv){.key = (k), .type = KV_TYPE_BOOL, .v.b = (x)})
#define KV_ERR(e) KV_STR("error", (e)->msg)

/* Process-wide set-up, before threads start. program: shown in each line's JSON form. */
void log_init(const char *program, enum log_level level, bool json);
/* Redirects lines (tests); NULL restores stderr. */
void log_set_sink(void (*sink)(void *self, const char *line, size_t len), void *self);
/* module NULL: the default of all modules without a level of their own. ttl_ms 0: for good;
 * otherwise the level falls back after that time. */
void log_set_level(const char *module, enum log_level level, int64_t ttl_ms);
enum log_level log_level_of(const char *module);
/* Forgets the module's own level; NULL puts the default back to info. */
void log_reset_level(const char *module);
/* What log_set_level has set and is still in force, the default (module NULL) first; returns how
 * many were written. ttl_ms 0: no expiry. Module names live as long as the process. */
struct log_module_level {
    const char *module;
    enum log_level level;
    int64_t ttl_ms;
};
size_t log_levels(struct log_module_level *ret, size_t max);
/* "debug" or "info,net=debug,worker=default"; modules are those of log_modules.def. "default"
 * forgets a level. A wrong part changes nothing. ttl_ms as in log_set_level. */
int log_parse_levels(const char *spec, int64_t ttl_ms, struct err *err) ATTR_MUST_USE;
/* The same, without changing anything. */
int log_check_levels(const char *spec, struct err *err) ATTR_MUST_USE;
uint64_t log_count(enum log_level level); /* lines written at this level since the start */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret_level); /* 0, or -1 if unknown */

/* One per call site's module; caches the module's level until levels_version moves. */
struct log_site {
    const char *module;
    uint32_t version;
    int level;
};
bool log_site_on(struct log_site *site, enum log_level level);
void log_write(const char *module, enum log_level level, const char *msg, const struct kv *kvs,
               size_t n_kvs);

/* Keys of the job or task that the calling thread works for; they follow the message of each of
 * its lines. The array is borrowed until the next log_bind. Returns what was bound before, to be
 * put back: log_bind(prev.kvs, prev.n_kvs). */
struct log_bound {
    const struct kv *kvs;
    size_t n_kvs;
};
struct log_bound log_bind(const struct kv *kvs, size_t n_kvs);

#ifdef LOG_MODULE
static struct log_site log_site_of_file ATTR_UNUSED = {LOG_MODULE, 0, 0};
#define LOG_AT(level, msg, ...)                                                                    \
    do {                                                                                           \
        if (log_site_on(&log_site_of_file, (level))) {                                             \
            const struct kv log_kvs_[] = {{0}, ##__VA_ARGS__};                                     \
            log_write(LOG_MODULE, (level), (msg), log_kvs_ + 1, ARRAY_LEN(log_kvs_) - 1);          \
        }                                                                                          \
    } while (0)
#define log_trace(...) LOG_AT(LOG_TRACE, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#endif

#endif
