/* manifest.h - FlinkJob manifests, read strictly. The schema is the CRD itself (crds/), carried in
 * the program: unknown fields, wrong types, missing and out-of-range values are errors with the
 * line, the path of the field and the nearest known name; defaults are filled in. The CRD's CEL
 * rules that concern a manifest alone are checked by job_spec_read, with the CRD's messages. */
#ifndef PENSTOCK_BASE_PROTO_MANIFEST_H
#define PENSTOCK_BASE_PROTO_MANIFEST_H

#include "base/core/map.h"
#include "base/core/yaml.h"

/* Where the operator mounts the Secrets that spec.fileSystems name, a folder each. */
#define JOB_SECRETS_DIR "/etc/penstock/secrets"

enum { JOB_NAME_MAX = 40 /* pods and services have longer names, made from it */ };

enum job_mode { JOB_MODE_UNSET, JOB_MODE_STREAMING, JOB_MODE_BATCH, JOB_MODE_AUTOMATIC };

struct job_vertex_edit {
    const char *uid;
    int parallelism;        /* 0 = unchanged */
    const char *slot_group; /* NULL = unchanged */
    int chain;              /* -1 = unchanged, 0, 1 */
};

struct job_setting {
    const char *key, *value;
};

/* A FlinkJob's spec with defaults; lives in one arena. */
struct job_spec {
    const char *name, *ns;
    const char *sql;
    const char *file; /* manifest or script, as given; NULL = none (text of the command line) */
    int sql_line;     /* of the file, where the script's first line stands; 0 = the script's lines
                         aren't the file's (a folded or escaped scalar) */
    int sql_column;   /* characters of the file in front of each line of the script: indentation */
    const char *directory; /* of that file, or the current one; absolute; NULL = none */
    enum job_mode mode;
    int parallelism, max_parallelism;
    bool stateless;     /* spec.job.upgradeMode: a run doesn't start from the last one's state */
    int workers, slots; /* 0 = unset */
    int n_settings;
    const struct job_setting *settings;
    const char *file_systems; /* spec.fileSystems as JSON text; NULL = none */
    const char *log_levels;   /* "info,net=debug" */
    bool log_json;
    int n_edits;
    const struct job_vertex_edit *edits;
    const char *state; /* "running", "suspended", "preview": for a cluster; NULL = unset */
};

/* Reads the one FlinkJob of a YAML stream (ConfigMaps beside it serve sqlFrom). file: for messages.
 */
int job_spec_read(struct arena *a, const char *file, const char *text, size_t len,
                  struct job_spec **ret, struct err *err) ATTR_MUST_USE;
/* The same of a FlinkJob that the API server has checked and given defaults; sql: the script, where
 * it isn't inline (NULL: it is). Copies. */
int job_spec_of_object(struct arena *a, const cJSON *flinkjob, const char *sql,
                       struct job_spec **ret, struct err *err) ATTR_MUST_USE;
/* A bare SQL script as a job: everything else at its default. */
struct job_spec *job_spec_of_script(struct arena *a, const char *name, const char *sql);

/* A place in the script (from 1) as one in the file, where that is known. */
void job_spec_place(const struct job_spec *s, int *line, int *column);
/* "job.yaml:17:9", "17:9" without a file. Appended. */
void job_spec_print_place(const struct job_spec *s, int line, int column, struct str *out);

cJSON *job_spec_to_json(const struct job_spec *s);
/* spec.fileSystems as an array; NULL = none. Owned by the caller. */
cJSON *job_spec_file_systems(const struct job_spec *s);
int job_spec_from_json(struct arena *a, const cJSON *j, struct job_spec **ret,
                       struct err *err) ATTR_MUST_USE;

/* Checks a value against an OpenAPI v3 schema node (as CRDs use it) and gives it back with defaults
 * filled in. path: for messages, "spec". Exposed for tests and the operator. */
int schema_check(struct arena *a, const struct ynode *schema, const struct ynode *value,
                 const char *path, cJSON **ret, struct err *err) ATTR_MUST_USE;

/* The CRDs' text, as built in. */
struct sv crd_flinkjob_text(void);
struct sv crd_flinksnapshot_text(void);
/* docs/flinkjob.md, made from the CRDs. Appended. */
int crd_print_docs(struct str *out, struct err *err) ATTR_MUST_USE;

#endif
