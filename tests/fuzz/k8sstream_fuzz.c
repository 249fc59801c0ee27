/* k8sstream_fuzz.c - lists and watch streams of the Kubernetes API, in pieces of the size that the
 * first byte says: the same comes out as in one piece; and what a whole object's parser takes, the
 * scan for members finds. */
#include "base/core/json.h"
#include "base/core/mem.h"
#include "operator/k8s/json_split.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_value(void *self, const char *key, struct sv value, struct err *err) {
    struct str *out = self;
    str_addf(out, "%s=%.*s;", key, (int)value.len, value.ptr);
    return 0;
}

static int on_end(void *self, struct err *err) {
    str_add_char(self, '|');
    return 0;
}

static int split(const char *text, size_t len, size_t piece, struct str *out) {
    static const struct json_split_ops ops = {on_value, on_end};
    struct json_split s;
    struct err err = ERR_INIT;
    int rc = 0;
    json_split_init(&s, &ops, out, "items", 4096);
    for (size_t i = 0; i < len && !rc; i += piece) {
        size_t n = MIN(piece, len - i);
        AUTO_FREE char *copy = mem_dup(text + i, n);
        rc = json_split_feed(&s, copy, n, &err);
    }
    CHECK(rc == err.code);
    str_addf(out, "%d", rc ? rc : json_split_is_whole(&s));
    json_split_release(&s);
    return rc;
}

/* No member that the parser knows may be missed, unless its name is written with escapes. */
static void check_members(const char *text, size_t len) {
    cJSON *j = NULL;
    const cJSON *m;
    struct sv v;
    if (json_parse(text, len, &j, NULL)) return;
    cJSON_ArrayForEach(m, j) {
        AUTO_STR quoted = STR_INIT;
        if (!cJSON_IsObject(j)) break;
        json_quote(&quoted, sv_from(m->string));
        bool plain = quoted.len == strlen(m->string) + 2 && !memchr(text, '\\', len);
        CHECKF(!plain || json_split_member((struct sv){text, len}, m->string, &v), "%s", m->string);
    }
    cJSON_Delete(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const char *text = (const char *)data + 1;
    AUTO_STR whole = STR_INIT, pieces = STR_INIT;
    split(text, size - 1, SIZE_MAX / 2, &whole);
    split(text, size - 1, (size_t)data[0] % 16 + 1, &pieces);
    CHECKF(sv_eq(str_view(&whole), str_view(&pieces)), "%s became %s", whole.ptr, pieces.ptr);
    check_members(text, size - 1);
    json_split_text((struct sv){text, size - 1}, "metadata", "resourceVersion");
    return 0;
}
