/* process_stats.c - /proc/self. */
#include "worker/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t status_kb(const char *key) {
    FILE *f = fopen("/proc/self/status", "re");
    if (!f) return 0;
    char line[256];
    int64_t kb = 0;
    size_t n = strlen(key);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, key, n)) kb = atoll(line + n);
    fclose(f);
    return kb;
}

/* Name and CPU time of one thread: fields 2, 14 and 15 of its stat file; the name may hold anything
 * but ends at the last parenthesis. */
static void add_thread(cJSON *list, const char *tid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", tid);
    FILE *f = fopen(path, "re");
    if (!f) return; /* it has ended */
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    char *from = strchr(text, '('), *to = strrchr(text, ')');
    unsigned long long user, sys;
    if (!from || !to || to < from ||
        sscanf(to + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &sys) != 2)
        return;
    *to = '\0';
    cJSON *o = cJSON_CreateObject();
    json_set_str(o, "name", from + 1);
    json_set_i64(o, "cpuMs", (int64_t)(user + sys) * 1000 / sysconf(_SC_CLK_TCK));
    cJSON_AddItemToArray(list, o);
}

void process_stats_add(cJSON *obj) {
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    json_set_i64(obj, "rssBytes", status_kb("VmRSS:") * 1024);
    json_set_i64(obj, "peakBytes", status_kb("VmHWM:") * 1024);
    json_set_i64(obj, "cpuMs",
                 (int64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
                     (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000);
    cJSON *list = cJSON_AddArrayToObject(obj, "threads");
    DIR *d = opendir("/proc/self/task");
    if (!d) return;
    struct dirent *e;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.') add_thread(list, e->d_name);
    closedir(d);
}
