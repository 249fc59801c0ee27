/* tz.c - time zones out of TZif files (RFC 8536, version 2 and later), and fixed offsets.
 *
 * A zone is a sorted list of transitions. Behind the last listed one the footer's POSIX rule holds
 * for ever; it is unrolled over 400 years, after which the Gregorian calendar repeats itself to the
 * day of the week, so that later instants are folded back by whole cycles. */
#include "vector/func/tz.h"

#include "base/core/arena.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/str.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CYCLE_S 12622780800LL /* 400 Gregorian years */

enum {
    CYCLE_YEARS = 400,
    TZIF_SIZE_MAX_BYTES = 1 << 20,
    ZONE_NAME_MAX_BYTES = 64,
    CACHE_ZONES_MAX = 4096 /* distinct names in a process; more means names come from data */
};

struct transition {
    int64_t utc_s;
    int64_t local_s;    /* wall clock from which `after` holds, java.time's choice */
    int64_t calendar_s; /* the same, java.util.Calendar's choice */
    int32_t after_s;    /* offset from here on */
    const char *abbr;   /* name of the time from here on */
};

struct tz {
    char *name;
    struct arena text; /* abbreviations */
    int32_t first_s;   /* offset before the first transition */
    const char *first_abbr;
    uint32_t n;
    struct transition *t;
    bool cyclic;     /* t's last CYCLE_YEARS years repeat */
    int64_t cycle_s; /* instants from here on are folded back */
};

/* ---- calendar ------------------------------------------------------------------------------- */

int32_t civil_to_days(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (unsigned)(m + (m > 2 ? -3 : 9)) + 2) / 5 + (unsigned)d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int32_t)(era * 146097 + (int64_t)doe - 719468);
}

void days_to_civil(int32_t days, int32_t *ret_y, int *ret_m, int *ret_d) {
    int64_t z = (int64_t)days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *ret_d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_y = (int32_t)((int64_t)yoe + era * 400 + (*ret_m <= 2));
}

int32_t civil_add_months(int32_t days, int64_t months) {
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    int64_t total = (int64_t)y * 12 + m - 1 + months;
    int64_t year = total >= 0 ? total / 12 : -((11 - total) / 12);
    int month = (int)(total - year * 12);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int last = lengths[month] + (month == 1 && leap);
    return civil_to_days(year, month + 1, d < last ? d : last);
}

/* ---- the footer's rule: "EST5EDT,M3.2.0,M11.1.0" -------------------------------------------- */

struct rule_date {
    char kind; /* 'M' month.week.day, 'J' 1..365 without 29 February, 'D' 0..365 */
    int month, week, day;
    int time_s;
};

struct rule {
    int32_t std_s, dst_s;
    char *std_abbr, *dst_abbr;
    bool has_dst;
    struct rule_date start, end;
};

static bool rule_name(struct arena *a, const char **p, char **ret) {
    const char *s = *p;
    if (*s == '<') {
        while (*s && *s != '>')
            s++;
        if (!*s) return false;
        *ret = arena_strndup(a, *p + 1, (size_t)(s - *p - 1));
        *p = s + 1;
        return true;
    }
    while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
        s++;
    if (s - *p < 3) return false;
    *ret = arena_strndup(a, *p, (size_t)(s - *p));
    *p = s;
    return true;
}

static bool rule_number(const char **p, int *ret) {
    if (**p < '0' || **p > '9') return false;
    int v = 0;
    for (; **p >= '0' && **p <= '9' && v < 100000; (*p)++)
        v = v * 10 + (**p - '0');
    *ret = v;
    return true;
}

/* [+-]h[:m[:s]] in seconds. */
static bool rule_time(const char **p, int *ret_s) {
    int sign = **p == '-' ? -1 : 1, h, m = 0, s = 0;
    if (**p == '-' || **p == '+') (*p)++;
    if (!rule_number(p, &h)) return false;
    if (**p == ':') {
        (*p)++;
        if (!rule_number(p, &m)) return false;
    }
    if (**p == ':') {
        (*p)++;
        if (!rule_number(p, &s)) return false;
    }
    *ret_s = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool rule_date(const char **p, struct rule_date *d) {
    if (*(*p)++ != ',') return false;
    d->kind = **p == 'M' || **p == 'J' ? *(*p)++ : 'D';
    if (d->kind == 'M') {
        if (!rule_number(p, &d->month) || *(*p)++ != '.' || !rule_number(p, &d->week) ||
            *(*p)++ != '.' || !rule_number(p, &d->day) || d->month < 1 || d->month > 12)
            return false;
    } else if (!rule_number(p, &d->day)) {
        return false;
    }
    d->time_s = 7200;
    if (**p != '/') return true;
    (*p)++;
    return rule_time(p, &d->time_s);
}

static bool rule_parse(struct arena *a, const char *p, struct rule *r) {
    memset(r, 0, sizeof(*r));
    int west;
    if (!rule_name(a, &p, &r->std_abbr) || !rule_time(&p, &west)) return false;
    r->std_s = -west;
    if (!*p) return true;
    if (!rule_name(a, &p, &r->dst_abbr)) return false;
    r->has_dst = true;
    r->dst_s = r->std_s + 3600;
    if (*p && *p != ',') {
        if (!rule_time(&p, &west)) return false;
        r->dst_s = -west;
    }
    return rule_date(&p, &r->start) && rule_date(&p, &r->end) && !*p;
}

/* Wall-clock seconds since the epoch at which the rule fires in a year. */
static int64_t rule_at(const struct rule_date *d, int64_t year) {
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int64_t days;
    if (d->kind == 'M') {
        int64_t first = civil_to_days(year, d->month, 1);
        int64_t next =
            d->month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, d->month + 1, 1);
        int dow = (int)((first % 7 + 11) % 7); /* day 0 was a Thursday = 4 */
        days = first + (d->day - dow + 7) % 7 + (d->week - 1) * 7;
        while (days >= next)
            days -= 7;
    } else {
        days = civil_to_days(year, 1, 1) + d->day;
        if (d->kind == 'J') days += -1 + (leap && d->day >= 60);
    }
    return days * 86400 + d->time_s;
}

/* ---- loading -------------------------------------------------------------------------------- */

static void add_transition(struct tz *z, uint32_t *cap, int64_t utc_s, int32_t after_s,
                           const char *abbr) {
    int32_t before = z->n ? z->t[z->n - 1].after_s : z->first_s;
    const char *name = z->n ? z->t[z->n - 1].abbr : z->first_abbr;
    if (after_s == before && strcmp(name, abbr) == 0) return;
    if (z->n && utc_s <= z->t[z->n - 1].utc_s) return;
    MEM_GROW(z->t, z->n, *cap);
    z->t[z->n++] = (struct transition){.utc_s = utc_s,
                                       .local_s = utc_s + MAX(before, after_s),
                                       .calendar_s = utc_s + after_s,
                                       .after_s = after_s,
                                       .abbr = abbr};
}

static void unroll(struct tz *z, uint32_t *cap, const struct rule *r) {
    if (!r->has_dst) {
        if (z->n == 0) {
            z->first_s = r->std_s;
            z->first_abbr = r->std_abbr;
        }
        return;
    }
    int32_t y = 1970;
    int m, d;
    if (z->n) days_to_civil((int32_t)(z->t[z->n - 1].utc_s / 86400), &y, &m, &d);
    for (int32_t i = y; i <= y + CYCLE_YEARS + 1; i++) {
        int64_t s = rule_at(&r->start, i) - r->std_s, e = rule_at(&r->end, i) - r->dst_s;
        if (s < e) {
            add_transition(z, cap, s, r->dst_s, r->dst_abbr);
            add_transition(z, cap, e, r->std_s, r->std_abbr);
        } else {
            add_transition(z, cap, e, r->std_s, r->std_abbr);
            add_transition(z, cap, s, r->dst_s, r->dst_abbr);
        }
    }
    /* Fold from the start of the last year on: onto year y + 1, the first that the rule makes
     * alone. */
    z->cyclic = true;
    z->cycle_s = (int64_t)civil_to_days(y + CYCLE_YEARS + 1, 1, 2) * 86400;
}

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p) {
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* Sizes of a TZif data block with its header; 0 if it doesn't fit into n bytes. */
static size_t tzif_block(const uint8_t *p, size_t n, int time_bytes) {
    if (n < 44 || memcmp(p, "TZif", 4) != 0) return 0;
    uint64_t isut = be32(p + 20), isstd = be32(p + 24), leap = be32(p + 28), time = be32(p + 32),
             type = be32(p + 36), chars = be32(p + 40);
    uint64_t size = 44 + time * (uint64_t)time_bytes + time + type * 6 + chars +
                    leap * (uint64_t)(time_bytes + 4) + isstd + isut;
    return type > 0 && size <= n ? (size_t)size : 0;
}

/* buf is NUL-terminated behind its n bytes. */
static bool tzif_parse(struct tz *z, const uint8_t *buf, size_t n) {
    size_t v1 = tzif_block(buf, n, 4);
    if (!v1 || buf[4] < '2') return false;
    const uint8_t *p = buf + v1;
    size_t v2 = tzif_block(p, n - v1, 8);
    if (!v2) return false;
    uint32_t n_time = be32(p + 32), n_type = be32(p + 36);
    const uint8_t *times = p + 44, *index = times + (size_t)n_time * 8, *types = index + n_time;
    uint32_t n_chars = be32(p + 40);
    char *names = arena_zalloc(&z->text, n_chars + 1);
    memcpy(names, types + (size_t)n_type * 6, n_chars);
    if (types[5] >= n_chars) return false;
    z->first_s = (int32_t)be32(types);
    z->first_abbr = names + types[5];
    uint32_t cap = 0;
    for (uint32_t i = 0; i < n_time; i++) {
        if (index[i] >= n_type) return false;
        const uint8_t *type = types + (size_t)index[i] * 6;
        if (type[5] >= n_chars) return false;
        add_transition(z, &cap, be64(times + (size_t)i * 8), (int32_t)be32(type), names + type[5]);
    }
    char *footer = (char *)p + v2;
    if (*footer++ != '\n') return true;
    char *nl = strchr(footer, '\n');
    if (!nl || nl == footer) return true;
    *nl = 0;
    struct rule r;
    if (!rule_parse(&z->text, footer, &r)) return false;
    unroll(z, &cap, &r);
    return true;
}

static const char *zone_dir(void) {
    const char *dir = getenv("TZDIR");
    return dir && *dir ? dir : "/usr/share/zoneinfo";
}

/* The whole file with a NUL behind it; NULL with errno otherwise. */
static uint8_t *read_file(const char *path, size_t max_bytes, size_t *ret_n) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    struct stat st;
    uint8_t *buf = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (size_t)st.st_size <= max_bytes) {
        buf = mem_alloc((size_t)st.st_size + 1);
        size_t got = 0;
        ssize_t k;
        while (got < (size_t)st.st_size && (k = read(fd, buf + got, (size_t)st.st_size - got)) > 0)
            got += (size_t)k;
        buf[got] = 0;
        *ret_n = got;
    }
    close(fd);
    return buf;
}

static bool name_is_safe(const char *name) {
    if (strlen(name) >= ZONE_NAME_MAX_BYTES || *name == '/' || !*name || strstr(name, ".."))
        return false;
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "_-+/")] == 0;
}

static struct tz *load_zone(const char *name) {
    if (!name_is_safe(name)) return NULL;
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", zone_dir(), name);
    size_t n;
    AUTO_FREE uint8_t *buf = read_file(path, TZIF_SIZE_MAX_BYTES, &n);
    if (!buf) return NULL;
    struct tz *z = mem_zalloc(sizeof(*z));
    arena_init(&z->text);
    if (tzif_parse(z, buf, n)) return z;
    arena_release(&z->text);
    free(z->t);
    free(z);
    return NULL;
}

/* "Z", "+8", "+08", "+08:00", "+0800", also behind UTC, GMT or UT. */
static bool fixed_offset(const char *name, int32_t *ret_s) {
    const char *p = name;
    if (strcmp(p, "Z") == 0) {
        *ret_s = 0;
        return true;
    }
    if (strncmp(p, "UTC", 3) == 0 || strncmp(p, "GMT", 3) == 0)
        p += 3;
    else if (strncmp(p, "UT", 2) == 0)
        p += 2;
    if (!*p) {
        *ret_s = 0;
        return p != name;
    }
    if (*p != '+' && *p != '-') return false;
    int sign = *p++ == '-' ? -1 : 1;
    char digits[7];
    int n = 0;
    bool colon = strchr(p, ':') != NULL;
    for (; *p; p++) {
        if (*p == ':' && (n == 1 || n == 2 || n == 4)) {
            if (n == 1) {
                digits[1] = digits[0];
                digits[0] = '0';
                n = 2;
            }
            continue;
        }
        if (*p < '0' || *p > '9' || n == 6) return false;
        digits[n++] = *p;
    }
    if (n == 0 || n == 5 || (colon && n < 4)) return false;
    int v[6] = {0};
    if (n == 1 || n == 3) {
        for (int i = 0; i < n; i++)
            v[i + 1] = digits[i] - '0';
    } else {
        for (int i = 0; i < n; i++)
            v[i] = digits[i] - '0';
    }
    int h = v[0] * 10 + v[1], m = v[2] * 10 + v[3], s = v[4] * 10 + v[5];
    if (h > 18 || m > 59 || s > 59) return false;
    *ret_s = sign * (h * 3600 + m * 60 + s);
    return true;
}

/* Java's three-letter names. */
static const char *short_name(const char *name) {
    static const char *const map[][2] = {{"ACT", "Australia/Darwin"},
                                         {"AET", "Australia/Sydney"},
                                         {"AGT", "America/Argentina/Buenos_Aires"},
                                         {"ART", "Africa/Cairo"},
                                         {"AST", "America/Anchorage"},
                                         {"BET", "America/Sao_Paulo"},
                                         {"BST", "Asia/Dhaka"},
                                         {"CAT", "Africa/Harare"},
                                         {"CNT", "America/St_Johns"},
                                         {"CST", "America/Chicago"},
                                         {"CTT", "Asia/Shanghai"},
                                         {"EAT", "Africa/Addis_Ababa"},
                                         {"ECT", "Europe/Paris"},
                                         {"IET", "America/Indiana/Indianapolis"},
                                         {"IST", "Asia/Kolkata"},
                                         {"JST", "Asia/Tokyo"},
                                         {"MIT", "Pacific/Apia"},
                                         {"NET", "Asia/Yerevan"},
                                         {"NST", "Pacific/Auckland"},
                                         {"PLT", "Asia/Karachi"},
                                         {"PNT", "America/Phoenix"},
                                         {"PRT", "America/Puerto_Rico"},
                                         {"PST", "America/Los_Angeles"},
                                         {"SST", "Pacific/Guadalcanal"},
                                         {"VST", "Asia/Ho_Chi_Minh"}};
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (strcmp(map[i][0], name) == 0) return map[i][1];
    return NULL;
}

/* The nearest zone in tzdata.zi ("Z name ..." and "L target name" lines). */
static int unknown_zone(const char *name, struct err *err) {
    char path[512];
    snprintf(path, sizeof(path), "%s/tzdata.zi", zone_dir());
    size_t n;
    AUTO_FREE uint8_t *buf = read_file(path, 4 << 20, &n);
    if (access(zone_dir(), R_OK) != 0)
        return err_set(err, ERR_VALIDATION,
                       "time zone '%s' needs the time zone database, which is not installed in %s; "
                       "install tzdata, or use UTC or an offset like GMT+08:00",
                       name, zone_dir());
    AUTO_FREE const char **words = NULL;
    size_t n_words = 0, cap = 0;
    char *save = NULL;
    for (char *line = buf ? strtok_r((char *)buf, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        if ((*line != 'Z' && *line != 'L') || line[1] != ' ') continue;
        char *word = line + 2;
        if (*line == 'L' && (word = strchr(word, ' ')) != NULL) word++;
        if (!word) continue;
        word[strcspn(word, " ")] = 0;
        MEM_GROW(words, n_words, cap);
        words[n_words++] = word;
    }
    const char *near = n_words ? str_nearest(name, words, n_words) : NULL;
    return err_set(err, ERR_VALIDATION, "unknown time zone '%.100s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* ---- cache ---------------------------------------------------------------------------------- */

static struct tz utc = {.name = (char *)"UTC", .first_abbr = "UTC"};
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map cache; /* name to struct tz; guarded by cache_lock */

const struct tz *tz_utc(void) {
    return &utc;
}

bool tz_is_utc(const struct tz *z) {
    return !z->n && !z->first_s;
}

const char *tz_name(const struct tz *z) {
    return z->name;
}

static struct tz *make_zone(const char *name) {
    int32_t s;
    struct tz *z = NULL;
    if (fixed_offset(name, &s)) {
        z = mem_zalloc(sizeof(*z));
        z->first_s = s;
    } else {
        z = load_zone(name);
        const char *full = z ? NULL : short_name(name);
        if (full) z = load_zone(full);
    }
    if (!z) return NULL;
    z->name = mem_strdup(name);
    if (!z->first_abbr) z->first_abbr = z->name;
    return z;
}

int tz_get(const char *name, const struct tz **ret, struct err *err) {
    if (strcmp(name, "UTC") == 0) {
        *ret = &utc;
        return 0;
    }
    pthread_mutex_lock(&cache_lock);
    struct tz *z = map_get(&cache, name);
    if (!z && map_size(&cache) < CACHE_ZONES_MAX) {
        z = make_zone(name);
        if (z) map_put(&cache, name, z);
    }
    pthread_mutex_unlock(&cache_lock);
    if (!z) return unknown_zone(name, err);
    *ret = z;
    return 0;
}

/* ---- look-up -------------------------------------------------------------------------------- */

/* The stretch that the last look-up of this thread fell into: rows of a batch mostly share it. */
struct memo {
    const struct tz *z;
    int64_t from_s, to_s; /* valid for from <= s < to */
    int32_t offset_s;
    const char *abbr;
};

enum clock_kind { BY_UTC, BY_LOCAL, BY_CALENDAR };

static inline int64_t key_of(const struct transition *t, enum clock_kind k) {
    return k == BY_UTC ? t->utc_s : k == BY_LOCAL ? t->local_s : t->calendar_s;
}

static int32_t search(const struct tz *z, int64_t s, enum clock_kind k, struct memo *m) {
    int64_t fold = 0;
    if (z->cyclic && s >= z->cycle_s) {
        fold = ((s - z->cycle_s) / CYCLE_S + 1) * CYCLE_S;
        s -= fold;
    }
    uint32_t lo = 0, hi = z->n; /* first transition behind s */
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (key_of(&z->t[mid], k) <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    m->z = z;
    m->from_s = (lo ? key_of(&z->t[lo - 1], k) : INT64_MIN / 4) + fold;
    m->to_s = lo < z->n ? key_of(&z->t[lo], k) : INT64_MAX / 4;
    if (z->cyclic && m->to_s > z->cycle_s) m->to_s = z->cycle_s;
    m->to_s += fold;
    m->offset_s = lo ? z->t[lo - 1].after_s : z->first_s;
    m->abbr = lo ? z->t[lo - 1].abbr : z->first_abbr;
    return m->offset_s;
}

static inline int64_t floor_seconds(int64_t ms) {
    return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

static inline int32_t offset_at(const struct tz *z, int64_t ms, enum clock_kind k) {
    static _Thread_local struct memo memos[3];
    if (z->n == 0) return z->first_s;
    int64_t s = floor_seconds(ms);
    struct memo *m = &memos[k];
    if (likely(m->z == z && s >= m->from_s && s < m->to_s)) return m->offset_s;
    return search(z, s, k, m);
}

int32_t tz_offset_ms(const struct tz *z, int64_t utc_ms) {
    return offset_at(z, utc_ms, BY_UTC) * 1000;
}

int64_t tz_local_to_utc(const struct tz *z, int64_t local_ms) {
    return local_ms - offset_at(z, local_ms, BY_LOCAL) * 1000;
}

int64_t tz_local_to_utc_calendar(const struct tz *z, int64_t local_ms) {
    return local_ms - offset_at(z, local_ms, BY_CALENDAR) * 1000;
}

int64_t tz_utc_to_local(const struct tz *z, int64_t utc_ms) {
    return utc_ms + tz_offset_ms(z, utc_ms);
}

const char *tz_abbreviation(const struct tz *z, int64_t utc_ms) {
    struct memo m;
    if (z->n == 0) return z->first_abbr;
    search(z, floor_seconds(utc_ms), BY_UTC, &m);
    return m.abbr;
}
