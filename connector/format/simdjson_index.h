/* simdjson_index.h - simdjson's first stage behind C: the places of all structural characters
 * ({ } [ ] : ,) and of the first character of every string, number and literal in a piece of text,
 * with UTF-8 checked (Langdale & Lemire, "Parsing Gigabytes of JSON per Second", VLDB J. 2019).
 * Which processor features it uses is decided at run time. One thread per index. */
#ifndef PENSTOCK_CONNECTOR_FORMAT_SIMDJSON_INDEX_H
#define PENSTOCK_CONNECTOR_FORMAT_SIMDJSON_INDEX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SIMDJSON_INDEX_MAX_BYTES = 1 << 30 };

struct simdjson_index;

struct simdjson_index *simdjson_index_new(void);
void simdjson_index_free(struct simdjson_index *x);

/* Indexes text[0..n), n <= SIMDJSON_INDEX_MAX_BYTES. Returns NULL and sets *ret_pos (of *ret_n
 * places, ascending, followed by two of at least n; valid until the next call), or says what is
 * wrong with the text somewhere (a static string). Control characters within strings are refused.
 */
const char *simdjson_index_text(struct simdjson_index *x, const char *text, size_t n,
                                const uint32_t **ret_pos, uint32_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif
