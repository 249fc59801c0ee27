/* rig_log.h - what test ops saw, in order. */
#ifndef PENSTOCK_TESTS_UNIT_WORKER_RIG_LOG_H
#define PENSTOCK_TESTS_UNIT_WORKER_RIG_LOG_H

#include "tests/unit/cmocka_wrap.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "connector/connector.h"
#include "worker/job_runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the log -------------------------------------------------------------------------------- */

enum entry_kind { ENTRY_ROW, ENTRY_WM, ENTRY_BARRIER, ENTRY_END };
struct entry {
    enum entry_kind kind;
    int port;
    int64_t k, v; /* v: value, watermark, barrier */
    uint8_t row_kind;
    bool late; /* the watermark in front of the row is not below v */
};

enum { RIG_SUBTASKS = 16 };
static struct rig_log {
    pthread_mutex_t lock;
    struct entry *entries[RIG_SUBTASKS];
    size_t n[RIG_SUBTASKS], cap[RIG_SUBTASKS];
    uint32_t n_batches, max_batch_rows;
    bool hold; /* sinks take nothing */
    struct op *sinks[RIG_SUBTASKS];
} rig_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

ATTR_UNUSED static int rig_setup(void **state) {
    for (int i = 0; i < RIG_SUBTASKS; i++) {
        free(rig_log.entries[i]);
        rig_log.entries[i] = NULL;
        rig_log.n[i] = rig_log.cap[i] = 0;
        rig_log.sinks[i] = NULL;
    }
    rig_log.n_batches = rig_log.max_batch_rows = 0;
    rig_log.hold = false;
    return 0;
}

static void rig_note(int subtask, struct entry e) {
    MEM_GROW(rig_log.entries[subtask], rig_log.n[subtask], rig_log.cap[subtask]);
    rig_log.entries[subtask][rig_log.n[subtask]++] = e;
}

ATTR_UNUSED static size_t rig_count(int subtask, enum entry_kind kind) {
    size_t n = 0;
    pthread_mutex_lock(&rig_log.lock);
    for (size_t i = 0; i < rig_log.n[subtask]; i++)
        n += rig_log.entries[subtask][i].kind == kind;
    pthread_mutex_unlock(&rig_log.lock);
    return n;
}

ATTR_UNUSED static void rig_release_hold(void) {
    pthread_mutex_lock(&rig_log.lock);
    rig_log.hold = false;
    for (int i = 0; i < RIG_SUBTASKS; i++)
        if (rig_log.sinks[i]) op_wake(rig_log.sinks[i]);
    pthread_mutex_unlock(&rig_log.lock);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* (k BIGINT, v BIGINT, s STRING, n INT): v counts, k = v % keys, s names v (long for odd v), n is
 * NULL where v % 3 == 0. */
ATTR_UNUSED static const struct schema *rig_schema(void) {
    static struct field fields[4] = {{"k", NULL}, {"v", NULL}, {"s", NULL}, {"n", NULL}};
    static struct schema s = {4, fields};
    if (!fields[0].type) {
        fields[0].type = fields[1].type = type_of(TYPE_BIGINT);
        fields[2].type = type_of(TYPE_VARCHAR);
        fields[3].type = type_of(TYPE_INT);
    }
    return &s;
}

static int rig_text(char *buf, size_t size, int64_t v) {
    return v % 2 ? snprintf(buf, size, "the long name of %lld", (long long)v)
                 : snprintf(buf, size, "%lld", (long long)v);
}

ATTR_UNUSED static struct batch *rig_batch(int64_t first, int64_t by, uint32_t n, int64_t keys) {
    const struct schema *s = rig_schema();
    struct col_builder cb[4];
    for (int i = 0; i < 4; i++)
        col_builder_init(&cb[i], s->fields[i].type, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        int64_t v = first + i * by;
        char text[64];
        int len = rig_text(text, sizeof(text), v);
        col_add_int(&cb[0], v % keys);
        col_add_int(&cb[1], v);
        col_add_str(&cb[2], text, (size_t)len);
        if (v % 3 == 0)
            col_add_null(&cb[3]);
        else
            col_add_int(&cb[3], v % 1000);
    }
    struct batch *b = batch_new(4);
    b->n = n;
    for (int i = 0; i < 4; i++) {
        col_builder_finish(&cb[i], &b->cols[i]);
        col_builder_release(&cb[i]);
    }
    return b;
}

/* Row i of b is as rig_batch makes them, whatever route it took. */
ATTR_UNUSED static void rig_check_row(const struct batch *b, uint32_t i) {
    int64_t v = COL_DATA(&b->cols[1], int64_t)[i];
    char text[64];
    rig_text(text, sizeof(text), v);
    struct sv s = strv_sv(&COL_DATA(&b->cols[2], struct strv)[i]);
    CHECKF(sv_eq_str(s, text), "row %u: '%.*s' for '%s'", i, (int)s.len, s.ptr, text);
    CHECK(col_is_valid(&b->cols[3], i) == (v % 3 != 0));
    CHECK(v % 3 == 0 || COL_DATA(&b->cols[3], int32_t)[i] == v % 1000);
}

/* ---- source --------------------------------------------------------------------------------- */

#endif
