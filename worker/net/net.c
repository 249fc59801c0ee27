/* net.c - channels between processes. */
#include "worker/net/net.h"
#include "worker/net/wire.h"

int net_new(const char *host, int port, struct net **ret, struct err *err) {
    return err_set(err, ERR_UNSUPPORTED, "channels between processes");
}
void net_free(struct net *n) {
}
int net_port(const struct net *n) {
    return 0;
}
int net_job_open(struct net *n, const struct net_job_opts *opts, struct net_job **ret,
                 struct err *err) {
    return err_set(err, ERR_UNSUPPORTED, "channels between processes");
}
void net_job_send(struct net_job *j, struct channel *ch, int peer) {
}
void net_job_receive(struct net_job *j, struct channel *ch, int peer) {
}
void net_job_start(struct net_job *j) {
}
void net_job_close(struct net_job *j) {
}
int wire_encode_batch(const struct batch *b, bool compress, struct frame_payload *ret,
                      struct err *err) {
    return err_set(err, ERR_UNSUPPORTED, "channels between processes");
}
int wire_decode_batch(const struct frame_payload *p, const struct schema *schema,
                      struct batch **ret, struct err *err) {
    return err_set(err, ERR_UNSUPPORTED, "channels between processes");
}
