/* checkpoint_fuzz.c - hostile bytes where a checkpoint is read: records of the log and blocks of
 * state. The first byte picks which; lengths and checksums in front are made right, so that what is
 * behind them is reached. */
#include "base/core/mem.h"
#include "coordinator/checkpoint/manifest.h"
#include "worker/state/state_set.h"
#include "worker/state/state_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_record(struct sv text) {
    AUTO_STR bytes = STR_INIT;
    str_addf(&bytes, "penstock-checkpoint %d %016" PRIx64 " %zu\n", CKPT_FORMAT_VERSION,
             (uint64_t)XXH3_64bits(text.ptr, text.len), text.len);
    str_add_sv(&bytes, text);
    struct err err = ERR_INIT;
    struct ckpt_manifest m = {0}, again = {0};
    if (ckpt_manifest_read(str_view(&bytes), &m, &err)) return;
    /* What was read is written and read as the same. */
    str_clear(&bytes);
    ckpt_manifest_write(&m.record, m.body, &bytes);
    CHECK(ckpt_manifest_read(str_view(&bytes), &again, &err) == 0);
    CHECK(again.record.seq == m.record.seq && again.record.n_files == m.record.n_files);
    ckpt_manifest_release(&m);
    ckpt_manifest_release(&again);
}

struct subtask {
    struct state_set *set;
    struct state_table *tables[4];
    int n;
};

static struct state_table *new_table(void) {
    static const struct type *types[2];
    types[0] = type_of(TYPE_BIGINT);
    types[1] = type_of(TYPE_VARCHAR);
    struct state_desc d = {.n_keys = 2, .key_types = types, .payload_size_bytes = 16};
    return state_table_new(&d);
}

static int make_table(void *self, const char *name, int64_t ns, struct err *err) {
    struct subtask *t = self;
    if (t->n == 4) return err_set(err, ERR_CORRUPT, "no such state");
    t->tables[t->n] = new_table();
    state_set_add(t->set, name, ns, &state_table_part, t->tables[t->n++]);
    return 0;
}

static void fuzz_block(struct sv body) {
    AUTO_STR bytes = STR_INIT;
    uint32_t magic = 0x31425350, len = (uint32_t)body.len;
    uint64_t sum = XXH3_64bits(body.ptr, body.len);
    str_add_n(&bytes, &magic, 4);
    str_add_n(&bytes, &len, 4);
    str_add_n(&bytes, &sum, 8);
    str_add_sv(&bytes, body);
    struct state_range range = {0, 63, 128};
    struct subtask t = {.set = state_set_new("op", &range)};
    state_set_track(t.set);
    struct sv in = str_view(&bytes);
    struct err err = ERR_INIT;
    struct state_block b;
    bool end = false;
    if (!state_block_next(&in, &b, &end, &err) && !end &&
        !state_set_load(t.set, &b, NULL, make_table, &t, &err))
        state_set_loaded(t.set);
    state_set_free(t.set);
    for (int i = 0; i < t.n; i++)
        state_table_free(t.tables[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    struct sv rest = {(const char *)data + 1, size - 1};
    if (data[0] & 1)
        fuzz_block(rest);
    else
        fuzz_record(rest);
    return 0;
}
