/* fetch.h - a file of a remote store, read ahead in the background: the source takes what has
 * come, and waits where nothing has. One thread owns it. */
#ifndef PENSTOCK_CONNECTOR_FILESYSTEM_FETCH_H
#define PENSTOCK_CONNECTOR_FILESYSTEM_FETCH_H

#include "fs/fs.h"

enum {
    FETCH_CHUNK_BYTES = 2 << 20,
    FETCH_AHEAD = 3,   /* chunks on their way or waiting: what a source holds at most */
    FETCH_THREADS = 16 /* of a process */
};

/* Which bytes. */
struct fetch_range {
    uint64_t from, to;       /* to: behind the last one; at most the file's size */
    bool from_line, to_line; /* move that border behind the first line break at or after the byte in
                                front of it */
};

struct fetch;
/* wake: on any thread, when fetch_ready may have become true. */
struct fetch *fetch_new(struct fs *f, const char *uri, const struct fetch_range *range,
                        void (*wake)(void *self), void *self);
/* Breaks off what is on its way. NULL is fine. */
void fetch_free(struct fetch *f);
/* Whether fetch_read has something to say: bytes, the end, or an error. */
bool fetch_ready(struct fetch *f);
/* The borders, once fetch_ready was true. */
void fetch_borders(struct fetch *f, uint64_t *ret_from, uint64_t *ret_to);
/* Copies what is there, n bytes at most; 0 bytes: nothing yet, or the end. ERR_CORRUPT: the file
 * is shorter than it was. */
int fetch_read(struct fetch *f, void *dst, size_t n, size_t *ret_n, struct err *err) ATTR_MUST_USE;

/* Offset behind the first line break at or after `from`; the file's size if there is none. */
int fetch_next_line(struct fs_file *file, uint64_t from, const struct fs_call *call, uint64_t *ret,
                    struct err *err) ATTR_MUST_USE;

#endif
