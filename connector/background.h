/* background.h - the connectors' I/O threads: whatever of their work would block an executor. */
#ifndef PENSTOCK_CONNECTOR_BACKGROUND_H
#define PENSTOCK_CONNECTOR_BACKGROUND_H

enum { BACKGROUND_THREADS = 16 }; /* of a process */

/* Runs it on one of them; in line where there is no room. Any thread. When the process ends, what
 * runs comes to its end, what waits isn't begun. */
void background_run(void (*run)(void *arg), void *arg);

#endif
