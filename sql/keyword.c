/* keyword.c - the table of SQL words, searched by halving. */
#include "sql/token.h"

#include "sql/grammar.h"

#include <string.h>

static const struct sql_keyword keywords[] = {
#define R(word, token) {#word, TOK_##token, true},
#define N(word, token) {#word, TOK_##token, false},
#include "sql/keyword.def"
#undef R
#undef N
};

enum { WORD_MAX_BYTES = 40 };

const struct sql_keyword *sql_keyword_find(const char *word, size_t len) {
    char up[WORD_MAX_BYTES];
    if (len >= sizeof(up)) return NULL;
    for (size_t i = 0; i < len; i++)
        up[i] = (char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]);
    up[len] = '\0';
    size_t lo = 0, hi = ARRAY_LEN(keywords);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int d = strcmp(up, keywords[mid].word);
        if (d == 0) return &keywords[mid];
        if (d < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

bool sql_word_is_reserved(const char *word) {
    const struct sql_keyword *kw = sql_keyword_find(word, strlen(word));
    return kw && kw->reserved;
}
