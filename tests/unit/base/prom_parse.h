/* prom_parse.h - a strict reader of Prometheus' text form, for tests: everything that a scraper
 * could object to fails the test, with the line. */
#ifndef PENSTOCK_TESTS_UNIT_BASE_PROM_PARSE_H
#define PENSTOCK_TESTS_UNIT_BASE_PROM_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* Checks the whole text: grammar, HELP and TYPE once and in front of their samples, samples of one
 * metric together, no sample twice, counters ending in _total and not negative, histograms with
 * rising bounds, cumulated counts, +Inf, _sum and _count that agree. Returns the samples seen. */
size_t prom_check(const char *text);
/* The value of the sample written exactly so: name{labels}. false if there is none. */
bool prom_get(const char *text, const char *sample, double *ret);

#endif
