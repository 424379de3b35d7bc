/* Pages of keys and values: who holds which. What a page contains is the devices' business. */
#ifndef PW_RUNTIME_ENGINE_KV_H
#define PW_RUNTIME_ENGINE_KV_H

#include "scheduler/run.h"

typedef struct pw_kv {
    int32_t *free;    /* [pages]: stack of free pages */
    int32_t *holders; /* [pages]: sessions that hold the page */
    bool *used;       /* [pages]: has held keys before, so must be cleared */
    int32_t pages, n_free;
    pw_run *run;
} pw_kv;

/* Tables for `pages` pages out of the arena, all free. */
PW_MUST pewter_status pw_kv_init(pw_kv *kv, pw_arena *arena, int32_t pages, pw_run *run,
                                 pewter_error *err);

/* A page full of zeros, held once. PEWTER_E_LIMIT where none is free. */
PW_MUST pewter_status pw_kv_take(pw_kv *kv, int32_t *page, pewter_error *err);

void pw_kv_hold(pw_kv *kv, int32_t page);
void pw_kv_drop(pw_kv *kv, int32_t page);

/* Makes *page one that only this holder has: a copy of it, if others hold it too. */
PW_MUST pewter_status pw_kv_own(pw_kv *kv, int32_t *page, pewter_error *err);

#endif
