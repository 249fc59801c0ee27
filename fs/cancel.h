/* cancel.h - lets one thread break off the file system calls of others, and wakes their waits. */
#ifndef PENSTOCK_FS_CANCEL_H
#define PENSTOCK_FS_CANCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Shared: every wait of a call holds lock and sleeps on cond. */
struct fs_cancel {
    pthread_mutex_t lock;
    pthread_cond_t cond; /* of the monotonic clock */
    bool fired;
};

void fs_cancel_init(struct fs_cancel *c);
void fs_cancel_release(struct fs_cancel *c); /* no call uses it any more */
/* Calls under way return ERR_CANCELLED soon, later ones at once. Any thread; again is harmless. */
void fs_cancel_fire(struct fs_cancel *c);
bool fs_cancel_fired(struct fs_cancel *c); /* NULL: false */
/* Sleeps until then (monotonic); false = it was fired. c NULL sleeps all the same. */
bool fs_cancel_sleep(struct fs_cancel *c, int64_t until_ns);
/* With the lock held: waits for a broadcast, at most until then; INT64_MAX: for ever. */
void fs_cancel_wait(struct fs_cancel *c, int64_t until_ns);

#endif
