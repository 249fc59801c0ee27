/* gen_docs.c - prints the pages of docs/ that are made from tables in the code: gen_docs PAGE. Each
 * page is one row below; `make docs` writes docs/PAGE.md, `make docs-check` compares. */
#include "base/core/str.h"
#include "base/metrics.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*print)(struct str *out);
} pages[] = {
    {"metrics", metrics_docs},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 2 && i < ARRAY_LEN(pages); i++) {
        if (strcmp(argv[1], pages[i].name) != 0) continue;
        AUTO_STR out = STR_INIT;
        pages[i].print(&out);
        return fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
    }
    fprintf(stderr, "usage: gen_docs PAGE; pages:");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        fprintf(stderr, " %s", pages[i].name);
    fputc('\n', stderr);
    return 2;
}
