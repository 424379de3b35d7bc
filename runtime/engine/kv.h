/* Pages of keys and values: who holds which, and which can be found again by what they hold. What a page contains
 * is the devices' business. */
#ifndef PW_RUNTIME_ENGINE_KV_H
#define PW_RUNTIME_ENGINE_KV_H

#include "scheduler/run.h"

/* What a full page is found by. */
typedef struct pw_kv_key {
    uint64_t salt;         /* whose it is: nobody finds a page of another */
    uint64_t parent;       /* serial number of the page in front of it; 0: it is the first */
    const int32_t *tokens; /* [PW_PAGE] */
} pw_kv_key;

/* How pages are found: by their keys, and by keys without tokens. */
enum { PW_KV_WHOLE, PW_KV_FAMILY, PW_KV_TABLES };

/* What is known of a page that can be found. */
typedef struct pw_kv_entry {
    uint64_t serial; /* never given twice; 0: the page cannot be found */
    uint64_t salt, parent;
    int32_t tokens[PW_PAGE];
    int32_t slot[PW_KV_TABLES],
        next[PW_KV_TABLES]; /* of each table, and the next page there; -1: none */
    int32_t newer, older;   /* pages that nobody holds, by when they were last held; -1: none */
} pw_kv_entry;

typedef struct pw_kv {
    int32_t *free;    /* [pages]: stack of free pages */
    int32_t *holders; /* [pages]: sessions that hold the page */
    bool *used;       /* [pages]: has held keys before, so must be cleared */
    int32_t pages, n_free;
    pw_run *run;
    pw_kv_entry *entries;         /* [pages] */
    int32_t *slots[PW_KV_TABLES]; /* [n_slots] each: the first page; -1: none */
    int32_t n_slots;
    int32_t oldest, newest, n_idle; /* pages that can be found and that nobody holds */
    uint64_t serials;               /* given so far */
    uint64_t asked, found;          /* tokens of prompts, and those of them that were found */
} pw_kv;

/* Tables for `pages` pages out of the arena, all free. */
PW_MUST pewter_status pw_kv_init(pw_kv *kv, pw_arena *arena, int32_t pages, pw_run *run,
                                 pewter_error *err);

/* A page full of zeros, held once; where none is free, the one that was not held for longest is forgotten.
 * PEWTER_E_LIMIT where all are held. */
PW_MUST pewter_status pw_kv_take(pw_kv *kv, int32_t *page, pewter_error *err);

void pw_kv_hold(pw_kv *kv, int32_t page);
void pw_kv_drop(pw_kv *kv, int32_t page);

/* Makes *page one that only this holder has and nobody finds: a copy of it, if others hold it too. */
PW_MUST pewter_status pw_kv_own(pw_kv *kv, int32_t *page, pewter_error *err);

/* Pages that pw_kv_take can give. */
static inline int32_t pw_kv_available(const pw_kv *kv)
{
    return kv->n_free + kv->n_idle;
}

/* The page with that key, token by token; -1: none. */
int32_t pw_kv_find(const pw_kv *kv, const pw_kv_key *key);

/* Of the pages with that key but for their tokens, the one that begins with most of the key's; *common: with how many,
 * at most `n`. -1: none begins with any. */
int32_t pw_kv_find_part(const pw_kv *kv, const pw_kv_key *key, int32_t n, int32_t *common);

/* A copy of a page that can be found, held once; as pw_kv_take where no page is free. */
PW_MUST pewter_status pw_kv_take_copy(pw_kv *kv, int32_t from, int32_t *page, pewter_error *err);

/* From here on the page, which is full, is found. No page may be found by the key yet. */
void pw_kv_share(pw_kv *kv, int32_t page, const pw_kv_key *key);

/* The serial number of a page that can be found, else 0. */
static inline uint64_t pw_kv_serial(const pw_kv *kv, int32_t page)
{
    return kv->entries[page].serial;
}

#endif
