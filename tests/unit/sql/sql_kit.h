/* sql_kit.h - running SQL through a session in tests. */
#ifndef PENSTOCK_TESTS_UNIT_SQL_SQL_KIT_H
#define PENSTOCK_TESTS_UNIT_SQL_SQL_KIT_H

#include "base/core/json.h"
#include "sql/session.h"

struct sql_kit {
    struct session *session;
    struct arena arena;
    struct err err;
    struct statement_result result; /* of the last statement */
};

void sql_kit_init(struct sql_kit *k);
void sql_kit_release(struct sql_kit *k);
/* Runs every statement of a script until one fails; its code. */
int sql_kit_run(struct sql_kit *k, const char *sql);
/* "a INT NOT NULL, b STRING" of the last query's result. Valid until the next call. */
const char *sql_kit_schema(struct sql_kit *k);
/* The bound plans of the last statement, as rel_print shows them. */
const char *sql_kit_plan(struct sql_kit *k);
/* A file below tests/data, whole, as JSON; fails the test if it can't be read. */
cJSON *sql_kit_json(const char *path);
char *sql_kit_file(const char *path); /* the caller frees */
/* text with every `from` replaced; the caller frees. */
char *sql_kit_replace(const char *text, const char *from, const char *to);

#endif
