/* engine.h - the coordinators of the runs there are: asked for their status by REST
 * (base/proto/status.h) again and again, told to start, to stop, and which log levels. On the
 * loop's thread; nothing blocks. */
#ifndef PENSTOCK_OPERATOR_ENGINE_H
#define PENSTOCK_OPERATOR_ENGINE_H

#include "base/net/net_loop.h"
#include "operator/decide.h"
#include "operator/keys.h"

enum {
    ENGINE_POLL_FAST_MS = 250,  /* while something is under way */
    ENGINE_POLL_SLOW_MS = 5000, /* of jobs that run */
    ENGINE_TIMEOUT_MS = 4000,
    ENGINE_SAVEPOINT_MS = 300, /* between looks at one that is being taken */
    ENGINE_SILENT_MS = 15000,  /* no answer for so long: its state counts as unknown */
    ENGINE_CONCURRENCY = 32
};

struct engines;

struct engines_options {
    struct net_loop *loop;
    /* A job's coordinator says something else than before. key: "namespace/name". */
    void (*on_news)(void *self, const char *key);
    void *self;
};

int engines_new(const struct engines_options *o, struct engines **ret,
                struct err *err) ATTR_MUST_USE;
/* Ends the requests, before the loop is freed; then free, behind the loop. NULL is fine. */
void engines_close(struct engines *e);
void engines_free(struct engines *e);

/* The run's coordinator is to be asked, at that address; again is harmless. Its CA and token are
 * copied. */
void engines_follow(struct engines *e, const char *key, int64_t run, const char *ip,
                    const char *server_name, const struct job_keys *keys);
/* All of a job's but the runs given. */
void engines_keep(struct engines *e, const char *key, const int64_t *runs, int n_runs);
void engines_forget(struct engines *e, const char *key);

/* What it said last; state ENGINE_UNKNOWN: nothing yet, or not for a while. Borrowed until the loop
 * is returned to. */
void engines_observe(struct engines *e, const char *key, int64_t run, struct observed_engine *ret);
/* The same out of what a coordinator left behind. Borrows doc. */
void engine_read_status(const cJSON *doc, struct observed_engine *ret);

/* Any other request, with body POST, without GET; the answer's JSON is borrowed. err: none came, or
 * it was refused; status 0: there is no such coordinator (any more). false: not sent, done isn't
 * called. */
typedef void (*engine_answer_fn)(void *self, int status, const cJSON *json, const struct err *err);
bool engines_call(struct engines *e, const char *key, int64_t run, const char *path,
                  const char *body, engine_answer_fn done, void *self);
/* Id of the run's job, as its coordinator knows it; NULL: it doesn't run. Borrowed until the loop
 * is returned to. */
const char *engines_job_id(const struct engines *e, const char *key, int64_t run);

void engines_start(struct engines *e, const char *key, int64_t run);
/* savepoint_dir: one is taken there first; NULL: none. Again while it is under way is harmless. */
void engines_stop(struct engines *e, const char *key, int64_t run, bool checkpoint,
                  const char *savepoint_dir);
void engines_set_log(struct engines *e, const char *key, int64_t run, const char *levels);

#endif
