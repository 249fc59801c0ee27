/* func_kit.h - evaluates calls written as text, for tests of functions.
 *
 *   UPPER('a')  SUBSTRING('hello', 2, 3)  EXTRACT(:YEAR, <DATE>'2024-05-06')  f(<INT>NULL, 1.5,
 * 1e0)
 *
 * !x keeps x a constant throughout. <type>'text' is CAST('text' AS type); :WORD and :"SEVERAL
 * WORDS" are symbols. Each check runs the call twice: on constants, and on columns of several rows
 * with NULLs between. */
#ifndef PENSTOCK_TESTS_UNIT_VECTOR_FUNC_FUNC_KIT_H
#define PENSTOCK_TESTS_UNIT_VECTOR_FUNC_FUNC_KIT_H

/* The call gives this type and value ("NULL" for NULL); its canonical text. */
void check_value(const char *call, const char *type, const char *value);
/* Binding (ERR_VALIDATION) or evaluation (ERR_RUNTIME) fails with this text in the message. */
void check_fails(const char *call, int code, const char *part);
/* The same on constants alone: where a literal argument shapes the result's type. */
void check_literal(const char *call, const char *type, const char *value);
void check_literal_fails(const char *call, int code, const char *part);
/* Session zone of the following checks; "UTC" at first. */
void check_zone(const char *name);

#endif
