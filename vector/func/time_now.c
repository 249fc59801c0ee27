/* time_now.c - the present: once for a query in batch mode, for each batch of rows in streaming. */
#include "vector/func/time_unit.h"

#include "base/core/clock.h"

static int64_t now_ms(const struct kernel_call *k) {
    return k->env->batch_mode ? k->env->query_start_ms : clock_wall_ms();
}

static int put_now(struct kernel_call *k, int64_t ms) {
    enum type_kind kind = k->call->type->kind;
    if (kind != TYPE_TIMESTAMP_LTZ) ms = tz_utc_to_local(k->env->zone, ms);
    int64_t day = time_floor(ms, TIME_MS_PER_DAY);
    if (kind == TYPE_DATE) ms = day / TIME_MS_PER_DAY;
    if (kind == TYPE_TIME) ms = time_floor(ms - day, 1000);
    for (uint32_t i = 0; i < k->n; i++)
        time_write(k->ret, i, ms, 0);
    return 0;
}

static int kernel_now(struct kernel_call *k, struct err *err) {
    return put_now(k, now_ms(k));
}

static int kernel_row_now(struct kernel_call *k, struct err *err) {
    return put_now(k, clock_wall_ms());
}

static int bind_proctime(struct func_bind *fb, struct err *err) {
    const struct type *t = type_time(fb->arena, TYPE_TIMESTAMP_LTZ, 3, false);
    fb->ret_type = type_with_time_attr(fb->arena, t, TIME_ATTR_PROCTIME);
    return 0;
}

#define NOW_FUNC(sym, name_, aliases_, sig, doc_, flags_, ret_, bind_, kernel_)                    \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .aliases = aliases_,                                           \
                                    .category = "temporal",                                        \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = 0,                                                 \
                                    .max_args = 0,                                                 \
                                    .flags = FUNC_STRICT | (flags_),                               \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .kernel = kernel_}

NOW_FUNC(current_date, "CURRENT_DATE", NULL, "CURRENT_DATE", "Today in the session's time zone.",
         FUNC_DYNAMIC, "DATE!", func_bind_spec, kernel_now);
NOW_FUNC(current_time, "CURRENT_TIME", "LOCALTIME", "CURRENT_TIME",
         "The time of day in the session's time zone.", FUNC_DYNAMIC, "TIME(0)!", func_bind_spec,
         kernel_now);
NOW_FUNC(current_timestamp, "CURRENT_TIMESTAMP", "NOW", "CURRENT_TIMESTAMP", "The present instant.",
         FUNC_DYNAMIC, "TIMESTAMP_LTZ(3)!", func_bind_spec, kernel_now);
NOW_FUNC(localtimestamp, "LOCALTIMESTAMP", NULL, "LOCALTIMESTAMP",
         "The present time in the session's time zone.", FUNC_DYNAMIC, "TIMESTAMP(3)!",
         func_bind_spec, kernel_now);
NOW_FUNC(current_row_timestamp, "CURRENT_ROW_TIMESTAMP", NULL, "CURRENT_ROW_TIMESTAMP()",
         "The present instant, in batch mode too.", FUNC_DYNAMIC | FUNC_NONDETERMINISTIC,
         "TIMESTAMP_LTZ(3)!", func_bind_spec, kernel_row_now);
NOW_FUNC(proctime, "PROCTIME", NULL, "PROCTIME()",
         "The processing time: the present instant, as a time attribute.", FUNC_DYNAMIC, NULL,
         bind_proctime, kernel_row_now);
