/* window.h - windows cut into slices (Carbone et al., "Cutty", CIKM 2016; Flink's SliceAssigner):
 * every row belongs to one slice, every window is a run of slices, so that overlapping windows
 * share their work. Times are ms of the window's own clock: epoch ms for TIMESTAMP, local
 * wall-clock ms for TIMESTAMP_LTZ. */
#ifndef PENSTOCK_WORKER_WINDOW_H
#define PENSTOCK_WORKER_WINDOW_H

#include "vector/func/tz.h"
#include "worker/op.h"

enum slicing { SLICE_TUMBLE, SLICE_HOP, SLICE_CUMULATE, SLICE_ATTACHED };

struct window {
    enum slicing kind;
    int time;                     /* column; -1 with proctime */
    int start_column, end_column; /* SLICE_ATTACHED */
    int64_t size, slide, offset;  /* ms; slide: HOP's slide, CUMULATE's step, else size */
    int64_t slice;                /* length of a slice */
    bool proctime;
    const struct tz *zone; /* of the window's clock; NULL = UTC */
};

/* Reads WINDOW of docs/plan.md. Sessions are another op's: ERR_PROTOCOL. */
int window_read(const cJSON *j, const struct op_ctx *ctx, struct window *ret,
                struct err *err) ATTR_MUST_USE;

/* The zone of a window's clock, by WINDOW's "ltz"; NULL = UTC. */
const struct tz *window_zone(const cJSON *j, const struct op_ctx *ctx);

static inline int64_t floor_to(int64_t t, int64_t offset, int64_t unit) {
    int64_t r = (t - offset) % unit;
    return t - (r < 0 ? r + unit : r);
}

/* Slice ends of n rows; rows whose time is NULL get INT64_MIN. For SLICE_ATTACHED the window's end.
 */
void window_slices(const struct window *w, const struct column *time, uint32_t n, int64_t *ends);
int64_t window_slice_end(const struct window *w, int64_t time);
/* The first window that holds the slice and ends behind `after`; INT64_MAX if there is none. */
int64_t window_first_end(const struct window *w, int64_t slice_end, int64_t after);
/* The last window that holds the slice. */
int64_t window_last_end(const struct window *w, int64_t slice_end);
int64_t window_start_of(const struct window *w, int64_t window_end);
/* The instant (epoch ms) at which the last ms of the window is over: it fires when the watermark
 * reaches this. Where summer time ends, after the hour has been for the second time. */
int64_t window_fire_time(const struct window *w, int64_t window_end);
/* The same for windows that rows carry; zone: of TIMESTAMP_LTZ, else NULL. */
int64_t window_fire_time_in(const struct tz *zone, int64_t window_end);
/* An end up to which all windows have fired when the watermark is at wm. */
int64_t window_passed(const struct window *w, int64_t wm);
/* The instant that window_time gives: the window's last ms. */
int64_t window_time_of(const struct window *w, int64_t window_end);
/* What an aggregate gives of its window besides the results: "props" of docs/plan.md. */
enum window_prop { WINDOW_START, WINDOW_END, WINDOW_TIME };
struct window_props {
    int n;
    enum window_prop props[3];
};
int window_props_read(const cJSON *list, struct window_props *ret, struct err *err) ATTR_MUST_USE;
/* One of them as an initialised column, of n windows. */
void window_prop_fill(const struct window *w, enum window_prop p, const struct type *t,
                      const int64_t *starts, const int64_t *ends, uint32_t n, struct column *ret);
/* A row's time on the window's clock. */
int64_t window_clock(const struct window *w, int64_t epoch_ms);

#endif
