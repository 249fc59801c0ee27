/* capture.h - what a test writes to standard output and error. */
#ifndef PENSTOCK_TESTS_UNIT_CLI_CAPTURE_H
#define PENSTOCK_TESTS_UNIT_CLI_CAPTURE_H

/* Until capture_end both go to a file of the test's. Not nested. */
void capture_begin(void);
/* What came, cut to some kB; valid until the next capture_end. */
const char *capture_end(void);

#endif
