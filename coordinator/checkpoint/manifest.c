/* manifest.c - records of the checkpoint log as bytes. */
#include "coordinator/checkpoint/manifest.h"

#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char *const kinds[] = {"leader", "checkpoint"};

void ckpt_manifest_release(struct ckpt_manifest *m) {
    free((struct ckpt_file *)m->record.files);
    cJSON_Delete(m->body);
    *m = (struct ckpt_manifest){0};
}

void ckpt_manifest_write(const struct ckpt_record *rec, const cJSON *body, struct str *out) {
    AUTO_JSON *j = cJSON_CreateObject();
    json_set_u64(j, "seq", rec->seq);
    json_set_str(j, "kind", kinds[rec->kind]);
    json_set_u64(j, "epoch", rec->epoch);
    json_set_u64(j, "nonce", rec->nonce);
    json_set_u64(j, "attempt", rec->attempt);
    json_set_u64(j, "checkpoint", rec->checkpoint);
    json_set_u64(j, "checkpointSeq", rec->checkpoint_seq);
    json_set_u64(j, "prevSeq", rec->prev_seq);
    cJSON *files = cJSON_AddArrayToObject(j, "files");
    for (size_t i = 0; i < rec->n_files; i++)
        cJSON_AddItemToArray(files, cJSON_CreateString(rec->files[i].name));
    if (body) cJSON_AddItemReferenceToObject(j, "body", (cJSON *)body);
    AUTO_STR text = STR_INIT;
    json_print(j, &text);
    str_addf(out, "penstock-checkpoint %d %016" PRIx64 " %zu\n", CKPT_FORMAT_VERSION,
             (uint64_t)XXH3_64bits(text.ptr, text.len), text.len);
    str_add_sv(out, str_view(&text));
}

static int corrupt(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT, "a record of the checkpoint log is corrupt: %s", what);
}

/* The line in front; what follows it. */
static int read_head(struct sv bytes, struct sv *ret_rest, struct err *err) {
    char line[128];
    const char *nl = memchr(bytes.ptr, '\n', MIN(bytes.len, sizeof line - 1));
    if (!nl) return corrupt(err, "it doesn't begin as one");
    size_t n = (size_t)(nl - bytes.ptr);
    memcpy(line, bytes.ptr, n);
    line[n] = 0;
    int version, end = 0;
    uint64_t sum;
    size_t len;
    if (sscanf(line, "penstock-checkpoint %9d %16" SCNx64 " %18zu%n", &version, &sum, &len, &end) !=
            3 ||
        line[end])
        return corrupt(err, "it doesn't begin as one");
    char again[128]; /* scanf takes more than was written */
    snprintf(again, sizeof again, "penstock-checkpoint %d %016" PRIx64 " %zu", version, sum, len);
    if (strcmp(again, line) != 0) return corrupt(err, "it doesn't begin as one");
    if (version != CKPT_FORMAT_VERSION)
        return err_set(err, ERR_UNSUPPORTED,
                       "the checkpoint log is of format %d; this release reads format %d", version,
                       CKPT_FORMAT_VERSION);
    *ret_rest = (struct sv){nl + 1, bytes.len - n - 1};
    if (ret_rest->len != len) return corrupt(err, "its length differs");
    if (XXH3_64bits(ret_rest->ptr, len) != sum) return corrupt(err, "its checksum differs");
    return 0;
}

static int read_files(const cJSON *list, struct ckpt_record *rec, struct err *err) {
    int n = cJSON_GetArraySize(list);
    struct ckpt_file *files = mem_calloc((size_t)n + 1, sizeof *files);
    rec->files = files;
    for (const cJSON *e = list->child; e; e = e->next) {
        uint64_t epoch, checkpoint;
        if (!cJSON_IsString(e) || strlen(e->valuestring) > CKPT_FILE_NAME_MAX ||
            !ckpt_file_parse(e->valuestring, &epoch, &checkpoint) || strchr(e->valuestring, '/'))
            return corrupt(err, "the name of a file is none");
        strcpy(files[rec->n_files++].name, e->valuestring);
    }
    return 0;
}

static int read_json(cJSON *j, struct ckpt_manifest *m, struct err *err) {
    struct ckpt_record *r = &m->record;
    const char *kind;
    const cJSON *files;
    int rc = json_get_u64(j, "seq", &r->seq, err);
    if (!rc) rc = json_get_str(j, "kind", &kind, err);
    if (!rc) rc = json_get_u64(j, "epoch", &r->epoch, err);
    if (!rc) rc = json_get_u64(j, "nonce", &r->nonce, err);
    if (!rc) rc = json_get_u64(j, "attempt", &r->attempt, err);
    if (!rc) rc = json_get_u64(j, "checkpoint", &r->checkpoint, err);
    if (!rc) rc = json_get_u64(j, "checkpointSeq", &r->checkpoint_seq, err);
    if (!rc) rc = json_get_u64(j, "prevSeq", &r->prev_seq, err);
    if (!rc) rc = json_get_array(j, "files", &files, err);
    if (rc) {
        err_wrap(err, "a record of the checkpoint log is corrupt");
        err->code = ERR_CORRUPT;
        return ERR_CORRUPT;
    }
    if (!strcmp(kind, kinds[CKPT_RECORD_LEADER]))
        r->kind = CKPT_RECORD_LEADER;
    else if (!strcmp(kind, kinds[CKPT_RECORD_CHECKPOINT]))
        r->kind = CKPT_RECORD_CHECKPOINT;
    else
        return corrupt(err, "it is of no kind");
    rc = read_files(files, r, err);
    if (rc) return rc;
    m->body = cJSON_DetachItemFromObjectCaseSensitive(j, "body");
    return 0;
}

int ckpt_manifest_read(struct sv bytes, struct ckpt_manifest *ret, struct err *err) {
    struct sv rest = {0};
    int rc = read_head(bytes, &rest, err);
    if (rc) return rc;
    AUTO_JSON *j = NULL;
    if (json_parse(rest.ptr, rest.len, &j, err)) {
        err->code = ERR_CORRUPT;
        return ERR_CORRUPT;
    }
    struct ckpt_manifest m = {0};
    rc = read_json(j, &m, err);
    if (rc)
        ckpt_manifest_release(&m);
    else
        *ret = m;
    return rc;
}
