/* state_file.c - pieces from many threads into one file per checkpoint. */
#include "worker/checkpoint/state_file.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/core/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    uint64_t checkpoint;
    int vertex, subtask;
    struct str bytes;
    cJSON *more;
    bool task_done; /* the task's last; bytes are empty */
};

struct state_file_writer {
    struct state_file_opts opts;
    struct thread thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under lock */
    struct piece *first, **last;
    bool closing;
    uint64_t open;      /* checkpoint; 0 = none */
    uint64_t last_open; /* highest begun */
    uint64_t epoch;
    int n_tasks;
    bool overrun;                        /* of the open one: too much waits, it fails */
    struct fs_cancel *cancel;            /* of the file being written; NULL = none */
    atomic_uint_least64_t backlog_bytes; /* relaxed: a hint */
    uint32_t salt;

    /* the thread's own */
    uint64_t at; /* checkpoint that the following is about; 0 = none */
    struct ckpt_file name;
    struct fs_writer *file;
    uint64_t written_bytes;
    int tasks_left;
    cJSON *tasks;  /* done */
    cJSON *pieces; /* of tasks that aren't: {"v", "s", "pieces"} */
    struct err err;
};

/* ---- the writing thread ---- */

static void forget(struct state_file_writer *w) {
    fs_abandon(w->file);
    w->file = NULL;
    pthread_mutex_lock(&w->lock);
    struct fs_cancel *cancel = w->cancel;
    w->cancel = NULL;
    pthread_mutex_unlock(&w->lock);
    if (cancel) fs_cancel_release(cancel);
    free(cancel);
    cJSON_Delete(w->tasks);
    cJSON_Delete(w->pieces);
    w->tasks = w->pieces = NULL;
    w->at = 0;
}

static void start(struct state_file_writer *w, uint64_t checkpoint, uint64_t epoch, int n_tasks) {
    forget(w);
    w->at = checkpoint;
    w->tasks_left = n_tasks;
    w->written_bytes = 0;
    w->tasks = cJSON_CreateArray();
    w->pieces = cJSON_CreateArray();
    ckpt_file_name(epoch, checkpoint, w->opts.worker_id, w->salt++, &w->name);
    err_clear(&w->err);
}

static cJSON *task_entry(struct state_file_writer *w, int vertex, int subtask, bool detach) {
    int i = 0;
    for (cJSON *e = w->pieces->child; e; e = e->next, i++)
        if (json_opt_i64(e, "v", -1) == vertex && json_opt_i64(e, "s", -1) == subtask)
            return detach ? cJSON_DetachItemFromArray(w->pieces, i) : e;
    cJSON *e = cJSON_CreateObject();
    json_set_i64(e, "v", vertex);
    json_set_i64(e, "s", subtask);
    cJSON_AddArrayToObject(e, "pieces");
    if (!detach) cJSON_AddItemToArray(w->pieces, e);
    return e;
}

static int write_bytes(struct state_file_writer *w, const struct piece *p, struct err *err) {
    if (!w->file) {
        AUTO_STR uri = STR_INIT;
        str_addf(&uri, "%s/state/%s", w->opts.dir, w->name.name);
        struct fs_cancel *cancel = mem_zalloc(sizeof *cancel);
        fs_cancel_init(cancel);
        pthread_mutex_lock(&w->lock);
        w->cancel = cancel;
        if (w->open != w->at) fs_cancel_fire(cancel);
        pthread_mutex_unlock(&w->lock);
        struct fs_call call = {.timeout_ms = STATE_FILE_TIMEOUT_MS, .cancel = cancel};
        int rc = fs_create(w->opts.fs, uri.ptr, FS_NEW, &call, &w->file, err);
        if (rc) return rc;
    }
    int rc = fs_write(w->file, p->bytes.ptr, p->bytes.len, err);
    if (rc) return rc;
    cJSON *pieces =
        cJSON_GetObjectItemCaseSensitive(task_entry(w, p->vertex, p->subtask, false), "pieces");
    cJSON *last = cJSON_GetArrayItem(pieces, cJSON_GetArraySize(pieces) - 1);
    uint64_t from = w->written_bytes;
    w->written_bytes += p->bytes.len;
    /* Pieces that lie behind one another are one. */
    if (last &&
        (uint64_t)last->child->valuedouble + (uint64_t)last->child->next->valuedouble == from) {
        cJSON_SetNumberValue(last->child->next,
                             last->child->next->valuedouble + (double)p->bytes.len);
        return 0;
    }
    cJSON *range = cJSON_CreateArray();
    cJSON_AddItemToArray(range, json_u64(from));
    cJSON_AddItemToArray(range, json_u64(p->bytes.len));
    cJSON_AddItemToArray(pieces, range);
    return 0;
}

static void task_is_done(struct state_file_writer *w, struct piece *p) {
    cJSON *e = task_entry(w, p->vertex, p->subtask, true);
    while (p->more && p->more->child) {
        cJSON *m = cJSON_DetachItemViaPointer(p->more, p->more->child);
        cJSON_AddItemToObject(e, m->string, m);
    }
    cJSON_AddItemToArray(w->tasks, e);
    w->tasks_left--;
}

/* The end of a checkpoint here, good or bad. */
static void settle(struct state_file_writer *w, int rc) {
    bool any = w->file;
    if (!rc && any) {
        struct fs_writer *f = w->file;
        w->file = NULL;
        rc = fs_finish(f, &w->err);
    }
    pthread_mutex_lock(&w->lock);
    if (w->overrun && w->open == w->at)
        rc = err_set(&w->err, ERR_BUDGET, "the store is too slow: more than %llu MiB wait for it",
                     (unsigned long long)(w->opts.backlog_max_bytes >> 20));
    if (rc) err_wrap(&w->err, "write %s", w->name.name);
    bool wanted = w->open == w->at;
    if (wanted) w->open = 0;
    pthread_mutex_unlock(&w->lock);
    if (!wanted && !rc && any) { /* abandoned just now: nobody will name the file */
        AUTO_STR uri = STR_INIT;
        str_addf(&uri, "%s/state/%s", w->opts.dir, w->name.name);
        const char *uris[] = {uri.ptr};
        struct err ignored = ERR_INIT; /* what stays is swept up by the coordinator */
        if (fs_delete(w->opts.fs, uris, 1, NULL, &ignored)) err_clear(&ignored);
    }
    if (wanted) {
        struct state_file_result r = {.checkpoint = w->at,
                                      .err = rc ? &w->err : NULL,
                                      .any = any && !rc,
                                      .file = w->name,
                                      .bytes = w->written_bytes,
                                      .tasks = w->tasks};
        w->tasks = NULL;
        w->opts.done(w->opts.self, &r);
    }
    forget(w);
}

static void handle(struct state_file_writer *w, struct piece *p, uint64_t open, uint64_t epoch,
                   int n_tasks, bool overrun) {
    if (w->at && w->at != open) forget(w); /* abandoned */
    if (p->checkpoint != open) return;
    if (w->at != open) start(w, open, epoch, n_tasks);
    int rc = 0;
    if (p->task_done)
        task_is_done(w, p);
    else
        rc = write_bytes(w, p, &w->err);
    if (rc || overrun || !w->tasks_left) settle(w, rc);
}

static void piece_free(struct piece *p) {
    str_release(&p->bytes);
    cJSON_Delete(p->more);
    free(p);
}

static void run(void *arg) {
    struct state_file_writer *w = arg;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->closing && !(w->at && w->at != w->open))
            pthread_cond_wait(&w->wake, &w->lock);
        struct piece *p = w->first;
        if (p) {
            w->first = p->next;
            if (!w->first) w->last = &w->first;
        }
        bool closing = w->closing;
        uint64_t open = w->open, epoch = w->epoch;
        int n_tasks = w->n_tasks;
        bool overrun = w->overrun;
        pthread_mutex_unlock(&w->lock);
        if (closing || !p) forget(w);
        if (p) {
            if (!closing) handle(w, p, open, epoch, n_tasks, overrun);
            atomic_fetch_sub_explicit(&w->backlog_bytes, p->bytes.len, memory_order_relaxed);
            piece_free(p);
        }
        pthread_mutex_lock(&w->lock);
        if (closing && !w->first) break;
    }
    pthread_mutex_unlock(&w->lock);
}

/* ---- any thread ---- */

/* With the lock held. */
static void give_up(struct state_file_writer *w) {
    w->open = 0;
    if (w->cancel) fs_cancel_fire(w->cancel);
    pthread_cond_signal(&w->wake);
}

int state_file_writer_new(const struct state_file_opts *opts, struct state_file_writer **ret,
                          struct err *err) {
    struct state_file_writer *w = mem_zalloc(sizeof *w);
    w->opts = *opts;
    if (!w->opts.backlog_max_bytes) w->opts.backlog_max_bytes = STATE_FILE_BACKLOG_MAX_BYTES;
    w->last = &w->first;
    w->salt = (uint32_t)clock_wall_ns();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    int rc = thread_start(&w->thread, "state-file", run, w, err);
    if (rc) {
        state_file_writer_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

void state_file_writer_free(struct state_file_writer *w) {
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    give_up(w); /* a store that doesn't answer isn't waited for */
    pthread_mutex_unlock(&w->lock);
    thread_join(&w->thread);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w);
}

bool state_file_begin(struct state_file_writer *w, uint64_t epoch, uint64_t checkpoint,
                      int n_tasks) {
    CHECK(n_tasks > 0 && n_tasks <= STATE_FILE_TASKS_MAX && checkpoint);
    pthread_mutex_lock(&w->lock);
    bool fresh = checkpoint > w->last_open;
    if (fresh) {
        if (w->open) give_up(w);
        w->open = w->last_open = checkpoint;
        w->overrun = false;
        w->epoch = epoch;
        w->n_tasks = n_tasks;
        pthread_cond_signal(&w->wake);
    }
    pthread_mutex_unlock(&w->lock);
    return fresh;
}

static void hand_in(struct state_file_writer *w, struct piece *p) {
    uint64_t before =
        atomic_fetch_add_explicit(&w->backlog_bytes, p->bytes.len, memory_order_relaxed);
    pthread_mutex_lock(&w->lock);
    bool mine = p->checkpoint == w->open;
    if (mine && !w->overrun && before + p->bytes.len > w->opts.backlog_max_bytes) {
        w->overrun = true;
        if (w->cancel) fs_cancel_fire(w->cancel);
    }
    if (mine && w->overrun) { /* nobody will need them */
        atomic_fetch_sub_explicit(&w->backlog_bytes, p->bytes.len, memory_order_relaxed);
        str_release(&p->bytes);
    }
    *w->last = p;
    w->last = &p->next;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void state_file_add(struct state_file_writer *w, uint64_t checkpoint, int vertex, int subtask,
                    struct str *bytes) {
    if (!bytes->len) return;
    struct piece *p = mem_zalloc(sizeof *p);
    *p = (struct piece){
        .checkpoint = checkpoint, .vertex = vertex, .subtask = subtask, .bytes = *bytes};
    *bytes = (struct str)STR_INIT;
    hand_in(w, p);
}

void state_file_task_done(struct state_file_writer *w, uint64_t checkpoint, int vertex, int subtask,
                          cJSON *more) {
    struct piece *p = mem_zalloc(sizeof *p);
    *p = (struct piece){.checkpoint = checkpoint,
                        .vertex = vertex,
                        .subtask = subtask,
                        .more = more,
                        .task_done = true};
    hand_in(w, p);
}

void state_file_abandon(struct state_file_writer *w, uint64_t checkpoint) {
    pthread_mutex_lock(&w->lock);
    if (w->open == checkpoint) give_up(w);
    pthread_mutex_unlock(&w->lock);
}

bool state_file_full(const struct state_file_writer *w) {
    return atomic_load_explicit(&w->backlog_bytes, memory_order_relaxed) > STATE_FILE_BACKLOG_BYTES;
}
