/* time_parse.c - reading text by date and time patterns. */
#include "vector/func/time_format.h"

#include "base/core/clock.h"
#include "vector/text.h"

#include <limits.h>
#include <string.h>

enum { MS_PER_DAY = 86400000 };

/* What was read; INT_MIN = absent. */
struct found {
    int64_t year, week_year;
    int month, day, day_of_year, weekday, week;
    int hour, hour12, ampm, minute, second;
    int32_t nanos;
    int64_t milli_of_day, nano_of_day;
    int32_t offset_ms;
    bool bc;
};

static const struct found nothing = {.year = INT_MIN,
                                     .week_year = INT_MIN,
                                     .month = INT_MIN,
                                     .day = INT_MIN,
                                     .day_of_year = INT_MIN,
                                     .weekday = INT_MIN,
                                     .week = INT_MIN,
                                     .hour = INT_MIN,
                                     .hour12 = INT_MIN,
                                     .ampm = INT_MIN,
                                     .minute = INT_MIN,
                                     .second = INT_MIN,
                                     .nanos = INT_MIN,
                                     .milli_of_day = INT_MIN,
                                     .nano_of_day = INT_MIN,
                                     .offset_ms = INT_MIN};

struct reader {
    const struct time_format *f;
    const char *start, *p, *end;
    struct found v;
};

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static bool store(int *slot, int64_t v) {
    if (*slot != INT_MIN && *slot != v) return false; /* two fields that contradict */
    *slot = (int)v;
    return true;
}

static bool store64(int64_t *slot, int64_t v) {
    if (*slot != INT_MIN && *slot != v) return false;
    *slot = v;
    return true;
}

/* Two digits of a year within 80 years before and 20 after now. */
static int64_t full_year(int64_t v) {
    int32_t y;
    int m, d;
    days_to_civil((int32_t)(clock_wall_ms() / MS_PER_DAY), &y, &m, &d);
    int64_t from = y - 80, full = from - from % 100 + v;
    return full < from ? full + 100 : full;
}

static bool set_number(struct reader *r, const struct token *t, int64_t v, int digits) {
    struct found *f = &r->v;
    bool simple = r->f->dialect == TIME_SIMPLE;
    switch (t->letter) {
    case 'u':
        if (simple) return store(&f->weekday, v);
        return store64(&f->year, t->count == 2 ? 2000 + v : v);
    case 'y':
        if (t->count == 2 && simple && digits == 2) {
            v = full_year(v);
        } else if (t->count == 2 && !simple) {
            v += 2000;
        }
        return store64(&f->year, v);
    case 'Y':
        return store64(&f->week_year, t->count == 2 && digits == 2 ? 2000 + v : v);
    case 'M':
    case 'L':
        return store(&f->month, v);
    case 'd':
        return store(&f->day, v);
    case 'D':
        return store(&f->day_of_year, v);
    case 'w':
        return store(&f->week, v);
    case 'e':
    case 'c':
        return store(&f->weekday, v);
    case 'H':
        return store(&f->hour, v);
    case 'k':
        return store(&f->hour, v == 24 ? 0 : v);
    case 'K':
        return store(&f->hour12, v);
    case 'h':
        return store(&f->hour12, v == 12 ? 0 : v);
    case 'm':
        return store(&f->minute, v);
    case 's':
        return store(&f->second, v);
    case 'S':
        if (simple) { /* milliseconds, whatever the number of digits */
            f->nanos = INT_MIN;
            return store64(&f->milli_of_day, v);
        }
        for (int i = digits; i < 9; i++)
            v *= 10;
        return store(&f->nanos, v);
    case 'A':
        return store64(&f->milli_of_day, v);
    case 'n':
        return store(&f->nanos, v);
    case 'N':
        return store64(&f->nano_of_day, v);
    default: /* W, F, Q: read, of no consequence */
        return true;
    }
}

/* Digits up to max, of which `reserve` are left to the fields behind. */
static bool read_digits(struct reader *r, int min, int max, int reserve, int64_t *ret, int *ret_n) {
    int have = 0;
    while (have < max + reserve && r->p + have < r->end && is_digit(r->p[have]))
        have++;
    int take = have;
    if (reserve > 0) take = MAX(min, have - reserve);
    if (take > max) take = max;
    if (take < min || take > have || take == 0 || take > 18) return false;
    int64_t v = 0;
    for (int i = 0; i < take; i++)
        v = v * 10 + (r->p[i] - '0');
    r->p += take;
    *ret = v;
    *ret_n = take;
    return true;
}

static bool number_java_time(struct reader *r, const struct token *t) {
    bool plus = false, minus = false;
    if (t->sign != SIGN_NONE && r->p < r->end && !t->fixed) {
        plus = *r->p == '+' && t->sign == SIGN_EXCEEDS;
        minus = *r->p == '-';
        r->p += plus || minus;
    }
    int64_t v;
    int n, max = t->fixed && t->min == t->max ? t->max : t->fixed ? t->min : t->max;
    if (!read_digits(r, t->min, max, t->subsequent, &v, &n)) return false;
    if (t->sign == SIGN_EXCEEDS && !minus && (n > t->min) != plus) return false;
    return set_number(r, t, minus ? -v : v, n);
}

/* Leading blanks are skipped; numbers that touch the next one take exactly their count. */
static bool number_simple(struct reader *r, const struct token *t) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
        r->p++;
    bool minus = r->p < r->end && *r->p == '-';
    if (minus) r->p++;
    int64_t v;
    int n;
    if (!read_digits(r, t->fixed ? t->count : 1, t->fixed ? t->count : 18, 0, &v, &n)) return false;
    return set_number(r, t, minus ? -v : v, n);
}

static bool fits_name(struct reader *r, const char *name, size_t n) {
    if ((size_t)(r->end - r->p) < n) return false;
    for (size_t i = 0; i < n; i++) {
        char a = r->p[i], b = name[i];
        if (r->f->dialect == TIME_SIMPLE) {
            a |= 0x20;
            b |= 0x20;
        }
        if (a != b) return false;
    }
    r->p += n;
    return true;
}

/* Index of the name that stands here, full or its first three letters; -1 if none. */
static int read_name(struct reader *r, const char *const *names, int n, int count) {
    bool both = r->f->dialect == TIME_SIMPLE;
    for (int i = 0; i < n && (both || count == 4); i++)
        if (fits_name(r, names[i], strlen(names[i]))) return i;
    for (int i = 0; i < n && (both || count < 4); i++)
        if (fits_name(r, names[i], 3)) return i;
    return -1;
}

/* Z, +HH, +HHmm, +HH:mm, GMT+HH:mm, or a zone's name. */
static bool read_zone(struct reader *r, const struct token *t) {
    static const char *const utc[] = {"UTC", "GMT", "UT", "Z"};
    for (size_t i = 0; i < ARRAY_LEN(utc); i++) {
        if (!fits_name(r, utc[i], strlen(utc[i]))) continue;
        r->v.offset_ms = 0;
        break;
    }
    if (r->p == r->end || (*r->p != '+' && *r->p != '-')) return r->v.offset_ms != INT_MIN;
    int sign = *r->p++ == '-' ? -1 : 1, v[4], n = 0;
    for (; r->p < r->end && n < 4; r->p++) {
        if (*r->p == ':' && n == 2) continue;
        if (!is_digit(*r->p)) break;
        v[n++] = *r->p - '0';
    }
    if (n == 1)
        r->v.offset_ms = sign * v[0] * 3600000;
    else if (n == 2)
        r->v.offset_ms = sign * (v[0] * 10 + v[1]) * 3600000;
    else if (n == 4)
        r->v.offset_ms = sign * ((v[0] * 10 + v[1]) * 3600000 + (v[2] * 10 + v[3]) * 60000);
    else
        return false;
    return true;
}

static bool read_text(struct reader *r, const struct token *t) {
    static const char *const eras[] = {"BC", "AD"}, *const halves[] = {"AM", "PM"};
    switch (t->letter) {
    case 'G':
        for (int i = 0; i < 2; i++)
            if (fits_name(r, eras[i], 2)) {
                r->v.bc = i == 0;
                return true;
            }
        return false;
    case 'M':
    case 'L': {
        int m = read_name(r, time_month_names, 12, t->count);
        return m >= 0 && store(&r->v.month, m + 1);
    }
    case 'E':
    case 'e':
    case 'c': {
        int d = read_name(r, time_day_names, 7, t->count);
        return d >= 0 && store(&r->v.weekday, d + 1);
    }
    case 'a':
        for (int i = 0; i < 2; i++)
            if (fits_name(r, halves[i], 2)) return store(&r->v.ampm, i);
        return false;
    case 'Q':
    case 'q':
        return false;
    default:
        return read_zone(r, t);
    }
}

static bool read_token(struct reader *r, const struct token *t) {
    if (t->kind == TOKEN_FIELD) {
        if (t->max == 0) return read_text(r, t);
        return r->f->dialect == TIME_SIMPLE ? number_simple(r, t) : number_java_time(r, t);
    }
    if (t->kind != TOKEN_LITERAL) return true;
    const char *p = t->text.ptr;
    size_t n = t->text.len;
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, p, n) != 0) return false;
    r->p += n;
    return true;
}

/* Tokens [i, to). An optional section that doesn't fit leaves no trace. */
static bool read_tokens(struct reader *r, int i, int to) {
    for (; i < to; i++) {
        const struct token *t = &r->f->tokens[i];
        if (t->kind != TOKEN_OPTIONAL) {
            if (!read_token(r, t)) return false;
            continue;
        }
        struct reader before = *r;
        if (!read_tokens(r, i + 1, t->end)) *r = before;
        i = t->end;
    }
    return true;
}

/* ---- what the fields mean ------------------------------------------------------------------- */

static int64_t or_else(int64_t v, int64_t def) {
    return v == INT_MIN ? def : v;
}

static int month_length(int64_t y, int m) {
    int32_t from = civil_to_days(y, m, 1);
    return (m == 12 ? civil_to_days(y + 1, 1, 1) : civil_to_days(y, m + 1, 1)) - from;
}

static bool in(int v, int lo, int hi) {
    return v == INT_MIN || (v >= lo && v <= hi);
}

/* Days since the epoch from year, month and day, or year and day of year. A day beyond its month's
 * end is the last one (30 February), beyond 31 none. */
static bool resolve_date(const struct found *f, int64_t *ret_days) {
    int64_t y = or_else(f->year, 1970);
    if (f->year != INT_MIN && f->year < 1) return false;
    if (f->bc) y = 1 - y;
    if (!in(f->month, 1, 12) || !in(f->day, 1, 31) || y > 999999) return false;
    if (f->day_of_year != INT_MIN && f->year != INT_MIN && f->month == INT_MIN) {
        int64_t first = civil_to_days(y, 1, 1), next = civil_to_days(y + 1, 1, 1);
        *ret_days = first + f->day_of_year - 1;
        return f->day_of_year >= 1 && *ret_days < next;
    }
    int m = (int)or_else(f->month, 1), d = (int)or_else(f->day, 1);
    if (d > month_length(y, m)) {
        if (f->year == INT_MIN || f->month == INT_MIN) return false;
        d = month_length(y, m);
    }
    *ret_days = civil_to_days(y, m, d);
    return f->weekday == INT_MIN || f->day == INT_MIN || (*ret_days % 7 + 10) % 7 + 1 == f->weekday;
}

static bool resolve_clock(const struct found *f, int64_t *ret_nanos) {
    if (f->nano_of_day != INT_MIN) {
        *ret_nanos = f->nano_of_day;
        return f->nano_of_day < 86400000000000LL;
    }
    if (f->milli_of_day != INT_MIN) {
        *ret_nanos = f->milli_of_day * 1000000;
        return f->milli_of_day < MS_PER_DAY;
    }
    int h = (int)or_else(f->hour, 0);
    if (f->ampm != INT_MIN && f->hour12 != INT_MIN) h = f->hour12 + 12 * f->ampm;
    int m = (int)or_else(f->minute, 0), s = (int)or_else(f->second, 0);
    if (h < 0 || h > 24 || m > 59 || s > 59 || m < 0 || s < 0 || !in(f->hour12, 0, 12))
        return false;
    int64_t frac = or_else(f->nanos, 0);
    if (h == 24 && (m || s || frac)) return false;
    *ret_nanos = ((h * 60LL + m) * 60 + s) * 1000000000LL + frac;
    return true;
}

static bool finish_java_time(const struct found *f, int64_t *ret_ms, int32_t *ret_ns) {
    int64_t days, nanos;
    if (!resolve_date(f, &days) || !resolve_clock(f, &nanos)) return false;
    if (nanos == 86400000000000LL) nanos = 0; /* 24:00: an excess day, which is not looked at */
    *ret_ms = days * MS_PER_DAY + nanos / 1000000;
    *ret_ns = (int32_t)(nanos % 1000000);
    return true;
}

/* Calendar arithmetic: everything may overflow into the next larger field. */
static bool finish_simple(const struct found *f, int64_t *ret_ms, int32_t *ret_ns) {
    int64_t y = or_else(f->year, 1970), m = or_else(f->month, 1) - 1;
    if (f->bc) y = 1 - y;
    y += m >= 0 ? m / 12 : -((11 - m) / 12);
    m = (m % 12 + 12) % 12;
    if (y < -290000 || y > 290000) return false;
    int64_t days = civil_to_days(y, (int)m + 1, 1);
    if (f->day_of_year != INT_MIN && f->month == INT_MIN && f->day == INT_MIN)
        days = civil_to_days(y, 1, 1) + f->day_of_year - 1;
    else
        days += or_else(f->day, 1) - 1;
    int64_t h = or_else(f->hour, 0);
    if (f->hour12 != INT_MIN) h = f->hour12 + 12 * or_else(f->ampm, 0);
    *ret_ms = days * MS_PER_DAY + h * 3600000 + or_else(f->minute, 0) * 60000 +
              or_else(f->second, 0) * 1000 + or_else(f->milli_of_day, 0);
    *ret_ns = 0;
    return true;
}

/* The usual form with every field in its range, which all rules agree on. */
static bool parse_seconds(const struct time_format *f, struct sv text, int64_t *ret_local_ms,
                          int32_t *ret_ns) {
    *ret_ns = 0;
    if (text.len < TEXT_SECONDS_BYTES) return false;
    if (text.len > TEXT_SECONDS_BYTES) { /* more behind it, but no third digit of the seconds */
        char next = text.ptr[TEXT_SECONDS_BYTES];
        if (f->dialect == TIME_JAVA_TIME || (next >= '0' && next <= '9')) return false;
    }
    return text_parse_seconds(text.ptr, ret_local_ms);
}

bool time_format_parse(const struct time_format *f, struct sv text, int64_t *ret_local_ms,
                       int32_t *ret_ns, int32_t *ret_offset_ms) {
    *ret_offset_ms = INT32_MIN;
    if (f->seconds && parse_seconds(f, text, ret_local_ms, ret_ns)) return true;
    struct reader r = {
        .f = f, .start = text.ptr, .p = text.ptr, .end = text.ptr + text.len, .v = nothing};
    if (!read_tokens(&r, 0, f->n)) return false;
    bool simple = f->dialect == TIME_SIMPLE;
    if (!simple && r.p != r.end) return false;
    *ret_offset_ms = r.v.offset_ms;
    return simple ? finish_simple(&r.v, ret_local_ms, ret_ns)
                  : finish_java_time(&r.v, ret_local_ms, ret_ns);
}
