#include "runtime/grammar/match.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/grammar/automaton.h"

static void link_match(pw_match *match, pw_automaton *a)
{
    match->automaton = a;
    match->next = a->matches;
    match->back = &a->matches;
    if (a->matches != NULL) a->matches->back = &match->next;
    a->matches = match;
}

pewter_status pw_match_begin(pw_match *match, pw_automaton *automaton, pewter_error *err)
{
    match->state = PW_STATE_DEAD;
    link_match(match, automaton);
    PW_TRY(pw_automaton_tidy(automaton, err));
    return pw_automaton_start(automaton, &match->state, err);
}

void pw_match_end(pw_match *match)
{
    if (match->automaton == NULL) return;
    *match->back = match->next;
    if (match->next != NULL) match->next->back = match->back;
    *match = (pw_match){.state = PW_STATE_DEAD};
}

void pw_match_copy(pw_match *to, const pw_match *from)
{
    to->state = from->state;
    if (from->automaton != NULL) link_match(to, from->automaton);
}

pewter_status pw_match_add(pw_match *match, const char *text, size_t bytes, bool *fits,
                           pewter_error *err)
{
    pw_automaton *a = match->automaton;
    PW_TRY(pw_automaton_tidy(a, err));
    for (size_t i = 0; i < bytes && match->state >= 0; i++)
        PW_TRY(
            pw_automaton_step(a, match->state, a->class_of[(uint8_t)text[i]], &match->state, err));
    *fits = match->state >= 0;
    return PEWTER_OK;
}

bool pw_match_may_end(const pw_match *match)
{
    return match->state >= 0 && pw_state_at(match->automaton, match->state)->accepts;
}

bool pw_match_must_end(const pw_match *match)
{
    return match->state < 0 || pw_state_at(match->automaton, match->state)->n_items == 0;
}

static void set_bit(uint32_t *mask, int32_t token)
{
    mask[token >> 5] |= 1u << (token & 31);
}

/* Walks the trie with a state for each byte of the beginning that is shared. */
static pewter_status fill_mask(pw_automaton *a, int32_t state, const pw_trie *trie, int32_t *path,
                               uint32_t *mask, pewter_error *err)
{
    path[0] = state;
    for (int32_t i = 0; i < trie->count;) {
        const pw_trie_node *node = &trie->nodes[i];
        int32_t next;
        PW_TRY(pw_automaton_step(a, path[node->depth - 1], a->class_of[node->byte], &next, err));
        if (next == PW_STATE_DEAD) {
            i = node->end;
            continue;
        }
        path[node->depth] = next;
        for (int32_t token = node->token; token >= 0; token = trie->same[token])
            set_bit(mask, token);
        i++;
    }
    for (int32_t i = 0; i < trie->n_eog && pw_state_at(a, state)->accepts; i++)
        set_bit(mask, trie->eog[i]);
    return PEWTER_OK;
}

static pewter_status make_mask(pw_match *match, const pw_trie *trie, pewter_error *err)
{
    pw_automaton *a = match->automaton;
    PW_TRY(pw_automaton_tidy(a, err)); /* may have moved the match's state */
    const size_t path_bytes = ((size_t)trie->longest + 1) * sizeof(int32_t);
    a->mask_bytes = ((size_t)trie->vocab + 31) / 32 * sizeof(uint32_t);
    int32_t *path = pw_alloc(a->alloc, path_bytes);
    uint32_t *mask = pw_alloc(a->alloc, a->mask_bytes);
    pewter_status status = PEWTER_OK;
    if (path == NULL || mask == NULL) {
        status = pw_fail(err, PEWTER_E_MEMORY, "no memory for a mask of %d tokens", trie->vocab);
    } else {
        memset(mask, 0, a->mask_bytes);
        status = fill_mask(a, match->state, trie, path, mask, err);
    }
    pw_free(a->alloc, path, path_bytes);
    if (status != PEWTER_OK) {
        pw_free(a->alloc, mask, a->mask_bytes);
        return status;
    }
    pw_state_at(a, match->state)->mask = mask;
    a->n_masks++;
    return PEWTER_OK;
}

pewter_status pw_match_mask(pw_match *match, const pw_trie *trie, const uint32_t **mask,
                            pewter_error *err)
{
    if (match->state < 0) return pw_fail(err, PEWTER_E_ARG, "the text does not fit its grammar");
    if (pw_state_at(match->automaton, match->state)->mask == NULL)
        PW_TRY(make_mask(match, trie, err));
    *mask = pw_state_at(match->automaton, match->state)->mask;
    return PEWTER_OK;
}

pewter_status pw_match_forced(pw_match *match, char *out, size_t cap, size_t *bytes,
                              pewter_error *err)
{
    pw_automaton *a = match->automaton;
    int32_t state = match->state;
    *bytes = 0;
    while (state >= 0 && *bytes < cap && !pw_state_at(a, state)->accepts) {
        int32_t only = -1, to = PW_STATE_DEAD;
        for (int32_t class = 0; class < a->n_classes; class ++) {
            int32_t next;
            PW_TRY(pw_automaton_step(a, state, class, &next, err));
            if (next == PW_STATE_DEAD) continue;
            if (only >= 0 || !a->alone[class]) return PEWTER_OK;
            only = class;
            to = next;
        }
        if (only < 0) return PEWTER_OK;
        out[(*bytes)++] = (char)a->byte_of[only];
        state = to;
    }
    return PEWTER_OK;
}
