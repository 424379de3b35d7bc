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
    kv->slots = pw_arena_array(arena, (size_t)kv->n_slots, sizeof *kv->slots);
    kv->free = pw_arena_array(arena, (size_t)pages, sizeof *kv->free);
    kv->holders = pw_arena_array(arena, (size_t)pages, sizeof *kv->holders);
    kv->used = pw_arena_array(arena, (size_t)pages, sizeof *kv->used);
    if (kv->free == NULL || kv->holders == NULL || kv->used == NULL || kv->entries == NULL ||
        kv->slots == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a table of %d pages", pages);
    memset(kv->slots, 0xff, (size_t)kv->n_slots * sizeof *kv->slots);
    for (int32_t i = 0; i < pages; i++) kv->free[i] = pages - 1 - i;
    return PEWTER_OK;
}

/* ---- Pages that can be found ----------------------------------------------------------------- */

static int32_t slot_of(const pw_kv *kv, const pw_kv_key *key)
{
    uint64_t hash = key->salt ^ key->parent * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < PW_PAGE; i++) {
        hash = (hash ^ (uint32_t)key->tokens[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return (int32_t)(hash & (uint64_t)(kv->n_slots - 1));
}

int32_t pw_kv_find(const pw_kv *kv, const pw_kv_key *key)
{
    for (int32_t page = kv->slots[slot_of(kv, key)]; page >= 0; page = kv->entries[page].next) {
        const pw_kv_entry *e = &kv->entries[page];
        if (e->salt == key->salt && e->parent == key->parent &&
            memcmp(e->tokens, key->tokens, sizeof e->tokens) == 0)
            return page;
    }
    return -1;
}

void pw_kv_share(pw_kv *kv, int32_t page, const pw_kv_key *key)
{
    pw_kv_entry *e = &kv->entries[page];
    assert(e->serial == 0 && kv->holders[page] > 0);
    *e = (pw_kv_entry){.serial = ++kv->serials,
                       .salt = key->salt,
                       .parent = key->parent,
                       .slot = slot_of(kv, key),
                       .newer = -1,
                       .older = -1};
    memcpy(e->tokens, key->tokens, sizeof e->tokens);
    e->next = kv->slots[e->slot];
    kv->slots[e->slot] = page;
}

static void forget(pw_kv *kv, int32_t page)
{
    pw_kv_entry *e = &kv->entries[page];
    if (e->serial == 0) return;
    int32_t *at = &kv->slots[e->slot];
    while (*at != page) at = &kv->entries[*at].next;
    *at = e->next;
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

pewter_status pw_kv_own(pw_kv *kv, int32_t *page, pewter_error *err)
{
    if (kv->holders[*page] == 1) {
        forget(kv, *page);
        return PEWTER_OK;
    }
    int32_t copy = 0;
    PW_TRY(pop(kv, &copy, err));
    kv->used[copy] = true;
    const pewter_status status = pw_run_copy_page(kv->run, *page, copy, err);
    if (status != PEWTER_OK) {
        pw_kv_drop(kv, copy);
        return status;
    }
    pw_kv_drop(kv, *page);
    *page = copy;
    return PEWTER_OK;
}
