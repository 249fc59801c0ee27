/* secret.c - see secret.h. */
#define LOG_MODULE "fs"
#include "fs/secret.h"

#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_COUNT = 4 };
static const char *const key_names[KEY_COUNT] = {"accesskeyid", "secretaccesskey", "sessiontoken",
                                                 "delegationtoken"};
static const char *const key_files[KEY_COUNT] = {"accessKeyId", "secretAccessKey", "sessionToken",
                                                 "delegationToken"};
static const char *const key_env[KEY_COUNT] = {"ACCESS_KEY_ID", "SECRET_ACCESS_KEY",
                                               "SESSION_TOKEN", "DELEGATION_TOKEN"};

struct fs_secret {
    struct fs_secret_ref ref; /* strings are ours */
    pthread_mutex_t lock;     /* guards all below; files are read while it is held */
    char *values[KEY_COUNT];
    bool good; /* values are some that were read */
    uint64_t generation, stamp;
    int64_t checked_ns;
};

static void wipe(char **p) {
    if (*p) explicit_bzero(*p, strlen(*p));
    free(*p);
    *p = NULL;
}

void fs_keys_release(struct fs_keys *k) {
    wipe(&k->access_key_id);
    wipe(&k->secret_access_key);
    wipe(&k->session_token);
    wipe(&k->delegation_token);
}

struct fs_secret *fs_secret_new(const struct fs_secret_ref *ref) {
    struct fs_secret *s = mem_zalloc(sizeof *s);
    s->ref = (struct fs_secret_ref){mem_strdup(ref->path), mem_strdup(ref->file),
                                    mem_strdup(ref->env_prefix)};
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void fs_secret_free(struct fs_secret *s) {
    if (!s) return;
    for (int i = 0; i < KEY_COUNT; i++)
        wipe(&s->values[i]);
    free((char *)s->ref.path);
    free((char *)s->ref.file);
    free((char *)s->ref.env_prefix);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- reading ---- */

static int read_text(const char *path, struct str *out, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err,
                             errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_NOT_FOUND,
                             errno, "secret %s", path);
    char buf[4096];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0 && out->len <= FS_SECRET_MAX_BYTES)
        str_add_n(out, buf, (size_t)n);
    int errnum = errno;
    explicit_bzero(buf, sizeof buf);
    close(fd);
    if (n < 0) return err_set_errno(err, ERR_IO, errnum, "secret %s", path);
    if (out->len > FS_SECRET_MAX_BYTES)
        return err_set(err, ERR_VALIDATION, "secret %s is larger than %d KiB", path,
                       FS_SECRET_MAX_BYTES >> 10);
    return 0;
}

static void wipe_str(struct str *s) {
    if (s->ptr) explicit_bzero(s->ptr, s->cap);
    str_release(s);
}

static char *trimmed(struct sv v) {
    v = sv_trim(v);
    return v.len ? mem_strndup(v.ptr, v.len) : NULL;
}

/* Which key a name means: accessKeyId, access-key-id, AWS_ACCESS_KEY_ID... -1: another thing. */
static int key_of(struct sv name) {
    char plain[32];
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '_' || name.ptr[i] == '-') continue;
        if (n + 1 == sizeof plain) return -1;
        plain[n++] = (char)tolower((unsigned char)name.ptr[i]);
    }
    plain[n] = 0;
    const char *p = strncmp(plain, "aws", 3) == 0 ? plain + 3 : plain;
    for (int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(p, key_names[i]) == 0) return i;
    }
    return -1;
}

static int read_dir(const char *dir, char **values, struct err *err) {
    struct stat st;
    if (stat(dir, &st) != 0) return err_set_errno(err, ERR_NOT_FOUND, errno, "secret %s", dir);
    for (int i = 0; i < KEY_COUNT; i++) {
        const char *names[] = {key_files[i], NULL, key_env[i]};
        AUTO_STR aws = STR_INIT;
        str_addf(&aws, "AWS_%s", key_env[i]);
        names[1] = str_text(&aws);
        for (size_t k = 0; k < ARRAY_LEN(names) && !values[i]; k++) {
            AUTO_STR path = STR_INIT;
            struct str text = STR_INIT;
            str_addf(&path, "%s/%s", dir, names[k]);
            int rc = read_text(str_text(&path), &text, err);
            if (!rc) values[i] = trimmed(str_view(&text));
            wipe_str(&text);
            if (rc && rc != ERR_NOT_FOUND) return rc;
            err_clear(err);
        }
    }
    return 0;
}

/* "name = value" or "name: value"; of an AWS credentials file only the first section. */
static void parse_lines(const char *p, char **values) {
    bool any = false;
    while (*p) {
        size_t n = strcspn(p, "\n");
        struct sv line = sv_trim((struct sv){p, n});
        p += n + (p[n] == '\n');
        if (!line.len || line.ptr[0] == '#' || line.ptr[0] == ';') continue;
        if (line.ptr[0] == '[') {
            if (any) return;
            continue;
        }
        size_t k = 0;
        while (k < line.len && line.ptr[k] != '=' && line.ptr[k] != ':')
            k++;
        if (k == line.len) continue;
        int key = key_of(sv_trim((struct sv){line.ptr, k}));
        any = true;
        if (key < 0) continue;
        wipe(&values[key]);
        values[key] = trimmed((struct sv){line.ptr + k + 1, line.len - k - 1});
    }
}

static int read_values(const struct fs_secret_ref *ref, char **values, struct err *err) {
    if (ref->path) return read_dir(ref->path, values, err);
    if (ref->file) {
        struct str text = STR_INIT;
        int rc = read_text(ref->file, &text, err);
        if (!rc) parse_lines(str_text(&text), values);
        wipe_str(&text);
        return rc;
    }
    for (int i = 0; i < KEY_COUNT && ref->env_prefix; i++) {
        AUTO_STR name = STR_INIT;
        str_addf(&name, "%s_%s", ref->env_prefix, key_env[i]);
        values[i] = trimmed(sv_from(getenv(str_text(&name))));
    }
    return 0;
}

static const char *place(const struct fs_secret_ref *ref) {
    return ref->path ? ref->path : ref->file ? ref->file : ref->env_prefix;
}

/* Neither half a pair nor nothing. */
static int check_values(const struct fs_secret_ref *ref, char **values, struct err *err) {
    if (!!values[0] != !!values[1])
        return err_set(err, ERR_VALIDATION, "secret %s has %s but no %s", place(ref),
                       key_files[values[0] ? 0 : 1], key_files[values[0] ? 1 : 0]);
    if (!values[0] && !values[3])
        return err_set(err, ERR_VALIDATION,
                       "secret %s has neither accessKeyId and secretAccessKey nor delegationToken",
                       place(ref));
    return 0;
}

/* ---- changes ---- */

static uint64_t mix(uint64_t h, uint64_t v) {
    return (h ^ v) * 1099511628211u;
}

static uint64_t stamp_of(uint64_t h, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) return mix(h, 1);
    h = mix(h, (uint64_t)st.st_ino);
    h = mix(h, (uint64_t)st.st_size);
    return mix(h, (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
}

/* Differs when files have been replaced or written to. A mounted secret's files are links into a
 * directory that is swapped, so that their inodes change. */
static uint64_t stamp(const struct fs_secret_ref *ref) {
    uint64_t h = 14695981039346656037u;
    if (ref->file) return stamp_of(h, ref->file);
    if (!ref->path) return h;
    h = stamp_of(h, ref->path);
    for (int i = 0; i < KEY_COUNT; i++) {
        AUTO_STR own = STR_INIT, aws = STR_INIT;
        str_addf(&own, "%s/%s", ref->path, key_files[i]);
        str_addf(&aws, "%s/AWS_%s", ref->path, key_env[i]);
        h = stamp_of(stamp_of(h, str_text(&own)), str_text(&aws));
    }
    return h;
}

static bool same(char *const *a, char *const *b) {
    for (int i = 0; i < KEY_COUNT; i++) {
        if (!!a[i] != !!b[i] || (a[i] && strcmp(a[i], b[i]) != 0)) return false;
    }
    return true;
}

/* With the lock held. */
static int reload(struct fs_secret *s, struct err *err) {
    char *values[KEY_COUNT] = {0};
    struct err why = ERR_INIT;
    uint64_t now = stamp(&s->ref);
    int rc = read_values(&s->ref, values, &why);
    if (!rc) rc = check_values(&s->ref, values, &why);
    if (!rc && (!s->good || !same(values, s->values))) {
        if (s->good) log_info("keys have been rotated", KV_STR("secret", place(&s->ref)));
        for (int i = 0; i < KEY_COUNT; i++) {
            char *old = s->values[i];
            s->values[i] = values[i];
            values[i] = old;
        }
        s->good = true;
        s->generation++;
    }
    for (int i = 0; i < KEY_COUNT; i++)
        wipe(&values[i]);
    if (!rc) {
        s->stamp = now;
        return 0;
    }
    if (!s->good) {
        if (err) *err = why;
        return rc;
    }
    log_warn("keys can't be read: those from before stay in use", KV_ERR(&why));
    return 0;
}

static char *copy(const char *p) {
    return mem_strdup(p);
}

int fs_secret_get(struct fs_secret *s, bool fresh, struct fs_keys *ret, struct err *err) {
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    int64_t now_ns = clock_mono_ns();
    bool due = now_ns - s->checked_ns >= (int64_t)FS_SECRET_CHECK_MS * 1000000;
    if (!s->good || fresh || (due && stamp(&s->ref) != s->stamp)) rc = reload(s, err);
    if (due || fresh) s->checked_ns = now_ns;
    if (!rc)
        *ret = (struct fs_keys){copy(s->values[0]), copy(s->values[1]), copy(s->values[2]),
                                copy(s->values[3]), s->generation};
    pthread_mutex_unlock(&s->lock);
    return rc;
}
