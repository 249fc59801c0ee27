/* unicode.c - see unicode.h. */
#include "vector/func/unicode.h"

#include "base/core/err.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

static locale_t loc;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_locale(void) {
    loc = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    CHECKF(loc != (locale_t)0, "the C library has no C.UTF-8 locale");
}

static locale_t locale(void) {
    pthread_once(&once, open_locale);
    return loc;
}

uint32_t unicode_upper(uint32_t cp) {
    return (uint32_t)towupper_l((wint_t)cp, locale());
}

uint32_t unicode_lower(uint32_t cp) {
    return (uint32_t)towlower_l((wint_t)cp, locale());
}

bool unicode_is_digit(uint32_t cp) {
    /* The zeros of the scripts in the basic plane. */
    static const uint32_t zeros[] = {0x30,   0x660,  0x6F0,  0x7C0,  0x966,  0x9E6,  0xA66,  0xAE6,
                                     0xB66,  0xBE6,  0xC66,  0xCE6,  0xD66,  0xDE6,  0xE50,  0xED0,
                                     0xF20,  0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
                                     0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900,
                                     0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        if (cp - zeros[i] < 10) return true;
    return false;
}

bool unicode_is_letter(uint32_t cp) {
    if (cp < 0x80) return (cp | 0x20) - 'a' < 26;
    return iswalpha_l((wint_t)cp, locale()) && !unicode_is_digit(cp);
}
