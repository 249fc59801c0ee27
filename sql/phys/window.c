/* window.c - windows as configs: which columns carry them, and the window table function as an op
 * of its own where no aggregate takes it in. */
#include "sql/phys/window.h"

static const char *const type_names[] = {"tumble", "hop", "cumulate", "session"};

cJSON *phys_json_window(const struct window_ref *w) {
    cJSON *j = cJSON_CreateObject();
    if (w->attached) {
        json_set_str(j, "type", "attached");
        json_set_i64(j, "start", w->start);
        json_set_i64(j, "end", w->end);
        json_set_bool(j, "ltz", w->ltz);
        return j;
    }
    const struct window_spec *s = w->spec;
    json_set_str(j, "type", type_names[s->type]);
    json_set_i64(j, "time", w->time);
    if (s->type == WINDOW_SESSION) {
        json_set_i64(j, "gap", s->gap_ms);
    } else {
        json_set_i64(j, "size", s->size_ms);
        if (s->type != WINDOW_TUMBLE) json_set_i64(j, "slide", s->slide_ms);
        json_set_i64(j, "offset", s->offset_ms);
    }
    json_set_bool(j, "proctime", w->proctime);
    json_set_bool(j, "ltz", w->ltz);
    return j;
}

static void print_ms(int64_t ms, struct str *out) {
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (ms % units[i].ms == 0) {
            str_addf(out, "%lld %s", (long long)(ms / units[i].ms), units[i].name);
            return;
        }
}

void phys_print_window(const struct window_ref *w, const struct schema *in, struct str *out) {
    if (w->attached) {
        str_addf(out, "win_start=[%s], win_end=[%s]", in->fields[w->start].name,
                 in->fields[w->end].name);
        return;
    }
    const struct window_spec *s = w->spec;
    str_addf(out, "%s(time_col=[%s]",
             s->type == WINDOW_TUMBLE     ? "TUMBLE"
             : s->type == WINDOW_HOP      ? "HOP"
             : s->type == WINDOW_CUMULATE ? "CUMULATE"
                                          : "SESSION",
             in->fields[w->time].name);
    str_add(out, s->type == WINDOW_SESSION ? ", gap=[" : ", size=[");
    print_ms(s->type == WINDOW_SESSION ? s->gap_ms : s->size_ms, out);
    if (s->type == WINDOW_HOP || s->type == WINDOW_CUMULATE) {
        str_add(out, s->type == WINDOW_HOP ? "], slide=[" : "], step=[");
        print_ms(s->slide_ms, out);
    }
    if (s->offset_ms) {
        str_add(out, "], offset=[");
        print_ms(s->offset_ms, out);
    }
    str_add(out, "])");
}

int phys_window_ref(struct planner *p, const struct rel *r, const struct window_spec *spec,
                    const struct schema *in, struct window_ref *ret, struct err *err) {
    const struct type *t = in->fields[spec->time_column].type;
    if (!type_is_timestamp(t) || (!p->batch && t->time_attr == TIME_ATTR_NONE)) {
        AUTO_STR text = STR_INIT;
        type_print(t, &text);
        return phys_err(r, err, ERR_VALIDATION,
                        "The window function requires the timecol is a time attribute type, but is "
                        "%s.",
                        str_text(&text));
    }
    *ret = (struct window_ref){.spec = spec,
                               .time = spec->time_column,
                               .ltz = t->kind == TYPE_TIMESTAMP_LTZ,
                               .proctime = t->time_attr == TIME_ATTR_PROCTIME};
    return 0;
}

int phys_window_check(const struct rel *r, const struct window_spec *s, struct err *err) {
    long long size = s->size_ms, slide = s->slide_ms, gap = s->gap_ms;
    if (s->type == WINDOW_SESSION) {
        if (gap > 0) return 0;
        return phys_err(r, err, ERR_VALIDATION,
                        "SESSION table function based aggregate requires gap to be positive, but "
                        "got %lld ms.",
                        gap);
    }
    static const char *const names[] = {"TUMBLE", "HOP", "CUMULATE"};
    if (size <= 0)
        return phys_err(r, err, ERR_VALIDATION,
                        "%s table function based aggregate requires %s to be positive, but got "
                        "%lld ms.",
                        names[s->type], s->type == WINDOW_CUMULATE ? "maxSize" : "size", size);
    if (s->type == WINDOW_TUMBLE) return 0;
    if (slide <= 0)
        return phys_err(r, err, ERR_VALIDATION,
                        "%s table function based aggregate requires %s to be positive, but got "
                        "%lld ms.",
                        names[s->type], s->type == WINDOW_HOP ? "slide" : "step", slide);
    if (size % slide)
        return phys_err(r, err, ERR_VALIDATION,
                        s->type == WINDOW_HOP
                            ? "%s table function based aggregate requires size must be an integral "
                              "multiple of slide, but got size %lld ms and slide %lld ms."
                            : "%s table function based aggregate requires maxSize must be an "
                              "integral multiple of step, but got maxSize %lld ms and step %lld "
                              "ms.",
                        names[s->type], size, slide);
    return 0;
}

int phys_window(struct planner *p, const struct rel *r, struct pnode **ret, struct err *err) {
    struct pnode *in;
    struct window_ref w;
    int rc = phys_window_check(r, &r->u.window, err);
    if (!rc) rc = phys_window_ref(p, r, &r->u.window, r->inputs[0]->schema, &w, err);
    if (!rc) rc = phys_node(p, r->inputs[0], &in, err);
    if (rc) return rc;
    bool session = r->u.window.type == WINDOW_SESSION;
    struct pnode *n =
        phys_new(p, session ? PHYS_SESSION_TVF : PHYS_WINDOW_TVF, r, r->schema, &in, 1);
    int n_in = in->schema->n;
    if (session) {
        /* Sessions are merged per key: rows of a key must meet. */
        phys_hash(p, n, 0, r->u.window.keys, r->u.window.n_keys);
        n->n_dist = r->u.window.n_keys;
        n->dist = r->u.window.keys;
    } else {
        n->n_dist = in->n_dist;
        n->dist = in->dist;
    }
    n->spec = &r->u.window;
    n->spec_ltz = w.ltz;
    n->spec_proctime = w.proctime;
    for (int i = 0; i < 3; i++)
        phys_set_prop(p, n, n_in + i, (enum window_prop)(WPROP_START + i));
    json_set(n->config, "window", phys_json_window(&w));
    if (session) json_set(n->config, "keys", phys_json_cols(r->u.window.keys, r->u.window.n_keys));
    AUTO_STR s = STR_INIT;
    phys_print_window(&w, in->schema, &s);
    if (r->u.window.n_keys) {
        str_add(&s, ", partition_keys=[");
        phys_print_cols(in->schema, r->u.window.keys, r->u.window.n_keys, &s);
        str_add_char(&s, ']');
    }
    phys_label(p, n, "WindowTableFunction(window=[%s])", str_text(&s));
    *ret = n;
    return 0;
}
