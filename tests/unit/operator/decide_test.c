/* decide_test.c - decisions as a table: (spec, what was found, status) → (actions, new status).
 *
 * What was found, a run per entry: "2 c:running prepared reg=2 w0:ready w1:over" - the run's
 * number, its coordinator's pod (pending, running, over, deleting), what the engine says, the
 * workers. Marks in front: "base" (services are there), "spec" (the job's ConfigMap is there). What
 * is decided: "State [message] | actions | run: phase, candidate: phase". */
#include "operator/decide.h"
#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_S = 1000000 };

struct row {
    const char *name;
    const char *spec;   /* on top of a job with parallelism 2 */
    const char *status; /* JSON; HASH in it is the hash of the spec above, IMAGE0 that
                         * with the image image:0, OLD another one */
    const char *seen;
    const char *want; /* begins with it */
    int after_s;      /* since the times of the status */
};

#define OBJECT                                                                                     \
    "{\"apiVersion\":\"penstock.dev/v1\",\"kind\":\"FlinkJob\",\"metadata\":{\"name\":\"j\","      \
    "\"namespace\":\"n\",\"uid\":\"u\",\"generation\":2%s},\"spec\":{\"sql\":\"x\","               \
    "\"parallelism\":2,\"maxParallelism\":128%s},\"status\":%s}"
#define FINALIZER ",\"finalizers\":[\"penstock.dev/operator\"]"
#define T "\"since\":\"1970-01-12T13:46:40Z\"" /* NOW_S */
#define RUN_FIELDS(n, phase, hash)                                                                 \
    "\"number\":" #n ",\"generation\":1,\"hash\":\"" hash "\",\"workers\":2,\"parallelism\":2,"    \
    "\"phase\":\"" phase "\"," T
#define RUN(n, phase, hash) "{" RUN_FIELDS(n, phase, hash) "}"
#define RUNNING "{\"state\":\"Running\",\"run\":" RUN(1, "Started", "HASH") "}"
#define STABLE                                                                                     \
    "{\"state\":\"Running\",\"run\":" RUN(1, "Started", "OLD") ",\"stable\":" RUN(1, "Started",    \
                                                                                  "OLD") "}"
#define UPGRADING(phase)                                                                           \
    "{\"state\":\"Upgrading\",\"observedGeneration\":2,\"run\":" RUN(                              \
        1, phase, "OLD") ",\"candidate\":" RUN(2, "Prepared",                                      \
                                               "HASH") ",\"stable\":" RUN(1, "Started", "OLD") "}"
#define STATELESS ",\"job\":{\"upgradeMode\":\"stateless\"}"
#define SUSPENDED ",\"job\":{\"state\":\"suspended\"}"

/* ---- reading a row ---- */

static enum engine_state engine_named(const char *word) {
    static const char *const names[] = {"unknown", "compiling", "prepared", "waiting", "starting",
                                        "running", "stopping",  "finished", "failed",  "cancelled"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i], word)) return (enum engine_state)i;
    fail_msg("no engine state '%s'", word);
    return ENGINE_UNKNOWN;
}

static void set_pod(struct observed_pod *p, const char *state) {
    p->state = !strcmp(state, "pending") ? POD_PENDING
               : !strcmp(state, "over")  ? POD_OVER
                                         : POD_RUNNING;
    p->ready = !strcmp(state, "ready");
    p->deleting = !strcmp(state, "deleting");
    p->ip = p->state == POD_PENDING ? NULL : "10.0.0.1";
}

static void see_word(struct arena *a, struct observed *o, char *word) {
    struct observed_run *r = o->n_runs ? &o->runs[o->n_runs - 1] : NULL;
    char *colon = strchr(word, ':');
    if (!strcmp(word, "base")) {
        o->base_ready = true;
    } else if (!strcmp(word, "spec")) {
        o->spec_ready = true;
    } else if (!strncmp(word, "refused=", 8)) {
        o->refused = arena_strdup(a, word + 8);
    } else if (word[0] >= '0' && word[0] <= '9') {
        r = &o->runs[o->n_runs++];
        *r = (struct observed_run){.number = atoi(word),
                                   .engine = {.records_in = -1, .records_out = -1}};
        r->workers = ARENA_NEW_N(a, struct observed_pod, 16);
    } else if (word[0] == 'c' && colon == word + 1) {
        r->coordinator.name = arena_printf(a, "c%lld", (long long)r->number);
        set_pod(&r->coordinator, colon + 1);
    } else if (word[0] == 'w' && colon) {
        struct observed_pod *p = &r->workers[r->n_workers++];
        p->index = atoi(word + 1);
        p->name = arena_printf(a, "w%lld.%d", (long long)r->number, p->index);
        set_pod(p, colon + 1);
    } else if (!strncmp(word, "reg=", 4)) {
        r->engine.registered = atoi(word + 4);
    } else if (!strcmp(word, "checkpoints")) {
        r->engine.checkpoints = true;
        r->engine.checkpoint.id = 7;
    } else if (!strcmp(word, "user")) {
        r->engine.user_error = true;
    } else if (!strcmp(word, "plan")) {
        r->engine.plan = cJSON_CreateObject();
    } else if (!strncmp(word, "refuses", 7)) {
        r->engine.stop_refused = "no";
    } else if (!strncmp(word, "error=", 6)) {
        r->engine.error = arena_strdup(a, word + 6);
    } else {
        r->engine.state = engine_named(word);
    }
}

static void print_run(struct str *out, const char *what, const struct run_ref *r) {
    static const char *const phases[] = {"none", "prepared", "started", "stopping", "ended"};
    if (r->phase != RUN_NONE)
        str_addf(out, " %s%lld:%s", what, (long long)r->number, phases[r->phase]);
}

static void print_decision(const struct decision *d, struct str *out) {
    static const char *const names[] = {"finalizer", "release",     "base",   "spec",
                                        "-spec",     "coordinator", "worker", "delete",
                                        "start",     "stop",        "log",    "event"};
    str_addf(out, "%s", job_state_text(d->status.state));
    if (d->status.conditions[COND_STALLED].on)
        str_addf(out, " !%s", d->status.conditions[COND_STALLED].reason);
    str_add(out, " |");
    for (int i = 0; i < d->n_actions; i++) {
        const struct action *x = &d->actions[i];
        str_addf(out, " %s", names[x->kind]);
        if (x->kind == ACTION_MAKE_COORDINATOR || x->kind == ACTION_START)
            str_addf(out, "=%lld", (long long)x->run);
        if (x->kind == ACTION_MAKE_COORDINATOR && x->origin != x->run)
            str_addf(out, "<%lld", (long long)x->origin);
        if (x->kind == ACTION_MAKE_COORDINATOR && x->fresh) str_add(out, "!");
        if (x->kind == ACTION_MAKE_WORKER) str_addf(out, "=%lld.%d", (long long)x->run, x->index);
        if (x->kind == ACTION_DELETE_POD) str_addf(out, "=%s", x->name);
        if (x->kind == ACTION_STOP)
            str_addf(out, "=%lld%s", (long long)x->run,
                     x->savepoint    ? "+savepoint"
                     : x->checkpoint ? "+checkpoint"
                                     : "");
        if (x->kind == ACTION_EVENT) str_addf(out, "=%s", x->reason);
        if (x->kind == ACTION_SET_LOG) str_addf(out, "=%s", x->text);
    }
    str_add(out, " |");
    print_run(out, "", &d->status.run);
    print_run(out, "candidate ", &d->status.candidate);
    if (*d->status.rejected_hash) str_add(out, " rejected");
}

static void replace(struct str *text, const char *what, const char *by) {
    AUTO_STR out = STR_INIT;
    const char *p = str_text(text);
    for (const char *f; (f = strstr(p, what)); p = f + strlen(what)) {
        str_add_n(&out, p, (size_t)(f - p));
        str_add(&out, by);
    }
    str_add(&out, p);
    str_clear(text);
    str_add_sv(text, str_view(&out));
}

static void read_job(struct arena *a, const struct row *r, const char *meta, cJSON **ret_object,
                     struct job *ret) {
    static const struct job_defaults defaults = {.image = "image:1"};
    struct err err = ERR_INIT;
    AUTO_STR text = STR_INIT;
    str_addf(&text, OBJECT, meta, r->spec, "{}");
    AUTO_JSON *draft = NULL;
    assert_ok(json_parse(str_text(&text), text.len, &draft, &err), &err);
    struct job job;
    assert_ok(job_read(a, draft, NULL, &defaults, &job, &err), &err);
    str_clear(&text);
    str_addf(&text, OBJECT, meta, r->spec, *r->status ? r->status : "{}");
    replace(&text, "HASH", job.hash);
    char image0[JOB_HASH_BYTES];
    job_hash_with(&job, "image:0", image0);
    replace(&text, "IMAGE0", image0);
    replace(&text, "OLD", "0123456789abcdef");
    assert_ok(json_parse(str_text(&text), text.len, ret_object, &err), &err);
    assert_ok(job_read(a, *ret_object, NULL, &defaults, ret, &err), &err);
}

static void check(const struct row *r, const char *meta) {
    struct arena a;
    arena_init(&a);
    cJSON *object = NULL;
    struct job job;
    read_job(&a, r, meta, &object, &job);
    struct observed seen = {0};
    char *words = arena_strdup(&a, r->seen);
    for (char *save = NULL, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        see_word(&a, &seen, w);
    struct job_status before;
    status_read(&a, object, &before);
    struct decision d;
    decide(&a, &job, &seen, &before, (NOW_S + (int64_t)r->after_s) * 1000, &d);
    AUTO_STR got = STR_INIT;
    print_decision(&d, &got);
    if (strcmp(str_text(&got), r->want))
        fail_msg("%s\n  want %s\n  got  %s", r->name, r->want, str_text(&got));
    /* The status survives being written and read, and the same look decides the same. */
    AUTO_JSON *json = status_to_json(&d.status, &job), *again = NULL;
    cJSON *holder = cJSON_CreateObject();
    json_set(holder, "status", cJSON_Duplicate(json, true));
    struct job_status back;
    status_read(&a, holder, &back);
    again = status_to_json(&back, &job);
    assert_true(cJSON_Compare(json, again, true));
    cJSON_Delete(holder);
    for (int i = 0; i < seen.n_runs; i++)
        cJSON_Delete((cJSON *)seen.runs[i].engine.plan);
    cJSON_Delete(object);
    arena_release(&a);
}

static void check_all(const struct row *rows, size_t n, const char *meta) {
    for (size_t i = 0; i < n; i++)
        check(&rows[i], meta);
}

/* ---- the table ---- */

static void starts(void **state) {
    static const struct row rows[] = {
        {"new", "", "", "", "Starting | base | 1:prepared", 0},
        {"base is there", "", "{\"state\":\"Starting\",\"run\":" RUN(1, "Prepared", "HASH") "}",
         "base", "Starting | spec coordinator=1 | 1:prepared", 0},
        {"no address yet", "", "{\"run\":" RUN(1, "Prepared", "HASH") "}", "base spec 1 c:pending",
         "Starting | | 1:prepared", 0},
        {"workers call the coordinator", "", "{\"run\":" RUN(1, "Prepared", "HASH") "}",
         "base spec 1 c:running compiling", "Starting | worker=1.0 worker=1.1 | 1:prepared", 0},
        {"told to start as soon as it is compiled", "", "{\"run\":" RUN(1, "Prepared", "HASH") "}",
         "base spec 1 c:running prepared w0:ready w1:pending", "Starting | start=1 | 1:prepared",
         0},
        {"told", "", "{\"state\":\"Starting\",\"run\":" RUN(1, "Prepared", "HASH") "}",
         "base spec 1 c:running waiting w0:ready w1:pending", "Starting | | 1:started", 0},
        {"runs", "", "{\"state\":\"Starting\",\"run\":" RUN(1, "Started", "HASH") "}",
         "base spec 1 c:running running w0:ready w1:ready", "Running | event=Running | 1:started",
         0},
        {"a worker's pod is over: another", "", RUNNING,
         "base spec 1 c:running running w0:over w1:ready",
         "Running | delete=w1.0 worker=1.2 | 1:started", 0},
        {"a worker is being deleted: another", "", RUNNING,
         "base spec 1 c:running running w0:deleting w1:ready", "Running | worker=1.2 | 1:started",
         0},
        {"log levels change while it runs", ",\"log\":{\"level\":\"debug\"}", RUNNING,
         "base spec 1 c:running running w0:ready w1:ready", "Running | log=debug | 1:started", 0},
        {"finished", "", RUNNING, "base spec 1 c:over finished w0:over w1:over",
         "Finished | event=Finished | 1:ended", 0},
        {"stays finished", "", "{\"state\":\"Finished\",\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec 1 c:over finished w0:over", "Finished | | 1:ended", 100},
        {"pods of other runs go", "", RUNNING,
         "base spec 1 c:running running w0:ready w1:ready 0 c:over w0:ready",
         "Running | delete=c0 delete=w0.0 | 1:started", 0},
        {"paused: nothing", ",\"paused\":true", RUNNING, "base spec 1 c:over failed",
         "Running !Paused | | 1:started", 0},
        {"the API server refuses its pods", "", "{\"run\":" RUN(1, "Prepared", "HASH") "}",
         "base spec refused=quota", "Starting !Refused | event=Refused coordinator=1 | 1:prepared",
         0},
    };
    check_all(rows, ARRAY_LEN(rows), FINALIZER);
}

static void fails(void **state) {
    static const struct row rows[] = {
        {"failed: once more, later", "", RUNNING, "base spec 1 c:over failed error=x w0:over",
         "Starting | event=Restarting | 1:ended", 0},
        {"the wait is over", "",
         "{\"state\":\"Starting\",\"restarts\":1,\"failedAt\":\"1970-01-12T13:46:40Z\","
         "\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec 1 c:over failed", "Starting | coordinator=2<1 delete=c1 | 2:prepared", 2},
        {"the wait grows", "",
         "{\"state\":\"Starting\",\"restarts\":4,\"failedAt\":\"1970-01-12T13:46:40Z\","
         "\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec 1 c:over failed", "Starting | | 1:ended", 7},
        {"old pods first", "",
         "{\"state\":\"Starting\",\"restarts\":1,\"failedAt\":\"1970-01-12T13:46:40Z\","
         "\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec 1 c:over failed w0:ready", "Starting | delete=w1.0 | 1:ended", 2},
        {"its coordinator is gone", "", RUNNING, "base spec 1 w0:ready w1:ready",
         "Starting | event=Restarting | 1:ended", 0},
        {"what is wrong stays wrong", "", RUNNING, "base spec 1 c:over failed user error=x",
         "Failed !Failed | event=Failed | 1:ended rejected", 0},
        {"cancelled by somebody: it is wanted all the same", "", RUNNING,
         "base spec 1 c:over cancelled", "Starting | coordinator=2 delete=c1 | 2:prepared", 0},
        {"a changed spec that was compiled and fails as it runs: back", "",
         "{\"state\":\"Running\",\"observedGeneration\":2,\"restarts\":2,\"run\":" RUN(
             3, "Started", "HASH") ",\"stable\":" RUN(1, "Started", "OLD") "}",
         "base spec 3 c:over failed error=x", "Starting | event=RolledBack | 3:ended rejected", 5},
        {"the stable spec runs again", "",
         "{\"state\":\"Starting\",\"observedGeneration\":2,\"rejected\":{\"hash\":\"HASH\"},"
         "\"run\":" RUN(3, "Ended", "HASH") ",\"stable\":" RUN(1, "Started", "OLD") "}",
         "base spec 3 c:over failed", "Starting | coordinator=4 delete=c3 | 4:prepared rejected",
         5},
        {"and stays", "",
         "{\"state\":\"Running\",\"observedGeneration\":2,\"rejected\":{\"hash\":\"HASH\"},"
         "\"run\":" RUN(4, "Started", "OLD") ",\"stable\":" RUN(4, "Started", "OLD") "}",
         "base spec 4 c:running running w0:ready w1:ready", "Running | | 4:started rejected", 5},
    };
    check_all(rows, ARRAY_LEN(rows), FINALIZER);
}

static void upgrades(void **state) {
    static const struct row rows[] = {
        {"new pods beside the old", STATELESS, STABLE,
         "base spec 1 c:running running w0:ready w1:ready",
         "Upgrading | event=Upgrading coordinator=2! | 1:started candidate 2:prepared", 0},
        {"they get ready", STATELESS, UPGRADING("Started"),
         "base spec 1 c:running running w0:ready w1:ready 2 c:running compiling",
         "Upgrading | worker=2.0 worker=2.1 | 1:started candidate 2:prepared", 0},
        {"only then is the old run stopped", STATELESS, UPGRADING("Started"),
         "base spec 1 c:running running w0:ready w1:ready 2 c:running prepared reg=2 w0:ready "
         "w1:ready",
         "Upgrading | stop=1 | 1:stopping candidate 2:prepared", 0},
        {"with a checkpoint, if it takes any", "", UPGRADING("Started"),
         "base spec 1 c:running running checkpoints w0:ready w1:ready 2 c:running prepared reg=2 "
         "w0:ready w1:ready",
         "Upgrading | stop=1+checkpoint | 1:stopping candidate 2:prepared", 0},
        {"the old run finishes by itself: no handover", STATELESS, UPGRADING("Started"),
         "base spec 1 c:over finished w0:over 2 c:running prepared reg=1 w0:ready",
         "Finished | delete=c2 delete=w2.0 event=Finished | 1:ended", 1},
        {"and while it is being stopped", STATELESS, UPGRADING("Stopping"),
         "base spec 1 c:over finished w0:over 2 c:running prepared reg=1 w0:ready",
         "Finished | delete=c2 delete=w2.0 event=Finished | 1:ended", 1},
        {"finished under another default image: stays so", "",
         "{\"state\":\"Finished\",\"run\":{\"image\":\"image:0\"," RUN_FIELDS(1, "Ended",
                                                                              "IMAGE0") "}}",
         "base spec 1 c:over finished", "Finished | | 1:ended", 1},
        {"finished, and the spec has changed: again", "",
         "{\"state\":\"Finished\",\"run\":{\"image\":\"image:0\"," RUN_FIELDS(1, "Ended",
                                                                              "OLD") "}}",
         "base spec 1 c:over finished", "Starting | coordinator=2 delete=c1 | 2:prepared", 1},
        {"it stops", STATELESS, UPGRADING("Stopping"),
         "base spec 1 c:running stopping 2 c:running prepared reg=2 w0:ready w1:ready",
         "Upgrading | | 1:stopping candidate 2:prepared", 1},
        {"handed over", STATELESS, UPGRADING("Stopping"),
         "base spec 1 c:over cancelled w0:over 2 c:running prepared reg=2 w0:ready w1:ready",
         "Upgrading | delete=c1 delete=w1.0 start=2 event=Upgraded | "
         "2:started",
         1},
        {"too slow: its pods go first", STATELESS, UPGRADING("Stopping"),
         "base spec 1 c:running stopping w0:ready 2 c:running prepared reg=2 w0:ready w1:ready",
         "Upgrading | event=StopTimedOut delete=c1 delete=w1.0 | 1:stopping candidate 2:prepared",
         61},
        {"no checkpoints: not applied, and said", "", STABLE,
         "base spec 1 c:running running w0:ready w1:ready",
         "Running !NoCheckpoint | event=NoCheckpoint | 1:started", 0},
        {"it can't be compiled: the old run never notices", STATELESS, UPGRADING("Started"),
         "base spec 1 c:running running w0:ready w1:ready 2 c:over failed user error=x",
         "Running | event=UpgradeRejected delete=c2 | 1:started rejected", 0},
        {"never ready", STATELESS, UPGRADING("Started"),
         "base spec 1 c:running running w0:ready w1:ready 2 c:pending",
         "Running | event=UpgradeRejected delete=c2 | 1:started rejected", 601},
        {"nothing runs: no handover", STATELESS,
         "{\"state\":\"Starting\",\"observedGeneration\":1,\"run\":" RUN(1, "Prepared", "OLD") "}",
         "base spec 1 c:over", "Starting | coordinator=2! delete=c1 | 2:prepared", 0},
        {"the engine won't stop: it goes on", "", UPGRADING("Stopping"),
         "base spec 1 c:running running refuses w0:ready w1:ready 2 c:running prepared reg=2 "
         "w0:ready w1:ready",
         "Running !StopRefused | event=StopRefused delete=c2 delete=w2.0 delete=w2.1 | "
         "1:started",
         1},
    };
    check_all(rows, ARRAY_LEN(rows), FINALIZER);
}

static void suspends(void **state) {
    static const struct row rows[] = {
        {"stopped with a checkpoint", SUSPENDED, RUNNING,
         "base spec 1 c:running running checkpoints w0:ready w1:ready",
         "Suspending | stop=1+checkpoint event=Suspending | 1:stopping", 0},
        {"with a savepoint in front",
         ",\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"},\"config\":{\"execution."
         "checkpointing.savepoint-dir\":"
         "\"/s\"}",
         RUNNING, "base spec 1 c:running running checkpoints w0:ready w1:ready",
         "Suspending | stop=1+savepoint event=Suspending | 1:stopping", 0},
        {"it hasn't answered yet: not asked to drop what came since the last checkpoint", SUSPENDED,
         "{\"state\":\"Running\",\"checkpoint\":{\"id\":7},\"run\":" RUN(1, "Started", "HASH") "}",
         "base spec 1 c:running unknown w0:ready w1:ready",
         "Suspending | event=Suspending | 1:stopping", 0},
        {"it answers", SUSPENDED,
         "{\"state\":\"Suspending\",\"checkpoint\":{\"id\":7},\"run\":" RUN(1, "Stopping",
                                                                            "HASH") "}",
         "base spec 1 c:running running checkpoints w0:ready w1:ready",
         "Suspending | stop=1+checkpoint | 1:stopping", 1},
        {"not without", SUSPENDED, RUNNING, "base spec 1 c:running running w0:ready w1:ready",
         "Running !NoCheckpoint | event=NoCheckpoint | 1:started", 0},
        {"unless its state may go",
         ",\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"stateless\"}", RUNNING,
         "base spec 1 c:running running w0:ready w1:ready",
         "Suspending | stop=1 event=Suspending | 1:stopping", 0},
        {"its pods go", SUSPENDED,
         "{\"state\":\"Suspending\",\"run\":" RUN(1, "Stopping", "HASH") "}",
         "base spec 1 c:over cancelled w0:ready", "Suspending | delete=c1 delete=w1.0 | 1:ended",
         1},
        {"suspended", SUSPENDED, "{\"state\":\"Suspending\",\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec", "Suspended | event=Suspended | 1:ended", 1},
        {"stays so", SUSPENDED, "{\"state\":\"Suspended\",\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec", "Suspended | | 1:ended", 1},
        {"one that never ran", SUSPENDED, "", "", "Suspended | event=Suspended |", 0},
        {"resumed", "", "{\"state\":\"Suspended\",\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec", "Starting | coordinator=2 | 2:prepared", 1},
        {"finished stays finished", SUSPENDED,
         "{\"state\":\"Finished\",\"run\":" RUN(1, "Ended", "HASH") "}", "base spec 1 c:over",
         "Finished | | 1:ended", 1},
        {"a broken job can be suspended", SUSPENDED, RUNNING, "base spec 1 c:over failed error=x",
         "Suspended | delete=c1 event=Suspended | 1:ended", 1},
    };
    check_all(rows, ARRAY_LEN(rows), FINALIZER);
}

static void previews(void **state) {
    static const char preview[] = ",\"job\":{\"state\":\"preview\"}";
    const struct row rows[] = {
        {"a coordinator without workers", preview, "", "base spec",
         "Starting | coordinator=1 | candidate 1:prepared", 0},
        {"its plan, and it goes", preview,
         "{\"state\":\"Starting\",\"observedGeneration\":2,\"candidate\":" RUN(1, "Prepared",
                                                                               "HASH") "}",
         "base spec 1 c:running prepared plan", "Previewed | event=Previewed delete=c1 |", 0},
        {"bad SQL", preview,
         "{\"state\":\"Starting\",\"observedGeneration\":2,\"candidate\":" RUN(1, "Prepared",
                                                                               "HASH") "}",
         "base spec 1 c:over failed error=x", "Failed | event=PreviewFailed delete=c1 | rejected",
         0},
        {"bad SQL isn't looked at again", preview,
         "{\"state\":\"Failed\",\"observedGeneration\":2,\"rejected\":{\"hash\":\"HASH\"}}",
         "base spec", "Failed | | rejected", 100},
        {"nor beside a run", preview,
         "{\"state\":\"Running\",\"observedGeneration\":2,\"rejected\":{\"hash\":\"HASH\"},"
         "\"run\":" RUN(1, "Started", "OLD") "}",
         "base spec 1 c:running running w0:ready w1:ready", "Running | | 1:started rejected", 100},
        {"beside a run", preview, STABLE, "base spec 1 c:running running w0:ready w1:ready",
         "Running | coordinator=2 | 1:started candidate 2:prepared", 0},
    };
    check_all(rows, ARRAY_LEN(rows), FINALIZER);
}

#define DELETED FINALIZER ",\"deletionTimestamp\":\"1970-01-12T13:46:40Z\""

static void deletes(void **state) {
    static const struct row rows[] = {
        {"stopped first", "", RUNNING, "base spec 1 c:running running w0:ready",
         "Deleting | stop=1 | 1:stopping", 0},
        {"not for long", "", "{\"run\":" RUN(1, "Stopping", "HASH") "}",
         "base spec 1 c:running running w0:ready", "Deleting | delete=c1 delete=w1.0 | 1:ended",
         11},
        {"pods", "", "{\"run\":" RUN(1, "Ended", "HASH") "}", "base spec 1 c:deleting w0:deleting",
         "Deleting | | 1:ended", 12},
        {"gone", "", "{\"run\":" RUN(1, "Ended", "HASH") "}", "base spec",
         "Deleting | release | 1:ended", 3},
        {"never stuck", "", "{\"run\":" RUN(1, "Ended", "HASH") "}",
         "base spec 1 c:deleting w0:deleting", "Deleting | release | 1:ended", 61},
        {"also when paused, or incomplete", ",\"paused\":true", "", "", "Deleting | release |", 0},
    };
    check_all(rows, ARRAY_LEN(rows), DELETED);
    static const struct row other[] = {{"not ours any more", "", "", "", "Deleting | |", 0}};
    check_all(other, 1, ",\"deletionTimestamp\":\"1970-01-12T13:46:40Z\"");
    static const struct row fresh[] = {
        {"the finalizer comes first", "", "", "", "Starting | finalizer base | 1:prepared", 0}};
    check_all(fresh, 1, "");
}

static void sizes(void **state) {
    static const struct {
        const char *spec;
        int workers, slots;
    } cases[] = {
        {"", 2, 1},
        {",\"workers\":{\"slots\":2}", 1, 2},
        {",\"workers\":{\"replicas\":1}", 1, 2},
        {",\"workers\":{\"replicas\":3,\"slots\":4}", 3, 4},
        {",\"workers\":{\"resources\":{\"requests\":{\"cpu\":2}}}", 1, 2},
        {",\"workers\":{\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}", 2, 1},
        {",\"workers\":{\"resources\":{\"limits\":{\"cpu\":\"8\"}}}", 1, 2},
        {",\"plan\":{\"vertices\":{\"a\":{\"slotGroup\":\"g\",\"parallelism\":3}}}", 5, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        arena_init(&a);
        struct row r = {.spec = cases[i].spec, .status = ""};
        cJSON *object = NULL;
        struct job job;
        read_job(&a, &r, "", &object, &job);
        assert_int_equal(job.workers, cases[i].workers);
        assert_int_equal(job.slots, cases[i].slots);
        cJSON_Delete(object);
        arena_release(&a);
    }
}

static void hashes(void **state) {
    /* What changes the hash takes new pods; what doesn't, doesn't. */
    static const char *const same[] = {",\"log\":{\"level\":\"debug\"}", ",\"paused\":true",
                                       STATELESS, SUSPENDED, ",\"isolation\":\"strict\""};
    static const char *const other[] = {",\"restartNonce\":1", ",\"image\":\"b\"",
                                        ",\"config\":{\"a\":\"b\"}", ",\"mode\":\"batch\"",
                                        ",\"workers\":{\"slots\":4}"};
    char base[JOB_HASH_BYTES] = "";
    for (size_t i = 0; i < 1 + ARRAY_LEN(same) + ARRAY_LEN(other); i++) {
        struct arena a;
        arena_init(&a);
        const char *spec = !i                     ? ""
                           : i <= ARRAY_LEN(same) ? same[i - 1]
                                                  : other[i - 1 - ARRAY_LEN(same)];
        struct row r = {.spec = spec, .status = ""};
        cJSON *object = NULL;
        struct job job;
        read_job(&a, &r, "", &object, &job);
        if (!i)
            memcpy(base, job.hash, sizeof base);
        else if (i <= ARRAY_LEN(same))
            assert_string_equal(job.hash, base);
        else
            assert_string_not_equal(job.hash, base);
        cJSON_Delete(object);
        arena_release(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts),   cmocka_unit_test(fails),    cmocka_unit_test(upgrades),
        cmocka_unit_test(suspends), cmocka_unit_test(previews), cmocka_unit_test(deletes),
        cmocka_unit_test(sizes),    cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
