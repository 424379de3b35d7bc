/* Equal beginnings of sessions are computed once: full pages are found again by what they hold. */
#ifndef PW_RUNTIME_ENGINE_PREFIX_H
#define PW_RUNTIME_ENGINE_PREFIX_H

#include "runtime/engine/engine.h"

/* Takes pages that are there already for tokens that the session would compute next, of the last one a copy where only
 * its beginning is equal; one token at least is left to compute. */
void pw_prefix_match(pewter_session *session);

/* Lets others find the pages that the session has filled. */
void pw_prefix_share(pewter_session *session);

/* Whether a session that is in the batch being made computes the page that this one would compute next: it will be
 * found a step later. */
bool pw_prefix_under_way(const pewter_session *session);

#endif
