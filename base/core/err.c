/* err.c - error values: set at the cause, wrapped on the way up. */
#include "base/core/err.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *text;
    enum err_class cls;
} err_codes[] = {[0] = {"OK", "no error", ERR_CLASS_NONE},
#define X(n, c, t) [ERR_POS_##n] = {#n, t, ERR_CLASS_##c},
                 ERR_LIST(X)
#undef X
};

/* Index into err_codes; a code out of the list counts as INTERNAL. */
static int err_index(int code) {
    return code <= 0 && -code < ERR_CODE_COUNT ? -code : -ERR_INTERNAL;
}

/* Cuts msg so that "..." fits behind it, at the start of a UTF-8 character. */
static void err_mark_cut(char *msg) {
    size_t n = ERR_MSG_SIZE_BYTES - 4;
    while (n > 0 && ((unsigned char)msg[n] & 0xC0) == 0x80)
        n--;
    memcpy(msg + n, "...", 4);
}

int err_set_va(struct err *err, int code, const char *fmt, va_list ap) {
    if (!err) return code;
    /* The arguments may point into err->msg itself. */
    char msg[ERR_MSG_SIZE_BYTES];
    int n = vsnprintf(msg, sizeof(msg), fmt, ap);
    if (n < 0) {
        snprintf(msg, sizeof(msg), "%s", err_codes[err_index(code)].text);
    } else if ((size_t)n >= sizeof(msg)) {
        err_mark_cut(msg);
    }
    memcpy(err->msg, msg, strlen(msg) + 1);
    err->code = code;
    err->cls = err_code_class(code);
    err->line = err->column = 0;
    return code;
}

int err_set(struct err *err, int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, code, fmt, ap);
    va_end(ap);
    return code;
}

int err_set_errno(struct err *err, int code, int errnum, const char *fmt, ...) {
    if (!err) return code;
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, code, fmt, ap);
    va_end(ap);
    char buf[128];
    const char *why = strerror_r(errnum, buf, sizeof(buf));
    size_t n = strlen(err->msg);
    int more = snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", why);
    if (more >= 0 && n + (size_t)more >= sizeof(err->msg)) err_mark_cut(err->msg);
    return code;
}

int err_set_at(struct err *err, int code, int line, int column, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_set_va(err, code, fmt, ap);
    va_end(ap);
    if (err) {
        err->line = line;
        err->column = column;
    }
    return code;
}

int err_set_class(struct err *err, enum err_class cls) {
    if (!err) return ERR_INTERNAL;
    err->cls = cls;
    return err->code;
}

int err_wrap(struct err *err, const char *fmt, ...) {
    if (!err) return ERR_INTERNAL;
    char msg[ERR_MSG_SIZE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    if (n < 0) n = 0;
    if ((size_t)n < sizeof(msg)) {
        int more = snprintf(msg + n, sizeof(msg) - (size_t)n, n ? ": %s" : "%s", err->msg);
        n += more > 0 ? more : 0;
    }
    if ((size_t)n >= sizeof(msg)) err_mark_cut(msg);
    memcpy(err->msg, msg, strlen(msg) + 1);
    if (!err->code) { /* wrapping success is a caller's bug, but must not read as success */
        err->code = ERR_INTERNAL;
        err->cls = ERR_CLASS_FATAL;
    }
    return err->code;
}

void err_clear(struct err *err) {
    if (!err) return;
    err->code = 0;
    err->cls = ERR_CLASS_NONE;
    err->line = err->column = 0;
    err->msg[0] = '\0';
}

const char *err_code_name(int code) {
    return err_codes[err_index(code)].name;
}

const char *err_code_text(int code) {
    return err_codes[err_index(code)].text;
}

enum err_class err_code_class(int code) {
    return err_codes[err_index(code)].cls;
}

int err_code_parse(const char *name) {
    for (int i = 0; i < ERR_CODE_COUNT; i++) {
        if (name && strcmp(err_codes[i].name, name) == 0) return -i;
    }
    return ERR_INTERNAL;
}

const char *err_class_name(enum err_class cls) {
    static const char *const names[] = {"NONE", "RETRY", "USER", "JOB", "FATAL"};
    return (size_t)cls < ARRAY_LEN(names) ? names[cls] : "FATAL";
}

void check_failed(const char *file, int line, const char *cond, const char *fmt, ...) {
    fprintf(stderr, "%s:%d: check failed: %s", file, line, cond);
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        fputs(": ", stderr);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
    }
    fputc('\n', stderr);
    fflush(stderr);
    void *frames[64];
    backtrace_symbols_fd(frames, backtrace(frames, ARRAY_LEN(frames)), STDERR_FILENO);
    abort();
}
