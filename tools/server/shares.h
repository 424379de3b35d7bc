/* What each key uses of the service, and how much of it it may. Under the queue's lock. */
#ifndef PW_TOOLS_SERVER_SHARES_H
#define PW_TOOLS_SERVER_SHARES_H

#include "tools/server/refusal.h"

/* Of one key; 0: as much as there is. */
typedef struct key_limits {
    int32_t requests; /* that wait or run */
    int64_t tokens;   /* of prompts and answers in a minute */
    int64_t context;  /* tokens that its running requests may hold together */
} key_limits;

typedef struct key_use {
    uint64_t share; /* which key, by keys_salt */
    size_t waiting, running;
    int64_t context;
    double spent; /* tokens of late: it falls by the limit in a minute */
    int64_t spent_ns;
} key_use;

typedef struct shares {
    key_limits limits;
    key_use *list;
    size_t n, cap;
} shares;

/* The use of a key, of which there are at most 4097; NULL: no memory. Valid until the next call. */
key_use *shares_of(shares *s, uint64_t share);

/* Whether a request that will hold `context` tokens may be added now; a 429 with Retry-After, or a 400 where it never
 * may. */
bool shares_allow(shares *s, key_use *use, int64_t context, int64_t now_ns, refusal *r);

/* Whether there is room for it to run. */
bool shares_fit(const shares *s, const key_use *use, int64_t context);

/* Tokens that were computed for the key. */
void shares_spend(const shares *s, key_use *use, int64_t tokens, int64_t now_ns);

void shares_free(shares *s);

#endif
