/* raw_client.h - a blocking socket for tests that want to see the bytes. Every call gives up after
 * ten seconds, and fails the test. */
#ifndef PENSTOCK_TESTS_UNIT_BASE_NET_RAW_CLIENT_H
#define PENSTOCK_TESTS_UNIT_BASE_NET_RAW_CLIENT_H

#include <stddef.h>

int raw_connect(int port);
void raw_send(int fd, const void *data, size_t len);
void raw_send_text(int fd, const char *text);
/* Reads until the text contains `until`; NUL-terminated in buf.
 * Returns the length. */
size_t raw_read_until(int fd, char *buf, size_t size, const char *until);
size_t raw_read_to_end(int fd, char *buf, size_t size); /* until the peer closes */
void raw_read_exact(int fd, void *buf, size_t len);
/* Sends a request and reads one reply with Content-Length. Returns the status; the body is left in
 * buf. */
int raw_request(int fd, const char *request, char *buf, size_t size);

#endif
