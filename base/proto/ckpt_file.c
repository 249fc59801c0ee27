#include "base/proto/ckpt_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ckpt_file_name(uint64_t epoch, uint64_t checkpoint, const char *worker, uint32_t salt,
                    struct ckpt_file *ret) {
    snprintf(ret->name, sizeof ret->name, "%" PRIu64 "-%" PRIu64 "-%.48s-%08x.state", epoch,
             checkpoint, worker, salt);
}

bool ckpt_file_parse(const char *name, uint64_t *ret_epoch, uint64_t *ret_checkpoint) {
    char *end;
    size_t len = strlen(name);
    if (len < 6 || strcmp(name + len - 6, ".state") != 0) return false;
    if (name[0] < '0' || name[0] > '9') return false;
    uint64_t epoch = strtoull(name, &end, 10);
    if (*end != '-' || end[1] < '0' || end[1] > '9') return false;
    *ret_checkpoint = strtoull(end + 1, &end, 10);
    if (*end != '-') return false;
    *ret_epoch = epoch;
    return true;
}
