/* wire.h - batches as bytes, for channels between processes (docs/wire.md). Little-endian. Encoding
 * and decoding run on the tasks' threads; the network thread moves the bytes only.
 *
 * Decoding trusts nothing: every count, offset, tag and value with an invariant (booleans, row
 * kinds, list offsets, string views, steps) is checked against the bytes there are, so that
 * hostile input gives ERR_CORRUPT and never a bad access. Column data stays in the frame's buffer;
 * the columns hold references to it. */
#ifndef PENSTOCK_WORKER_NET_WIRE_H
#define PENSTOCK_WORKER_NET_WIRE_H

#include "worker/exchange/channel.h"

enum { WIRE_BATCH_MAX_BYTES = 256 << 20 };

/* The payload and its checksum; ret->buf is owned by the caller. compress: LZ4 where it pays. Fails
 * with ERR_UNSUPPORTED for a batch larger than WIRE_BATCH_MAX_BYTES. */
int wire_encode_batch(const struct batch *b, bool compress, struct frame_payload *ret,
                      struct err *err) ATTR_MUST_USE;
/* Checks, decompresses and decodes. p->buf is borrowed; its bytes may be changed (string pointers
 * are put in place), so it must belong to one decoder. */
int wire_decode_batch(const struct frame_payload *p, const struct schema *schema,
                      struct batch **ret, struct err *err) ATTR_MUST_USE;
uint64_t wire_checksum(const void *p, size_t n);

#endif
