/* decode_bench.c - how fast a format reads: decode_bench FORMAT FILE "ROW<...>" [KEY=VALUE...].
 * The file (uncompressed) is decoded over and over for about two seconds on one core, in blocks as
 * the filesystem connector reads them. */
#include "base/core/clock.h"
#include "connector/format/format.h"
#include "vector/func/func.h"
#include "vector/func/tz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 512 << 10, ROWS = 4096 };

static void die(const char *what, const struct err *err) {
    fprintf(stderr, "decode_bench: %s: %s\n", what, err ? err->msg : "");
    exit(1);
}

static char *slurp(const char *path, size_t *ret_n) {
    FILE *f = fopen(path, "r");
    if (!f) die(path, NULL);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *p = malloc((size_t)n + 64);
    if (fread(p, 1, (size_t)n, f) != (size_t)n) die(path, NULL);
    fclose(f);
    *ret_n = (size_t)n;
    return p;
}

static uint64_t decode_block(struct decoder *d, const struct schema *s, struct buffer *block,
                             size_t len, size_t *ret_used) {
    struct col_builder cols[64];
    uint64_t rows = 0;
    size_t at = 0;
    for (;;) {
        for (int i = 0; i < s->n; i++)
            col_builder_init(&cols[i], s->fields[i].type, ROWS);
        struct row_sink out = {.n_cols = s->n, .cols = cols, .max_rows = ROWS, .borrow = block};
        size_t used;
        uint64_t lines;
        struct record_error bad;
        struct err err = ERR_INIT;
        if (d->ops->decode(d, (char *)block->data + at, len - at, false, &out, &used, &lines, &bad,
                           &err))
            die("decode", &err);
        at += used;
        rows += out.n_rows;
        for (int i = 0; i < s->n; i++) {
            struct column c;
            col_builder_finish(&cols[i], &c);
            col_release(&c);
            col_builder_release(&cols[i]);
        }
        if (!used) break;
    }
    *ret_used = at;
    return rows;
}

int main(int argc, char **argv) {
    if (argc < 4) die("usage: decode_bench FORMAT FILE \"ROW<...>\" [KEY=VALUE...]", NULL);
    struct arena a;
    arena_init(&a);
    struct err err = ERR_INIT;
    const struct type *t;
    if (type_parse(&a, argv[3], &t, &err)) die(argv[3], &err);
    const struct schema *s = schema_new(&a, t->n_children);
    int all[64];
    for (int i = 0; i < t->n_children; i++) {
        ((struct field *)s->fields)[i] = (struct field){t->field_names[i], t->children[i]};
        all[i] = i;
    }
    struct table_option opts[16];
    int n_opts = 0;
    for (int i = 4; i < argc && n_opts < 16; i++) {
        char *eq = strchr(argv[i], '=');
        if (!eq) die(argv[i], NULL);
        opts[n_opts++] =
            (struct table_option){arena_strndup(&a, argv[i], (size_t)(eq - argv[i])), eq + 1};
    }
    struct connector_table table = {
        .name = "bench", .schema = s, .n_projection = -1, .n_options = n_opts, .options = opts};
    struct eval_env env = {.zone = tz_utc()};
    struct format_ctx ctx = {s, all, s->n, &table, &env};
    const struct format_desc *f = format_find(argv[1]);
    struct decoder *d;
    if (!f) die("no such format", NULL);
    if (f->decoder_new(&ctx, &d, &err)) die(argv[1], &err);
    size_t n;
    char *text = slurp(argv[2], &n);
    uint64_t rows = 0, bytes = 0;
    int64_t cpu0 = clock_thread_cpu_ns(), cpu;
    do {
        for (size_t at = 0; at < n;) {
            struct buffer *block = buffer_new(BLOCK_BYTES);
            size_t len = MIN(n - at, (size_t)BLOCK_BYTES), used;
            memcpy(block->data, text + at, len);
            rows += decode_block(d, s, block, len, &used);
            buffer_unref(block);
            at += used;
            bytes += used;
            if (!used) break;
        }
        cpu = clock_thread_cpu_ns() - cpu0;
    } while (cpu < 2000000000ll);
    printf("%s: %.0f MB/s, %.0f ns/row, %.1f M rows/s, %.0f bytes/row\n", argv[1],
           (double)bytes * 1e3 / (double)cpu, (double)cpu / (double)rows,
           (double)rows * 1e3 / (double)cpu, (double)bytes / (double)rows);
    d->ops->free(d);
    free(text);
    arena_release(&a);
    return 0;
}
