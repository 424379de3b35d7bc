#include "tools/server/shares.h"

#include <stdlib.h>

enum { MOST = 4097 };

key_use *shares_of(shares *s, uint64_t share)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->list[i].share == share) return &s->list[i];
    /* A key that went and left nothing behind makes room. */
    for (size_t i = 0; s->n >= MOST && i < s->n; i++) {
        if (s->list[i].waiting + s->list[i].running > 0) continue;
        s->list[i] = (key_use){.share = share};
        return &s->list[i];
    }
    if (s->n == s->cap) {
        const size_t cap = s->cap == 0 ? 16 : s->cap * 2;
        key_use *larger = realloc(s->list, cap * sizeof *larger);
        if (larger == NULL) return NULL;
        s->list = larger;
        s->cap = cap;
    }
    s->list[s->n] = (key_use){.share = share};
    return &s->list[s->n++];
}

/* Tokens that may be spent in a second. */
static double rate(const shares *s)
{
    return (double)s->limits.tokens / 60.0;
}

static void forget(const shares *s, key_use *use, int64_t now_ns)
{
    const double seconds = (double)(now_ns - use->spent_ns) * 1e-9;
    use->spent = use->spent > seconds * rate(s) ? use->spent - seconds * rate(s) : 0.0;
    use->spent_ns = now_ns;
}

static bool too_many(refusal *r, int retry_after)
{
    r->code = "rate_limit_exceeded";
    r->retry_after = retry_after;
    return false;
}

bool shares_allow(shares *s, key_use *use, int64_t context, int64_t now_ns, refusal *r)
{
    const key_limits *most = &s->limits;
    if (most->requests > 0 && use->waiting + use->running >= (size_t)most->requests) {
        refuse(r, 429, NULL, "this key has %zu requests under way, of %d that it may have",
               use->waiting + use->running, most->requests);
        return too_many(r, 1);
    }
    if (most->context > 0 && context > most->context)
        return refuse(
            r, 400, NULL,
            "the request wants %lld tokens of context, and this key may hold %lld: ask for "
            "fewer tokens",
            (long long)context, (long long)most->context);
    if (most->tokens == 0) return true;
    forget(s, use, now_ns);
    if (use->spent < (double)most->tokens) return true;
    refuse(r, 429, NULL, "this key has had its %lld tokens a minute", (long long)most->tokens);
    return too_many(r, 1 + (int)((use->spent - (double)most->tokens) / rate(s)));
}

bool shares_fit(const shares *s, const key_use *use, int64_t context)
{
    return s->limits.context == 0 || use->context + context <= s->limits.context;
}

void shares_spend(const shares *s, key_use *use, int64_t tokens, int64_t now_ns)
{
    if (s->limits.tokens == 0) return;
    forget(s, use, now_ns);
    use->spent += (double)tokens;
}

void shares_free(shares *s)
{
    free(s->list);
    *s = (shares){0};
}
