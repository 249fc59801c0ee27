/* cache_test.c - caches and the watches below them, over every way in which a watch fails: in the
 * end the cache holds what the server holds, and its handler was told each change once. */
#include "operator/k8s/cache.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <stdio.h>
#include <stdlib.h>

static struct k8s_rig rig;
static struct k8s_cache *cache;
static struct k8s_cache_options options;
static struct str told; /* "+a/x ~a/x -a/x ": what the handler heard */
static int synced, errors;
static bool wrong; /* what was told doesn't fit together */

static void on_change(void *self, enum k8s_event event, const struct k8s_object *now,
                      const struct k8s_object *before) {
    static const char signs[] = {[K8S_ADDED] = '+', [K8S_MODIFIED] = '~', [K8S_DELETED] = '-'};
    str_addf(&told, "%c%s/%s ", signs[event], now->ns, now->name);
    wrong |= (before == NULL) != (event == K8S_ADDED);
    wrong |= (k8s_cache_get(cache, now->ns, now->name) != NULL) != (event != K8S_DELETED) && cache;
    wrong |= event == K8S_MODIFIED && strcmp(now->uid, before->uid) != 0;
}
static void on_synced(void *self) {
    synced++;
}
static void on_error(void *self, const struct err *err) {
    errors++;
}

static int setup(void **state) {
    k8s_rig_init(&rig, NULL, NULL);
    str_clear(&told);
    synced = errors = 0;
    wrong = false;
    cache = NULL;
    options = (struct k8s_cache_options){
        .client = rig.client,
        .resource = K8S_PODS,
        .owner_label = "job",
        .watch = {.limit = 2, .backoff_min_ms = 5, .backoff_max_ms = 50},
        .on_change = on_change,
        .on_synced = on_synced,
        .on_error = on_error,
    };
    return 0;
}

static void free_cache(void *arg) {
    k8s_cache_free(cache);
}
static int teardown(void **state) {
    k8s_rig_call(&rig, free_cache, NULL);
    k8s_rig_release(&rig);
    str_release(&told);
    assert_false(wrong);
    return 0;
}

static void make(void *arg) {
    cache = k8s_cache_new(&options);
}
static bool is_synced(void *arg) {
    return cache && k8s_cache_synced(cache);
}
static bool watches_run(void *arg) {
    struct k8s_cache_stats s;
    k8s_cache_get_stats(cache, &s);
    return fake_api_watches(rig.api) >= 1 && s.watch.synced;
}
static void start(void) {
    k8s_rig_call(&rig, make, NULL);
    k8s_rig_wait(&rig, is_synced, NULL, "the first list");
    k8s_rig_wait(&rig, watches_run, NULL, "a watch");
}

static void put(const char *ns, const char *name, const char *job, int n) {
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"labels\":{\"job\":\"%s\"},"
        "\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}},"
        "\"spec\":{\"n\":%d,\"nodeName\":\"\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
        name, ns, job, n);
    fake_api_put(rig.api, K8S_PODS, text);
}

/* The cache holds what the server holds, in the latest versions. */
static bool is_equal(void *arg) {
    const struct k8s_object *o;
    for (size_t i = 0; (o = k8s_cache_next(cache, &i));) {
        AUTO_JSON *j = fake_api_get(rig.api, K8S_PODS, o->ns, o->name);
        if (!j || strcmp(k8s_meta_resource_version(j), o->resource_version) != 0) return false;
    }
    return k8s_cache_size(cache) == fake_api_count(rig.api, K8S_PODS, NULL);
}
static void wait_equal(void) {
    k8s_rig_wait(&rig, is_equal, NULL, "the cache to hold what the server holds");
}

static void assert_told(const char *want) {
    assert_string_equal(str_text(&told), want);
    str_clear(&told);
}

static void get_stats(void *arg) {
    k8s_cache_get_stats(cache, arg);
}
static struct k8s_cache_stats stats(void) {
    struct k8s_cache_stats s;
    k8s_rig_call(&rig, get_stats, &s);
    return s;
}

/* ---- tests ---- */

static void follows_the_server(void **state) {
    put("a", "x", "j", 1);
    put("a", "y", "j", 1);
    put("b", "x", "", 1);
    start();
    assert_int_equal(synced, 1);
    assert_told("+a/x +a/y +b/x ");
    put("a", "z", "k", 1);
    put("a", "x", "j", 2);
    fake_api_delete(rig.api, K8S_PODS, "b", "x");
    wait_equal();
    assert_told("+a/z ~a/x -b/x ");
    fake_api_delete(rig.api, K8S_PODS, "a", "x");
    put("a", "x", "k", 3);
    wait_equal();
    assert_told("-a/x +a/x ");
    struct k8s_cache_stats s = stats();
    assert_int_equal(s.watch.lists, 1);
    assert_int_equal(s.watch.watches, 1);
    assert_int_equal(s.objects, 3);
    assert_int_equal(errors, 0);
}

static void look(int owned) {
    k8s_rig_hold(&rig);
    const struct k8s_object *o = k8s_cache_get(cache, "a", "x");
    assert_string_equal(o->owner, "j");
    assert_string_equal(o->uid, "00000000-0000-4000-8000-000000000002");
    assert_false(o->deleting);
    AUTO_JSON *j = k8s_object_json(o);
    assert_string_equal(at_path(j, "kind"), "Pod"); /* lists leave it out */
    assert_string_equal(at_path(j, "apiVersion"), "v1");
    assert_string_equal(at_path(j, "spec"),
                        "{\"nodeName\":\"\",\"containers\":[{\"image\":\"i\"}]}");
    assert_string_equal(at_path(j, "metadata.labels.job"), "j");
    assert_null(at_path(j, "metadata.managedFields"));
    assert_null(at_path(j, "metadata.annotations"));
    assert_null(at_path(j, "status"));
    assert_null(k8s_cache_get(cache, "a", "none"));
    int n = 0;
    for (o = k8s_cache_owned(cache, "a", "j"); o; o = o->next_owned) {
        assert_string_equal(o->owner, "j");
        n++;
    }
    assert_int_equal(n, owned);
    assert_null(k8s_cache_owned(cache, "b", "j"));
    k8s_rig_let_go(&rig);
}

static void keeps_what_is_asked_for(void **state) {
    static const char *const keep[] = {"spec.nodeName", "spec.containers.image", NULL};
    options.keep = keep;
    put("a", "w", "j", 1);
    put("a", "x", "j", 1);
    put("a", "y", "j", 1);
    put("a", "z", "k", 1);
    put("b", "x", "", 1);
    start();
    look(3);
    put("a", "y", "k", 1); /* changes hands */
    put("a", "z", "j", 1);
    fake_api_delete(rig.api, K8S_PODS, "a", "w");
    wait_equal();
    look(2);
    assert_true(stats().bytes > 4 * 200 && stats().bytes < 4 * 600);
}

static void only_some_namespaces(void **state) {
    static const char *const namespaces[] = {"a", "c", NULL};
    options.namespaces = namespaces;
    put("a", "x", "j", 1);
    put("b", "x", "j", 1);
    start();
    put("c", "x", "j", 1);
    put("b", "y", "j", 1);
    put("a", "x", "j", 2);
    fake_api_delete(rig.api, K8S_PODS, "b", "x");
    fake_api_delete(rig.api, K8S_PODS, "b", "y");
    wait_equal();
    assert_int_equal(synced, 1);
    assert_int_equal(fake_api_watches(rig.api), 2);
    assert_null(strstr(str_text(&told), "b/"));
}

static void only_what_the_selector_takes(void **state) {
    options.label_selector = "job=j";
    put("a", "x", "j", 1);
    put("a", "y", "k", 1);
    start();
    assert_told("+a/x ");
    put("a", "y", "j", 1);
    put("a", "x", "k", 1);
    fake_api_delete(rig.api, K8S_PODS, "a", "x");
    wait_equal();
    assert_told("+a/y -a/x ");
}

static bool watched_again(void *arg) {
    struct k8s_cache_stats s;
    k8s_cache_get_stats(cache, &s);
    return s.watch.watches >= *(uint64_t *)arg && fake_api_watches(rig.api) > 0;
}

/* Does `fault` to the watch a few times, with changes between. */
static void survives(void (*fault)(struct fake_api *f), bool lists_again) {
    put("a", "x", "j", 0);
    put("a", "y", "j", 0);
    start();
    for (int i = 1; i <= 5; i++) {
        uint64_t watches = stats().watch.watches + 1;
        put("a", "x", "j", i);
        fault(rig.api);
        put("a", "x", "j", i + 100);
        fake_api_delete(rig.api, K8S_PODS, "a", "y");
        k8s_rig_wait(&rig, watched_again, &watches, "another watch");
        put("a", "y", "j", i);
        wait_equal();
    }
    struct k8s_cache_stats s = stats();
    assert_int_equal(s.watch.lists > 1, lists_again);
    assert_int_equal(synced, 1);
}

static void ends_in_order(void **state) {
    survives(fake_api_end_watches, false);
    assert_int_equal(errors, 0);
}
static void cut_in_the_middle_of_a_line(void **state) {
    survives(fake_api_cut_watches, false);
    assert_int_equal(stats().watch.cut_lines, 5);
    assert_int_equal(errors, 5);
}
static void gone(void **state) {
    survives(fake_api_gone_watches, true);
    assert_int_equal(stats().watch.gone, 5);
    assert_int_equal(errors, 0);
}
/* While the client stands still, so that it can't come back before it is too late. */
static void cut_and_compact(struct fake_api *f) {
    k8s_rig_hold(&rig);
    fake_api_cut_watches(f);
    put("a", "w", "j", (int)fake_api_resource_version(f));
    fake_api_compact(f);
    k8s_rig_let_go(&rig);
}
static void cut_and_history_forgotten(void **state) {
    survives(cut_and_compact, true);
}

static void gone_as_a_status(void **state) {
    put("a", "x", "j", 0);
    start();
    fake_api_fault(rig.api,
                   &(struct fake_fault){.kind = FAKE_STATUS, .path = "?watch", .status = 410});
    fake_api_end_watches(rig.api);
    put("a", "y", "j", 0);
    wait_equal();
    assert_int_equal(stats().watch.gone, 1);
    assert_int_equal(stats().watch.lists, 2);
    assert_told("+a/x +a/y ");
}

static void a_silent_watch_is_left(void **state) {
    options.watch.stall_ms = 30;
    put("a", "x", "j", 0);
    k8s_rig_call(&rig, make, NULL);
    k8s_rig_wait(&rig, is_synced, NULL, "the first list");
    fake_api_stall_watches(rig.api, true);
    put("a", "x", "j", 1);
    put("a", "y", "j", 1);
    fake_api_stall_watches(rig.api, false); /* for new ones */
    wait_equal();
    assert_true(stats().watch.stalls >= 1);
    assert_int_equal(stats().watch.lists, 1);
    assert_told("+a/x ~a/x +a/y ");
}

static void repeated_events_are_told_once(void **state) {
    start();
    fake_api_repeat_events(rig.api, 3);
    put("a", "x", "j", 0);
    put("a", "x", "j", 1);
    fake_api_delete(rig.api, K8S_PODS, "a", "x");
    put("a", "y", "j", 1);
    wait_equal();
    assert_told("+a/x ~a/x -a/x +a/y ");
}

static void refusals_are_outlasted(void **state) {
    static const int statuses[] = {500, 429, 503, 403};
    put("a", "x", "j", 0);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        fake_api_fault(rig.api, &(struct fake_fault){
                                    .kind = FAKE_STATUS, .path = "/pods", .status = statuses[i]});
        fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_STATUS,
                                                     .path = "/pods?watch",
                                                     .status = statuses[i]});
    }
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_GARBAGE, .path = "/pods"});
    fake_api_fault(rig.api, &(struct fake_fault){.kind = FAKE_GARBAGE, .path = "/pods?watch"});
    start();
    put("a", "y", "j", 0);
    wait_equal();
    assert_true(errors >= 3);
    assert_told("+a/x +a/y ");
}

static bool has_bookmark(void *arg) {
    struct k8s_cache_stats s;
    k8s_cache_get_stats(cache, &s);
    return s.watch.bookmarks > 0;
}

/* Without the bookmark the watch's version would be too old. */
static void bookmarks_keep_the_place(void **state) {
    put("a", "x", "j", 0);
    start();
    for (int i = 0; i < 10; i++)
        fake_api_put(rig.api, K8S_CONFIGMAPS,
                     "{\"metadata\":{\"name\":\"c\",\"namespace\":\"a\"}}");
    fake_api_put(rig.api, K8S_CONFIGMAPS, "{\"metadata\":{\"name\":\"d\",\"namespace\":\"a\"}}");
    fake_api_bookmark(rig.api);
    k8s_rig_wait(&rig, has_bookmark, NULL, "a bookmark");
    fake_api_compact(rig.api);
    fake_api_end_watches(rig.api);
    uint64_t watches = 2;
    k8s_rig_wait(&rig, watched_again, &watches, "another watch");
    put("a", "y", "j", 0);
    wait_equal();
    assert_int_equal(stats().watch.lists, 1);
    assert_int_equal(stats().watch.gone, 0);
}

/* ---- our own writes ---- */

static void put_own(void *arg) {
    k8s_cache_put(cache, arg);
}
static void assert_n(const char *want) {
    k8s_rig_hold(&rig);
    const struct k8s_object *o = k8s_cache_get(cache, "a", "x");
    AUTO_JSON *j = o ? k8s_object_json(o) : NULL;
    assert_string_equal(o ? at_path(j, "spec.n") : "none", want);
    k8s_rig_let_go(&rig);
}
static void drop_own(void *arg) {
    k8s_cache_drop(cache, "a", "x", arg);
}

static void own_writes_are_seen_at_once(void **state) {
    put("a", "x", "j", 1);
    start();
    assert_told("+a/x ");
    AUTO_JSON *old = fake_api_get(rig.api, K8S_PODS, "a", "x");
    fake_api_stall_watches(rig.api, true);
    put("a", "x", "j", 2);
    AUTO_JSON *middle = fake_api_get(rig.api, K8S_PODS, "a", "x");
    put("a", "x", "j", 3);
    AUTO_JSON *latest = fake_api_get(rig.api, K8S_PODS, "a", "x");
    k8s_rig_call(&rig, put_own, latest);
    assert_n("3");
    k8s_rig_call(&rig, put_own, middle); /* late */
    k8s_rig_call(&rig, put_own, old);
    assert_n("3");
    /* The watch tells both, later. */
    fake_api_stall_watches(rig.api, false);
    fake_api_cut_watches(rig.api);
    put("a", "y", "j", 1);
    wait_equal();
    assert_told("+a/y ");
    k8s_rig_call(&rig, drop_own, "another");
    assert_n("3");
    k8s_rig_call(&rig, drop_own, NULL);
    assert_n("none");
    k8s_rig_call(&rig, put_own, latest); /* the watch is past that */
    assert_n("none");
}

static void a_big_object_and_many(void **state) {
    AUTO_STR text = STR_INIT;
    options.watch.limit = 100;
    str_add(&text, "{\"metadata\":{\"name\":\"big\",\"namespace\":\"a\"},\"spec\":{\"x\":\"");
    for (int i = 0; i < 300000; i++)
        str_add(&text, "\\\"}");
    str_add(&text, "\"}}");
    start();
    fake_api_put(rig.api, K8S_PODS, str_text(&text));
    for (int i = 0; i < 700; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        put("a", name, i % 2 ? "j" : "k", i);
    }
    wait_equal();
    cut_and_compact(rig.api);
    put("a", "last", "j", 0);
    wait_equal();
    assert_int_equal(stats().watch.lists, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(follows_the_server),
        T(keeps_what_is_asked_for),
        T(only_some_namespaces),
        T(only_what_the_selector_takes),
        T(ends_in_order),
        T(cut_in_the_middle_of_a_line),
        T(gone),
        T(cut_and_history_forgotten),
        T(gone_as_a_status),
        T(a_silent_watch_is_left),
        T(repeated_events_are_told_once),
        T(refusals_are_outlasted),
        T(bookmarks_keep_the_place),
        T(own_writes_are_seen_at_once),
        T(a_big_object_and_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
