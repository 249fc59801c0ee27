/* blackhole.c - a sink that takes everything and keeps nothing: for measuring, and for trying a
 * query out. */
#include "base/core/mem.h"
#include "connector/connector.h"

#include <stdlib.h>

static int blackhole_write(struct sink *s, struct batch *in, struct err *err) {
    __atomic_fetch_add(&s->records, in->n, __ATOMIC_RELAXED);
    return SINK_OK;
}

static void blackhole_free(struct sink *s) {
    free(s);
}

static const struct sink_ops blackhole_ops = {.write = blackhole_write, .free = blackhole_free};

static int blackhole_check(const struct connector_table *t, bool as_sink, struct err *err) {
    struct arena arena;
    arena_init(&arena);
    char none;
    int rc = connector_options(connector_find("blackhole"), t, &arena, &none, err);
    arena_release(&arena);
    return rc;
}

static int blackhole_new(const struct connector_table *t, const struct sink_ctx *ctx,
                         struct sink **ret, struct err *err) {
    struct sink *s = mem_zalloc(sizeof *s);
    s->ops = &blackhole_ops;
    *ret = s;
    return 0;
}

/* As Flink's: updates without their old rows. */
static enum changelog_mode blackhole_mode(const struct connector_table *t,
                                          enum changelog_mode input) {
    return input & ~CHANGELOG_UPDATE_BEFORE;
}

const struct connector_desc connector_blackhole = {
    .name = "blackhole",
    .doc = "Takes every row and every change (of an update the new row alone), and keeps nothing.",
    .caps = CONNECTOR_SINK | CONNECTOR_PARTITIONED,
    .check = blackhole_check,
    .sink_mode = blackhole_mode,
    .sink_new = blackhole_new,
};
