/* cmocka_wrap.h - cmocka with the headers it wants in front of it, and the checks that most tests
 * need on top. */
#ifndef PENSTOCK_TESTS_UNIT_CMOCKA_WRAP_H
#define PENSTOCK_TESTS_UNIT_CMOCKA_WRAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/core/err.h"

/* rc is 0; otherwise fails with err's text. */
#define assert_ok(rc, err)                                                                         \
    do {                                                                                           \
        int assert_rc_ = (rc);                                                                     \
        if (assert_rc_ != 0) fail_msg("%s: %s: %s", #rc, err_code_name(assert_rc_), (err)->msg);   \
    } while (0)

/* rc is the code, err carries it, and its text contains `part`. */
#define assert_err(rc, want, err, part)                                                            \
    do {                                                                                           \
        int assert_rc_ = (rc);                                                                     \
        if (assert_rc_ != (want))                                                                  \
            fail_msg("%s: got %s, want %s", #rc, err_code_name(assert_rc_), err_code_name(want));  \
        assert_int_equal((err)->code, (want));                                                     \
        if (!strstr((err)->msg, (part)))                                                           \
            fail_msg("\"%s\" doesn't contain \"%s\"", (err)->msg, (part));                         \
    } while (0)

#endif
