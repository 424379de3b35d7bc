#include "runtime/engine/kv.h"

#include <assert.h>
#include <string.h>

#include "pw/status.h"

pewter_status pw_kv_init(pw_kv *kv, pw_arena *arena, int32_t pages, pw_run *run, pewter_error *err)
{
    *kv = (pw_kv){
        .pages = pages, .n_free = pages, .run = run, .n_slots = 1, .oldest = -1, .newest = -1};
    while (kv->n_slots < pages) kv->n_slots *= 2;
    kv->entries = pw_arena_array(arena, (size_t)pages, sizeof *kv->entries);
    for (int t = 0; t < PW_KV_TABLES; t++) {
        kv->slots[t] = pw_arena_array(arena, (size_t)kv->n_slots, sizeof **kv->slots);
        if (kv->slots[t] != NULL)
            memset(kv->slots[t], 0xff, (size_t)kv->n_slots * sizeof **kv->slots);
    }
    kv->free = pw_arena_array(arena, (size_t)pages, sizeof *kv->free);
    kv->holders = pw_arena_array(arena, (size_t)pages, sizeof *kv->holders);
    kv->used = pw_arena_array(arena, (size_t)pages, sizeof *kv->used);
    if (kv->free == NULL || kv->holders == NULL || kv->used == NULL || kv->entries == NULL ||
        kv->slots[PW_KV_WHOLE] == NULL || kv->slots[PW_KV_FAMILY] == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a table of %d pages", pages);
    for (int32_t i = 0; i < pages; i++) kv->free[i] = pages - 1 - i;
    return PEWTER_OK;
}

/* ---- Pages that can be found ----------------------------------------------------------------- */

static int32_t slot_of(const pw_kv *kv, int table, const pw_kv_key *key)
{
    const int tokens = table == PW_KV_WHOLE ? PW_PAGE : 0;
    uint64_t hash = key->salt ^ key->parent * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    for (int i = 0; i < tokens; i++) {
        hash = (hash ^ (uint32_t)key->tokens[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return (int32_t)(hash & (uint64_t)(kv->n_slots - 1));
}

int32_t pw_kv_find(const pw_kv *kv, const pw_kv_key *key)
{
    const int32_t slot = slot_of(kv, PW_KV_WHOLE, key);
    for (int32_t page = kv->slots[PW_KV_WHOLE][slot]; page >= 0;
         page = kv->entries[page].next[PW_KV_WHOLE]) {
        const pw_kv_entry *e = &kv->entries[page];
        if (e->salt == key->salt && e->parent == key->parent &&
            memcmp(e->tokens, key->tokens, sizeof e->tokens) == 0)
            return page;
    }
    return -1;
}

int32_t pw_kv_find_part(const pw_kv *kv, const pw_kv_key *key, int32_t n, int32_t *common)
{
    const int32_t slot = slot_of(kv, PW_KV_FAMILY, key);
    int32_t found = -1;
    *common = 0;
    for (int32_t page = kv->slots[PW_KV_FAMILY][slot]; page >= 0;
         page = kv->entries[page].next[PW_KV_FAMILY]) {
        const pw_kv_entry *e = &kv->entries[page];
        if (e->salt != key->salt || e->parent != key->parent) continue;
        int32_t equal = 0;
        while (equal < n && e->tokens[equal] == key->tokens[equal]) equal++;
        if (equal <= *common) continue;
        *common = equal;
        found = page;
    }
    return found;
}

void pw_kv_share(pw_kv *kv, int32_t page, const pw_kv_key *key)
{
    pw_kv_entry *e = &kv->entries[page];
    assert(e->serial == 0 && kv->holders[page] > 0);
    *e = (pw_kv_entry){.serial = ++kv->serials,
                       .salt = key->salt,
                       .parent = key->parent,
                       .newer = -1,
                       .older = -1};
    memcpy(e->tokens, key->tokens, sizeof e->tokens);
    for (int t = 0; t < PW_KV_TABLES; t++) {
        e->slot[t] = slot_of(kv, t, key);
        e->next[t] = kv->slots[t][e->slot[t]];
        kv->slots[t][e->slot[t]] = page;
    }
}

static void forget(pw_kv *kv, int32_t page)
{
    pw_kv_entry *e = &kv->entries[page];
    if (e->serial == 0) return;
    for (int t = 0; t < PW_KV_TABLES; t++) {
        int32_t *at = &kv->slots[t][e->slot[t]];
        while (*at != page) at = &kv->entries[*at].next[t];
        *at = e->next[t];
    }
    e->serial = 0;
}

/* ---- Pages that can be found and that nobody holds ------------------------------------------- */

static void join_idle(pw_kv *kv, int32_t page)
{
    pw_kv_entry *e = &kv->entries[page];
    e->newer = -1;
    e->older = kv->newest;
    if (kv->newest >= 0)
        kv->entries[kv->newest].newer = page;
    else
        kv->oldest = page;
    kv->newest = page;
    kv->n_idle++;
}

static void leave_idle(pw_kv *kv, int32_t page)
{
    const pw_kv_entry *e = &kv->entries[page];
    if (e->newer >= 0)
        kv->entries[e->newer].older = e->older;
    else
        kv->newest = e->older;
    if (e->older >= 0)
        kv->entries[e->older].newer = e->newer;
    else
        kv->oldest = e->newer;
    kv->n_idle--;
}

/* ---- Holding --------------------------------------------------------------------------------- */

static pewter_status pop(pw_kv *kv, int32_t *page, pewter_error *err)
{
    if (kv->n_free == 0 && kv->n_idle > 0) {
        const int32_t oldest = kv->oldest;
        leave_idle(kv, oldest);
        forget(kv, oldest);
        kv->free[kv->n_free++] = oldest;
    }
    if (kv->n_free == 0)
        return pw_fail(err, PEWTER_E_LIMIT,
                       "all %d pages of %d positions are held by sessions: load the model with a "
                       "larger context, or free a session",
                       kv->pages, PW_PAGE);
    *page = kv->free[--kv->n_free];
    kv->holders[*page] = 1;
    return PEWTER_OK;
}

pewter_status pw_kv_take(pw_kv *kv, int32_t *page, pewter_error *err)
{
    int32_t taken = 0;
    PW_TRY(pop(kv, &taken, err));
    if (kv->used[taken]) {
        const pewter_status status = pw_run_clear_page(kv->run, taken, err);
        if (status != PEWTER_OK) {
            pw_kv_drop(kv, taken);
            return status;
        }
    }
    kv->used[taken] = true;
    *page = taken;
    return PEWTER_OK;
}

void pw_kv_hold(pw_kv *kv, int32_t page)
{
    assert(kv->holders[page] > 0 || kv->entries[page].serial != 0);
    if (kv->holders[page]++ == 0) leave_idle(kv, page);
}

void pw_kv_drop(pw_kv *kv, int32_t page)
{
    assert(kv->holders[page] > 0);
    if (--kv->holders[page] > 0) return;
    if (kv->entries[page].serial != 0)
        join_idle(kv, page);
    else
        kv->free[kv->n_free++] = page;
}

static pewter_status take_copy(pw_kv *kv, int32_t from, int32_t *page, pewter_error *err)
{
    int32_t copy = 0;
    PW_TRY(pop(kv, &copy, err));
    kv->used[copy] = true;
    const pewter_status status = pw_run_copy_page(kv->run, from, copy, err);
    if (status != PEWTER_OK)
        pw_kv_drop(kv, copy);
    else
        *page = copy;
    return status;
}

pewter_status pw_kv_take_copy(pw_kv *kv, int32_t from, int32_t *page, pewter_error *err)
{
    pw_kv_hold(kv, from); /* lest it is forgotten for its copy */
    const pewter_status status = take_copy(kv, from, page, err);
    pw_kv_drop(kv, from);
    return status;
}

pewter_status pw_kv_own(pw_kv *kv, int32_t *page, pewter_error *err)
{
    if (kv->holders[*page] == 1) {
        forget(kv, *page);
        return PEWTER_OK;
    }
    int32_t copy = 0;
    PW_TRY(take_copy(kv, *page, &copy, err));
    pw_kv_drop(kv, *page);
    *page = copy;
    return PEWTER_OK;
}
