/* capture.c - see capture.h. */
#include "tests/unit/cli/capture.h"

#include "tests/unit/cmocka_wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int saved[2], fd;

void capture_begin(void) {
    char path[] = "/tmp/penstock-capture-XXXXXX";
    fflush(stdout);
    fflush(stderr);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fd, i + 1);
    }
}

const char *capture_end(void) {
    static char text[16384];
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}
