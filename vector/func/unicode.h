/* unicode.h - properties and case of characters, by the C library's C.UTF-8 locale. */
#ifndef PENSTOCK_VECTOR_FUNC_UNICODE_H
#define PENSTOCK_VECTOR_FUNC_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

uint32_t unicode_upper(uint32_t cp);
uint32_t unicode_lower(uint32_t cp);
bool unicode_is_letter(uint32_t cp); /* Character.isLetter */
bool unicode_is_digit(uint32_t cp);  /* Character.isDigit: decimal digits of any script */

#endif
