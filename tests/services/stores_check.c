/* stores_check.c - the contract of fs/fs.h on real stores: stores_check ROWS.json BASE... where
 * ROWS is a fileSystems array and each BASE a directory in one of them. */
#include "base/core/mem.h"
#include "fs/stores.h"
#include "tests/unit/cmocka_wrap.h"
#include "tests/unit/fs/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PART_BYTES = 5 << 20 };
static char **bases;
static int n_bases;

static void test_contract(void **state) {
    struct err e = ERR_INIT;
    for (int i = 0; i < n_bases; i++) {
        struct fs *f;
        char base[256];
        snprintf(base, sizeof base, "%s/contract-%d", bases[i], (int)getpid());
        assert_ok(fs_find(base, &f, &e), &e);
        printf("%s\n", base);
        fs_contract(f, base, PART_BYTES);
    }
}

static int read_rows(const char *path, struct err *err) {
    AUTO_JSON *rows = NULL;
    AUTO_STR text = STR_INIT;
    struct fs *local;
    int rc = fs_find(path, &local, err);
    if (!rc) rc = fs_get(local, path, NULL, &text, err);
    if (!rc) rc = json_parse(text.ptr, text.len, &rows, err);
    return rc ? rc : fs_use(rows, err);
}

int main(int argc, char **argv) {
    struct err e = ERR_INIT;
    if (argc < 3 || read_rows(argv[1], &e)) {
        fprintf(stderr, "stores_check ROWS.json BASE...: %s\n", e.msg);
        return 2;
    }
    bases = argv + 2;
    n_bases = argc - 2;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_contract)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
