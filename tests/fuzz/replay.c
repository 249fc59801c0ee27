/* replay.c - runs a fuzzer over files instead of random inputs: replay DIR... Used by `make
 * fuzz-regress` with the committed corpus; a crash or a failed CHECK ends it. */
#include "base/core/err.h"
#include "base/core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path, size_t size) {
    FILE *f = fopen(path, "re");
    CHECKF(f, "open %s: %s", path, strerror(errno));
    /* A block of exactly its size, so that a sanitizer sees a read behind it. */
    AUTO_FREE uint8_t *data = mem_alloc(size);
    CHECKF(fread(data, 1, size, f) == size, "read %s", path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
}

static int replay_dir(const char *dir) {
    DIR *d = opendir(dir);
    if (!d) return 0;
    int n = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) continue;
        replay_file(path, (size_t)st.st_size);
        n++;
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv) {
    int n = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        n += replay_dir(argv[i]);
    printf("%s: %d inputs\n", argv[0], n);
    if (n == 0) fprintf(stderr, "%s: no input: is the corpus missing?\n", argv[0]);
    return n ? 0 : 1;
}
