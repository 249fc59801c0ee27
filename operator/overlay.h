/* overlay.h - a user's pod template laid over the operator's pod, as kubectl's strategic merge
 * does: objects by field (null removes), lists of named things by their key, other lists whole.
 * Pure. */
#ifndef PENSTOCK_OPERATOR_OVERLAY_H
#define PENSTOCK_OPERATOR_OVERLAY_H

#include "base/core/json.h"

/* Changes base; nothing is done if one of the two is no object. */
void overlay_merge(cJSON *base, const cJSON *patch);

#endif
