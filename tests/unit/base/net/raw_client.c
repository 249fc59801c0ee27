/* raw_client.c - a blocking socket for tests. */
#include "tests/unit/base/net/raw_client.h"

#include "tests/unit/cmocka_wrap.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int raw_connect(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

void raw_send(int fd, const void *data, size_t len) {
    const char *p = data;
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) fail_msg("send: %s", strerror(errno));
        p += n;
        len -= (size_t)n;
    }
}

void raw_send_text(int fd, const char *text) {
    raw_send(fd, text, strlen(text));
}

size_t raw_read_until(int fd, char *buf, size_t size, const char *until) {
    size_t n = 0;
    buf[0] = '\0';
    while (!strstr(buf, until)) {
        assert_true(n + 1 < size);
        ssize_t got = recv(fd, buf + n, 1, 0);
        if (got <= 0) fail_msg("\"%s\" hasn't come; got \"%s\"", until, buf);
        n++;
        buf[n] = '\0';
    }
    return n;
}

size_t raw_read_to_end(int fd, char *buf, size_t size) {
    size_t n = 0;
    for (;;) {
        assert_true(n + 1 < size);
        ssize_t got = recv(fd, buf + n, size - 1 - n, 0);
        if (got < 0) fail_msg("recv: %s", strerror(errno));
        if (got == 0) break;
        n += (size_t)got;
    }
    buf[n] = '\0';
    return n;
}

void raw_read_exact(int fd, void *buf, size_t len) {
    char *p = buf;
    while (len) {
        ssize_t got = recv(fd, p, len, 0);
        if (got <= 0) fail_msg("recv: %s", got ? strerror(errno) : "closed");
        p += got;
        len -= (size_t)got;
    }
}

int raw_request(int fd, const char *request, char *buf, size_t size) {
    raw_send_text(fd, request);
    raw_read_until(fd, buf, size, "\r\n\r\n");
    int status = atoi(buf + 9);
    const char *length = strstr(buf, "Content-Length: ");
    size_t n = length ? (size_t)atol(length + 16) : 0;
    assert_true(n < size);
    raw_read_exact(fd, buf, n);
    buf[n] = '\0';
    return status;
}
