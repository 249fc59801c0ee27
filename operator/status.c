/* status.c - status from and to JSON (crds/penstock.dev_flinkjobs.yaml). */
#include "operator/status.h"

#include "operator/k8s/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const STATES[] = {"Pending",    "Starting",  "Running",   "Upgrading",
                                     "Suspending", "Suspended", "Previewed", "Finished",
                                     "Failed",     "Deleting"};
static const char *const PHASES[] = {"", "Prepared", "Started", "Stopping", "Ended"};
static const char *const CONDITIONS[] = {"Ready", "Stalled", "UpgradeRejected"};

const char *job_state_text(enum job_state s) {
    return STATES[s];
}

static int index_of(const char *const *names, size_t n, const char *v) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], v)) return (int)i;
    return 0;
}

static int64_t read_time(const cJSON *o, const char *key) {
    int64_t ms = 0;
    const char *text = json_opt_str(o, key, NULL);
    struct err ignored = ERR_INIT; /* our own writing; if not, the time counts as unknown */
    return text && !k8s_time_parse(text, &ms, &ignored) ? ms : 0;
}

static void read_hash(const cJSON *o, const char *key, char ret[JOB_HASH_BYTES]) {
    snprintf(ret, JOB_HASH_BYTES, "%s", json_opt_str(o, key, ""));
}

static void read_run(const cJSON *o, struct run_ref *r) {
    r->phase = (enum run_phase)index_of(PHASES, ARRAY_LEN(PHASES), json_opt_str(o, "phase", ""));
    r->number = json_opt_i64(o, "number", 0);
    r->generation = json_opt_i64(o, "generation", 0);
    r->image = json_opt_str(o, "image", NULL);
    r->workers = (int)json_opt_i64(o, "workers", 0);
    r->parallelism = (int)json_opt_i64(o, "parallelism", 0);
    r->fresh = json_opt_bool(o, "fresh", false);
    r->origin = json_opt_i64(o, "origin", r->number);
    r->since_ms = read_time(o, "since");
    read_hash(o, "hash", r->hash);
}

static int64_t read_count(const cJSON *o, const char *key) {
    const char *text = json_opt_str(o, key, NULL);
    return text ? strtoll(text, NULL, 10) : -1;
}

void status_read(struct arena *a, const cJSON *object, struct job_status *ret) {
    struct job_status s = {0};
    const cJSON *o = json_opt(object, "status"), *c = json_opt(o, "checkpoint"), *item;
    s.state = (enum job_state)index_of(STATES, ARRAY_LEN(STATES), json_opt_str(o, "state", ""));
    s.message = json_opt_str(o, "message", NULL);
    s.observed_generation = json_opt_i64(o, "observedGeneration", 0);
    s.parallelism = (int)json_opt_i64(o, "parallelism", 0);
    s.restarts = (int)json_opt_i64(o, "restarts", 0);
    sscanf(json_opt_str(o, "workers", "0/0"), "%d/%d", &s.workers_ready, &s.workers_wanted);
    s.records_in = read_count(o, "recordsIn");
    s.records_out = read_count(o, "recordsOut");
    s.watermark = json_opt_str(o, "watermark", NULL);
    s.checkpoint = (struct checkpoint_ref){.id = json_opt_i64(c, "id", 0),
                                           .location = json_opt_str(c, "location", NULL),
                                           .completed_ms = read_time(c, "completedAt"),
                                           .bytes = json_opt_i64(c, "bytes", 0)};
    read_run(json_opt(o, "run"), &s.run);
    read_run(json_opt(o, "candidate"), &s.candidate);
    read_run(json_opt(o, "stable"), &s.stable);
    const cJSON *r = json_opt(o, "rejected");
    read_hash(r, "hash", s.rejected_hash);
    s.rejected_generation = json_opt_i64(r, "generation", 0);
    s.rejected_message = json_opt_str(r, "message", NULL);
    s.log_levels = json_opt_str(o, "logLevels", NULL);
    s.failed_ms = read_time(o, "failedAt");
    s.failure = json_opt_str(o, "failure", NULL);
    s.plan = json_opt(o, "plan");
    read_hash(o, "base", s.base_hash);
    cJSON_ArrayForEach(item, json_opt(o, "conditions")) {
        const char *type = json_opt_str(item, "type", "");
        int i = index_of(CONDITIONS, ARRAY_LEN(CONDITIONS), type);
        if (strcmp(CONDITIONS[i], type)) continue;
        s.conditions[i] =
            (struct condition){.on = !strcmp(json_opt_str(item, "status", ""), "True"),
                               .reason = json_opt_str(item, "reason", NULL),
                               .message = json_opt_str(item, "message", NULL),
                               .since_ms = read_time(item, "lastTransitionTime")};
    }
    *ret = s;
}

static void set_time(cJSON *o, const char *key, int64_t ms) {
    if (!ms) return;
    AUTO_STR text = STR_INIT;
    k8s_time_text(ms, &text);
    json_set_str(o, key, str_text(&text));
}

static void set_text(cJSON *o, const char *key, const char *v) {
    if (v && *v) json_set_str(o, key, v);
}

static void set_run(cJSON *o, const char *key, const struct run_ref *r) {
    if (r->phase == RUN_NONE) return;
    cJSON *j = cJSON_AddObjectToObject(o, key);
    json_set_i64(j, "number", r->number);
    json_set_i64(j, "generation", r->generation);
    json_set_str(j, "hash", r->hash);
    set_text(j, "image", r->image);
    json_set_i64(j, "workers", r->workers);
    json_set_i64(j, "parallelism", r->parallelism);
    json_set_str(j, "phase", PHASES[r->phase]);
    if (r->fresh) json_set_bool(j, "fresh", true);
    if (r->origin != r->number) json_set_i64(j, "origin", r->origin);
    set_time(j, "since", r->since_ms);
}

static void set_count(cJSON *o, const char *key, int64_t n) {
    if (n < 0) return;
    AUTO_STR text = STR_INIT;
    str_add_i64(&text, n);
    json_set_str(o, key, str_text(&text));
}

static void set_conditions(cJSON *o, const struct job_status *s) {
    cJSON *list = cJSON_AddArrayToObject(o, "conditions");
    for (int i = 0; i < COND_COUNT; i++) {
        const struct condition *c = &s->conditions[i];
        if (!c->reason) continue;
        cJSON *j = cJSON_CreateObject();
        json_set_str(j, "type", CONDITIONS[i]);
        json_set_str(j, "status", c->on ? "True" : "False");
        json_set_str(j, "reason", c->reason);
        json_set_str(j, "message", c->message ? c->message : "");
        set_time(j, "lastTransitionTime", c->since_ms);
        json_set_i64(j, "observedGeneration", s->observed_generation);
        cJSON_AddItemToArray(list, j);
    }
}

cJSON *status_to_json(const struct job_status *s, const struct job *job) {
    cJSON *o = cJSON_CreateObject();
    AUTO_STR text = STR_INIT;
    json_set_str(o, "state", STATES[s->state]);
    set_text(o, "message", s->message);
    json_set_i64(o, "observedGeneration", s->observed_generation);
    json_set_i64(o, "parallelism", s->parallelism);
    str_addf(&text, "%s=%s,%s=%s", JOB_LABEL, job->name, JOB_LABEL_ROLE, JOB_ROLE_WORKER);
    json_set_str(o, "selector", str_text(&text));
    str_clear(&text);
    str_addf(&text, "%d/%d", s->workers_ready, s->workers_wanted);
    json_set_str(o, "workers", str_text(&text));
    json_set_i64(o, "restarts", s->restarts);
    set_count(o, "recordsIn", s->records_in);
    set_count(o, "recordsOut", s->records_out);
    set_text(o, "watermark", s->watermark);
    if (s->checkpoint.id) {
        cJSON *c = cJSON_AddObjectToObject(o, "checkpoint");
        json_set_i64(c, "id", s->checkpoint.id);
        set_text(c, "location", s->checkpoint.location);
        set_time(c, "completedAt", s->checkpoint.completed_ms);
        json_set_i64(c, "bytes", s->checkpoint.bytes);
    }
    set_run(o, "run", &s->run);
    set_run(o, "candidate", &s->candidate);
    set_run(o, "stable", &s->stable);
    if (*s->rejected_hash) {
        cJSON *r = cJSON_AddObjectToObject(o, "rejected");
        json_set_str(r, "hash", s->rejected_hash);
        json_set_i64(r, "generation", s->rejected_generation);
        set_text(r, "message", s->rejected_message);
    }
    set_text(o, "logLevels", s->log_levels);
    set_time(o, "failedAt", s->failed_ms);
    set_text(o, "failure", s->failure);
    if (s->plan) json_set(o, "plan", cJSON_Duplicate(s->plan, true));
    set_text(o, "base", s->base_hash);
    set_conditions(o, s);
    return o;
}
