/* window.c - slice arithmetic. */
#include "worker/window.h"

enum { HOUR_MS = 3600000 };

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static int read_attached(const cJSON *j, const struct op_ctx *ctx, struct window *w,
                         struct err *err) {
    w->kind = SLICE_ATTACHED;
    int rc = json_get_int(j, "start", &w->start_column, err);
    if (!rc) rc = json_get_int(j, "end", &w->end_column, err);
    if (rc) return rc;
    int n = ctx->inputs[0]->n;
    if (w->start_column < 0 || w->start_column >= n || w->end_column < 0 || w->end_column >= n)
        return err_set(err, ERR_PROTOCOL, "window columns out of range");
    w->time = w->end_column;
    return 0;
}

const struct tz *window_zone(const cJSON *j, const struct op_ctx *ctx) {
    return json_opt_bool(j, "ltz", false) && !tz_is_utc(ctx->env->zone) ? ctx->env->zone : NULL;
}

int window_read(const cJSON *j, const struct op_ctx *ctx, struct window *w, struct err *err) {
    *w = (struct window){.time = -1, .start_column = -1, .end_column = -1};
    const char *type;
    int rc = json_get_str(j, "type", &type, err);
    if (rc) return rc;
    w->zone = window_zone(j, ctx);
    if (!strcmp(type, "attached")) return read_attached(j, ctx, w, err);
    w->proctime = json_opt_bool(j, "proctime", false);
    if (!w->proctime) {
        if ((rc = json_get_int(j, "time", &w->time, err))) return rc;
        if (w->time < 0 || w->time >= ctx->inputs[0]->n)
            return err_set(err, ERR_PROTOCOL, "window time column out of range");
    }
    w->size = json_opt_i64(j, "size", 0);
    w->slide = json_opt_i64(j, "slide", w->size);
    w->offset = json_opt_i64(j, "offset", 0);
    if (w->size <= 0 || w->slide <= 0) return err_set(err, ERR_PROTOCOL, "window of no length");
    w->kind = !strcmp(type, "tumble")     ? SLICE_TUMBLE
              : !strcmp(type, "hop")      ? SLICE_HOP
              : !strcmp(type, "cumulate") ? SLICE_CUMULATE
                                          : SLICE_ATTACHED;
    if (w->kind == SLICE_ATTACHED)
        return err_set(err, ERR_PROTOCOL, "window type '%s' has no slices", type);
    w->slice = w->kind == SLICE_TUMBLE ? w->size
               : w->kind == SLICE_HOP  ? gcd(w->size, w->slide)
                                       : w->slide;
    return 0;
}

int64_t window_clock(const struct window *w, int64_t epoch_ms) {
    return w->zone ? tz_utc_to_local(w->zone, epoch_ms) : epoch_ms;
}

int64_t window_slice_end(const struct window *w, int64_t time) {
    return floor_to(time, w->offset, w->slice) + w->slice;
}

void window_slices(const struct window *w, const struct column *time, uint32_t n, int64_t *ends) {
    const int64_t *t = time->data;
    if (w->kind == SLICE_ATTACHED) {
        memcpy(ends, t, sizeof *ends * n);
    } else {
        /* Neighbours mostly share a slice: one division per change. */
        int64_t from = 0, to = 0;
        for (uint32_t i = 0; i < n; i++) {
            int64_t x = w->zone ? tz_utc_to_local(w->zone, t[i]) : t[i];
            if (x < from || x >= to) {
                to = window_slice_end(w, x);
                from = to - w->slice;
            }
            ends[i] = to;
        }
    }
    if (!time->valid) return;
    for (uint32_t i = 0; i < n; i++)
        if (!col_is_valid(time, i)) ends[i] = INT64_MIN;
}

int64_t window_last_end(const struct window *w, int64_t slice_end) {
    switch (w->kind) {
    case SLICE_HOP: /* the last window that begins at or before the slice's start */
        return floor_to(slice_end - w->slice, w->offset, w->slide) + w->size;
    case SLICE_CUMULATE:
        return floor_to(slice_end - w->slice, w->offset, w->size) + w->size;
    default:
        return slice_end;
    }
}

int64_t window_first_end(const struct window *w, int64_t slice_end, int64_t after) {
    int64_t last = window_last_end(w, slice_end), end = slice_end;
    if (w->kind == SLICE_HOP) {
        /* Ends lie at offset + k * slide + size. */
        int64_t least = after >= slice_end ? after + 1 : slice_end;
        end = floor_to(least - 1, w->offset + w->size % w->slide, w->slide) + w->slide;
    } else if (w->kind == SLICE_CUMULATE && after >= slice_end) {
        end = floor_to(after, w->offset, w->slide) + w->slide;
    }
    return end > after && end <= last ? end : INT64_MAX;
}

int64_t window_start_of(const struct window *w, int64_t window_end) {
    if (w->kind == SLICE_CUMULATE) return floor_to(window_end - 1, w->offset, w->size);
    return window_end - w->size;
}

int64_t window_fire_time_in(const struct tz *zone, int64_t window_end) {
    if (!zone) return window_end - 1;
    int64_t once = tz_local_to_utc(zone, window_end - 1);
    int64_t hour_on = tz_local_to_utc(zone, window_end - 1 + HOUR_MS);
    if (once == hour_on) return once - once % HOUR_MS; /* skipped: as soon as the clock jumps */
    return hour_on - once > HOUR_MS ? once + HOUR_MS : once; /* twice: after both */
}

int64_t window_fire_time(const struct window *w, int64_t window_end) {
    return window_fire_time_in(w->zone, window_end);
}

int64_t window_passed(const struct window *w, int64_t wm) {
    if (wm == WATERMARK_MAX) return INT64_MAX;
    int64_t end = window_clock(w, wm) + 1;
    /* The clock has been put back: those of the hour to come again haven't fired. */
    while (w->zone && window_fire_time(w, end) > wm)
        end -= HOUR_MS;
    return end;
}

int64_t window_time_of(const struct window *w, int64_t window_end) {
    return w->zone ? tz_local_to_utc(w->zone, window_end - 1) : window_end - 1;
}

int window_props_read(const cJSON *list, struct window_props *ret, struct err *err) {
    static const char *const names[] = {"start", "end", "time"};
    const cJSON *j;
    cJSON_ArrayForEach(j, list) {
        int p = -1;
        for (int i = 0; i < 3; i++)
            if (cJSON_IsString(j) && !strcmp(j->valuestring, names[i])) p = i;
        if (p < 0 || ret->n == 3) return err_set(err, ERR_PROTOCOL, "bad window property");
        ret->props[ret->n++] = (enum window_prop)p;
    }
    return 0;
}

void window_prop_fill(const struct window *w, enum window_prop p, const struct type *t,
                      const int64_t *starts, const int64_t *ends, uint32_t n, struct column *c) {
    col_init(c, t, n);
    int64_t *out = c->data;
    bool instant = t->kind == TYPE_TIMESTAMP_LTZ; /* TIMESTAMP: the window's own clock */
    for (uint32_t i = 0; i < n; i++)
        out[i] = p == WINDOW_START ? starts[i]
                 : p == WINDOW_END ? ends[i]
                 : instant         ? window_time_of(w, ends[i])
                                   : ends[i] - 1;
}
