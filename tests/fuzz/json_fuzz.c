/* json_fuzz.c - what json_parse takes must come out of the printer as it went in. */
#include "base/core/json.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = ERR_INIT;
    cJSON *j = NULL;
    int rc = json_parse((const char *)data, size, &j, &err);
    if (rc) {
        CHECK(!j && err.msg[0] && rc == err.code);
        CHECK(rc != ERR_PARSE || (err.line > 0 && err.column > 0));
        return 0;
    }
    AUTO_STR first = STR_INIT, pretty = STR_INIT, again = STR_INIT;
    json_print(j, &first);
    json_print_pretty(j, &pretty);
    cJSON_Delete(j);
    for (int i = 0; i < 2; i++) {
        struct str *text = i ? &pretty : &first;
        cJSON *back = NULL;
        rc = json_parse(text->ptr, text->len, &back, &err);
        CHECKF(rc == 0, "%s: %s", err.msg, text->ptr);
        str_clear(&again);
        json_print(back, &again);
        cJSON_Delete(back);
        CHECKF(sv_eq(str_view(&first), str_view(&again)), "%s became %s", first.ptr, again.ptr);
    }
    return 0;
}
