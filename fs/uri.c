/* uri.c - see uri.h. */
#include "fs/uri.h"

#include <stdio.h>
#include <string.h>

static bool is_scheme(const char *s, size_t n) {
    if (!n || !((s[0] | 32) >= 'a' && (s[0] | 32) <= 'z')) return false;
    for (size_t i = 0; i < n; i++) {
        bool ok = ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
                  s[i] == '+' || s[i] == '-' || s[i] == '.';
        if (!ok) return false;
    }
    return true;
}

/* %XX of a file URI. */
static char *unescape(struct arena *a, const char *s) {
    char *out = arena_strdup(a, s), *d = out;
    for (; *s; s++) {
        unsigned v;
        if (s[0] == '%' && s[1] && s[2] && sscanf(s + 1, "%2x", &v) == 1 && v) {
            *d++ = (char)v;
            s += 2;
        } else {
            *d++ = *s;
        }
    }
    *d = 0;
    return out;
}

static int parse_file(struct arena *a, const char *text, struct fs_uri *u, struct err *err) {
    const char *p = text + 5;
    if (strncmp(p, "//", 2) == 0) {
        p += 2;
        if (strncmp(p, "localhost/", 10) == 0) p += 9;
        if (*p != '/')
            return err_set(err, ERR_VALIDATION,
                           "path '%s': a file URI has no host; write file:///...", text);
    }
    if (!*p) return err_set(err, ERR_VALIDATION, "path '%s' is empty", text);
    u->scheme = (struct sv){text, 4};
    u->path = unescape(a, p);
    return 0;
}

int fs_uri_parse(struct arena *a, const char *text, struct fs_uri *ret, struct err *err) {
    struct fs_uri u = {0};
    size_t n = strlen(text);
    if (!n) return err_set(err, ERR_VALIDATION, "the path is empty");
    if (n > FS_URI_MAX_BYTES)
        return err_set(err, ERR_VALIDATION, "path '%.60s...' is longer than %d bytes", text,
                       FS_URI_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 32 || text[i] == 127)
            return err_set(err, ERR_VALIDATION, "path '%.*s...' has a control character in it",
                           (int)i, text);
    }
    u.path = text;
    if (strncmp(text, "file:", 5) == 0) {
        int rc = parse_file(a, text, &u, err);
        if (rc) return rc;
    } else {
        const char *colon = strstr(text, "://");
        if (colon && is_scheme(text, (size_t)(colon - text))) {
            const char *from = colon + 3;
            size_t len = strcspn(from, "/");
            if (memchr(from, '@', len))
                return err_set(err, ERR_VALIDATION,
                               "path '%.*s...': keys and passwords don't belong into a path; set "
                               "them by the secret of a fileSystems entry",
                               (int)(from - text), text);
            u.scheme = (struct sv){text, (size_t)(colon - text)};
            u.authority = (struct sv){from, len};
            u.path = from[len] ? from + len : "/";
        }
    }
    *ret = u;
    return 0;
}

bool fs_uri_is_local(const char *text) {
    if (strncmp(text, "file:", 5) == 0) return true;
    const char *colon = strstr(text, "://");
    return !colon || !is_scheme(text, (size_t)(colon - text));
}

static char *squeeze(struct arena *a, const char *path) {
    char *out = arena_strdup(a, path), *d = out;
    for (const char *s = out; *s; s++) {
        if (*s == '/' && d > out && d[-1] == '/') continue;
        *d++ = *s;
    }
    while (d > out + 1 && d[-1] == '/')
        d--;
    *d = 0;
    return out;
}

int fs_uri_normalize(struct arena *a, const char *text, const char **ret, struct err *err) {
    struct fs_uri u;
    int rc = fs_uri_parse(a, text, &u, err);
    if (rc) return rc;
    if (fs_uri_is_local(text)) {
        *ret = squeeze(a, u.path);
        return 0;
    }
    size_t n = strlen(u.path);
    while (n > 1 && u.path[n - 1] == '/')
        n--;
    *ret = arena_printf(a, "%.*s://%.*s%.*s", (int)u.scheme.len, u.scheme.ptr, (int)u.authority.len,
                        u.authority.ptr, (int)n, u.path);
    return 0;
}

const char *fs_uri_name(const char *uri) {
    const char *slash = strrchr(uri, '/');
    return slash ? slash + 1 : uri;
}

size_t fs_uri_dir_len(const char *uri) {
    const char *slash = strrchr(uri, '/');
    if (!slash) return 0;
    return slash == uri ? 1 : (size_t)(slash - uri);
}
