/* keys.h - a job's Secret: its token, and a certificate for TLS between its pods. The authority
 * that signed it is made for the purpose, and its key thrown away. Renewed (a new authority and
 * certificate, the one before still trusted) when less than a third of its days is left; pods made
 * from then on have it. Pure but for randomness. */
#ifndef PENSTOCK_OPERATOR_KEYS_H
#define PENSTOCK_OPERATOR_KEYS_H

#include "operator/job.h"

enum { KEYS_DAYS = 365, KEYS_RENEW_S = KEYS_DAYS / 3 * 86400 };

/* What the operator keeps of a job's Secret. Zero is a valid initial value. */
struct job_keys {
    char *token, *ca;
    long long expires_s; /* from now, when read */
};
void job_keys_release(struct job_keys *k);

/* before: the Secret there is; NULL = none. The token stays. Owned by the caller. */
int keys_make(const struct job *job, const cJSON *before, cJSON **ret_secret,
              struct err *err) ATTR_MUST_USE;
/* As much of the Secret as keys_make takes over, for one that was deleted. Owned by the caller. */
cJSON *keys_before(const struct job_keys *k);
/* ERR_CORRUPT: something is missing in it. */
int keys_read(const cJSON *secret, struct job_keys *ret, struct err *err) ATTR_MUST_USE;

#endif
