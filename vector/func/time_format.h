/* time_format.h - date and time patterns of Java, in both of its dialects: java.time's
 * DateTimeFormatter (DATE_FORMAT and TO_TIMESTAMP of timestamps) and java.text's SimpleDateFormat
 * (everything that goes by Unix time or text). English names; weeks start on Monday, and the first
 * one holds 1 January, as in Java's locale "en". Compiled patterns are immutable. */
#ifndef PENSTOCK_VECTOR_FUNC_TIME_FORMAT_H
#define PENSTOCK_VECTOR_FUNC_TIME_FORMAT_H

#include "base/core/err.h"
#include "base/core/str.h"
#include "vector/func/tz.h"

#include <stdbool.h>
#include <stdint.h>

enum time_dialect { TIME_JAVA_TIME, TIME_SIMPLE };

struct time_format;

/* ERR_RUNTIME for a letter that the dialect doesn't know. */
int time_format_new(struct sv pattern, enum time_dialect dialect, struct time_format **ret,
                    struct err *err) ATTR_MUST_USE;
void time_format_free(struct time_format *f);

/* Appends wall-clock time local_ms + ns. zone and utc_ms serve SimpleDateFormat's zone letters;
 * java.time's formatter is given no zone: its zone letters fail (ERR_RUNTIME). */
int time_format_print(const struct time_format *f, int64_t local_ms, int32_t ns,
                      const struct tz *zone, struct str *out, struct err *err) ATTR_MUST_USE;

/* The longest span, counted from 1970, over which the same is printed: a day for "yyyy-MM-dd". In
 * ms; 0 if that can't be told. */
int64_t time_format_span_ms(const struct time_format *f);

/* Reads text; false if it doesn't fit the pattern or names no time. java.time wants all of the
 * text, SimpleDateFormat a prefix, and lets fields overflow (month 13 is next January). Fields that
 * are absent are those of 1970-01-01 00:00:00. An offset in the text (SimpleDateFormat) makes
 * *ret_offset_ms other than INT32_MIN. */
bool time_format_parse(const struct time_format *f, struct sv text, int64_t *ret_local_ms,
                       int32_t *ret_ns, int32_t *ret_offset_ms);

/* Fields of a calendar day, shared by EXTRACT. */
int time_day_of_year(int32_t days);
int time_iso_week(int32_t days, int *ret_year); /* Monday first, at least four days */
int time_week_en(int32_t days, int *ret_year);  /* as stated above */

/* ---- inside ------------------------------------------------------------------------------- */

enum token_kind { TOKEN_LITERAL, TOKEN_FIELD, TOKEN_OPTIONAL, TOKEN_END };
enum sign_style { SIGN_NONE, SIGN_NORMAL, SIGN_EXCEEDS };

struct token {
    enum token_kind kind;
    char letter;
    int count;
    int min, max; /* digits of a numeric field; max 0 = text */
    enum sign_style sign;
    bool fixed;     /* exactly max digits */
    int subsequent; /* digits that fixed fields right behind need */
    int end;        /* OPTIONAL: its END */
    struct sv text; /* LITERAL */
};

struct time_format {
    enum time_dialect dialect;
    int n;
    struct token *tokens;
    char *text; /* bytes of the literals */
    int64_t span_ms;
    bool plain;         /* of yyyy MM dd HH mm ss SSS and literals alone */
    size_t plain_bytes; /* what that prints */
    bool seconds;       /* yyyy-MM-dd HH:mm:ss */
};

extern const char *const time_month_names[12];
extern const char *const time_day_names[7]; /* Monday first */

#endif
