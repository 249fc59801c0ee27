/* options.c - see options.h. */
#include "fs/options.h"

#include "base/proto/manifest.h"

#include <string.h>

#define AT(f) offsetof(struct fs_options, f)
static const struct opt_row rows[] = {
    {"connect-timeout", OPT_DURATION, "5 s", 1, 1e9, AT(connect_timeout_ms),
     "How long a connection may take to come about."},
    {"request-timeout", OPT_DURATION, "60 s", 1, 1e9, AT(request_timeout_ms),
     "How long one request may take, with its body."},
    {"operation-timeout", OPT_DURATION, "5 min", 1, 1e9, AT(operation_timeout_ms),
     "How long one operation may take, with all its retries."},
    {"retries", OPT_INT, "8", 0, 1000, AT(retries),
     "How often a request is repeated after 408, 425, 429, 500, 502, 503, 504, a timeout or a "
     "connection that failed."},
    {"retry-base", OPT_DURATION, "100 ms", 1, 1e9, AT(retry_base_ms),
     "The wait before the nth repetition is a random time up to retry-base * 2^n; a Retry-After "
     "that is longer is kept to."},
    {"retry-max", OPT_DURATION, "20 s", 1, 1e9, AT(retry_max_ms), "Limit of that time."},
    {"rotation-grace", OPT_DURATION, "2 min", 0, 1e9, AT(rotation_grace_ms),
     "How long keys that the store accepted before and now refuses are tried again, until new "
     "ones appear in their place."},
    {"max-requests-per-second", OPT_DOUBLE, "0", 0, 1e9, AT(requests_per_second),
     "Requests that a process sends at most; 0: no limit."},
    {"max-bytes-per-second", OPT_SIZE, "0", 0, 1e15, AT(bytes_per_second),
     "Bytes that a process reads and writes at most; 0: no limit."},
    {"max-connections", OPT_INT, "32", 1, 4096, AT(connections), "Requests at once."},
    {"part-size", OPT_SIZE, "8 mb", 5 << 20, 5e9, AT(part_bytes),
     "s3: streamed objects are uploaded in parts of this size."},
    {"parts-in-flight", OPT_INT, "3", 1, 64, AT(parts_in_flight),
     "s3: parts of one object that are uploaded at once; with the one being filled they bound the "
     "memory of a writer."},
    {"list-page", OPT_INT, "1000", 1, 1000, AT(list_page),
     "s3: entries asked for at once when a directory is listed."},
    {"write-buffer", OPT_SIZE, "8 mb", 4096, 1e9, AT(write_buffer_bytes),
     "webhdfs: streamed files are sent in pieces of this size: a create, then appends."},
    {"block-size", OPT_SIZE, "0", 0, 1e12, AT(block_bytes),
     "webhdfs: block size of new files; 0: the cluster's."},
    {"replication", OPT_INT, "0", 0, 512, AT(replication),
     "webhdfs: copies of new files; 0: the cluster's."},
};
#undef AT
static const struct opt_table table = {rows, ARRAY_LEN(rows)};

const struct opt_table *fs_option_table(void) {
    return &table;
}

void fs_options_default(struct fs_options *ret, const char *name, const char *type) {
    *ret = (struct fs_options){0};
    opt_defaults(&table, ret);
    ret->name = name;
    ret->type = type;
    ret->prefix = "";
    ret->region = "us-east-1";
}

static int read_options(struct arena *a, const cJSON *options, struct fs_options *o,
                        struct err *err) {
    const cJSON *c;
    cJSON_ArrayForEach(c, options) {
        if (!cJSON_IsString(c))
            return err_set(err, ERR_VALIDATION, "options.%s must be text", c->string);
        if (!opt_find(&table, c->string)) {
            const char *names[ARRAY_LEN(rows)];
            for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                names[i] = rows[i].name;
            const char *near = str_nearest(c->string, names, ARRAY_LEN(rows));
            return err_set(err, ERR_VALIDATION, "options.%s is not known%s%s%s", c->string,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        int rc = opt_set(&table, a, o, c->string, c->valuestring, err);
        if (rc) return rc;
    }
    return 0;
}

static const char *text_of(struct arena *a, const cJSON *j, const char *key, const char *dflt) {
    return arena_strdup(a, json_opt_str(j, key, dflt));
}

static int check_endpoint(const char *endpoint, struct err *err) {
    for (const char *p = endpoint; *p;) {
        size_t n = strcspn(p, ",");
        struct sv one = sv_trim((struct sv){p, n});
        if (!sv_starts(one, "http://") && !sv_starts(one, "https://"))
            return err_set(err, ERR_VALIDATION,
                           "endpoint '%.*s' must begin with http:// or https://", (int)one.len,
                           one.ptr);
        if (memchr(one.ptr, '@', one.len))
            return err_set(err, ERR_VALIDATION,
                           "endpoint: keys and passwords don't belong into a URL; set them by "
                           "'secret'");
        p += n + (p[n] == ',');
    }
    return 0;
}

static int check(const struct fs_options *o, struct err *err) {
    const struct fs_secret_ref *s = &o->secret;
    if (!o->prefix[0]) return err_set(err, ERR_VALIDATION, "prefix is missing");
    if (!!s->path + !!s->file + !!s->env_prefix > 1)
        return err_set(err, ERR_VALIDATION,
                       "secret: give one of path, file and envPrefix, not several");
    bool s3 = !strcmp(o->type, "s3"), hdfs = !strcmp(o->type, "webhdfs");
    if (!s3 && !hdfs && strcmp(o->type, "local") != 0)
        return err_set(err, ERR_VALIDATION, "type '%s' is not known: local, s3, webhdfs", o->type);
    if ((s3 || hdfs) && !o->endpoint)
        return err_set(err, ERR_VALIDATION,
                       "endpoint is missing; a store of type %s needs one, such as %s", o->type,
                       s3 ? "https://s3.eu-central-1.amazonaws.com" : "http://namenode:9870");
    if (s3 && !s->path && !s->file && !s->env_prefix)
        return err_set(err, ERR_VALIDATION, "secret is missing: a store of type s3 needs keys");
    if (o->retry_max_ms < o->retry_base_ms)
        return err_set(err, ERR_VALIDATION, "options.retry-max is less than retry-base");
    return o->endpoint ? check_endpoint(o->endpoint, err) : 0;
}

int fs_options_read(struct arena *a, const cJSON *json, struct fs_options *ret, struct err *err) {
    struct fs_options o;
    fs_options_default(&o, NULL, NULL);
    o.prefix = text_of(a, json, "prefix", "");
    o.name = text_of(a, json, "name", o.prefix);
    o.type = text_of(a, json, "type", "");
    o.endpoint = text_of(a, json, "endpoint", NULL);
    o.region = text_of(a, json, "region", o.region);
    o.path_style = json_opt_bool(json, "pathStyle", false);
    o.user = text_of(a, json, "user", NULL);
    o.ca_file = text_of(a, json, "caFile", NULL);
    o.insecure_tls = json_opt_bool(json, "insecureTls", false);
    const cJSON *secret = json_opt(json, "secret");
    const char *mounted = json_opt_str(secret, "name", NULL);
    o.secret.path = mounted ? arena_printf(a, JOB_SECRETS_DIR "/%s", mounted)
                            : text_of(a, secret, "path", NULL);
    o.secret.file = text_of(a, secret, "file", NULL);
    o.secret.env_prefix = text_of(a, secret, "envPrefix", NULL);
    int rc = read_options(a, json_opt(json, "options"), &o, err);
    if (!rc) rc = check(&o, err);
    if (rc) return err_wrap(err, "fileSystems '%s'", o.name);
    *ret = o;
    return 0;
}
