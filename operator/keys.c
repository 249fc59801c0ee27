/* keys.c - tokens and certificates in Secrets. */
#include "operator/keys.h"

#include "base/core/mem.h"
#include "base/net/tls.h"
#include "operator/k8s/meta.h"
#include "operator/objects.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void job_keys_release(struct job_keys *k) {
    free(k->token);
    free(k->ca);
    *k = (struct job_keys){0};
}

static char *decode(const cJSON *secret, const char *key) {
    const char *text = json_opt_str(json_opt(secret, "data"), key, NULL);
    if (!text) return NULL;
    size_t n = strlen(text), pad = 0;
    while (pad < n && pad < 2 && text[n - 1 - pad] == '=')
        pad++;
    unsigned char *out = mem_alloc(n / 4 * 3 + 4);
    int len = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
    if (len < (int)pad) {
        free(out);
        return NULL;
    }
    out[len - (int)pad] = '\0';
    return (char *)out;
}

int keys_read(const cJSON *secret, struct job_keys *ret, struct err *err) {
    struct job_keys k = {decode(secret, "token"), decode(secret, "ca.crt"), 0};
    AUTO_FREE char *cert = decode(secret, "tls.crt");
    int rc = 0;
    if (!k.token || !k.ca || !cert)
        rc = err_set(err, ERR_CORRUPT,
                     "Secret %s lacks token, ca.crt or tls.crt: delete it, and it "
                     "is made anew",
                     k8s_meta_name(secret));
    if (!rc) rc = tls_cert_expires_s(cert, &k.expires_s, err);
    if (rc) {
        job_keys_release(&k);
        return rc;
    }
    *ret = k;
    return 0;
}

static void set_encoded(cJSON *data, const char *key, const char *text) {
    size_t n = strlen(text);
    AUTO_FREE char *out = mem_alloc(n / 3 * 4 + 5);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)n);
    json_set_str(data, key, out);
}

cJSON *keys_before(const struct job_keys *k) {
    cJSON *o = cJSON_CreateObject(), *data = cJSON_AddObjectToObject(o, "data");
    set_encoded(data, "token", k->token);
    set_encoded(data, "ca.crt", k->ca);
    return o;
}

static void new_token(char token[65]) {
    unsigned char r[32];
    CHECK(getentropy(r, sizeof r) == 0);
    for (size_t i = 0; i < sizeof r; i++)
        snprintf(token + 2 * i, 3, "%02x", r[i]);
}

int keys_make(const struct job *job, const cJSON *before, cJSON **ret_secret, struct err *err) {
    AUTO_STR name = STR_INIT, server = STR_INIT, service = STR_INIT, trust = STR_INIT;
    objects_keys_name(job->name, &name);
    objects_server_name(job->name, job->ns, &server);
    str_addf(&service, "%s.%s.svc", job->name, job->ns);
    const char *names[] = {str_text(&server), str_text(&service), "localhost"};
    struct tls_identity ca = {0}, leaf = {0};
    int rc = tls_make_ca("penstock job", KEYS_DAYS, &ca, err);
    if (!rc) rc = tls_make_leaf(&ca, names, ARRAY_LEN(names), KEYS_DAYS, &leaf, err);
    if (!rc) {
        AUTO_FREE char *old_token = decode(before, "token"), *old_ca = decode(before, "ca.crt");
        char token[65];
        new_token(token);
        str_add(&trust, ca.cert);
        /* Only the newest of those before: the list doesn't grow. */
        const char *end = old_ca ? strstr(old_ca, "-----END CERTIFICATE-----") : NULL;
        if (end)
            str_add_n(&trust, old_ca,
                      (size_t)(end - old_ca) + strlen("-----END CERTIFICATE-----\n"));
        cJSON *o = k8s_object_new(K8S_SECRETS, job->ns, str_text(&name));
        json_set_str(o, "type", "Opaque");
        cJSON *data = cJSON_AddObjectToObject(o, "data");
        set_encoded(data, "token", old_token ? old_token : token);
        set_encoded(data, "ca.crt", str_text(&trust));
        set_encoded(data, "tls.crt", leaf.cert);
        set_encoded(data, "tls.key", leaf.key);
        objects_adopt(o, job, NULL, 0);
        *ret_secret = o;
    }
    tls_identity_release(&ca);
    tls_identity_release(&leaf);
    return rc;
}
