/* manifest_fuzz.c - any bytes as a FlinkJob manifest: no crash; an error names the file; what is
 * read goes to the coordinator and comes back the same; the script's place lies in the file. */
#include "base/proto/manifest.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct arena *a, const struct job_spec *s) {
    struct job_spec *again;
    struct err err = ERR_INIT;
    AUTO_JSON *j = job_spec_to_json(s);
    AUTO_STR once = STR_INIT, twice = STR_INIT;
    CHECKF(job_spec_from_json(a, j, &again, &err) == 0, "%s", err.msg);
    AUTO_JSON *k = job_spec_to_json(again);
    json_print(j, &once);
    json_print(k, &twice);
    CHECKF(sv_eq(str_view(&once), str_view(&twice)), "%s\n%s", str_text(&once), str_text(&twice));
}

static void check_script(const struct job_spec *s, const char *text, size_t size) {
    int lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n' || text[i] == '\r';
    CHECK(s->sql_line >= 0 && s->sql_line <= lines + 1);
    CHECK(s->sql_column >= 0 && (size_t)s->sql_column <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    arena_init(&a);
    struct job_spec *s = NULL;
    struct err err = ERR_INIT;
    const char *text = (const char *)data;
    int rc = job_spec_read(&a, "f.yaml", text, size, &s, &err);
    if (rc) {
        CHECKF(err.code == rc && !strncmp(err.msg, "f.yaml:", 7), "%d: %s", rc, err.msg);
    } else {
        CHECK(s->name && s->sql && s->parallelism > 0 && s->parallelism <= s->max_parallelism);
        check_round_trip(&a, s);
        check_script(s, text, size);
    }
    arena_release(&a);
    return 0;
}
