/* background.c - see background.h. */
#include "connector/background.h"

#include "base/core/thread.h"

#include <pthread.h>
#include <stdlib.h>

static struct io_pool *pool;
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

/* Libraries that these threads are in the middle of clean up at exit: the threads go first. */
static void stop_pool(void) {
    io_pool_free(pool);
}

static void make_pool(void) {
    struct io_pool_options o = {.name = "connector-io", .threads_max = BACKGROUND_THREADS};
    if (io_pool_new(&o, &pool, NULL)) pool = NULL;
    atexit(stop_pool);
}

void background_run(void (*run)(void *arg), void *arg) {
    struct io_job job = {run, NULL, arg};
    pthread_once(&pool_once, make_pool);
    if (!pool || io_pool_submit(pool, &job, NULL, NULL)) run(arg);
}
