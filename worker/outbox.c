/* outbox.c - an ordered queue of frames; texts of rows and lines are gathered until a frame is full
 * or the loop comes by. */
#include "worker/outbox.h"

#include "base/core/mem.h"
#include "base/proto/control.h"
#include "vector/value.h"

#include <pthread.h>
#include <stdlib.h>

enum item_kind { ITEM_ROWS, ITEM_STDOUT, ITEM_STDERR, ITEM_FRAME };

struct item {
    struct item *next;
    enum item_kind kind;
    struct str text; /* rows: comma-separated JSON arrays; lines: plain; frame: JSON */
};

struct outbox {
    struct net_loop *loop;
    struct ws_conn *conn;
    char *job;
    uint64_t attempt;
    void (*ready)(void *self);
    void *self;
    pthread_mutex_t mutex; /* guards all below, up to the blank line */
    struct item *head, **tail;
    size_t bytes; /* waiting here */
    bool posted;  /* a pump is on its way */
    bool was_full;
    bool dying; /* outbox_free has been called; the pump on its way frees */

    int64_t seq, acked; /* of messages under credit; loop's thread */
};

enum { FULL_BYTES = 4 * CONTROL_OUTPUT_MAX_BYTES };

struct outbox *outbox_new(struct net_loop *loop, const char *job, uint64_t attempt,
                          void (*ready)(void *self), void *self) {
    struct outbox *o = mem_zalloc(sizeof *o);
    o->loop = loop;
    o->job = mem_strdup(job);
    o->attempt = attempt;
    o->ready = ready;
    o->self = self;
    o->tail = &o->head;
    pthread_mutex_init(&o->mutex, NULL);
    return o;
}

static void free_item(struct item *i) {
    str_release(&i->text);
    free(i);
}

static void free_now(struct outbox *o) {
    while (o->head) {
        struct item *next = o->head->next;
        free_item(o->head);
        o->head = next;
    }
    pthread_mutex_destroy(&o->mutex);
    free(o->job);
    free(o);
}

void outbox_free(struct outbox *o) {
    if (!o) return;
    pthread_mutex_lock(&o->mutex);
    o->dying = o->posted;
    o->conn = NULL;
    pthread_mutex_unlock(&o->mutex);
    if (!o->dying) free_now(o);
}

static void pump_posted(void *arg) {
    struct outbox *o = arg;
    pthread_mutex_lock(&o->mutex);
    o->posted = false;
    bool dying = o->dying;
    pthread_mutex_unlock(&o->mutex);
    if (dying)
        free_now(o);
    else
        outbox_pump(o);
}

/* With the mutex held. */
static void post_pump(struct outbox *o) {
    if (o->posted) return;
    struct err err = ERR_INIT;
    /* A full loop pumps when it comes to what is posted already. */
    o->posted = !net_loop_post(o->loop, pump_posted, o, &err);
}

/* The item that text of this kind goes to: the last one, if it is of the kind and has room. Mutex
 * held. */
static struct str *open_item(struct outbox *o, enum item_kind kind) {
    struct item *last = o->head ? CONTAINER_OF(o->tail, struct item, next) : NULL;
    if (last && last->kind == kind && kind != ITEM_FRAME &&
        last->text.len < CONTROL_OUTPUT_MAX_BYTES)
        return &last->text;
    struct item *i = mem_zalloc(sizeof *i);
    i->kind = kind;
    *o->tail = i;
    o->tail = &i->next;
    return &i->text;
}

static void quote(struct str *out, struct sv text) {
    if (likely(!text.len || !memchr(text.ptr, 0, text.len))) {
        json_quote(out, text);
        return;
    }
    AUTO_STR hidden = STR_INIT;
    control_hide_nul(text, &hidden);
    json_quote(out, str_view(&hidden));
}

static void print_row(const struct batch *b, uint32_t row, const struct tz *zone,
                      struct str *scratch, struct str *out) {
    str_addf(out, "[\"%s\",[", row_kind_text[b->kinds ? b->kinds[row] : ROW_INSERT]);
    for (int c = 0; c < b->n_cols; c++) {
        if (c) str_add_char(out, ',');
        str_clear(scratch);
        if (value_print(&b->cols[c], row, zone, scratch))
            quote(out, str_view(scratch));
        else
            str_add(out, "null");
    }
    str_add(out, "]]");
}

int outbox_rows(struct outbox *o, const struct batch *b, const struct tz *zone, struct err *err) {
    AUTO_STR scratch = STR_INIT;
    int rc = 0;
    pthread_mutex_lock(&o->mutex);
    for (uint32_t row = 0; !rc && row < b->n; row++) {
        struct str *s = open_item(o, ITEM_ROWS);
        size_t before = s->len;
        if (s->len) str_add_char(s, ',');
        print_row(b, row, zone, &scratch, s);
        if (s->len - before > CONTROL_ROW_MAX_BYTES) {
            rc =
                err_set(err, ERR_INVALID,
                        "a row of the result has %zu bytes as JSON; at most %d are shown: write it "
                        "to a table with INSERT INTO",
                        s->len - before, CONTROL_ROW_MAX_BYTES);
            str_truncate(s, before);
        }
        o->bytes += s->len - before;
    }
    if (b->n) post_pump(o);
    pthread_mutex_unlock(&o->mutex);
    return rc;
}

/* What of a line goes into one message: all, or as many whole characters as a piece holds. */
static size_t piece_of(struct sv line) {
    size_t n = CONTROL_LINE_PIECE_BYTES;
    if (line.len <= n) return line.len;
    while (n > 1 && ((unsigned char)line.ptr[n] & 0xC0) == 0x80)
        n--;
    return n;
}

void outbox_line(struct outbox *o, struct sv line, bool to_stderr) {
    pthread_mutex_lock(&o->mutex);
    o->bytes += line.len + 1;
    for (;;) {
        struct str *s = open_item(o, to_stderr ? ITEM_STDERR : ITEM_STDOUT);
        size_t n = piece_of(line);
        str_add_n(s, line.ptr, n);
        line = (struct sv){line.ptr + n, line.len - n};
        if (line.len) continue;
        str_add_char(s, '\n');
        break;
    }
    post_pump(o);
    pthread_mutex_unlock(&o->mutex);
}

void outbox_frame(struct outbox *o, cJSON *frame) {
    pthread_mutex_lock(&o->mutex);
    json_print(frame, open_item(o, ITEM_FRAME));
    post_pump(o);
    pthread_mutex_unlock(&o->mutex);
    cJSON_Delete(frame);
}

bool outbox_is_full(struct outbox *o) {
    pthread_mutex_lock(&o->mutex);
    bool full = o->bytes > FULL_BYTES;
    o->was_full |= full;
    pthread_mutex_unlock(&o->mutex);
    return full;
}

/* Takes the first item if it may be sent now. */
static struct item *take_item(struct outbox *o) {
    pthread_mutex_lock(&o->mutex);
    struct item *i = o->head;
    if (i && i->kind != ITEM_FRAME && o->seq - o->acked >= CONTROL_OUTPUT_WINDOW) i = NULL;
    if (i) {
        o->head = i->next;
        if (!o->head) o->tail = &o->head;
        if (i->kind != ITEM_FRAME) o->bytes -= i->text.len;
    }
    pthread_mutex_unlock(&o->mutex);
    return i;
}

static void put_back(struct outbox *o, struct item *i) {
    pthread_mutex_lock(&o->mutex);
    i->next = o->head;
    if (!o->head) o->tail = &i->next;
    o->head = i;
    if (i->kind != ITEM_FRAME) o->bytes += i->text.len;
    pthread_mutex_unlock(&o->mutex);
}

static int send_item(struct outbox *o, struct item *i, struct err *err) {
    if (i->kind == ITEM_FRAME) return ws_send_text(o->conn, str_view(&i->text), err);
    AUTO_STR frame = STR_INIT;
    str_addf(&frame, "{\"t\":\"%s\",\"job\":\"%s\",\"attempt\":%llu,\"seq\":%lld,",
             i->kind == ITEM_ROWS ? MSG_ROWS : MSG_OUTPUT, o->job, (unsigned long long)o->attempt,
             (long long)o->seq + 1);
    if (i->kind == ITEM_ROWS) {
        str_add(&frame, "\"rows\":[");
        str_add_sv(&frame, str_view(&i->text));
        str_add(&frame, "]}");
    } else {
        str_addf(&frame,
                 "\"stream\":\"%s\",\"text\":", i->kind == ITEM_STDERR ? "stderr" : "stdout");
        quote(&frame, str_view(&i->text));
        str_add_char(&frame, '}');
    }
    int rc = ws_send_text(o->conn, str_view(&frame), err);
    if (!rc) o->seq++;
    return rc;
}

static void wake_reader(struct outbox *o) {
    pthread_mutex_lock(&o->mutex);
    bool wake = o->was_full && o->bytes <= FULL_BYTES / 2;
    if (wake) o->was_full = false;
    pthread_mutex_unlock(&o->mutex);
    if (wake) o->ready(o->self);
}

void outbox_pump(struct outbox *o) {
    struct item *i;
    while (o->conn && (i = take_item(o))) {
        struct err err = ERR_INIT;
        if (send_item(o, i,
                      &err)) { /* no room: outbox_pump comes again; closing: it doesn't matter */
            put_back(o, i);
            break;
        }
        free_item(i);
    }
    wake_reader(o);
}

void outbox_connect(struct outbox *o, struct ws_conn *conn) {
    o->conn = conn;
    outbox_pump(o);
}

void outbox_ack(struct outbox *o, int64_t seq) {
    o->acked = MAX(o->acked, MIN(seq, o->seq));
    outbox_pump(o);
}
