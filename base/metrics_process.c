/* metrics_process.c - metrics of the process itself, out of /proc. */
#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A "Key:  123 kB" line of /proc/self/status; -1 if it can't be read. */
static long long status_value(const char *text, const char *key) {
    const char *p = strstr(text, key);
    return p ? strtoll(p + strlen(key), NULL, 10) : -1;
}

static int count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    if (!d) return -1;
    int n = 0;
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n - 1; /* the one that we are reading with */
}

static void collect_status(struct metrics_writer *w) {
    char text[4096];
    FILE *f = fopen("/proc/self/status", "re");
    if (!f) return;
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    long long rss_kb = status_value(text, "\nVmRSS:"), threads = status_value(text, "\nThreads:");
    if (rss_kb >= 0) metrics_emit(w, METRIC_PROCESS_RSS, NO_LABELS, (double)rss_kb * 1024);
    if (threads >= 0) metrics_emit(w, METRIC_PROCESS_THREADS, NO_LABELS, (double)threads);
}

/* When the process started, from its age in clock ticks since boot. */
static double start_time(void) {
    char text[1024];
    double uptime = 0;
    unsigned long long ticks = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    if (!f) return __builtin_nan("");
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    const char *p = strrchr(text, ')'); /* the name may hold anything */
    /* field 22, and this is behind field 2 */
    if (!p || sscanf(p + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                     "%*d %*d %llu",
                     &ticks) != 1)
        return __builtin_nan("");
    f = fopen("/proc/uptime", "re");
    if (!f) return __builtin_nan("");
    if (fscanf(f, "%lf", &uptime) != 1) uptime = 0;
    fclose(f);
    double age = uptime - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return (double)clock_wall_ms() / 1000 - age;
}

static void collect_process(void *self, struct metrics_writer *w) {
    struct rusage u;
    metrics_emit(w, METRIC_BUILD_INFO, LABELS(self, PENSTOCK_VERSION), 1);
    metrics_emit(w, METRIC_PROCESS_START, NO_LABELS, start_time());
    if (getrusage(RUSAGE_SELF, &u) == 0) {
        double s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                   (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
        metrics_emit(w, METRIC_PROCESS_CPU, NO_LABELS, s);
    }
    collect_status(w);
    int fds = count_fds();
    if (fds >= 0) metrics_emit(w, METRIC_PROCESS_FDS, NO_LABELS, fds);
    for (int level = LOG_INFO; level <= LOG_ERROR; level++) {
        metrics_emit(w, METRIC_LOG_LINES, LABELS(log_level_name((enum log_level)level)),
                     (double)log_count((enum log_level)level));
    }
}

void metrics_add_process(struct metrics *m, const char *program) {
    metrics_add_collector(m, collect_process, (void *)program);
}
