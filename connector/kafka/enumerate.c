/* enumerate.c - which partitions there are, and where to read them:
 * {"id": "topic-partition", "topic", "partition", "start": offset, or -2 the beginning, "stop":
 * first offset not read (bounded), "records"}. Offsets by time, of a group, or "latest" are looked
 * up here: from then on a split has numbers. */
#include "connector/kafka/kafka.h"

#include "base/core/json.h"
#include "base/core/mem.h"
#include "vector/func/regex.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_TIMEOUT_MS = 8000 }; /* of each request: the coordinator waits for it */

struct listing {
    const struct kafka_table *k;
    struct kafka_trouble trouble;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *parts; /* sorted */
};

static int fail(struct listing *l, rd_kafka_resp_err_t code, const char *doing, struct err *err) {
    rd_kafka_poll(l->rk, 0); /* what the client has to say of it */
    return kafka_err(err, &l->trouble, code, doing);
}

/* ---- partitions ---- */

static int add_topic(struct listing *l, const struct rd_kafka_metadata_topic *t, struct err *err) {
    AUTO_STR doing = STR_INIT;
    str_addf(&doing, "topic '%s'", t->topic);
    if (t->err) return fail(l, t->err, str_text(&doing), err);
    for (int i = 0; i < t->partition_cnt; i++)
        rd_kafka_topic_partition_list_add(l->parts, t->topic, t->partitions[i].id);
    return 0;
}

static int find_named(struct listing *l, struct err *err) {
    int rc = 0;
    for (int i = 0; i < l->k->n_topics && !rc; i++) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(l->rk, l->k->topics[i], NULL);
        const struct rd_kafka_metadata *m;
        rd_kafka_resp_err_t code = rd_kafka_metadata(l->rk, 0, topic, &m, LIST_TIMEOUT_MS);
        if (code) {
            rc = fail(l, code, "list partitions", err);
        } else {
            for (int j = 0; j < m->topic_cnt && !rc; j++)
                rc = add_topic(l, &m->topics[j], err);
            rd_kafka_metadata_destroy(m);
        }
        rd_kafka_topic_destroy(topic);
    }
    return rc;
}

/* The brokers' own topics, which no pattern means. */
static bool is_internal(const char *topic) {
    return !strcmp(topic, "__consumer_offsets") || !strcmp(topic, "__transaction_state");
}

static int find_matching(struct listing *l, struct err *err) {
    AUTO_STR pcre = STR_INIT;
    struct regex *re = NULL;
    int rc = regex_from_java(sv_from(l->k->options.topic_pattern), &pcre, err);
    if (!rc) rc = regex_new_whole(str_view(&pcre), &re, err);
    if (rc) return err_wrap(err, "option 'topic-pattern'");
    const struct rd_kafka_metadata *m;
    rd_kafka_resp_err_t code = rd_kafka_metadata(l->rk, 1, NULL, &m, LIST_TIMEOUT_MS);
    if (code) {
        rc = fail(l, code, "list topics", err);
    } else {
        for (int j = 0; j < m->topic_cnt && !rc; j++)
            if (!is_internal(m->topics[j].topic) && regex_find(re, sv_from(m->topics[j].topic), 0))
                rc = add_topic(l, &m->topics[j], err);
        rd_kafka_metadata_destroy(m);
    }
    regex_free(re);
    return rc;
}

/* ---- offsets ---- */

/* Sets the offset of each partition to the first one of `time` or later: ms, or
 * RD_KAFKA_OFFSET_BEGINNING or _END. Where there is none that late, -1. */
static int offsets_at(struct listing *l, rd_kafka_topic_partition_list_t *list, int64_t time,
                      struct err *err) {
    if (!list->cnt) return 0;
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = time;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(l->rk, list, LIST_TIMEOUT_MS);
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code ? fail(l, code, "look up offsets", err) : 0;
}

static int64_t offset_in(const rd_kafka_topic_partition_list_t *list,
                         const rd_kafka_topic_partition_t *p) {
    const rd_kafka_topic_partition_t *q = rd_kafka_topic_partition_list_find(
        (rd_kafka_topic_partition_list_t *)list, p->topic, p->partition);
    return q ? q->offset : RD_KAFKA_OFFSET_INVALID;
}

/* The group's offsets; RD_KAFKA_OFFSET_INVALID where it has none. */
static int group_offsets(struct listing *l, rd_kafka_topic_partition_list_t *list,
                         struct err *err) {
    rd_kafka_resp_err_t code = rd_kafka_committed(l->rk, list, LIST_TIMEOUT_MS);
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code ? fail(l, code, "look up the group's offsets", err) : 0;
}

/* What 'auto.offset.reset' says of partitions for which the group has no offset. */
static int reset_rest(struct listing *l, rd_kafka_topic_partition_list_t *list,
                      const char *reset_dflt, struct err *err) {
    const char *reset = kafka_property(l->k, "auto.offset.reset");
    if (!reset) reset = reset_dflt;
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(l->parts);
    int rc = offsets_at(l, ends, RD_KAFKA_OFFSET_END, err);
    for (int i = 0; i < list->cnt && !rc; i++) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        if (p->offset >= 0) continue;
        if (!strcasecmp(reset, "earliest"))
            p->offset = RD_KAFKA_OFFSET_BEGINNING;
        else if (!strcasecmp(reset, "latest"))
            p->offset = offset_in(ends, p);
        else
            rc = err_set(err, ERR_NOT_FOUND,
                         "group '%s' has no offset for partition %d of topic '%s'; set "
                         "'properties.auto.offset.reset' to 'earliest' or 'latest', or another "
                         "'scan.startup.mode'",
                         kafka_property(l->k, "group.id"), p->partition, p->topic);
    }
    rd_kafka_topic_partition_list_destroy(ends);
    return rc;
}

static int given_offsets(struct listing *l, rd_kafka_topic_partition_list_t *list, bool start,
                         struct err *err) {
    struct arena a;
    arena_init(&a);
    const struct kafka_options *o = &l->k->options;
    struct kafka_offset *given;
    int n = 0;
    int rc = kafka_parse_offsets(
        &a, start ? "scan.startup.specific-offsets" : "scan.bounded.specific-offsets",
        start ? o->startup_offsets : o->bounded_offsets, &given, &n, err);
    for (int i = 0; i < list->cnt && !rc; i++) {
        int at = 0;
        while (at < n && given[at].partition != list->elems[i].partition)
            at++;
        if (at < n)
            list->elems[i].offset = given[at].offset;
        else if (start)
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        else
            rc = err_set(err, ERR_VALIDATION,
                         "option 'scan.bounded.specific-offsets' says nothing of partition %d",
                         list->elems[i].partition);
    }
    arena_release(&a);
    return rc;
}

/* Offsets by time, and the end where nothing is that late. */
static int timed_offsets(struct listing *l, rd_kafka_topic_partition_list_t *list, int64_t ms,
                         struct err *err) {
    int rc = offsets_at(l, list, ms, err);
    if (rc) return rc;
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(l->parts);
    rc = offsets_at(l, ends, RD_KAFKA_OFFSET_END, err);
    for (int i = 0; i < list->cnt && !rc; i++)
        if (list->elems[i].offset < 0) list->elems[i].offset = offset_in(ends, &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(ends);
    return rc;
}

/* Partitions that came into being while the job runs are read from their beginning. */
static int find_starts(struct listing *l, rd_kafka_topic_partition_list_t *list, bool more,
                       struct err *err) {
    const struct kafka_options *o = &l->k->options;
    int rc;
    switch (more ? STARTUP_EARLIEST : (enum kafka_startup)o->startup) {
    case STARTUP_LATEST:
        return offsets_at(l, list, RD_KAFKA_OFFSET_END, err);
    case STARTUP_GROUP:
        rc = group_offsets(l, list, err);
        return rc ? rc : reset_rest(l, list, "none", err);
    case STARTUP_TIMESTAMP:
        return timed_offsets(l, list, o->startup_ms, err);
    case STARTUP_SPECIFIC:
        return given_offsets(l, list, true, err);
    default:
        for (int i = 0; i < list->cnt; i++)
            list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        return 0;
    }
}

static int find_stops(struct listing *l, rd_kafka_topic_partition_list_t *list, struct err *err) {
    const struct kafka_options *o = &l->k->options;
    int rc;
    switch ((enum kafka_bounded)o->bounded) {
    case BOUNDED_LATEST:
        return offsets_at(l, list, RD_KAFKA_OFFSET_END, err);
    case BOUNDED_GROUP:
        rc = group_offsets(l, list, err);
        return rc ? rc : reset_rest(l, list, "none", err);
    case BOUNDED_TIMESTAMP:
        return timed_offsets(l, list, o->bounded_ms, err);
    case BOUNDED_SPECIFIC:
        return given_offsets(l, list, false, err);
    default:
        return 0;
    }
}

/* ---- splits ---- */

static cJSON *new_split(const rd_kafka_topic_partition_t *p, int64_t start) {
    cJSON *s = cJSON_CreateObject();
    AUTO_STR id = STR_INIT;
    str_addf(&id, "%s-%d", p->topic, p->partition);
    json_set_str(s, "id", str_text(&id));
    json_set_str(s, "topic", p->topic);
    json_set_i64(s, "partition", p->partition);
    json_set_i64(s, "start", start);
    return s;
}

static int make_splits(struct listing *l, bool more, cJSON *out, struct err *err) {
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_copy(l->parts),
                                    *stops = rd_kafka_topic_partition_list_copy(l->parts),
                                    *lows = rd_kafka_topic_partition_list_copy(l->parts);
    bool bounded = l->k->options.bounded != BOUNDED_NEVER;
    int rc = find_starts(l, starts, more, err);
    if (!rc && bounded) rc = find_stops(l, stops, err);
    if (!rc && bounded) rc = offsets_at(l, lows, RD_KAFKA_OFFSET_BEGINNING, err);
    for (int i = 0; i < l->parts->cnt && !rc; i++) {
        const rd_kafka_topic_partition_t *p = &l->parts->elems[i];
        int64_t start = offset_in(starts, p);
        if (bounded) start = MAX(start, offset_in(lows, p));
        cJSON *s = new_split(p, start);
        if (bounded) {
            int64_t stop = offset_in(stops, p);
            json_set_i64(s, "stop", stop);
            json_set_i64(s, "records", MAX(stop - start, 0));
        }
        cJSON_AddItemToArray(out, s);
    }
    rd_kafka_topic_partition_list_destroy(starts);
    rd_kafka_topic_partition_list_destroy(stops);
    rd_kafka_topic_partition_list_destroy(lows);
    return rc;
}

static int list(const struct kafka_table *k, bool more, cJSON *out, struct err *err) {
    struct listing l = {.k = k};
    rd_kafka_conf_t *conf;
    int rc = kafka_conf(k, KAFKA_LISTING, &conf, err);
    if (rc) return rc;
    kafka_trouble_init(&l.trouble);
    kafka_trouble_of(&l.trouble, k->options.servers);
    rc = kafka_client(RD_KAFKA_CONSUMER, conf, &l.trouble, &l.rk, err);
    if (!rc) {
        l.parts = rd_kafka_topic_partition_list_new(16);
        rc = k->n_topics ? find_named(&l, err) : find_matching(&l, err);
        if (!rc && l.parts->cnt) {
            rd_kafka_topic_partition_list_sort(l.parts, NULL, NULL);
            rc = make_splits(&l, more, out, err);
        }
        rd_kafka_topic_partition_list_destroy(l.parts);
        rd_kafka_destroy(l.rk);
    }
    kafka_trouble_release(&l.trouble);
    return rc;
}

static int enumerate(const struct connector_table *t, bool more, cJSON **ret, struct err *err) {
    struct arena a;
    arena_init(&a);
    struct kafka_table k;
    cJSON *out = cJSON_CreateArray();
    int rc = kafka_table(t, &a, &k, err);
    if (!rc) rc = list(&k, more, out, err);
    arena_release(&a);
    if (rc)
        cJSON_Delete(out);
    else
        *ret = out;
    return rc;
}

int kafka_enumerate(const struct connector_table *t, int parallelism, cJSON **ret,
                    struct err *err) {
    return enumerate(t, false, ret, err);
}

int kafka_enumerate_more(const struct connector_table *t, int parallelism, cJSON **ret,
                         struct err *err) {
    return enumerate(t, true, ret, err);
}
