/* time_format.c - compiling and printing date and time patterns. */
#include "vector/func/time_format.h"

#include "base/core/mem.h"
#include "vector/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    MS_PER_DAY = 86400000,
    GREGORIAN_SINCE = 1582 /* SimpleDateFormat counts by Julius before */
};

const char *const time_month_names[12] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
const char *const time_day_names[7] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

/* ---- calendar ------------------------------------------------------------------------------- */

/* Monday = 0. */
static int weekday(int32_t days) {
    return (days % 7 + 10) % 7;
}

int time_day_of_year(int32_t days) {
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    return days - civil_to_days(y, 1, 1) + 1;
}

/* Week of the year whose first week holds 1 January plus at least min_days - 1 more days. */
static int week_of(int32_t days, int min_days, int *ret_year) {
    int32_t y;
    int m, d;
    days_to_civil(days, &y, &m, &d);
    for (int year = y + 1;; year--) {
        int32_t first = civil_to_days(year, 1, 1);
        int32_t start = first - weekday(first);
        if (7 - weekday(first) < min_days) start += 7;
        if (days < start) continue;
        *ret_year = year;
        return (days - start) / 7 + 1;
    }
}

int time_iso_week(int32_t days, int *ret_year) {
    return week_of(days, 4, ret_year);
}

int time_week_en(int32_t days, int *ret_year) {
    return week_of(days, 1, ret_year);
}

/* ---- compile -------------------------------------------------------------------------------- */

struct compiler {
    struct time_format *f;
    int cap;
    int active; /* the number that takes what fixed ones behind it leave; -1 none */
    int open;   /* innermost OPTIONAL, chained through `end`; -1 none */
};

static struct token *add(struct compiler *c, enum token_kind kind) {
    MEM_GROW(c->f->tokens, c->f->n, c->cap);
    struct token *t = &c->f->tokens[c->f->n++];
    memset(t, 0, sizeof(*t));
    t->kind = kind;
    return t;
}

static void add_literal(struct compiler *c, const char *p, size_t n) {
    struct token *t = add(c, TOKEN_LITERAL);
    t->text = (struct sv){p, n};
    c->active = -1;
}

/* Digits that share a run: fixed fields reserve theirs, the first one takes the rest
 * (DateTimeFormatterBuilder.appendValue). */
static void add_number(struct compiler *c, char letter, int count, int min, int max,
                       enum sign_style sign) {
    struct token *t = add(c, TOKEN_FIELD);
    int self = c->f->n - 1;
    t->letter = letter;
    t->count = count;
    t->min = min;
    t->max = max;
    t->sign = sign;
    if (c->active < 0) {
        c->active = self;
        t->fixed = min == max;
        return;
    }
    struct token *base = &c->f->tokens[c->active];
    if (min == max && sign == SIGN_NONE) {
        base->subsequent += max;
        t->fixed = true;
    } else {
        base->fixed = true;
        c->active = self;
    }
}

static void add_text(struct compiler *c, char letter, int count) {
    struct token *t = add(c, TOKEN_FIELD);
    t->letter = letter;
    t->count = count;
    c->active = -1;
}

static int too_many(char letter, struct err *err) {
    return err_set(err, ERR_RUNTIME, "Too many pattern letters: %c", letter);
}

static int field_java_time(struct compiler *c, char l, int n, struct err *err) {
    switch (l) {
    case 'u':
    case 'y':
    case 'Y':
        if (n == 2)
            add_number(c, l, n, 2, 2, SIGN_NONE);
        else
            add_number(c, l, n, n, 19, n < 4 ? SIGN_NORMAL : SIGN_EXCEEDS);
        return 0;
    case 'M':
    case 'L':
    case 'Q':
    case 'q':
        if (n > 5) return too_many(l, err);
        if (n == 1)
            add_number(c, l, n, 1, 19, SIGN_NORMAL);
        else if (n == 2)
            add_number(c, l, n, 2, 2, SIGN_NONE);
        else
            add_text(c, l, n);
        return 0;
    case 'E':
    case 'G':
        if (n > 5) return too_many(l, err);
        add_text(c, l, n);
        return 0;
    case 'a':
        if (n > 1) return too_many(l, err);
        add_text(c, l, n);
        return 0;
    case 'e':
    case 'c':
        if (n > 5) return too_many(l, err);
        if (n <= 2)
            add_number(c, l, n, n, n == 1 ? 2 : 2, n == 1 ? SIGN_NORMAL : SIGN_NONE);
        else
            add_text(c, l, n);
        return 0;
    case 'D':
        if (n > 3) return too_many(l, err);
        add_number(c, l, n, n, n == 1 ? 19 : 3, n == 1 ? SIGN_NORMAL : SIGN_NONE);
        return 0;
    case 'd':
    case 'h':
    case 'H':
    case 'k':
    case 'K':
    case 'm':
    case 's':
    case 'w':
        if (n > 2) return too_many(l, err);
        if (n == 1)
            add_number(c, l, n, 1, l == 'w' ? 2 : 19, SIGN_NORMAL);
        else
            add_number(c, l, n, 2, 2, SIGN_NONE);
        return 0;
    case 'W':
    case 'F':
        if (n > 1) return too_many(l, err);
        add_number(c, l, n, 1, l == 'W' ? 1 : 19, l == 'W' ? SIGN_NONE : SIGN_NORMAL);
        return 0;
    case 'S':
        if (n > 9) return err_set(err, ERR_RUNTIME, "Maximum width must be 9 but was %d", n);
        add_number(c, l, n, n, n, SIGN_NONE);
        return 0;
    case 'A':
    case 'n':
    case 'N':
        add_number(c, l, n, n, 19, SIGN_NORMAL);
        return 0;
    case 'V':
    case 'z':
    case 'O':
    case 'X':
    case 'x':
    case 'Z':
    case 'v':
        add_text(c, l, n);
        return 0;
    default:
        return err_set(err, ERR_RUNTIME, "Unknown pattern letter: %c", l);
    }
}

static int field_simple(struct compiler *c, char l, int n, struct err *err) {
    static const char numbers[] = "yYdHkKhmsSDFwWu";
    static const char texts[] = "GEazZX";
    if (strchr(numbers, l) || (strchr("ML", l) && n < 3)) {
        bool abutting = c->active >= 0;
        struct token *t = add(c, TOKEN_FIELD);
        t->letter = l;
        t->count = t->min = n;
        t->max = 19;
        /* Numbers that touch: all but the last take exactly their count. */
        if (abutting) c->f->tokens[c->active].fixed = true;
        c->active = c->f->n - 1;
        return 0;
    }
    if (!strchr(texts, l) && !strchr("ML", l))
        return err_set(err, ERR_RUNTIME, "Illegal pattern character '%c'", l);
    add_text(c, l, n);
    return 0;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* 'quoted' text; '' is a quote. *p is at the opening one. */
static int quoted(struct compiler *c, const char **p, const char *end, char **text,
                  struct err *err) {
    char *start = *text;
    const char *s = *p + 1;
    if (s < end && *s == '\'') {
        *(*text)++ = '\'';
        *p = s + 1;
        add_literal(c, start, 1);
        return 0;
    }
    for (; s < end; s++) {
        if (*s == '\'') {
            if (s + 1 == end || s[1] != '\'') break;
            s++;
        }
        *(*text)++ = *s;
    }
    if (s == end)
        return err_set(err, ERR_RUNTIME, "Pattern ends with an incomplete string literal");
    *p = s + 1;
    add_literal(c, start, (size_t)(*text - start));
    return 0;
}

static int open_or_close(struct compiler *c, char l, struct err *err) {
    c->active = -1;
    if (l == '[') {
        struct token *t = add(c, TOKEN_OPTIONAL);
        t->end = c->open;
        c->open = c->f->n - 1;
        return 0;
    }
    if (c->open < 0)
        return err_set(err, ERR_RUNTIME, "Pattern invalid as it contains ] without previous [");
    int start = c->open;
    c->open = c->f->tokens[start].end;
    add(c, TOKEN_END);
    c->f->tokens[start].end = c->f->n - 1;
    return 0;
}

static int compile(struct compiler *c, struct sv p, char *text, struct err *err) {
    const char *s = p.ptr, *end = p.ptr + p.len;
    bool simple = c->f->dialect == TIME_SIMPLE;
    while (s < end) {
        int rc = 0;
        if (is_letter(*s)) {
            int n = 1;
            while (s + n < end && s[n] == *s)
                n++;
            rc = simple ? field_simple(c, *s, n, err) : field_java_time(c, *s, n, err);
            s += n;
        } else if (*s == '\'') {
            rc = quoted(c, &s, end, &text, err);
        } else if (!simple && (*s == '[' || *s == ']')) {
            rc = open_or_close(c, *s++, err);
        } else if (!simple && strchr("{}#", *s)) {
            rc = err_set(err, ERR_RUNTIME, "Pattern includes reserved character: '%c'", *s);
        } else {
            *text = *s++;
            add_literal(c, text++, 1);
        }
        if (rc) return rc;
    }
    while (c->open >= 0) { /* unclosed sections end with the pattern */
        int rc = open_or_close(c, ']', err);
        if (rc) return rc;
    }
    return 0;
}

/* ---- what can be had faster ----------------------------------------------------------------- */

static int64_t span_of(const struct token *t) {
    if (strchr("GyuYQqMLwWdDEecF", t->letter)) return MS_PER_DAY;
    if (strchr("aHkKh", t->letter)) return 3600000;
    if (t->letter == 'm') return 60000;
    if (t->letter == 's') return 1000;
    return t->letter == 'S' && t->count <= 3 ? 1 : 0;
}

static bool is_plain(const struct token *t) {
    switch (t->letter) {
    case 'y':
        return t->count == 4;
    case 'M':
    case 'd':
    case 'H':
    case 'm':
    case 's':
        return t->count == 2;
    default:
        return t->letter == 'S' && t->count == 3;
    }
}

static void classify(struct time_format *f, struct sv pattern) {
    f->span_ms = MS_PER_DAY;
    f->plain = true;
    for (int i = 0; i < f->n; i++) {
        const struct token *t = &f->tokens[i];
        if (t->kind == TOKEN_LITERAL) {
            f->plain_bytes += t->text.len;
        } else if (t->kind == TOKEN_FIELD) {
            f->span_ms = MIN(f->span_ms, span_of(t));
            f->plain &= is_plain(t);
            f->plain_bytes += (size_t)t->count;
        } else {
            f->plain = false;
        }
    }
    f->seconds = sv_eq(pattern, SV_LIT("yyyy-MM-dd HH:mm:ss"));
}

int64_t time_format_span_ms(const struct time_format *f) {
    return f->span_ms;
}

int time_format_new(struct sv pattern, enum time_dialect dialect, struct time_format **ret,
                    struct err *err) {
    struct time_format *f = mem_zalloc(sizeof(*f));
    f->dialect = dialect;
    f->text = mem_alloc(pattern.len + 1);
    struct compiler c = {.f = f, .active = -1, .open = -1};
    int rc = compile(&c, pattern, f->text, err);
    if (rc) {
        time_format_free(f);
        return rc;
    }
    classify(f, pattern);
    *ret = f;
    return 0;
}

void time_format_free(struct time_format *f) {
    if (!f) return;
    free(f->tokens);
    free(f->text);
    free(f);
}

/* ---- print ---------------------------------------------------------------------------------- */

struct moment {
    int32_t days, year;
    int month, day;
    int32_t ms; /* of the day */
    int32_t ns; /* of the ms */
    const struct tz *zone;
    int64_t local_ms;
};

static void put_number(struct str *out, int64_t v, int width) {
    char buf[TEXT_I64_MAX_BYTES];
    if (v < 0) {
        str_add_char(out, '-');
        v = -v;
    }
    size_t n = text_fmt_u64(buf, (uint64_t)v);
    for (int i = (int)n; i < width; i++)
        str_add_char(out, '0');
    str_add_n(out, buf, n);
}

/* Full name, first three letters, or first letter. */
static void put_name(struct str *out, const char *name, int count) {
    if (count == 4)
        str_add(out, name);
    else
        str_add_n(out, name, count == 5 ? 1 : 3);
}

static int64_t number_of(const struct moment *t, char letter) {
    int hour = t->ms / 3600000, year;
    switch (letter) {
    case 'u':
    case 'y':
        return t->year;
    case 'Y':
        time_week_en(t->days, &year);
        return year;
    case 'M':
    case 'L':
        return t->month;
    case 'Q':
    case 'q':
        return (t->month + 2) / 3;
    case 'D':
        return time_day_of_year(t->days);
    case 'd':
        return t->day;
    case 'w':
        return time_week_en(t->days, &year);
    case 'W': {
        int32_t first = t->days - t->day + 1;
        return (t->day + weekday(first) - 1) / 7 + 1;
    }
    case 'F':
        return (t->day - 1) / 7 + 1;
    case 'e':
    case 'c':
        return weekday(t->days) + 1;
    case 'H':
        return hour;
    case 'k':
        return hour ? hour : 24;
    case 'K':
        return hour % 12;
    case 'h':
        return hour % 12 ? hour % 12 : 12;
    case 'm':
        return t->ms / 60000 % 60;
    case 's':
        return t->ms / 1000 % 60;
    case 'A':
        return t->ms;
    case 'n':
        return t->ms % 1000 * 1000000LL + t->ns;
    case 'N':
        return t->ms * 1000000LL + t->ns;
    default:
        UNREACHABLE("pattern letter %c", letter);
    }
}

static void put_fraction(struct str *out, const struct moment *t, int count) {
    char digits[9];
    int32_t nanos = t->ms % 1000 * 1000000 + t->ns;
    for (int i = 8; i >= 0; i--, nanos /= 10)
        digits[i] = (char)('0' + nanos % 10);
    str_add_n(out, digits, (size_t)count);
}

/* +HH:mm, +HHmm or +HH. */
static void put_offset(struct str *out, int32_t offset_ms, const char *sep, bool minutes) {
    int m = offset_ms / 60000, a = m < 0 ? -m : m;
    str_addf(out, "%c%02d", m < 0 ? '-' : '+', a / 60);
    if (minutes) str_addf(out, "%s%02d", sep, a % 60);
}

static void put_simple_zone(struct str *out, const struct token *t, const struct moment *m) {
    int64_t utc = tz_local_to_utc(m->zone, m->local_ms);
    int32_t offset = tz_offset_ms(m->zone, utc);
    if (t->letter == 'z') {
        str_add(out, tz_abbreviation(m->zone, utc));
    } else if (t->letter == 'Z') {
        put_offset(out, offset, "", true);
    } else if (offset == 0) {
        str_add_char(out, 'Z');
    } else {
        put_offset(out, offset, t->count == 3 ? ":" : "", t->count > 1);
    }
}

static int put_text(const struct time_format *f, const struct token *t, const struct moment *m,
                    struct str *out, struct err *err) {
    int q = (m->month + 2) / 3;
    switch (t->letter) {
    case 'G':
        str_add(out, m->year > 0 ? (t->count == 4   ? "Anno Domini"
                                    : t->count == 5 ? "A"
                                                    : "AD")
                                 : (t->count == 4   ? "Before Christ"
                                    : t->count == 5 ? "B"
                                                    : "BC"));
        return 0;
    case 'M':
    case 'L':
        put_name(out, time_month_names[m->month - 1],
                 f->dialect == TIME_SIMPLE && t->count > 4 ? 4 : t->count);
        return 0;
    case 'Q':
    case 'q':
        if (t->count == 4)
            str_addf(out, "%d%s quarter", q, q == 1 ? "st" : q == 2 ? "nd" : q == 3 ? "rd" : "th");
        else
            str_addf(out, "%s%d", t->count == 5 ? "" : "Q", q);
        return 0;
    case 'E':
    case 'e':
    case 'c':
        put_name(out, time_day_names[weekday(m->days)],
                 f->dialect == TIME_SIMPLE && t->count > 4 ? 4 : t->count);
        return 0;
    case 'a':
        str_add(out, m->ms < 43200000 ? "AM" : "PM");
        return 0;
    default:
        if (f->dialect == TIME_SIMPLE) {
            put_simple_zone(out, t, m);
            return 0;
        }
        char text[TEXT_TIMESTAMP_MAX_BYTES];
        size_t n = text_fmt_timestamp(text, m->local_ms, m->ns, 0, 'T');
        return strchr("zVv", t->letter)
                   ? err_set(err, ERR_RUNTIME, "Unable to extract ZoneId from temporal %.*s",
                             (int)n, text)
                   : err_set(err, ERR_RUNTIME, "Unsupported field: OffsetSeconds");
    }
}

static void put_field(const struct time_format *f, const struct token *t, const struct moment *m,
                      struct str *out) {
    bool simple = f->dialect == TIME_SIMPLE;
    if (t->letter == 'S') {
        if (simple)
            put_number(out, m->ms % 1000, t->count);
        else
            put_fraction(out, m, t->count);
        return;
    }
    if (simple && t->letter == 'u') {
        put_number(out, weekday(m->days) + 1, t->count);
        return;
    }
    int64_t v = number_of(m, t->letter);
    bool year = strchr("uyY", t->letter) != NULL;
    if (year && t->letter != 'u' && v <= 0) v = 1 - v; /* year of era */
    if (year && t->count == 2) v %= 100;
    if (year && simple && t->count == 1)
        put_number(out, v, 4);
    else if (year && t->sign == SIGN_EXCEEDS && v >= (int64_t)text_pow10(MIN(t->min, 18))) {
        str_add_char(out, '+');
        put_number(out, v, t->min);
    } else {
        put_number(out, v, year && simple ? MAX(t->count, 2) : t->min);
    }
}

static char *put_digits(char *p, int v, int n) {
    for (int i = n - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + n;
}

static void print_plain(const struct time_format *f, const struct moment *m, struct str *out) {
    str_reserve(out, f->plain_bytes + 1);
    char *p = out->ptr + out->len;
    int s = m->ms / 1000, min = s / 60, h = min / 60;
    for (int i = 0; i < f->n; i++) {
        const struct token *t = &f->tokens[i];
        switch (t->kind == TOKEN_LITERAL ? 0 : t->letter) {
        case 0:
            memcpy(p, t->text.ptr, t->text.len);
            p += t->text.len;
            break;
        case 'y':
            p = put_digits(p, m->year, 4);
            break;
        case 'M':
            p = put_digits(p, m->month, 2);
            break;
        case 'd':
            p = put_digits(p, m->day, 2);
            break;
        case 'H':
            p = put_digits(p, h, 2);
            break;
        case 'm':
            p = put_digits(p, min - h * 60, 2);
            break;
        case 's':
            p = put_digits(p, s - min * 60, 2);
            break;
        default:
            p = put_digits(p, m->ms - s * 1000, 3);
        }
    }
    *p = 0;
    out->len = (size_t)(p - out->ptr);
}

int time_format_print(const struct time_format *f, int64_t local_ms, int32_t ns,
                      const struct tz *zone, struct str *out, struct err *err) {
    struct moment m = {.ns = ns, .zone = zone ? zone : tz_utc(), .local_ms = local_ms};
    int64_t days = local_ms / MS_PER_DAY;
    m.ms = (int32_t)(local_ms % MS_PER_DAY);
    if (m.ms < 0) {
        m.ms += MS_PER_DAY;
        days--;
    }
    m.days = (int32_t)days;
    days_to_civil(m.days, &m.year, &m.month, &m.day);
    if (f->plain && m.year > GREGORIAN_SINCE && m.year <= 9999) {
        print_plain(f, &m, out);
        return 0;
    }
    for (int i = 0; i < f->n; i++) {
        const struct token *t = &f->tokens[i];
        if (t->kind == TOKEN_LITERAL) {
            str_add_sv(out, t->text);
        } else if (t->kind == TOKEN_FIELD && t->max == 0) {
            int rc = put_text(f, t, &m, out, err);
            if (rc) return rc;
        } else if (t->kind == TOKEN_FIELD) {
            put_field(f, t, &m, out);
        }
    }
    return 0;
}
