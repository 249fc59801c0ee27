/* upsert_buffer.h - rows that upsert-kafka keeps back, so that of several changes of one key the
 * last one alone is written. */
#ifndef PENSTOCK_CONNECTOR_KAFKA_UPSERT_BUFFER_H
#define PENSTOCK_CONNECTOR_KAFKA_UPSERT_BUFFER_H

#include "connector/kafka/message.h"

struct upsert_buffer;

struct upsert_buffer *upsert_buffer_new(void);
void upsert_buffer_free(struct upsert_buffer *b); /* NULL accepted */
/* Takes all messages out of m, replacing earlier ones of the same keys. */
void upsert_buffer_add(struct upsert_buffer *b, struct messages *m);
/* Puts them into m, in the order in which their keys came; the buffer is empty then. */
void upsert_buffer_release(struct upsert_buffer *b, struct messages *m);
uint64_t upsert_buffer_rows(const struct upsert_buffer *b);    /* added since it was empty */
int64_t upsert_buffer_since_ms(const struct upsert_buffer *b); /* time since the first one; 0 if
                                                                  empty */

#endif
