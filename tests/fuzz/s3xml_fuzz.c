/* s3xml_fuzz.c - any bytes as an S3 store's answer: no crash, nothing is read outside of it, and
 * what is escaped comes back as it was. */
#include "fs/xml.h"

#include "base/core/err.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct sv part, struct sv whole) {
    if (!part.len) return;
    CHECK(part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sv text = {(const char *)data, size};
    struct sv name;
    struct xml x;
    enum xml_event e;
    AUTO_STR escaped = STR_INIT, plain = STR_INIT;
    xml_begin(&x, text);
    while ((e = xml_next(&x, &name)) != XML_DONE) {
        CHECK(x.depth >= 0 && x.depth <= XML_DEPTH_MAX);
        check_inside(name, text);
        if (e != XML_END) continue;
        check_inside(x.text, text);
        str_clear(&plain);
        xml_unescape(x.text, &plain);
        CHECK(plain.len <= x.text.len);
    }
    str_clear(&plain);
    xml_escape(text, &escaped);
    xml_unescape(str_view(&escaped), &plain);
    CHECK(sv_eq(str_view(&plain), text));
    return 0;
}
