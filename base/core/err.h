/* err.h - how every fallible function says what went wrong.
 *
 * `int f(..., struct err *err)` returns 0 or a negative ERR_* code. The text is set once, at the
 * cause (err_set), and wrapped on the way up with what was being done (err_wrap), so that the
 * message reads from the outside in: "job flights: open source 'flights': open a.csv: No such
 * file". The class tells the caller's next move. Each err belongs to one thread. */
#ifndef PENSTOCK_BASE_CORE_ERR_H
#define PENSTOCK_BASE_CORE_ERR_H

#include "base/core/attr.h"

#include <stdarg.h>

/* Code, class, text for people. The class is the default of the code; err_set_class overrides it.
 */
#define ERR_LIST(X)                                                                                \
    X(INVALID, USER, "invalid input")                                                              \
    X(PARSE, USER, "syntax error")                                                                 \
    X(VALIDATION, USER, "validation error")                                                        \
    X(UNSUPPORTED, USER, "not supported")                                                          \
    X(RUNTIME, JOB, "runtime error")                                                               \
    X(RECORD, JOB, "malformed record")                                                             \
    X(NOT_FOUND, USER, "not found")                                                                \
    X(EXISTS, USER, "already exists")                                                              \
    X(PERMISSION, USER, "permission denied")                                                       \
    X(IO, RETRY, "input/output error")                                                             \
    X(NET, RETRY, "network error")                                                                 \
    X(TIMEOUT, RETRY, "timed out")                                                                 \
    X(UNAVAILABLE, RETRY, "unavailable")                                                           \
    X(BUDGET, RETRY, "memory budget exhausted")                                                    \
    X(NO_SPACE, RETRY, "no space left")                                                            \
    X(CANCELLED, JOB, "cancelled")                                                                 \
    X(PROTOCOL, JOB, "protocol violation")                                                         \
    X(CORRUPT, JOB, "corrupt data")                                                                \
    X(INTERNAL, FATAL, "internal error")

enum err_code {
    ERR_NONE = 0,
#define X(name, cls, text) ERR_POS_##name,
    ERR_LIST(X)
#undef X
        ERR_CODE_COUNT,
#define X(name, cls, text) ERR_##name = -ERR_POS_##name,
    ERR_LIST(X)
#undef X
};

enum err_class {
    ERR_CLASS_NONE,
    ERR_CLASS_RETRY, /* transient: back off and try again */
    ERR_CLASS_USER,  /* the user must change something */
    ERR_CLASS_JOB,   /* restart the job (or its region) from the last checkpoint */
    ERR_CLASS_FATAL  /* this process cannot go on */
};

enum { ERR_MSG_SIZE_BYTES = 2048 };

struct err {
    int code; /* 0 or ERR_* */
    enum err_class cls;
    int line, column; /* 1-based place in the user's text (SQL, YAML); 0 = no place */
    char msg[ERR_MSG_SIZE_BYTES];
};

#define ERR_INIT                                                                                   \
    { 0 }

/* Sets code, class and text, and returns code, so that `return err_set(err, ERR_IO, ...)` works.
 * err may be NULL. Text longer than the buffer ends in "...", on a whole UTF-8 character. */
int err_set(struct err *err, int code, const char *fmt, ...) ATTR_PRINTF(3, 4);
int err_set_va(struct err *err, int code, const char *fmt, va_list ap);
/* Like err_set with ": strerror(errnum)" behind the text. */
int err_set_errno(struct err *err, int code, int errnum, const char *fmt, ...) ATTR_PRINTF(4, 5);
/* err_set with a place in the user's text. */
int err_set_at(struct err *err, int code, int line, int column, const char *fmt, ...)
    ATTR_PRINTF(5, 6);
/* Puts "<text>: " in front of the message and returns err's code (ERR_INTERNAL if err is NULL). */
int err_wrap(struct err *err, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* Overrides the class that the code gave. Returns err's code (ERR_INTERNAL if err is NULL). */
int err_set_class(struct err *err, enum err_class cls);
void err_clear(struct err *err);
const char *err_code_name(int code); /* "INVALID"; "OK" for 0 */
const char *err_code_text(int code); /* "invalid input" */
const char *err_class_name(enum err_class cls);
enum err_class err_code_class(int code);
int err_code_parse(const char *name); /* inverse of err_code_name; ERR_INTERNAL if unknown */

/* A broken invariant: prints place, condition and a backtrace to stderr and aborts. On in release
 * builds. */
ATTR_NORETURN ATTR_COLD void check_failed(const char *file, int line, const char *cond,
                                          const char *fmt, ...) ATTR_PRINTF(4, 5);
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (unlikely(!(cond))) check_failed(__FILE__, __LINE__, #cond, NULL);                      \
    } while (0)
#define CHECKF(cond, ...)                                                                          \
    do {                                                                                           \
        if (unlikely(!(cond))) check_failed(__FILE__, __LINE__, #cond, __VA_ARGS__);               \
    } while (0)
#define UNREACHABLE(...) check_failed(__FILE__, __LINE__, "unreachable", __VA_ARGS__)

#endif
