#include "runtime/engine/kv.h"

#include <assert.h>

#include "pw/status.h"

pewter_status pw_kv_init(pw_kv *kv, pw_arena *arena, int32_t pages, pw_run *run, pewter_error *err)
{
    *kv = (pw_kv){.pages = pages, .n_free = pages, .run = run};
    kv->free = pw_arena_array(arena, (size_t)pages, sizeof *kv->free);
    kv->holders = pw_arena_array(arena, (size_t)pages, sizeof *kv->holders);
    kv->used = pw_arena_array(arena, (size_t)pages, sizeof *kv->used);
    if (kv->free == NULL || kv->holders == NULL || kv->used == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for a table of %d pages", pages);
    for (int32_t i = 0; i < pages; i++) kv->free[i] = pages - 1 - i;
    return PEWTER_OK;
}

static pewter_status pop(pw_kv *kv, int32_t *page, pewter_error *err)
{
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
    assert(kv->holders[page] > 0);
    kv->holders[page]++;
}

void pw_kv_drop(pw_kv *kv, int32_t page)
{
    assert(kv->holders[page] > 0);
    if (--kv->holders[page] == 0) kv->free[kv->n_free++] = page;
}

pewter_status pw_kv_own(pw_kv *kv, int32_t *page, pewter_error *err)
{
    if (kv->holders[*page] == 1) return PEWTER_OK;
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
