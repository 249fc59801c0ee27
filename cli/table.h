/* table.h - a result as a text table. Widths are taken from the first TABLE_SAMPLE_ROWS rows (or
 * what has come when the table is flushed); later, longer cells are shown whole and push their line
 * out. */
#ifndef PENSTOCK_CLI_TABLE_H
#define PENSTOCK_CLI_TABLE_H

#include "base/core/json.h"

enum { TABLE_SAMPLE_ROWS = 1000 };

struct table;

/* columns: [{"name", "type"}]; with_op: a first column of row kinds. */
struct table *table_new(const cJSON *columns, bool with_op);
/* Of texts alone. */
struct table *table_of_texts(const char *const *names, size_t n);
/* cells: array of text or null, of the columns' number. op may be NULL without with_op. */
void table_add(struct table *t, const char *op, const cJSON *cells);
/* Prints what is held back for the widths. */
void table_flush(struct table *t);
/* Flushes, closes the frame, and says how many rows there were. Frees t. */
void table_end(struct table *t);
/* As table_end of a query that has failed: of a table with no row, nothing is shown. */
void table_fail(struct table *t);

/* A text of many lines as it is, but for what would play tricks on a terminal. */
void table_print_text(const char *text);

#endif
