/* config_test.c - kubeconfigs and service accounts; tokens that expire, rotate, and come from
 * plug-ins. */
#include "operator/k8s/config.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "operator/k8s/cache.h"
#include "operator/k8s/config_data.h"
#include "operator/k8s/meta.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/operator/k8s/rig.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static const char *in_dir(const char *name) {
    static char paths[4][128];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

static void write_file(const char *name, const char *text) {
    /* As the kubelet does it: another file under the name. */
    FILE *f = fopen(in_dir("tmp"), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(in_dir("tmp"), in_dir(name)), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    return remove(path);
}
static int setup(void **state) {
    snprintf(dir, sizeof dir, "/tmp/k8s-config-XXXXXX");
    assert_non_null(mkdtemp(dir));
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    setenv("HOME", dir, 1);
    return 0;
}
static int teardown(void **state) {
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct k8s_config *load(const char *file, const char *context) {
    struct k8s_config *c;
    struct err e = ERR_INIT;
    struct k8s_config_options o = {.kubeconfig = file ? in_dir(file) : NULL, .context = context};
    assert_ok(k8s_config_load(&o, &c, &e), &e);
    return c;
}

/* ---- reading ---- */

static const char kubeconfig[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "current-context: one\n"
    "contexts:\n"
    "- {name: one, context: {cluster: c1, user: u1, namespace: flights}}\n"
    "- {name: two, context: {cluster: c2, user: u2}}\n"
    "- {name: three, context: {cluster: none, user: u2}}\n"
    "- {name: four, context: {cluster: c1, user: none}}\n"
    "- {name: five, context: {cluster: c1, user: old}}\n"
    "- {name: six, context: {cluster: proxied, user: u1}}\n"
    "clusters:\n"
    "- {name: c1, cluster: {server: 'https://one:6443/', "
    "insecure-skip-tls-verify: true}}\n"
    "- {name: c2, cluster: {server: 'http://two'}}\n"
    "- {name: proxied, cluster: {server: 'http://x', proxy-url: 'http://p'}}\n"
    "users:\n"
    "- {name: u1, user: {token: s3cret}}\n"
    "- {name: u2, user: {tokenFile: sub/token}}\n"
    "- {name: old, user: {auth-provider: {name: gcp}}}\n";

static void contexts(void **state) {
    write_file("kc", kubeconfig);
    struct k8s_config *c = load("kc", NULL);
    assert_string_equal(k8s_config_server(c), "https://one:6443");
    assert_string_equal(k8s_config_namespace(c), "flights");
    assert_string_equal(c->token, "s3cret");
    assert_true(c->tls.insecure);
    k8s_config_free(c);
    c = load("kc", "two");
    assert_string_equal(k8s_config_server(c), "http://two");
    assert_string_equal(k8s_config_namespace(c), "default");
    assert_string_equal(c->token_file, in_dir("sub/token")); /* counts from the file's folder */
    k8s_config_free(c);
}

static void several_files(void **state) {
    AUTO_STR list = STR_INIT;
    write_file("a",
               "contexts: [{name: two, context: {cluster: c2, user: u2, namespace: first}}]\n");
    write_file("b", kubeconfig);
    str_addf(&list, "%s:%s:%s", in_dir("missing"), in_dir("a"), in_dir("b"));
    setenv("KUBECONFIG", str_text(&list), 1);
    struct k8s_config *c = load(NULL, "two");
    assert_string_equal(k8s_config_namespace(c), "first");
    assert_string_equal(k8s_config_server(c), "http://two");
    k8s_config_free(c);
}

static void refusals_name_the_place(void **state) {
    static const struct {
        const char *context, *part;
        int code;
    } rows[] = {
        {"nine", "there is no context 'nine'", ERR_NOT_FOUND},
        {"three", "context 'three': there is no cluster 'none'", ERR_NOT_FOUND},
        {"four", "context 'four': there is no user 'none'", ERR_NOT_FOUND},
        {"five", "user 'old': 'auth-provider' isn't supported", ERR_UNSUPPORTED},
        {"six", "cluster 'proxied': 'proxy-url' isn't supported", ERR_UNSUPPORTED},
    };
    struct k8s_config *c;
    struct err e = ERR_INIT;
    write_file("kc", kubeconfig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct k8s_config_options o = {.kubeconfig = in_dir("kc"), .context = rows[i].context};
        assert_err(k8s_config_load(&o, &c, &e), rows[i].code, &e, rows[i].part);
    }
    struct k8s_config_options o = {0};
    assert_err(k8s_config_load(&o, &c, &e), ERR_NOT_FOUND, &e, "KUBECONFIG isn't set");
    write_file("bad", "a: [");
    o.kubeconfig = in_dir("bad");
    assert_err(k8s_config_load(&o, &c, &e), ERR_PARSE, &e, "kubeconfig /tmp/");
    write_file("pem", "current-context: x\ncontexts: [{name: x, context: {cluster: x}}]\n"
                      "clusters: [{name: x, cluster: {server: 'https://x', "
                      "certificate-authority-data: '%%%'}}]\n");
    o.kubeconfig = in_dir("pem");
    assert_err(k8s_config_load(&o, &c, &e), ERR_VALIDATION, &e, "certificate-authority-data");
}

static void service_account(void **state) {
    struct k8s_config *c;
    struct err e = ERR_INIT;
    struct k8s_config_options o = {.service_account_dir = dir};
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
    assert_err(k8s_config_load(&o, &c, &e), ERR_NOT_FOUND, &e, "service account");
    write_file("token", "t1\n");
    write_file("namespace", "ops\n");
    assert_ok(k8s_config_load(&o, &c, &e), &e);
    assert_string_equal(k8s_config_server(c), "https://[fd00::1]:6443");
    assert_string_equal(k8s_config_namespace(c), "ops");
    k8s_config_free(c);
    o.ns = "other";
    assert_ok(k8s_config_load(&o, &c, &e), &e);
    assert_string_equal(k8s_config_namespace(c), "other");
    k8s_config_free(c);
}

/* ---- TLS ---- */

static void append_base64(struct str *out, const char *text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)text[i + k] : 0);
        for (int k = 0; k < 4; k++)
            str_add_char(out, i + (size_t)k > n ? '=' : digits[v >> (18 - 6 * k) & 63]);
    }
}

static void certificates_in_the_file(void **state) {
    struct tls_identity ca, leaf;
    struct err e = ERR_INIT;
    static const char *const names[] = {"admin"};
    AUTO_STR text = STR_INIT;
    assert_ok(tls_make_ca("ca", 0, &ca, &e), &e);
    assert_ok(tls_make_leaf(&ca, names, 1, 0, &leaf, &e), &e);
    str_add(&text,
            "current-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
            "clusters: [{name: x, cluster: {server: 'https://x', certificate-authority-data: ");
    append_base64(&text, ca.cert);
    str_add(&text, "}}]\nusers: [{name: x, user: {client-certificate-data: ");
    append_base64(&text, leaf.cert);
    str_add(&text, ", client-key-data: ");
    append_base64(&text, leaf.key);
    str_add(&text, "}}]\n");
    write_file("kc", str_text(&text));
    struct k8s_config *c = load("kc", NULL);
    assert_string_equal(c->tls.ca, ca.cert);
    assert_string_equal(c->tls.cert, leaf.cert);
    assert_string_equal(c->tls.key, leaf.key);
    k8s_config_free(c);
    tls_identity_release(&ca);
    tls_identity_release(&leaf);
}

/* ---- tokens at work ---- */

static struct k8s_rig rig;

static struct answer get_pod(void) {
    return k8s_rig_send(
        &rig, &(struct k8s_request){.verb = K8S_GET, .resource = K8S_PODS, .ns = "a", .name = "p"});
}

/* A config for a server that only starts later knows its port. */
static void start_rig(const char *token, const char *user) {
    AUTO_STR text = STR_INIT;
    struct fake_api *probe = fake_api_new(NULL);
    struct fake_api_options o = {.port = fake_api_port(probe), .token = token};
    fake_api_free(probe);
    str_addf(&text,
             "current-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
             "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:%d'}}]\n"
             "users: [{name: x, user: {%s}}]\n",
             o.port, user);
    write_file("kc", str_text(&text));
    k8s_rig_init(&rig, &o, load("kc", NULL));
    fake_api_put(rig.api, K8S_PODS, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"}}");
}

static void a_token_file_rotates(void **state) {
    write_file("token", "one\n");
    start_rig("one", "tokenFile: token");
    AUTO_ANSWER a = get_pod();
    assert_ok(a.rc, &a.err);
    write_file("token", "two\n"); /* before the old one expires */
    fake_api_set_token(rig.api, "two");
    AUTO_ANSWER b = get_pod();
    assert_ok(b.rc, &b.err);
    assert_int_equal(fake_api_requests(rig.api, "GET", "/pods/p"), 2);
    k8s_rig_release(&rig);
}

static void write_token(void *arg) {
    write_file("token", arg);
}
static bool was_refused(struct fake_api *f, void *arg) {
    return fake_api_requests(f, "GET", "/pods/p") >= 2;
}
static void *rotate_later(void *arg) {
    fake_api_wait(rig.api, was_refused, NULL);
    write_token(arg);
    return NULL;
}

/* The token has expired, and the new one comes a little late. */
static void an_expired_token_is_read_again(void **state) {
    pthread_t thread;
    write_file("token", "one");
    start_rig("two", "tokenFile: token");
    pthread_create(&thread, NULL, rotate_later, "two");
    AUTO_ANSWER a = get_pod();
    pthread_join(thread, NULL);
    assert_ok(a.rc, &a.err);
    fake_api_set_token(rig.api, "never");
    struct k8s_request q = {
        .verb = K8S_GET, .resource = K8S_PODS, .ns = "a", .name = "p", .attempts = 2};
    AUTO_ANSWER b = k8s_rig_send(&rig, &q);
    assert_int_equal(b.reason, K8S_UNAUTHORIZED);
    assert_int_equal(b.rc, ERR_PERMISSION);
    assert_null(strstr(b.err.msg, "two")); /* no secrets in messages */
    k8s_rig_release(&rig);
}

static struct k8s_cache *cache;
static int complaints;
static void on_trouble(void *self, const struct err *err) {
    complaints++;
}
static void begin_cache(void *arg) {
    cache = k8s_cache_new(&(struct k8s_cache_options){
        .client = rig.client,
        .resource = K8S_PODS,
        .watch = {.backoff_min_ms = 5, .backoff_max_ms = 50},
        .on_error = on_trouble,
    });
}
static void end_cache(void *arg) {
    k8s_cache_free(cache);
}
static bool holds(void *arg) {
    return k8s_cache_size(cache) == *(size_t *)arg && fake_api_watches(rig.api) == 1;
}
static bool has_complained(void *arg) {
    return complaints >= 3;
}

/* Ended by the server because the token has expired, and refused until the new one is there. */
static void a_watch_outlives_its_token(void **state) {
    size_t n = 1;
    complaints = 0;
    write_file("token", "one");
    start_rig("one", "tokenFile: token");
    k8s_rig_call(&rig, begin_cache, NULL);
    k8s_rig_wait(&rig, holds, &n, "the cache");
    fake_api_set_token(rig.api, "two");
    fake_api_end_watches(rig.api);
    fake_api_put(rig.api, K8S_PODS, "{\"metadata\":{\"name\":\"q\",\"namespace\":\"a\"}}");
    k8s_rig_wait(&rig, has_complained, NULL, "refusals");
    write_file("token", "two");
    n = 2;
    k8s_rig_wait(&rig, holds, &n, "the cache to go on");
    struct k8s_cache_stats s;
    k8s_rig_hold(&rig);
    k8s_cache_get_stats(cache, &s);
    k8s_rig_let_go(&rig);
    assert_int_equal(s.watch.lists, 1);
    k8s_rig_call(&rig, end_cache, NULL);
    k8s_rig_release(&rig);
}

/* Gives the text of the file `answer`, and counts its runs in `runs`. */
static void write_plugin(void) {
    AUTO_STR text = STR_INIT;
    str_addf(
        &text,
        "#!/bin/sh\necho \"$1 $WHO $KUBERNETES_EXEC_INFO\" >> %s\n[ -e %s ] || exit 3\ncat %s\n",
        in_dir("runs"), in_dir("answer"), in_dir("answer"));
    write_file("plugin", str_text(&text));
    chmod(in_dir("plugin"), 0755);
}
static void plugin_answers(const char *token, int64_t life_ms) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s\"", token);
    if (life_ms) {
        str_add(&text, ",\"expirationTimestamp\":\"");
        k8s_time_text(clock_wall_ms() + life_ms, &text);
        str_add_char(&text, '"');
    }
    str_add(&text, "}}");
    write_file("answer", str_text(&text));
}
static int plugin_runs(char *first_line, size_t size) {
    FILE *f = fopen(in_dir("runs"), "r");
    char line[512];
    int n = 0;
    if (!f) return 0;
    while (fgets(line, sizeof line, f)) {
        if (n++ == 0) snprintf(first_line, size, "%s", line);
    }
    fclose(f);
    return n;
}

static const char plugin_user[] =
    "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [get-token], "
    "interactiveMode: Never, installHint: 'install it', env: [{name: WHO, value: me}], "
    "provideClusterInfo: true}";

static void a_plugin_gives_tokens(void **state) {
    char line[512];
    write_plugin();
    plugin_answers("one", 3600 * 1000);
    start_rig("one", plugin_user);
    for (int i = 0; i < 3; i++) {
        AUTO_ANSWER a = get_pod();
        assert_ok(a.rc, &a.err);
    }
    assert_int_equal(plugin_runs(line, sizeof line), 1);
    assert_memory_equal(line, "get-token me {", 14);
    assert_non_null(strstr(line, "\"interactive\":false"));
    assert_non_null(strstr(line, "\"server\":\"http://127.0.0.1:"));
    plugin_answers("two", 0);
    fake_api_set_token(rig.api, "two"); /* refused: it is asked again */
    AUTO_ANSWER b = get_pod();
    assert_ok(b.rc, &b.err);
    assert_int_equal(plugin_runs(line, sizeof line), 2);
    k8s_rig_release(&rig);
}

static void a_plugin_fails(void **state) {
    char line[512];
    write_plugin();
    start_rig("one", plugin_user);
    struct k8s_request q = {
        .verb = K8S_GET, .resource = K8S_PODS, .ns = "a", .name = "p", .attempts = 2};
    AUTO_ANSWER a = k8s_rig_send(&rig, &q);
    assert_int_equal(a.reason, K8S_UNAUTHORIZED);
    assert_non_null(strstr(a.err.msg, "plugin failed (exit code 3)"));
    assert_int_equal(plugin_runs(line, sizeof line), 2);
    plugin_answers("one", -5000); /* by its clock it has expired already: it is used all the same */
    AUTO_ANSWER b = get_pod();
    assert_ok(b.rc, &b.err);
    k8s_rig_release(&rig);
    write_file("kc", "current-context: x\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
                     "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:1'}}]\n"
                     "users: [{name: x, user: {exec: {apiVersion: client.authentication.k8s.io/v1, "
                     "command: ./missing, installHint: 'get it from there'}}}]\n");
    k8s_rig_init(&rig, NULL, load("kc", NULL));
    q.attempts = 1;
    AUTO_ANSWER c = k8s_rig_send(&rig, &q);
    assert_non_null(strstr(c.err.msg, "get it from there"));
    k8s_rig_release(&rig);
}

static void ends_while_a_plugin_runs(void **state) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "#!/bin/sh\necho x >> %s\nexec sleep 1000\n", in_dir("runs"));
    write_file("plugin", str_text(&text));
    chmod(in_dir("plugin"), 0755);
    start_rig("one", plugin_user);
    k8s_rig_hold(&rig);
    struct err e = ERR_INIT;
    struct k8s_request q = {.verb = K8S_GET, .resource = K8S_PODS, .ns = "a", .name = "p"};
    assert_ok(k8s_send(rig.client, &q, NULL, &e), &e);
    k8s_rig_let_go(&rig);
    while (access(in_dir("runs"), F_OK) != 0)
        usleep(1000);
    k8s_rig_release(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(contexts),
        T(several_files),
        T(refusals_name_the_place),
        T(service_account),
        T(certificates_in_the_file),
        T(a_token_file_rotates),
        T(an_expired_token_is_read_again),
        T(a_watch_outlives_its_token),
        T(a_plugin_gives_tokens),
        T(a_plugin_fails),
        T(ends_while_a_plugin_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
