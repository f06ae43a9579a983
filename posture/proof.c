#include "posture/proof.h"

static const char *const names[PROOF_KINDS] = { "not_asked", "none", "cookie", "webauthn_synced", "webauthn", "certificate" };

const char *proof_name(enum proof p) { return names[p < PROOF_KINDS ? p : PROOF_NONE]; }

bool proof_from(struct span name, enum proof *p)
{
    for (unsigned i = 0; i < PROOF_KINDS; i++) {
        if (!span_equal_text(name, names[i]))
            continue;
        *p = (enum proof)i;
        return true;
    }
    return false;
}
