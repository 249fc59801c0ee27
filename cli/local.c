/* local.c - launches, connects, hands events on, and cleans up. */
#include "cli/local.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "base/launch/launcher.h"
#include "base/net/net_signals.h"
#include "base/net/ws_client.h"
#include "base/proto/control.h"
#include "cli/progress.h"
#include "cli/run_dir.h"
#include "fs/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct local {
    const struct local_options *opts;
    struct output *out;
    struct launcher *launcher;
    struct net_loop *loop;
    struct net_signals *signals;
    struct ws_conn *conn;
    char token[65];
    int port;
    int coordinator; /* launcher's id */
    int *workers;
    bool *workers_ended;
    int n_workers;
    struct str spec_path, run_path;
    struct str checkpoint_path; /* where jobs that don't say take their checkpoints: goes with this
                                   process */
    char run_id[33];            /* of all coordinators of this run */
    int missing;                /* workers that the coordinator wants in place of lost ones */
    bool recoverable;           /* a coordinator that dies is started again: the job goes on */
    int n_recoveries, recoveries_since; /* in all; in the last minute */
    int64_t recoveries_since_ms;
    int n_interrupts;
    bool begun;       /* all workers have registered: the coordinator has said something */
    bool output_lost; /* standard output takes no more; error says why */
    bool got_done, cancelled;
    int failed;
    struct err error;
};

static void stop_children(struct local *l, bool hard) {
    struct err err = ERR_INIT;
    for (int i = 0; i < l->n_workers; i++)
        if (l->launcher->ops->stop(l->launcher, l->workers[i], hard, &err))
            fprintf(stderr, "penstock: %s\n", err.msg);
    if (l->launcher->ops->stop(l->launcher, l->coordinator, hard, &err))
        fprintf(stderr, "penstock: %s\n", err.msg);
}

static void kill_children(struct local *l) {
    stop_children(l, true);
    net_loop_stop(l->loop);
}

/* Tells the coordinator to cancel; children that cannot be told are killed. */
static void send_cancel(struct local *l) {
    struct err err = ERR_INIT;
    AUTO_JSON *j = control_new(CLIENT_CANCEL);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    if (!l->conn || !ws_is_open(l->conn) || ws_send_text(l->conn, str_view(&text), &err))
        kill_children(l);
}

static void on_interrupt(struct local *l) {
    if (++l->n_interrupts > 1)
        kill_children(l);
    else
        send_cancel(l);
}

static void warn(struct local *l, const char *text) {
    AUTO_JSON *e = control_new(EVENT_WARNING);
    json_set_str(e, "text", text);
    output_event(l->out, EVENT_WARNING, e);
}

static void warn_ended(struct local *l, int i, const char *how) {
    AUTO_STR text = STR_INIT;
    str_addf(&text, "worker w%d %s", i, how);
    warn(l, str_text(&text));
}

/* A worker has ended while the job runs. The coordinator, whose connection to it is cut, fails the
 * job; how it ended is known here alone. One that ended before it registered is missed by nobody
 * else. Without a signal it was told to end, or says why. */
static bool on_worker_ended(struct local *l, int i, const struct launch_status *st) {
    if (l->workers_ended[i]) return false;
    l->workers_ended[i] = true;
    AUTO_STR text = STR_INIT;
    str_addf(&text, "was ended by signal %d (%s)", st->signal, strsignal(st->signal));
    if (st->exit_code == CLI_USAGE)
        err_set(&l->error, ERR_UNAVAILABLE, "worker w%d could not start (its message is above)", i);
    else if (!l->begun && st->signal && !l->recoverable)
        err_set(&l->error, ERR_UNAVAILABLE, "worker w%d %s before the job began", i,
                str_text(&text));
    else if (st->signal)
        warn_ended(l, i, str_text(&text));
    if (!l->begun && l->recoverable) l->missing++; /* nobody else misses it */
    return l->error.code != 0;
}

static int start_worker(struct local *l, int i, struct err *err);
static bool recover(struct local *l, const struct launch_status *st);

/* New workers in place of those that have ended, as far as they are wanted. */
static void replace_workers(struct local *l) {
    for (int i = 0; i < l->n_workers && l->missing > 0 && !l->got_done; i++) {
        if (!l->workers_ended[i]) continue;
        struct err err = ERR_INIT;
        if (start_worker(l, i, &err)) {
            warn(l, err.msg);
            return;
        }
        l->workers_ended[i] = false;
        l->missing--;
    }
}

/* Workers that have ended; false: the run can't go on, and is being killed. */
static bool look_at_workers(struct local *l) {
    struct launch_status st;
    struct err err = ERR_INIT;
    for (int i = 0; i < l->n_workers && !l->got_done; i++) {
        if (l->launcher->ops->poll(l->launcher, l->workers[i], &st, &err)) continue;
        if (st.state != LAUNCH_EXITED || !on_worker_ended(l, i, &st)) continue;
        kill_children(l);
        return false;
    }
    replace_workers(l);
    return true;
}

/* Children that ended; a coordinator that dies shows as a closed connection. */
static void on_child(struct local *l) {
    struct launch_status st;
    struct err err = ERR_INIT;
    if (!look_at_workers(l)) return;
    if (l->launcher->ops->poll(l->launcher, l->coordinator, &st, &err)) return;
    if (st.state == LAUNCH_EXITED && !l->conn && !recover(l, &st)) net_loop_stop(l->loop);
}

static void on_signal(void *arg, int signal) {
    if (signal == SIGCHLD)
        on_child(arg);
    else
        on_interrupt(arg);
}

/* ---- the connection ---- */

/* Results that cannot be written are lost: the job is cancelled, and the run has failed. */
static void check_output(struct local *l) {
    if (l->output_lost || (!fflush(stdout) && !ferror(stdout))) return;
    l->output_lost = true;
    err_set_errno(&l->error, ERR_IO, errno ? errno : EIO, "write to standard output");
    if (!l->got_done) send_cancel(l);
}

static void on_message(void *self, struct ws_conn *conn, bool binary, const void *data,
                       size_t len) {
    struct local *l = self;
    AUTO_JSON *j = NULL;
    const char *type;
    struct err err = ERR_INIT;
    if (binary || control_parse(data, len, &j, &type, &err)) {
        l->error = err;
        ws_close(conn, WS_CLOSE_PROTOCOL, "bad frame");
        return;
    }
    l->begun = true;
    if (!strcmp(type, EVENT_DONE)) {
        l->got_done = true;
        l->failed = (int)json_opt_i64(j, "failed", 0);
        l->cancelled = json_opt_bool(j, "cancelled", false);
    }
    if (!strcmp(type, EVENT_JOB)) l->recoverable = json_opt_bool(j, "recoverable", false);
    if (!strcmp(type, EVENT_WORKERS)) {
        l->missing = (int)json_opt_i64(j, "missing", 0);
        on_child(l);
    }
    errno = 0;
    output_event(l->out, type, j);
    check_output(l);
}

static void on_close(void *self, struct ws_conn *conn, int code, const char *reason) {
    struct local *l = self;
    l->conn = NULL;
    if (l->recoverable && !l->got_done && !l->n_interrupts) {
        on_child(l); /* or when it has ended */
        return;
    }
    if (!l->got_done)
        err_set(&l->error, ERR_UNAVAILABLE, "the coordinator has gone: %s",
                reason && *reason ? reason : "the connection was cut");
    net_loop_stop(l->loop);
}

static const struct ws_ops client_ops = {.on_message = on_message, .on_close = on_close};

static int connect_client(struct local *l, struct err *err) {
    AUTO_STR url = STR_INIT;
    str_addf(&url, "ws://127.0.0.1:%d" CONTROL_PATH_CLIENT, l->port);
    struct ws_connect_options o = {.url = str_text(&url), .bearer_token = l->token};
    o.ws.message_max_bytes = CONTROL_MESSAGE_MAX_BYTES;
    return ws_connect(l->loop, &o, &client_ops, l, &l->conn, err);
}

/* ---- processes ---- */

static int make_random(char *text, size_t n_bytes, struct err *err) {
    unsigned char r[32];
    if (getentropy(r, n_bytes)) return err_set_errno(err, ERR_INTERNAL, errno, "make a token");
    for (size_t i = 0; i < n_bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", r[i]);
    return 0;
}

static int write_spec(struct local *l, struct err *err) {
    str_clear(&l->spec_path);
    int rc = run_dir_file("job", &l->spec_path, err);
    if (rc) return rc;
    AUTO_JSON *j = job_spec_to_json(l->opts->spec);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    return run_dir_write(str_text(&l->spec_path), str_view(&text), err);
}

/* The coordinator's port, once it listens; blocks until then or until it has gone. */
static int read_port(int fd, int *ret_port, struct err *err) {
    char buf[32];
    size_t len = 0;
    while (len < sizeof buf - 1) {
        ssize_t n = read(fd, buf + len, sizeof buf - 1 - len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        len += (size_t)n;
        if (buf[len - 1] == '\n') break;
    }
    buf[len] = '\0';
    *ret_port = atoi(buf);
    if (*ret_port <= 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "the coordinator could not start (its messages are above)");
    return 0;
}

static int start_coordinator_once(struct local *l, struct err *err) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC)) return err_set_errno(err, ERR_IO, errno, "make a pipe");
    fcntl(fds[1], F_SETFD, 0); /* the child's */
    char fd_text[16], workers[16], port[16];
    snprintf(fd_text, sizeof fd_text, "%d", fds[1]);
    snprintf(workers, sizeof workers, "%d", l->opts->workers);
    snprintf(port, sizeof port, "%d", l->n_recoveries ? l->port : l->opts->port);
    const char *args[20] = {"--spec",           str_text(&l->spec_path),
                            "--workers",        workers,
                            "--port",           port,
                            "--ready-fd",       fd_text,
                            "--run-id",         l->run_id,
                            "--checkpoint-dir", str_text(&l->checkpoint_path),
                            "--wait-client"};
    int n = 13;
    if (l->opts->from_checkpoint) args[n++] = "--from-path";
    if (l->opts->fresh) args[n++] = "--fresh";
    if (l->opts->script) args[n++] = "--script";
    if (l->opts->keep_going) args[n++] = "--keep-going";
    struct launch_spec spec = {
        .role = LAUNCH_COORDINATOR, .job = l->opts->spec->name, .args = args, .token = l->token};
    int rc = l->launcher->ops->start(l->launcher, &spec, &l->coordinator, err);
    close(fds[1]);
    if (!rc) rc = read_port(fds[0], &l->port, err);
    close(fds[0]);
    /* It has been read; whoever kills this process leaves no SQL behind. */
    unlink(str_text(&l->spec_path));
    return rc;
}

/* Until it has ended, for at most five seconds; then ERR_TIMEOUT. */
static int wait_child(struct local *l, int id, struct launch_status *st) {
    enum { WAIT_STEPS = 250 };
    struct err err = ERR_INIT;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (int k = 0; k < WAIT_STEPS; k++) {
        int rc = l->launcher->ops->poll(l->launcher, id, st, &err);
        if (rc) return rc;
        if (st->state == LAUNCH_EXITED) return 0;
        struct timespec ts = {.tv_nsec = 20000000};
        sigtimedwait(&set, NULL, &ts); /* until a child ends, or the bound */
    }
    return ERR_TIMEOUT;
}

/* One that was killed before it listened is started again. */
static int start_coordinator(struct local *l, struct err *err) {
    enum { TRIES = 3 };
    struct launch_status st = {.signal = SIGKILL};
    int rc = ERR_UNAVAILABLE;
    for (int i = 0; i < TRIES && rc && st.signal; i++) {
        err_clear(err);
        rc = write_spec(l, err);
        if (!rc) rc = start_coordinator_once(l, err);
        if (rc && wait_child(l, l->coordinator, &st)) break;
    }
    return rc;
}

static int start_worker(struct local *l, int i, struct err *err) {
    AUTO_STR url = STR_INIT;
    str_addf(&url, "ws://127.0.0.1:%d", l->port);
    char id[16], slots[16];
    snprintf(id, sizeof id, "w%d", i);
    snprintf(slots, sizeof slots, "%d", l->opts->slots);
    const char *args[12] = {"--coordinator", str_text(&url), "--id",  id,
                            "--slots",       slots,          "--log", l->opts->spec->log_levels};
    int n = 8;
    if (l->opts->workers == 1) args[n++] = "--alone";
    if (l->opts->spec->log_json) args[n++] = "--log-json";
    struct launch_spec spec = {.role = LAUNCH_WORKER,
                               .number = i,
                               .job = l->opts->spec->name,
                               .args = args,
                               .token = l->token};
    return l->launcher->ops->start(l->launcher, &spec, &l->workers[i], err);
}

static int start_workers(struct local *l, struct err *err) {
    l->workers = mem_calloc((size_t)l->opts->workers, sizeof *l->workers);
    l->workers_ended = mem_calloc((size_t)l->opts->workers, sizeof *l->workers_ended);
    for (int i = 0; i < l->opts->workers; i++) {
        int rc = start_worker(l, i, err);
        if (rc) return rc;
        l->n_workers++;
    }
    return 0;
}

/* A coordinator that was killed is started again, where the job can go on from its last checkpoint:
 * on the same port, of the same run. */
static bool recover(struct local *l, const struct launch_status *st) {
    enum { RECOVERIES_MAX = 20, RECOVERIES_IN_MS = 60000 };
    struct err err = ERR_INIT;
    if (!l->recoverable || l->got_done || l->n_interrupts || !st->signal) return false;
    int64_t now_ms = clock_mono_ns() / 1000000;
    if (now_ms - l->recoveries_since_ms > RECOVERIES_IN_MS) {
        l->recoveries_since_ms = now_ms;
        l->recoveries_since = 0;
    }
    l->n_recoveries++;
    if (++l->recoveries_since > RECOVERIES_MAX) return false;
    AUTO_STR text = STR_INIT;
    str_addf(&text, "the coordinator was ended by signal %d (%s) and is started again", st->signal,
             strsignal(st->signal));
    warn(l, str_text(&text));
    l->missing = l->n_workers; /* those that don't outlive it */
    l->begun = false;
    int rc = start_coordinator(l, &err);
    if (!rc) rc = connect_client(l, &err);
    if (rc) l->error = err;
    return !rc && look_at_workers(l); /* signals of those that ended meanwhile may be gone */
}

/* Waits for the children to end by themselves (they have been told to), then says what they used.
 */
static void wait_children(struct local *l) {
    for (int i = -1; i < l->n_workers; i++) {
        int id = i < 0 ? l->coordinator : l->workers[i];
        struct launch_status st = {0};
        wait_child(l, id, &st);
        if (i >= 0 && st.state == LAUNCH_EXITED) on_worker_ended(l, i, &st);
        if (st.state != LAUNCH_EXITED || !l->opts->usage) continue;
        AUTO_STR line = STR_INIT;
        if (i < 0)
            str_add(&line, "coordinator: peak memory ");
        else
            str_addf(&line, "worker w%d: peak memory ", i);
        show_bytes(&line, st.max_rss_bytes);
        str_add(&line, ", CPU ");
        show_duration(&line, st.cpu_ms);
        fprintf(stderr, "%s\n", str_text(&line));
    }
}

/* Of this run alone: one that was killed may have left its own, and process ids come again. */
static int checkpoint_dir(struct local *l, struct err *err) {
    AUTO_STR suffix = STR_INIT;
    str_addf(&suffix, "%s.checkpoints", l->run_id);
    return run_dir_file(str_text(&suffix), &l->checkpoint_path, err);
}

static int launch(struct local *l, struct err *err) {
    static const int signals[] = {SIGINT, SIGTERM, SIGCHLD, 0};
    int rc =
        net_loop_new(&(struct net_loop_options){.name = "penstock", .max_fds = 64}, &l->loop, err);
    if (!rc) rc = net_signals_new(l->loop, signals, on_signal, l, &l->signals, err);
    if (!rc) rc = make_random(l->token, 32, err);
    if (!rc) rc = make_random(l->run_id, 16, err);
    if (!rc) rc = checkpoint_dir(l, err);
    if (!rc) rc = launcher_process_new(l->opts->bin_dir, &l->launcher, err);
    if (!rc) rc = start_coordinator(l, err);
    if (!rc) rc = start_workers(l, err);
    if (!rc) rc = run_dir_file("run", &l->run_path, err);
    if (!rc)
        rc = run_dir_register(str_text(&l->run_path), l->opts->spec->name, l->port, l->token, err);
    if (!rc) rc = connect_client(l, err);
    return rc;
}

static void clean_up(struct local *l) {
    net_signals_free(l->signals);
    net_loop_free(l->loop);
    if (l->launcher) l->launcher->ops->free(l->launcher);
    if (l->spec_path.len) unlink(str_text(&l->spec_path));
    if (l->run_path.len) unlink(str_text(&l->run_path));
    struct fs *disk;
    struct err err = ERR_INIT;
    if (l->checkpoint_path.len && !fs_find(str_text(&l->checkpoint_path), &disk, &err) &&
        fs_delete_tree(disk, str_text(&l->checkpoint_path), NULL, &err) &&
        err.code != ERR_NOT_FOUND)
        fprintf(stderr, "penstock: %s\n", err.msg);
    str_release(&l->spec_path);
    str_release(&l->run_path);
    str_release(&l->checkpoint_path);
    free(l->workers);
    free(l->workers_ended);
}

int local_run(const struct local_options *opts, struct output *out) {
    /* Until the job begins nothing is lost with the coordinator, but what a script has done. */
    struct local l = {.opts = opts, .out = out, .recoverable = !opts->script};
    signal(SIGPIPE, SIG_IGN);
    int rc = launch(&l, &l.error);
    if (!rc) {
        net_loop_run(l.loop);
        output_finish(out);
        check_output(&l);
        if (l.got_done) wait_children(&l);
    }
    bool killed = !l.got_done && l.n_interrupts > 0;
    if (killed)
        fprintf(stderr, "penstock: killed before the job had stopped\n");
    else if (rc || !l.got_done || l.output_lost)
        fprintf(stderr, "penstock: %s\n", l.error.msg);
    clean_up(&l);
    if (rc) return CLI_USAGE;
    if (l.output_lost) return CLI_FAILED;
    if (killed || l.cancelled) return CLI_INTERRUPTED;
    return l.failed || !l.got_done ? CLI_FAILED : CLI_OK;
}
