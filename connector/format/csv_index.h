/* csv_index.h - the places of a CSV text's special characters (delimiter, quote, line feed,
 * escape), found 64 bytes at a time with the widest registers there are (after Langdale & Lemire,
 * VLDB J. 2019, as simdcsv applies it). */
#ifndef PENSTOCK_CONNECTOR_FORMAT_CSV_INDEX_H
#define PENSTOCK_CONNECTOR_FORMAT_CSV_INDEX_H

#include <stddef.h>
#include <stdint.h>

enum { CSV_SPECIALS_MAX = 4 };

/* Writes the places where text[0..n) has one of the specials[0..4) (repeat one to have fewer) to
 * pos, ascending, and returns how many there are. Room for n + 8 in pos; 64 bytes behind text[n)
 * are readable. */
uint32_t csv_index(const char *text, uint32_t n, const char specials[CSV_SPECIALS_MAX],
                   uint32_t *pos);

#endif
