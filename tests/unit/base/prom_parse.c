/* prom_parse.c - a strict reader of Prometheus' text form. Written from the format's description
 * (prometheus.io, "Exposition formats"), not from our writer. */
#include "tests/unit/base/prom_parse.h"

#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/str.h"
#include "tests/unit/cmocka_wrap.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const char *line; /* the current one, for messages */
    char family[128]; /* whose TYPE was last */
    char type[16], help_of[128];
    struct map families, samples;
    size_t n_samples;
    /* the histogram series being read */
    char hist_labels[2048];
    double last_bound, last_count;
    bool in_hist, inf_seen, sum_seen;
    double inf_count;
};

#define BAD(p, what) fail_msg("%s: %.*s", (what), (int)strcspn((p)->line, "\n"), (p)->line)

static size_t name_length(const char *s, bool colon) {
    size_t n = 0;
    while (isalpha((unsigned char)s[n]) || s[n] == '_' || (colon && s[n] == ':') ||
           (n && isdigit((unsigned char)s[n])))
        n++;
    return n;
}

static double parse_value(struct parser *p, const char *s) {
    size_t n = strcspn(s, "\n");
    char buf[64];
    if (n == 0 || n >= sizeof(buf)) BAD(p, "value");
    memcpy(buf, s, n);
    buf[n] = '\0';
    if (strcmp(buf, "+Inf") == 0) return INFINITY;
    if (strcmp(buf, "-Inf") == 0) return -INFINITY;
    if (strcmp(buf, "NaN") == 0) return NAN;
    if (strspn(buf, "0123456789+-.eE") != n) BAD(p, "value");
    char *end;
    double v = strtod(buf, &end);
    if (*end) BAD(p, "value");
    return v;
}

/* Reads {a="b",...}; what is not `le` goes to rest, le's value to le. Returns behind it. */
static const char *parse_labels(struct parser *p, const char *s, struct str *rest, struct str *le) {
    struct map seen;
    map_init(&seen);
    if (*s != '{') return s;
    s++;
    if (*s == '}') BAD(p, "empty braces");
    for (;;) {
        size_t n = name_length(s, false);
        if (!n || s[n] != '=' || s[n + 1] != '"') BAD(p, "label");
        if (n >= 2 && s[0] == '_' && s[1] == '_') BAD(p, "reserved label");
        AUTO_FREE char *name = mem_strndup(s, n);
        if (map_put(&seen, name, p)) BAD(p, "label twice");
        AUTO_STR value = STR_INIT;
        for (s += n + 2; *s != '"'; s++) {
            if (*s == '\n' || *s == '\0') BAD(p, "label value isn't closed");
            if (*s == '\\' && s[1] != '\\' && s[1] != '"' && s[1] != 'n') BAD(p, "escape");
            if (*s == '\\') str_add_char(&value, *s++);
            str_add_char(&value, *s);
        }
        if (!sv_is_utf8(str_view(&value))) BAD(p, "label value isn't UTF-8");
        if (strcmp(name, "le") == 0) {
            str_add_sv(le, str_view(&value));
        } else {
            str_addf(rest, "%s=\"%s\",", name, str_text(&value));
        }
        s++;
        if (*s == ',') {
            s++;
            continue;
        }
        if (*s != '}') BAD(p, "expected , or }");
        map_release(&seen, NULL);
        return s + 1;
    }
}

static void end_histogram(struct parser *p) {
    if (p->in_hist && (!p->inf_seen || p->sum_seen)) BAD(p, "histogram without +Inf, or no _count");
    p->in_hist = false;
}

static void histogram_sample(struct parser *p, const char *suffix, const char *labels,
                             const char *le, double v) {
    if (strcmp(suffix, "_bucket") == 0) {
        if (!*le) BAD(p, "bucket without le");
        double bound = strcmp(le, "+Inf") == 0 ? INFINITY : strtod(le, NULL);
        if (!p->in_hist || strcmp(p->hist_labels, labels) != 0) {
            end_histogram(p);
            p->in_hist = true;
            p->inf_seen = p->sum_seen = false;
            p->last_bound = -INFINITY;
            p->last_count = 0;
            snprintf(p->hist_labels, sizeof(p->hist_labels), "%s", labels);
        }
        if (!(bound > p->last_bound)) BAD(p, "bounds don't rise");
        if (v < p->last_count || v != floor(v)) BAD(p, "bucket counts must be cumulated");
        p->last_bound = bound;
        p->last_count = v;
        if (isinf(bound)) {
            p->inf_seen = true;
            p->inf_count = v;
        }
        return;
    }
    if (!p->in_hist || !p->inf_seen || strcmp(p->hist_labels, labels) != 0)
        BAD(p, "_sum or _count without buckets");
    if (strcmp(suffix, "_sum") == 0) {
        p->sum_seen = true;
    } else {
        if (!p->sum_seen || v != p->inf_count) BAD(p, "_count differs from +Inf");
        p->in_hist = false;
    }
}

static void parse_sample(struct parser *p, const char *line) {
    size_t n = name_length(line, true), family_len = strlen(p->family);
    if (!n) BAD(p, "metric name");
    if (!family_len || n < family_len || memcmp(line, p->family, family_len) != 0)
        BAD(p, "sample without its TYPE in front");
    AUTO_FREE char *suffix = mem_strndup(line + family_len, n - family_len);
    bool hist = strcmp(p->type, "histogram") == 0;
    if (hist ? strcmp(suffix, "_bucket") && strcmp(suffix, "_sum") && strcmp(suffix, "_count")
             : *suffix != '\0')
        BAD(p, "name doesn't belong to its TYPE");
    AUTO_STR labels = STR_INIT;
    AUTO_STR le = STR_INIT;
    const char *s = parse_labels(p, line + n, &labels, &le);
    AUTO_FREE char *key = mem_strndup(line, (size_t)(s - line));
    if (map_put(&p->samples, key, p)) BAD(p, "sample twice");
    if (*s++ != ' ') BAD(p, "expected one space in front of the value");
    double v = parse_value(p, s);
    if (strcmp(p->type, "counter") == 0) {
        if (!(v >= 0)) BAD(p, "counter below 0");
        if (n < 6 || memcmp(line + n - 6, "_total", 6) != 0) BAD(p, "counter without _total");
    }
    if (!hist && le.len) BAD(p, "le outside of a histogram");
    if (hist) histogram_sample(p, suffix, str_text(&labels), str_text(&le), v);
    p->n_samples++;
}

static void parse_comment(struct parser *p, const char *line) {
    bool help = strncmp(line, "# HELP ", 7) == 0;
    if (!help && strncmp(line, "# TYPE ", 7) != 0) BAD(p, "comment");
    end_histogram(p);
    const char *name = line + 7;
    size_t n = name_length(name, true);
    if (!n || name[n] != ' ' || n >= sizeof(p->family)) BAD(p, "metric name");
    const char *text = name + n + 1;
    size_t len = strcspn(text, "\n");
    if (help) {
        for (size_t i = 0; i < len; i++) {
            if (text[i] == '\\' && text[++i] != '\\' && text[i] != 'n') BAD(p, "escape in HELP");
        }
        snprintf(p->help_of, sizeof(p->help_of), "%.*s", (int)n, name);
        if (!len || map_put(&p->families, p->help_of, p)) BAD(p, "HELP empty or twice");
        return;
    }
    snprintf(p->family, sizeof(p->family), "%.*s", (int)n, name);
    snprintf(p->type, sizeof(p->type), "%.*s", (int)len, text);
    if (strcmp(p->family, p->help_of) != 0) BAD(p, "TYPE without HELP in front");
    if (strcmp(p->type, "counter") && strcmp(p->type, "gauge") && strcmp(p->type, "histogram"))
        BAD(p, "type");
}

size_t prom_check(const char *text) {
    struct parser p = {0};
    map_init(&p.families);
    map_init(&p.samples);
    size_t len = strlen(text);
    assert_true(len == 0 || text[len - 1] == '\n');
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        p.line = line;
        if (*line == '#') {
            parse_comment(&p, line);
        } else {
            parse_sample(&p, line);
        }
    }
    p.line = "end";
    end_histogram(&p);
    map_release(&p.families, NULL);
    map_release(&p.samples, NULL);
    return p.n_samples;
}

bool prom_get(const char *text, const char *sample, double *ret) {
    size_t n = strlen(sample);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, sample, n) != 0 || line[n] != ' ') continue;
        *ret = strtod(line + n + 1, NULL);
        return true;
    }
    return false;
}
