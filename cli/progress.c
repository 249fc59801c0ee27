/* progress.c - the live display. */
#include "cli/progress.h"

#include "base/core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 30 };

struct progress {
    char *name;
    int lines; /* on the screen */
    int64_t last_ms, last_records;
    double rate; /* records/s, smoothed */
};

void show_count(struct str *out, int64_t n) {
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < len; i++) {
        str_add_char(out, digits[i]);
        int left = len - i - 1;
        if (left && left % 3 == 0 && digits[i] != '-') str_add_char(out, ',');
    }
}

void show_bytes(struct str *out, int64_t n) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
        v /= 1000;
    str_addf(out, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void show_time(struct str *out, int64_t epoch_ms) {
    time_t s = (time_t)(epoch_ms >= 0 ? epoch_ms / 1000 : (epoch_ms - 999) / 1000);
    struct tm tm;
    char text[64];
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    str_add(out, text);
}

void show_duration(struct str *out, int64_t ms) {
    if (ms < 1000)
        str_addf(out, "%lld ms", (long long)ms);
    else if (ms < 60000)
        str_addf(out, "%.1f s", (double)ms / 1000);
    else if (ms < 3600000)
        str_addf(out, "%lld min %lld s", (long long)ms / 60000, (long long)ms / 1000 % 60);
    else
        str_addf(out, "%lld h %lld min", (long long)ms / 3600000, (long long)ms / 60000 % 60);
}

struct progress *progress_new(void) {
    return mem_zalloc(sizeof(struct progress));
}

void progress_begin(struct progress *p, const char *name) {
    free(p->name);
    p->name = mem_strdup(name);
    p->last_ms = p->last_records = 0;
    p->rate = 0;
}

static double share_done(const cJSON *e) {
    double total = (double)json_opt_i64(e, "totalBytes", 0);
    double done = (double)json_opt_i64(e, "bytesIn", 0);
    if (total <= 0) {
        total = (double)json_opt_i64(e, "totalRecords", 0);
        done = (double)json_opt_i64(e, "recordsIn", 0);
    }
    return total > 0 ? MIN(done / total, 1.0) : -1;
}

static void update_rate(struct progress *p, const cJSON *e) {
    int64_t ms = json_opt_i64(e, "elapsedMs", 0), n = json_opt_i64(e, "recordsIn", 0);
    if (ms <= p->last_ms) return;
    double now = (double)(n - p->last_records) * 1000 / (double)(ms - p->last_ms);
    p->rate = p->rate > 0 ? 0.6 * p->rate + 0.4 * now : now;
    p->last_ms = ms;
    p->last_records = n;
}

static void bar_line(struct str *out, const struct progress *p, const cJSON *e, double share) {
    str_addf(out, "%s  ", p->name ? p->name : "job");
    if (share < 0) return;
    str_add_char(out, '[');
    for (int i = 0; i < BAR_CELLS; i++)
        str_add_char(out, i < (int)(share * BAR_CELLS) ? '#' : '.');
    str_addf(out, "] %3.0f %%", share * 100);
    int64_t ms = json_opt_i64(e, "elapsedMs", 0);
    if (share > 0.001 && share < 1) {
        str_add(out, "  ");
        show_duration(out, (int64_t)((double)ms * (1 - share) / share));
        str_add(out, " left");
    }
}

static void figure_line(struct str *out, const struct progress *p, const cJSON *e) {
    str_add(out, "  ");
    show_bytes(out, json_opt_i64(e, "bytesIn", 0));
    if (json_opt_i64(e, "totalBytes", 0)) {
        str_add(out, " of ");
        show_bytes(out, json_opt_i64(e, "totalBytes", 0));
    }
    str_add(out, "   ");
    show_count(out, json_opt_i64(e, "recordsIn", 0));
    str_add(out, " records in   ");
    show_count(out, (int64_t)p->rate);
    str_add(out, "/s   ");
    show_count(out, json_opt_i64(e, "recordsOut", 0));
    str_add(out, " out");
    if (json_opt(e, "watermark")) {
        str_add(out, "   watermark ");
        show_time(out, json_opt_i64(e, "watermark", 0));
    }
    if (json_opt_i64(e, "skipped", 0)) {
        str_add(out, "   ");
        show_count(out, json_opt_i64(e, "skipped", 0));
        str_add(out, " skipped");
    }
}

/* One line of the screen: cut to its width, so that redrawing in place works. */
static void put_line(const struct str *line) {
    struct winsize ws;
    int width = ioctl(2, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 200;
    fprintf(stderr, "\r\033[K%.*s\n", width - 1, str_text(line));
}

void progress_update(struct progress *p, const cJSON *e) {
    update_rate(p, e);
    progress_hide(p);
    AUTO_STR bar = STR_INIT, figures = STR_INIT;
    bar_line(&bar, p, e, share_done(e));
    figure_line(&figures, p, e);
    put_line(&bar);
    put_line(&figures);
    p->lines = 2;
}

void progress_hide(struct progress *p) {
    for (; p->lines; p->lines--)
        fputs("\033[A\r\033[K", stderr);
    fflush(stderr);
}

void progress_free(struct progress *p) {
    if (!p) return;
    progress_hide(p);
    free(p->name);
    free(p);
}
