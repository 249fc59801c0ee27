/* simdjson_index.cc - see simdjson_index.h. */
#include "connector/format/simdjson_index.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <simdjson.h>

struct simdjson_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> impl;
    size_t capacity = 0;
};

extern "C" struct simdjson_index *simdjson_index_new(void) {
    return new simdjson_index();
}

extern "C" void simdjson_index_free(struct simdjson_index *x) {
    delete x;
}

/* Depth is unused in this stage. */
static void reserve(struct simdjson_index *x, size_t n) {
    size_t capacity = 1 << 16;
    while (capacity <= n)
        capacity *= 2;
    simdjson::error_code rc =
        x->impl ? x->impl->allocate(capacity, 1)
                : simdjson::get_active_implementation()->create_dom_parser_implementation(
                      capacity, 1, x->impl);
    if (rc) { /* as base/core/mem.h: running out of memory ends the process */
        fprintf(stderr, "simdjson: %s\n", simdjson::error_message(rc));
        abort();
    }
    x->capacity = capacity;
}

extern "C" const char *simdjson_index_text(struct simdjson_index *x, const char *text, size_t n,
                                           const uint32_t **ret_pos, uint32_t *ret_n) {
    if (n >= x->capacity) reserve(x, n);
    simdjson::error_code rc =
        x->impl->stage1(reinterpret_cast<const uint8_t *>(text), n, simdjson::stage1_mode::regular);
    switch (rc) {
    case simdjson::SUCCESS:
        break;
    case simdjson::EMPTY:
        return "no JSON value";
    case simdjson::UNCLOSED_STRING:
        return "a string has no closing quote";
    case simdjson::UNESCAPED_CHARS:
        return "a string has a control character or no closing quote";
    case simdjson::UTF8_ERROR:
        return "the text is not valid UTF-8";
    default:
        return simdjson::error_message(rc);
    }
    *ret_pos = x->impl->structural_indexes.get();
    *ret_n = x->impl->n_structural_indexes;
    return nullptr;
}
