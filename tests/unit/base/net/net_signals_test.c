/* net_signals_test.c - signals become events of a running loop, and of nothing else. */
#include "base/net/net_signals.h"

#include "tests/unit/cmocka_wrap.h"

#include <signal.h>
#include <unistd.h>

struct log {
    struct net_loop *loop;
    int n[64], n_all, stop_after;
};

static void on_signal(void *arg, int signal) {
    struct log *l = arg;
    l->n[signal]++;
    if (++l->n_all == l->stop_after) net_loop_stop(l->loop);
}

static void are_told_while_the_loop_runs(void **state) {
    static const int signals[] = {SIGUSR1, SIGCHLD, 0};
    struct err e = ERR_INIT;
    struct log l = {.stop_after = 2};
    struct net_signals *s;
    assert_ok(net_loop_new(&(struct net_loop_options){0}, &l.loop, &e), &e);
    assert_ok(net_signals_new(l.loop, signals, on_signal, &l, &s, &e), &e);
    kill(getpid(), SIGUSR1); /* waits for the loop */
    kill(getpid(), SIGCHLD);
    assert_int_equal(l.n_all, 0);
    net_loop_run(l.loop);
    assert_int_equal(l.n[SIGUSR1], 1);
    assert_int_equal(l.n[SIGCHLD], 1);
    kill(getpid(), SIGUSR1); /* too late: nothing hears it, nothing dies of it */
    net_signals_free(s);
    net_loop_free(l.loop);
    assert_int_equal(l.n_all, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(are_told_while_the_loop_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
