/* window.h - a window as an op sees it: by its specification over a time column, or attached to the
 * rows as columns. */
#ifndef PENSTOCK_SQL_PHYS_WINDOW_H
#define PENSTOCK_SQL_PHYS_WINDOW_H

#include "sql/phys/phys.h"

struct window_ref {
    bool attached;
    int start, end; /* attached: columns */
    const struct window_spec *spec;
    int time; /* column */
    bool ltz, proctime;
};

cJSON *phys_json_window(const struct window_ref *w);
void phys_print_window(const struct window_ref *w, const struct schema *in, struct str *out);
/* Of a specification over in's columns; the time column must be a time attribute. */
int phys_window_ref(struct planner *p, const struct rel *r, const struct window_spec *spec,
                    const struct schema *in, struct window_ref *ret, struct err *err) ATTR_MUST_USE;
/* Sizes are positive and divide each other. */
int phys_window_check(const struct rel *r, const struct window_spec *s,
                      struct err *err) ATTR_MUST_USE;

#endif
