/* state_value.c - a value's entry: kind, number of the checkpoint (8 bytes), the value. */
#include "worker/state/state_value.h"

static void part_track(void *part) {
}

static void part_begin(void *part, uint64_t checkpoint, uint64_t base, bool full,
                       struct state_sink *sink) {
    struct state_value *v = part;
    AUTO_STR entry = STR_INIT;
    str_add_char(&entry, STATE_VALUE);
    str_add_n(&entry, &checkpoint, 8);
    v->save(v->self, &entry);
    sink->entry(sink, str_view(&entry));
}

static bool part_step(void *part, uint32_t n) {
    return true;
}

static void part_cancel(void *part) {
}

static int part_load(void *part, const struct state_range *of, struct sv entry, struct err *err) {
    struct state_value *v = part;
    struct sv in = {entry.ptr + 1, entry.len - 1};
    uint64_t checkpoint;
    if (entry.ptr[0] == STATE_CLEAR) return 0; /* one of the subtasks has no such value any more */
    if (entry.ptr[0] != STATE_VALUE || !sv_take(&in, &checkpoint, 8))
        return err_set(err, ERR_CORRUPT, "this is no value of an op");
    if (checkpoint < v->checkpoint) return 0;
    if (checkpoint > v->checkpoint) {
        v->checkpoint = checkpoint;
        v->reset(v->self);
    }
    return v->load(v->self, in, err);
}

static void part_loaded(void *part) {
}

const struct state_part_ops state_value_part = {part_track, part_begin,  part_step, part_cancel,
                                                part_load,  part_loaded, NULL};
