/* nexmark_bench.c - nanoseconds of one core that the nexmark source takes per event:
 * nexmark_bench [KEY=VALUE...], options of the connector; batch=N rows. Whole events, strings
 * included; each batch is dropped before the next, as when it is consumed at once. */
#include "base/core/clock.h"
#include "connector/connector.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char table_type[] =
    "ROW<event_type INT, person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard "
    "STRING, city STRING, state STRING, `dateTime` TIMESTAMP(3), extra STRING>, auction ROW<id "
    "BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, `dateTime` "
    "TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>, bid "
    "ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` "
    "TIMESTAMP(3), extra STRING>>";

static void die(const struct err *err) {
    fprintf(stderr, "nexmark_bench: %s\n", err->msg);
    exit(1);
}

int main(int argc, char **argv) {
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    const struct type *t;
    if (type_parse(&a, table_type, &t, &err)) die(&err);
    const struct schema *s = schema_new(&a, t->n_children);
    for (int i = 0; i < t->n_children; i++)
        ((struct field *)s->fields)[i] = (struct field){t->field_names[i], t->children[i]};
    struct table_option opts[32];
    int n_opts = 0;
    uint32_t batch_rows = BATCH_ROWS_MAX;
    for (int i = 1; i < argc && n_opts < 32; i++) {
        char *eq = strchr(argv[i], '=');
        if (eq && strncmp(argv[i], "batch=", 6) == 0)
            batch_rows = (uint32_t)atoi(eq + 1);
        else if (eq)
            opts[n_opts++] =
                (struct table_option){arena_strndup(&a, argv[i], (size_t)(eq - argv[i])), eq + 1};
    }
    struct connector_table table = {
        .name = "bench", .schema = s, .n_projection = -1, .n_options = n_opts, .options = opts};
    struct eval_env env = {.zone = tz_utc()};
    struct source_ctx ctx = {
        .parallelism = 1, .env = &env, .produced = s, .batch_rows = batch_rows};
    const struct connector_desc *d = connector_find("nexmark");
    struct source *src = NULL;
    cJSON *splits = NULL;
    if (d->check(&table, false, &err) || d->enumerate(&table, 1, &splits, &err) ||
        d->source_new(&table, &ctx, &src, &err) ||
        src->ops->add_split(src, cJSON_GetArrayItem(splits, 0), &err))
        die(&err);
    cJSON_Delete(splits);
    src->ops->no_more_splits(src);
    uint64_t events = 0, warm = 0;
    int64_t from = 0, cpu = 0;
    do {
        struct batch *b;
        int64_t wake;
        int rc = src->ops->poll(src, &b, &wake, &err);
        if (rc < 0) die(&err);
        if (rc != SOURCE_DATA) break;
        events += b->n;
        batch_unref(b);
        if (!from && events > 1000000) {
            warm = events;
            from = clock_thread_cpu_ns();
        }
        cpu = from ? clock_thread_cpu_ns() - from : 0;
    } while (cpu < 3000000000ll);
    printf("nexmark: %.1f ns/event, %.1f M events/s of one core\n",
           (double)cpu / (double)(events - warm), (double)(events - warm) * 1e3 / (double)cpu);
    src->ops->free(src);
    arena_release(&a);
    return 0;
}
