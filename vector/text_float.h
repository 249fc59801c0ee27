/* text_float.h - binary floating point and decimal digits: the C side of text_float.cc. */
#ifndef PENSTOCK_VECTOR_TEXT_FLOAT_H
#define PENSTOCK_VECTOR_TEXT_FLOAT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The fewest digits that read back as v (finite, > 0), without trailing zeros, at most 17 (9);
 * v = d.ddd * 10^*ret_exp10. Returns how many digits. */
int text_f64_digits(double v, char *digits, int *ret_exp10);
int text_f32_digits(float v, char *digits, int *ret_exp10);

/* Reads [-]digits[.digits][e[+-]digits] from the front. 0 done, 1 out of range (*ret untouched),
 * -1 nothing readable. */
int text_f64_scan(const char *p, size_t n, size_t *ret_used, double *ret);
int text_f32_scan(const char *p, size_t n, size_t *ret_used, float *ret);

#ifdef __cplusplus
}
#endif

#endif
