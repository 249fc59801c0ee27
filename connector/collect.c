/* collect.c - the sink behind a bare SELECT: hands every batch to whoever runs the query. */
#include "base/core/mem.h"
#include "connector/connector.h"

#include <stdlib.h>

struct collect_sink {
    struct sink base;
    struct sink_ctx ctx;
};

static int collect_write(struct sink *s, struct batch *in, struct err *err) {
    struct collect_sink *c = CONTAINER_OF(s, struct collect_sink, base);
    if (c->ctx.output_full(c->ctx.output_self)) return SINK_BUSY;
    c->ctx.collect(c->ctx.output_self, in);
    __atomic_fetch_add(&s->records, in->n, __ATOMIC_RELAXED);
    return SINK_OK;
}

static void collect_free(struct sink *s) {
    free(CONTAINER_OF(s, struct collect_sink, base));
}

static const struct sink_ops collect_ops = {.write = collect_write, .free = collect_free};

static int collect_new(const struct connector_table *t, const struct sink_ctx *ctx,
                       struct sink **ret, struct err *err) {
    struct collect_sink *c = mem_zalloc(sizeof *c);
    c->base.ops = &collect_ops;
    c->ctx = *ctx;
    *ret = &c->base;
    return 0;
}

const struct connector_desc connector_collect = {
    .name = "collect",
    .doc = "The result of a bare SELECT.",
    .caps = CONNECTOR_SINK | CONNECTOR_HIDDEN,
    .sink_new = collect_new,
};
