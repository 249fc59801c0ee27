/* time_text.c - times from and to text by a pattern: DATE_FORMAT, TO_DATE, TO_TIMESTAMP,
 * TO_TIMESTAMP_LTZ, UNIX_TIMESTAMP, FROM_UNIXTIME, CONVERT_TZ. Which of Java's two pattern dialects
 * each uses, and what a text that doesn't fit gives, is as in Flink. */
#include "vector/func/time_unit.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "vector/func/time_format.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS_PATTERN SV_LIT("yyyy-MM-dd HH:mm:ss")

/* ---- compiled patterns of a call ------------------------------------------------------------ */

enum { DIALECTS = 2 };

struct slot {
    struct str text;
    struct time_format *f;
};

/* The last pattern used of each dialect: mostly a literal, so always the same. */
struct formats {
    struct slot slots[DIALECTS][2];
    int used[DIALECTS];
    unsigned made; /* how often a slot was filled anew */
};

static int prepare_formats(const struct expr *call, const struct eval_env *env, void **ret_state,
                           struct err *err) {
    *ret_state = mem_zalloc(sizeof(struct formats));
    return 0;
}

static void unprepare_formats(void *state) {
    struct formats *s = state;
    if (!s) return;
    for (int d = 0; d < DIALECTS; d++) {
        for (int i = 0; i < 2; i++) {
            str_release(&s->slots[d][i].text);
            time_format_free(s->slots[d][i].f);
        }
    }
    free(s);
}

static int get_format(struct formats *s, struct sv pattern, enum time_dialect dialect,
                      const struct time_format **ret, struct err *err) {
    struct slot *slots = s->slots[dialect];
    for (int i = 0; i < 2; i++) {
        if (!slots[i].f || !sv_eq(str_view(&slots[i].text), pattern)) continue;
        *ret = slots[i].f;
        return 0;
    }
    struct time_format *f = NULL;
    int rc = time_format_new(pattern, dialect, &f, err);
    if (rc) return rc;
    struct slot *t = &slots[s->used[dialect] ^= 1];
    time_format_free(t->f);
    t->f = f;
    s->made++;
    str_clear(&t->text);
    str_add_sv(&t->text, pattern);
    *ret = f;
    return 0;
}

/* The pattern of row i: argument i_arg, or the default if the call has none. */
static int row_format(struct kernel_call *k, int i_arg, struct sv def, enum time_dialect dialect,
                      uint32_t i, const struct time_format **ret, struct err *err) {
    struct sv p = def;
    if (i_arg < k->n_args) {
        struct arg a = kernel_arg(k, i_arg);
        p = arg_sv(&a, i);
    }
    int rc = get_format(k->state, p, dialect, ret, err);
    if (rc) k->err_row = i;
    return rc;
}

/* ---- DATE_FORMAT, FROM_UNIXTIME ------------------------------------------------------------- */

/* Times come in order, more or less: the text of the row before is often this one's. */
struct printed {
    struct str tmp;
    const struct time_format *f;
    unsigned made; /* f is gone when the formats' count is another */
    int64_t span;  /* number of the span since 1970 that `last` is the text of */
    struct strv last;
};

static int put_time(struct kernel_call *k, struct heap *h, struct printed *p, uint32_t i,
                    const struct time_format *f, int64_t local_ms, int32_t ns, struct err *err) {
    int64_t span_ms = time_format_span_ms(f), span = 0;
    unsigned made = ((const struct formats *)k->state)->made;
    if (span_ms) {
        span = local_ms / span_ms - (local_ms % span_ms < 0);
        if (p->f == f && p->made == made && p->span == span) {
            RET_STR(k)[i] = p->last;
            return 0;
        }
    }
    str_clear(&p->tmp);
    int rc = time_format_print(f, local_ms, ns, k->env->zone, &p->tmp, err);
    if (rc) {
        k->err_row = i;
        return rc;
    }
    ret_copy(k, h, i, str_text(&p->tmp), p->tmp.len);
    p->f = span_ms ? f : NULL;
    p->made = made;
    p->span = span;
    p->last = RET_STR(k)[i];
    return 0;
}

static void printed_release(struct printed *p) {
    str_release(&p->tmp);
}

/* One pattern for all rows, whose text is the same through a span of time. False: it isn't so. */
static bool same_in_spans(struct kernel_call *k, const struct arg *a,
                          const struct time_format **ret) {
    bool one = k->n_args == 1 || k->const_mask >> 1 & 1;
    if (!one || k->ret->valid || a->col->phys != PHYS_I64 || a->col->n < k->n || !k->n)
        return false;
    struct err e = ERR_INIT; /* raised again by who asked */
    if (row_format(k, 1, SECONDS_PATTERN, TIME_JAVA_TIME, 0, ret, &e)) {
        err_clear(&e);
        return false;
    }
    return time_format_span_ms(*ret) > 1;
}

static int date_format_spans(struct kernel_call *k, const int64_t *ms, const struct time_format *f,
                             struct err *err) {
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(printed_release) struct printed p = {.tmp = STR_INIT};
    uint64_t span = (uint64_t)time_format_span_ms(f);
    int64_t from = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (i && (uint64_t)(ms[i] - from) < span) {
            RET_STR(k)[i] = p.last;
            continue;
        }
        int rc = put_time(k, h, &p, i, f, ms[i], 0, err);
        if (rc) return rc;
        from = p.span * (int64_t)span;
    }
    return 0;
}

static int kernel_date_format(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    const struct time_format *one;
    if (k->call->args[0]->type->kind == TYPE_TIMESTAMP && same_in_spans(k, &a, &one))
        return date_format_spans(k, a.col->data, one, err);
    bool ltz = k->call->args[0]->type->kind == TYPE_TIMESTAMP_LTZ;
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(printed_release) struct printed p = {.tmp = STR_INIT};
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        const struct time_format *f;
        int rc = row_format(k, 1, SECONDS_PATTERN, TIME_JAVA_TIME, i, &f, err);
        if (rc) return rc;
        int64_t ms;
        int32_t ns;
        time_read(a.col, arg_row(&a, i), &ms, &ns);
        if (ltz) ms = tz_utc_to_local(k->env->zone, ms);
        rc = put_time(k, h, &p, i, f, ms, ns, err);
        if (rc) return rc;
    }
    return 0;
}

/* Text is read as yyyy-MM-dd HH:mm:ss, in UTC on both ways. */
static int kernel_date_format_text(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(printed_release) struct printed p = {.tmp = STR_INIT};
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        const struct time_format *in, *out;
        int rc = get_format(k->state, SECONDS_PATTERN, TIME_SIMPLE, &in, err);
        if (!rc) rc = row_format(k, 1, SECONDS_PATTERN, TIME_SIMPLE, i, &out, err);
        if (rc) return rc;
        int64_t ms;
        int32_t ns, offset;
        if (!time_format_parse(in, arg_sv(&a, i), &ms, &ns, &offset)) {
            ret_null(k, i);
            continue;
        }
        rc = put_time(k, h, &p, i, out, ms, ns, err);
        if (rc) return rc;
    }
    return 0;
}

static kernel_fn pick_date_format(const struct expr *call) {
    return type_is_char(call->args[0]->type) ? kernel_date_format_text : kernel_date_format;
}

static int kernel_from_unixtime(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(printed_release) struct printed p = {.tmp = STR_INIT};
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        const struct time_format *f;
        int rc = row_format(k, 1, SECONDS_PATTERN, TIME_SIMPLE, i, &f, err);
        if (rc) return rc;
        int64_t local = tz_utc_to_local(k->env->zone, arg_i64(&a, i) * 1000);
        rc = put_time(k, h, &p, i, f, local, 0, err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- TO_DATE, TO_TIMESTAMP ------------------------------------------------------------------ */

static int kernel_to_date(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        int32_t days = 0, ns, offset;
        int64_t ms;
        bool ok = false;
        struct sv v = arg_sv(&a, i);
        if (!col_is_valid(k->ret, i)) {
            ok = true;
        } else if (k->n_args == 1) {
            ok = text_parse_date(v.ptr, v.len, &days) == TEXT_OK;
        } else {
            const struct time_format *f;
            int rc = row_format(k, 1, SECONDS_PATTERN, TIME_SIMPLE, i, &f, err);
            if (rc) return rc;
            ok = time_format_parse(f, v, &ms, &ns, &offset);
            if (ok && offset != INT32_MIN) ms -= offset;
            if (ok) days = (int32_t)(time_floor(ms, TIME_MS_PER_DAY) / TIME_MS_PER_DAY);
        }
        if (!ok) col_set_null(k->ret, i);
        COL_DATA(k->ret, int32_t)[i] = days;
    }
    return 0;
}

/* By a java.time pattern; what doesn't fit is tried as yyyy-M-d [H:m:s[.f]]. */
static bool parse_stamp(const struct time_format *f, struct sv v, int64_t *ms, int32_t *ns) {
    int32_t offset;
    if (time_format_parse(f, v, ms, ns, &offset)) return true;
    v = sv_trim(v);
    return text_parse_timestamp(v.ptr, v.len, ms, ns, NULL) == TEXT_OK;
}

static int kernel_to_timestamp(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t ms = 0;
        int32_t ns = 0;
        bool ok = true;
        struct sv v = arg_sv(&a, i);
        if (!col_is_valid(k->ret, i)) {
            ok = true;
        } else if (k->n_args == 1) {
            ok = text_parse_timestamp(v.ptr, v.len, &ms, &ns, NULL) == TEXT_OK;
        } else {
            const struct time_format *f;
            int rc = row_format(k, 1, SECONDS_PATTERN, TIME_JAVA_TIME, i, &f, err);
            if (rc) return rc;
            ok = parse_stamp(f, v, &ms, &ns);
        }
        if (!ok) col_set_null(k->ret, i);
        time_write(k->ret, i, ok ? ms : 0, 0);
    }
    return 0;
}

/* ---- TO_TIMESTAMP_LTZ ----------------------------------------------------------------------- */

/* Years 0 to 9999. */
#define LTZ_MIN_MS (-62167219200000LL)
#define LTZ_MAX_MS 253402300799999LL

/* Epoch time in ms; false if it is out of range. */
static bool epoch_ms(const struct arg *a, uint32_t row, int precision, int scale, int64_t *ret) {
    i128 v;
    if (a->col->phys == PHYS_F64) {
        double d = COL_DATA(a->col, double)[arg_row(a, row)];
        if (precision == 0) d *= 1000;
        if (!(d >= (double)LTZ_MIN_MS && d <= (double)LTZ_MAX_MS)) return false;
        *ret = (int64_t)d;
        return true;
    }
    if (a->col->phys == PHYS_I128)
        v = COL_DATA(a->col, i128)[arg_row(a, row)] / text_pow10(scale);
    else
        v = arg_i64(a, row);
    if (precision == 0 && (v < LTZ_MIN_MS || v > LTZ_MAX_MS)) return false;
    if (precision == 0) v *= 1000;
    if (v < LTZ_MIN_MS || v > LTZ_MAX_MS) return false;
    *ret = (int64_t)v;
    return true;
}

static int kernel_ltz_number(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), p = {0};
    if (k->n_args == 2) p = kernel_arg(k, 1);
    int scale = k->call->args[0]->type->scale;
    for (uint32_t i = 0; i < k->n; i++) {
        int precision = k->n_args == 2 ? arg_i32(&p, i) : 3;
        int64_t ms = 0;
        if (col_is_valid(k->ret, i)) {
            if (precision != 0 && precision != 3)
                return kernel_fail(k, i, err,
                                   "The precision value '%d' for function "
                                   "TO_TIMESTAMP_LTZ(numeric, precision) is unsupported, the "
                                   "supported value is '0' for second or '3' for millisecond.",
                                   precision);
            if (!epoch_ms(&a, i, precision, scale, &ms)) col_set_null(k->ret, i);
        }
        COL_DATA(k->ret, int64_t)[i] = ms;
    }
    return 0;
}

/* A zone by a name that rows bring; unknown ones are UTC for CONVERT_TZ, an error else. */
static int zone_of(struct kernel_call *k, struct sv name, uint32_t i, bool lenient,
                   const struct tz **ret, struct err *err) {
    char buf[65];
    size_t n = MIN(name.len, sizeof(buf) - 1);
    memcpy(buf, name.ptr, n);
    buf[n] = 0;
    int rc = tz_get(buf, ret, lenient ? NULL : err);
    if (!rc) return 0;
    if (!lenient) {
        k->err_row = i;
        if (err) err->code = ERR_RUNTIME;
        return ERR_RUNTIME;
    }
    *ret = tz_utc();
    return 0;
}

/* In the zone given, UTC if none is: not the session's. */
static int kernel_ltz_text(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), z = {0};
    if (k->n_args == 3) z = kernel_arg(k, 2);
    for (uint32_t i = 0; i < k->n; i++) {
        int64_t ms = 0;
        int32_t ns;
        COL_DATA(k->ret, int64_t)[i] = 0;
        if (!col_is_valid(k->ret, i)) continue;
        struct sv v = arg_sv(&a, i);
        const struct time_format *f;
        const struct tz *zone = tz_utc();
        int rc = 0;
        bool ok;
        if (k->n_args == 3) rc = zone_of(k, arg_sv(&z, i), i, false, &zone, err);
        if (!rc && k->n_args > 1)
            rc = row_format(k, 1, SECONDS_PATTERN, TIME_JAVA_TIME, i, &f, err);
        if (rc) return rc;
        ok = k->n_args > 1 ? parse_stamp(f, v, &ms, &ns)
                           : text_parse_timestamp(v.ptr, v.len, &ms, &ns, NULL) == TEXT_OK;
        if (ok)
            COL_DATA(k->ret, int64_t)[i] = tz_local_to_utc(zone, ms);
        else
            col_set_null(k->ret, i);
    }
    return 0;
}

static kernel_fn pick_ltz(const struct expr *call) {
    return type_is_char(call->args[0]->type) ? kernel_ltz_text : kernel_ltz_number;
}

static int bind_ltz(struct func_bind *fb, struct err *err) {
    const struct type *t = fb->args[0]->type;
    int rc;
    if (type_is_numeric(t)) {
        if (fb->n_args > 2) return func_bind_fail(fb, NULL, err);
        rc = args_check(fb, type_is_int(t) ? "li" : t->kind == TYPE_DECIMAL ? "ni" : "fi", err);
    } else {
        rc = args_check(fb, "c", err);
    }
    fb->ret_type = type_time(fb->arena, TYPE_TIMESTAMP_LTZ, 3, true);
    return rc;
}

/* ---- UNIX_TIMESTAMP, CONVERT_TZ ------------------------------------------------------------- */

/* SimpleDateFormat: the zone in the text, else this one. */
static bool parse_simple(const struct time_format *f, struct sv v, const struct tz *zone,
                         int64_t *ret_utc_ms) {
    int64_t ms;
    int32_t ns, offset;
    if (!time_format_parse(f, v, &ms, &ns, &offset)) return false;
    *ret_utc_ms = offset != INT32_MIN ? ms - offset : tz_local_to_utc_calendar(zone, ms);
    return true;
}

static int kernel_unix_timestamp(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0);
    for (uint32_t i = 0; i < k->n; i++) {
        COL_DATA(k->ret, int64_t)[i] = INT64_MIN; /* a text that doesn't fit */
        if (!col_is_valid(k->ret, i)) continue;
        const struct time_format *f;
        int rc = row_format(k, 1, SECONDS_PATTERN, TIME_SIMPLE, i, &f, err);
        if (rc) return rc;
        int64_t ms;
        if (parse_simple(f, arg_sv(&a, i), k->env->zone, &ms))
            COL_DATA(k->ret, int64_t)[i] = ms / 1000;
    }
    return 0;
}

static int kernel_unix_now(struct kernel_call *k, struct err *err) {
    int64_t now = clock_wall_ms() / 1000;
    for (uint32_t i = 0; i < k->n; i++)
        COL_DATA(k->ret, int64_t)[i] = now;
    return 0;
}

static const struct func unix_now = {
    .name = "UNIX_TIMESTAMP", .flags = FUNC_STRICT | FUNC_DYNAMIC, .kernel = kernel_unix_now};

static int bind_unix_timestamp(struct func_bind *fb, struct err *err) {
    if (fb->n_args > 0) return func_bind_spec(fb, err);
    fb->rewrite = expr_call(fb->arena, &unix_now, type_of_not_null(TYPE_BIGINT), fb->args, 0);
    return 0;
}

static int kernel_convert_tz(struct kernel_call *k, struct err *err) {
    struct arg a = kernel_arg(k, 0), from = kernel_arg(k, 1), to = kernel_arg(k, 2);
    struct heap *h = col_heap(k->ret);
    ATTR_CLEANUP(printed_release) struct printed p = {.tmp = STR_INIT};
    for (uint32_t i = 0; i < k->n; i++) {
        RET_STR(k)[i] = (struct strv){0};
        if (!col_is_valid(k->ret, i)) continue;
        const struct time_format *f;
        const struct tz *zf, *zt;
        int64_t utc;
        int rc = get_format(k->state, SECONDS_PATTERN, TIME_SIMPLE, &f, err);
        if (!rc) rc = zone_of(k, arg_sv(&from, i), i, true, &zf, err);
        if (!rc) rc = zone_of(k, arg_sv(&to, i), i, true, &zt, err);
        if (rc) return rc;
        if (!parse_simple(f, arg_sv(&a, i), zf, &utc)) {
            ret_null(k, i);
            continue;
        }
        rc = put_time(k, h, &p, i, f, tz_utc_to_local(zt, utc), 0, err);
        if (rc) return rc;
    }
    return 0;
}

#define TEXT_FUNC(sym, name_, sig, doc_, min, max, args_, ret_, bind_, ...)                        \
    const struct func func_##sym = {.name = name_,                                                 \
                                    .category = "temporal",                                        \
                                    .signature = sig,                                              \
                                    .doc = doc_,                                                   \
                                    .min_args = min,                                               \
                                    .max_args = max,                                               \
                                    .flags = FUNC_STRICT | FUNC_CONST_ARGS | FUNC_CAN_FAIL,        \
                                    .args = args_,                                                 \
                                    .ret = ret_,                                                   \
                                    .bind = bind_,                                                 \
                                    .prepare = prepare_formats,                                    \
                                    .unprepare = unprepare_formats,                                \
                                    __VA_ARGS__}

TEXT_FUNC(date_format, "DATE_FORMAT", "DATE_FORMAT(timestamp, pattern)",
          "The time as text by a pattern of Java's DateTimeFormatter. A string is read as "
          "yyyy-MM-dd HH:mm:ss first.",
          2, 2, "[Tzc]c", "STRING?", func_bind_spec, .pick_kernel = pick_date_format);
TEXT_FUNC(from_unixtime, "FROM_UNIXTIME", "FROM_UNIXTIME(seconds [, pattern])",
          "Seconds since 1970 as text in the session's time zone, by a pattern of Java's "
          "SimpleDateFormat (yyyy-MM-dd HH:mm:ss).",
          1, 2, "lc", "STRING?", func_bind_spec, .kernel = kernel_from_unixtime);
TEXT_FUNC(to_date, "TO_DATE", "TO_DATE(string [, pattern])",
          "The date that a text spells by a pattern (yyyy-MM-dd); NULL if it doesn't fit.", 1, 2,
          "c", "DATE?", func_bind_spec, .kernel = kernel_to_date);
TEXT_FUNC(to_timestamp, "TO_TIMESTAMP", "TO_TIMESTAMP(string [, pattern])",
          "The timestamp that a text spells by a pattern (yyyy-MM-dd HH:mm:ss); NULL if it doesn't "
          "fit.",
          1, 2, "c", "TIMESTAMP(3)?", func_bind_spec, .kernel = kernel_to_timestamp);
TEXT_FUNC(to_timestamp_ltz, "TO_TIMESTAMP_LTZ",
          "TO_TIMESTAMP_LTZ(number [, precision]) or (string [, pattern [, zone]])",
          "The instant of epoch seconds (precision 0) or milliseconds (3), or of a text in a zone "
          "(UTC).",
          1, 3, NULL, NULL, bind_ltz, .pick_kernel = pick_ltz);
TEXT_FUNC(unix_timestamp, "UNIX_TIMESTAMP", "UNIX_TIMESTAMP([string [, pattern]])",
          "Seconds since 1970, now or of a text in the session's time zone by a pattern of "
          "SimpleDateFormat.",
          0, 2, "c", "BIGINT", bind_unix_timestamp, .kernel = kernel_unix_timestamp);
TEXT_FUNC(convert_tz, "CONVERT_TZ", "CONVERT_TZ(string, from, to)",
          "A time yyyy-MM-dd HH:mm:ss of one zone in another. Unknown zones are taken for UTC.", 3,
          3, "c", "STRING?", func_bind_spec, .kernel = kernel_convert_tz);
