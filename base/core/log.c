/* log.c - structured logging to stderr, text or JSON, with levels per module. */
#include "base/core/log.h"

#include "base/core/clock.h"
#include "base/core/json.h"
#include "base/core/mem.h"
#include "base/core/str.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { LOG_MODULES_MAX = 128, LOG_LINE_MAX_BYTES = 64 * 1024 };

/* A level with an expiry covers the one below it; both are kept so that it can fall back. */
struct log_rule {
    char *module; /* NULL: the default */
    int level;    /* -1: none (the default's level counts) */
    int temp_level;
    int64_t temp_until_ns; /* 0: no temporary level */
};

static struct {
    pthread_mutex_t lock; /* guards rules and the sink */
    struct log_rule rules[LOG_MODULES_MAX];
    size_t n_rules; /* rules[0] is the default */
    const char *program;
    bool json;
    void (*sink)(void *self, const char *line, size_t len);
    void *sink_self;
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .rules = {{NULL, LOG_INFO, 0, 0}}, .n_rules = 1};

/* Moves at each change of a level. Release on change, acquire in sites: a site that sees the new
 * version takes the lock anyway, so the order only bounds when it notices. */
static _Atomic uint32_t log_version = 1;
/* The earliest expiry of a temporary level, INT64_MAX for none. Relaxed: a late look is a late
 * expiry by one line. */
static _Atomic int64_t log_next_expiry_ns = INT64_MAX;

static _Atomic uint64_t log_counts[LOG_OFF]; /* relaxed: for show */

static const char *const log_level_names[] = {"trace", "debug", "info", "warn", "error", "off"};

const char *log_level_name(enum log_level level) {
    return (size_t)level < ARRAY_LEN(log_level_names) ? log_level_names[level] : "off";
}

int log_level_parse(const char *name, enum log_level *ret_level) {
    for (size_t i = 0; name && i < ARRAY_LEN(log_level_names); i++) {
        if (strcasecmp(name, log_level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

uint64_t log_count(enum log_level level) {
    return level < LOG_OFF ? atomic_load_explicit(&log_counts[level], memory_order_relaxed) : 0;
}

void log_init(const char *program, enum log_level level, bool json) {
    pthread_mutex_lock(&logger.lock);
    logger.program = program;
    logger.json = json;
    pthread_mutex_unlock(&logger.lock);
    log_set_level(NULL, level, 0);
}

void log_set_sink(void (*sink)(void *self, const char *line, size_t len), void *self) {
    pthread_mutex_lock(&logger.lock);
    logger.sink = sink;
    logger.sink_self = self;
    pthread_mutex_unlock(&logger.lock);
}

/* ---- levels -------------------------------------------------------------------------------- */

static struct log_rule *rule_find(const char *module) {
    if (!module) return &logger.rules[0];
    for (size_t i = 1; i < logger.n_rules; i++) {
        if (strcmp(logger.rules[i].module, module) == 0) return &logger.rules[i];
    }
    return NULL;
}

static int rule_level(const struct log_rule *r, int64_t now_ns) {
    return r->temp_until_ns > now_ns ? r->temp_level : r->level;
}

/* Drops what expired and finds the next expiry. Lock held. */
static void rules_expire(int64_t now_ns) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < logger.n_rules; i++) {
        struct log_rule *r = &logger.rules[i];
        if (r->temp_until_ns && r->temp_until_ns <= now_ns) r->temp_until_ns = 0;
        if (r->temp_until_ns) next = MIN(next, r->temp_until_ns);
    }
    atomic_store_explicit(&log_next_expiry_ns, next, memory_order_relaxed);
    atomic_fetch_add_explicit(&log_version, 1, memory_order_release);
}

void log_set_level(const char *module, enum log_level level, int64_t ttl_ms) {
    int64_t now_ns = clock_mono_ns();
    pthread_mutex_lock(&logger.lock);
    struct log_rule *r = rule_find(module);
    if (!r && logger.n_rules < LOG_MODULES_MAX) {
        r = &logger.rules[logger.n_rules++];
        *r = (struct log_rule){.module = mem_strdup(module), .level = -1};
    }
    bool full = !r;
    if (r && ttl_ms > 0) {
        int64_t ttl_ns = ttl_ms > INT64_MAX / 2000000 ? INT64_MAX / 2 : ttl_ms * 1000000;
        r->temp_level = level;
        r->temp_until_ns = now_ns + ttl_ns;
    } else if (r) {
        r->level = level;
        r->temp_until_ns = 0;
    }
    rules_expire(now_ns);
    pthread_mutex_unlock(&logger.lock);
    if (full) {
        log_write("log", LOG_WARN, "too many modules with a level of their own",
                  (struct kv[]){KV_STR("module", module), KV_I64("max", LOG_MODULES_MAX)}, 2);
    }
}

void log_reset_level(const char *module) {
    pthread_mutex_lock(&logger.lock);
    struct log_rule *r = rule_find(module);
    if (r) {
        r->level = module ? -1 : LOG_INFO;
        r->temp_until_ns = 0;
    }
    rules_expire(clock_mono_ns());
    pthread_mutex_unlock(&logger.lock);
}

static int level_of_locked(const char *module, int64_t now_ns) {
    const struct log_rule *r = rule_find(module);
    int level = r ? rule_level(r, now_ns) : -1;
    return level >= 0 ? level : rule_level(&logger.rules[0], now_ns);
}

enum log_level log_level_of(const char *module) {
    int64_t now_ns = clock_mono_ns();
    pthread_mutex_lock(&logger.lock);
    int level = level_of_locked(module, now_ns);
    pthread_mutex_unlock(&logger.lock);
    return (enum log_level)level;
}

size_t log_levels(struct log_module_level *ret, size_t max) {
    int64_t now_ns = clock_mono_ns();
    size_t n = 0;
    pthread_mutex_lock(&logger.lock);
    for (size_t i = 0; i < logger.n_rules && n < max; i++) {
        const struct log_rule *r = &logger.rules[i];
        int level = rule_level(r, now_ns);
        if (level < 0) continue;
        bool temp = r->temp_until_ns > now_ns;
        ret[n++] = (struct log_module_level){
            .module = r->module,
            .level = (enum log_level)level,
            .ttl_ms = temp ? (r->temp_until_ns - now_ns + 999999) / 1000000 : 0,
        };
    }
    pthread_mutex_unlock(&logger.lock);
    return n;
}

bool log_site_on(struct log_site *site, enum log_level level) {
    if (unlikely(atomic_load_explicit(&log_next_expiry_ns, memory_order_relaxed) != INT64_MAX)) {
        int64_t now_ns = clock_mono_ns();
        if (now_ns >= atomic_load_explicit(&log_next_expiry_ns, memory_order_relaxed)) {
            pthread_mutex_lock(&logger.lock);
            rules_expire(now_ns);
            pthread_mutex_unlock(&logger.lock);
        }
    }
    uint32_t version = atomic_load_explicit(&log_version, memory_order_acquire);
    /* Acquire pairs with the release below: who sees the version sees its level. */
    if (unlikely(__atomic_load_n(&site->version, __ATOMIC_ACQUIRE) != version)) {
        __atomic_store_n(&site->level, (int)log_level_of(site->module), __ATOMIC_RELAXED);
        __atomic_store_n(&site->version, version, __ATOMIC_RELEASE);
    }
    return (int)level >= __atomic_load_n(&site->level, __ATOMIC_RELAXED);
}

static const char *const module_names[] = {
#define LOG_MODULE_ROW(name, doc) name,
#include "base/core/log_modules.def"
#undef LOG_MODULE_ROW
};

static int unknown_module(const char *name, struct err *err) {
    AUTO_STR names = STR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(module_names); i++)
        str_addf(&names, "%s%s", i ? ", " : "", module_names[i]);
    return err_set(err, ERR_VALIDATION, "log level '%s=': there is no module '%s'; modules: %s",
                   name, name, str_text(&names));
}

static bool module_known(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(module_names); i++)
        if (!strcmp(name, module_names[i])) return true;
    return false;
}

static int levels_of(const char *spec, bool apply, int64_t ttl_ms, struct err *err) {
    const char *p = spec;
    while (*p) {
        size_t n = strcspn(p, ",");
        AUTO_FREE char *part = mem_strndup(p, n);
        p += n + (p[n] == ',');
        struct sv trimmed = sv_trim(sv_from(part));
        if (trimmed.len == 0) continue;
        AUTO_FREE char *text = mem_strndup(trimmed.ptr, trimmed.len);
        char *eq = strchr(text, '=');
        if (eq) *eq = '\0';
        const char *module = eq ? text : NULL;
        enum log_level level = LOG_INFO;
        bool reset = !strcmp(eq ? eq + 1 : text, "default");
        if ((!reset && log_level_parse(eq ? eq + 1 : text, &level) != 0) || eq == text) {
            return err_set(err, ERR_VALIDATION,
                           "log level '%.*s': expected LEVEL or MODULE=LEVEL, with LEVEL one of "
                           "trace, debug, info, warn, error, off, default",
                           (int)trimmed.len, trimmed.ptr);
        }
        if (eq && !module_known(text)) return unknown_module(text, err);
        if (apply && reset)
            log_reset_level(module);
        else if (apply)
            log_set_level(module, level, ttl_ms);
    }
    return 0;
}

int log_check_levels(const char *spec, struct err *err) {
    return levels_of(spec, false, 0, err);
}

int log_parse_levels(const char *spec, int64_t ttl_ms, struct err *err) {
    int rc = levels_of(spec, false, ttl_ms, err);
    return rc ? rc : levels_of(spec, true, ttl_ms, err);
}

/* ---- bound keys ---------------------------------------------------------------------------- */

static _Thread_local struct log_bound log_bound_here;

struct log_bound log_bind(const struct kv *kvs, size_t n_kvs) {
    struct log_bound prev = log_bound_here;
    log_bound_here = (struct log_bound){kvs, n_kvs};
    return prev;
}

/* ---- lines --------------------------------------------------------------------------------- */

static void add_time(struct str *s) {
    int64_t ms = clock_wall_ms();
    time_t sec = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&sec, &tm);
    str_addf(s, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static bool needs_quotes(const char *v) {
    if (!*v) return true;
    for (const unsigned char *p = (const unsigned char *)v; *p; p++) {
        if (*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p == 0x7F) return true;
    }
    return false;
}

static void add_value(struct str *s, const struct kv *kv, bool json) {
    switch (kv->type) {
    case KV_TYPE_STR:
        if (!kv->v.s) {
            str_add(s, json ? "null" : "-");
        } else if (json || needs_quotes(kv->v.s)) {
            json_quote(s, sv_from(kv->v.s));
        } else {
            str_add(s, kv->v.s);
        }
        return;
    case KV_TYPE_I64:
        str_add_i64(s, kv->v.i);
        return;
    case KV_TYPE_U64:
        str_add_u64(s, kv->v.u);
        return;
    case KV_TYPE_F64:
        if (json && !__builtin_isfinite(kv->v.f)) {
            str_add(s, "null");
        } else {
            str_addf(s, "%.6g", kv->v.f);
        }
        return;
    case KV_TYPE_BOOL:
        str_add(s, kv->v.b ? "true" : "false");
        return;
    }
}

static void add_kvs(struct str *s, const struct kv *kvs, size_t n, bool json) {
    for (size_t i = 0; i < n; i++) {
        if (json) {
            str_add_char(s, ',');
            json_quote(s, sv_from(kvs[i].key));
            str_add_char(s, ':');
        } else {
            str_addf(s, " %s=", kvs[i].key);
        }
        add_value(s, &kvs[i], json);
    }
}

static void write_stderr(const char *p, size_t n) {
    while (n) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return; /* nobody to tell */
        p += w;
        n -= (size_t)w;
    }
}

static void upper(struct str *s, const char *word) {
    for (; *word; word++)
        str_add_char(s, (char)(*word - ('a' - 'A')));
}

void log_write(const char *module, enum log_level level, const char *msg, const struct kv *kvs,
               size_t n_kvs) {
    int saved_errno = errno;
    if (level < LOG_OFF) atomic_fetch_add_explicit(&log_counts[level], 1, memory_order_relaxed);
    AUTO_STR line = STR_INIT;
    pthread_mutex_lock(&logger.lock);
    bool json = logger.json;
    const char *program = logger.program;
    pthread_mutex_unlock(&logger.lock);
    if (json) {
        str_add(&line, "{\"time\":\"");
        add_time(&line);
        str_addf(&line, "\",\"level\":\"%s\",\"program\":", log_level_name(level));
        json_quote(&line, sv_from(program ? program : ""));
        str_add(&line, ",\"module\":");
        json_quote(&line, sv_from(module));
        str_add(&line, ",\"msg\":");
        json_quote(&line, sv_from(msg));
    } else {
        add_time(&line);
        str_add_char(&line, ' ');
        upper(&line, log_level_name(level));
        str_addf(&line, "%s%s  %s", strlen(log_level_name(level)) < 5 ? "  " : " ", module, msg);
    }
    add_kvs(&line, log_bound_here.kvs, log_bound_here.n_kvs, json);
    add_kvs(&line, kvs, n_kvs, json);
    if (json) {
        str_add_char(&line, '}');
    } else if (line.len > LOG_LINE_MAX_BYTES) {
        str_truncate(&line, LOG_LINE_MAX_BYTES);
        str_add(&line, "...");
    }
    str_add_char(&line, '\n');
    pthread_mutex_lock(&logger.lock);
    if (logger.sink) {
        logger.sink(logger.sink_self, line.ptr, line.len);
    } else {
        write_stderr(line.ptr, line.len);
    }
    pthread_mutex_unlock(&logger.lock);
    errno = saved_errno;
}
