/* outbox.h - what a job says to its coordinator, in order: rows and printed lines under credit,
 * task states behind the rows that came before them. Filled by executor threads, drained on the
 * loop's thread. */
#ifndef PENSTOCK_WORKER_OUTBOX_H
#define PENSTOCK_WORKER_OUTBOX_H

#include "base/core/json.h"
#include "base/net/net_loop.h"
#include "base/net/ws.h"
#include "vector/batch.h"

struct outbox;
struct tz;

/* ready: called on the loop's thread when a reader that was behind has caught up. */
struct outbox *outbox_new(struct net_loop *loop, const char *job, uint64_t attempt,
                          void (*ready)(void *self), void *self);
/* On the loop's thread; nobody adds any more. What is not sent is dropped. */
void outbox_free(struct outbox *o);
/* On the loop's thread. NULL: nothing can be sent for now. */
void outbox_connect(struct outbox *o, struct ws_conn *conn);

/* Any thread. ERR_INVALID: a row is longer than CONTROL_ROW_MAX_BYTES; neither it nor those behind
 * it are taken. */
int outbox_rows(struct outbox *o, const struct batch *b, const struct tz *zone, struct err *err);
/* A long line may be sent in pieces, with others' lines in between. */
void outbox_line(struct outbox *o, struct sv line, bool to_stderr);
void outbox_frame(struct outbox *o,
                  cJSON *frame /* takes */); /* behind all that was added before */
bool outbox_is_full(struct outbox *o);

/* On the loop's thread: the coordinator has handed on up to seq. */
void outbox_ack(struct outbox *o, int64_t seq);
/* There is room in the connection again. */
void outbox_pump(struct outbox *o);

#endif
