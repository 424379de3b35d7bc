#include "runtime/engine/prefix.h"

#include <string.h>

#include "pw/num.h"

/* What page `p` of a session is found by; false where those in front of it are not found themselves. */
static bool key_of(const pewter_session *s, int64_t p, pw_kv_key *key)
{
    *key = (pw_kv_key){.salt = s->options.share, .tokens = s->tokens + p * PW_PAGE};
    if (p > 0) key->parent = pw_kv_serial(&s->model->kv, s->pages[p - 1]);
    return p == 0 || key->parent != 0;
}

static void put_page(pewter_session *s, int64_t p, int32_t page)
{
    pw_kv *kv = &s->model->kv;
    pw_kv_hold(kv, page);
    if (p < s->n_pages)
        pw_kv_drop(kv, s->pages[p]);
    else
        s->n_pages = p + 1;
    s->pages[p] = page;
}

static void found(pewter_session *s, int64_t tokens)
{
    s->computed += tokens;
    if (s->computed <= s->prompt_end) s->model->kv.found += (uint64_t)tokens;
}

/* Where a page begins like one that is there, that one is copied. */
static void match_part(pewter_session *s, const pw_kv_key *key)
{
    enum { LEAST = 8 }; /* tokens, fewer of which are not worth a copy */
    pw_kv *kv = &s->model->kv;
    const int64_t p = s->computed / PW_PAGE;
    int32_t common, page;
    const int64_t most = pw_min(PW_PAGE, s->n_tokens - 1 - s->computed);
    const int32_t from = pw_kv_find_part(kv, key, (int32_t)most, &common);
    if (from < 0 || common < LEAST || pw_kv_take_copy(kv, from, &page, NULL) != PEWTER_OK) return;
    put_page(s, p, page);
    pw_kv_drop(kv, page); /* put_page holds it */
    found(s, common);
}

void pw_prefix_match(pewter_session *s)
{
    pw_kv *kv = &s->model->kv;
    /* What is asked of every token of the prompt cannot be read off its keys. */
    if (s->options.share == 0 || s->options.prompt_logprobs) return;
    while (s->computed % PW_PAGE == 0 && s->computed + 1 < s->n_tokens) {
        const int64_t p = s->computed / PW_PAGE;
        const bool whole = s->computed + PW_PAGE < s->n_tokens;
        pw_kv_key key;
        if (!key_of(s, p, &key)) return;
        const int32_t page = whole ? pw_kv_find(kv, &key) : -1;
        if (page < 0) {
            match_part(s, &key);
            return;
        }
        put_page(s, p, page);
        found(s, PW_PAGE);
    }
}

void pw_prefix_share(pewter_session *s)
{
    pw_kv *kv = &s->model->kv;
    if (s->options.share == 0) return;
    for (; (s->n_shared + 1) * PW_PAGE <= s->computed; s->n_shared++) {
        const int64_t p = s->n_shared;
        pw_kv_key key;
        if (pw_kv_serial(kv, s->pages[p]) != 0) continue;
        if (!key_of(s, p, &key)) return;
        const int32_t page = pw_kv_find(kv, &key);
        if (page >= 0)
            put_page(s, p, page); /* another was faster: its page is the same to the bit */
        else
            pw_kv_share(kv, s->pages[p], &key);
    }
}

bool pw_prefix_under_way(const pewter_session *s)
{
    const pw_batch_room *room = &s->model->room;
    const int64_t p = s->computed / PW_PAGE;
    if (s->options.share == 0 || s->options.prompt_logprobs || s->computed % PW_PAGE != 0 ||
        s->computed + PW_PAGE >= s->n_tokens)
        return false;
    for (int64_t i = 0; i < room->batch.n_sequences; i++) {
        const pewter_session *other = room->sessions[i];
        if (other->options.share != s->options.share || other->computed != s->computed ||
            room->sequences[i].count < PW_PAGE)
            continue;
        if (p > 0 && other->pages[p - 1] != s->pages[p - 1]) continue;
        if (memcmp(other->tokens + s->computed, s->tokens + s->computed,
                   PW_PAGE * sizeof *s->tokens) == 0)
            return true;
    }
    return false;
}
