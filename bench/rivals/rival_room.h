/* What the rivals share: jobs, operands, the check. */
#ifndef PW_BENCH_RIVALS_RIVAL_ROOM_H
#define PW_BENCH_RIVALS_RIVAL_ROOM_H

#include "bench/rivals/rival.h"

struct rival_job {
    const pw_sample *sample;
    void (*run)(rival_job *job);
    void (*free)(rival_job *job); /* what `own` holds */
    /* NULL: `result` is compared with double sums over the sample's operands, within `tolerance`. */
    pewter_status (*check)(const rival_job *job, pewter_error *err);
    const float *result; /* [m, n] or [d, h, n] of the last run */
    double tolerance;    /* |err| <= tolerance sum |w||x|, or max |v| */
    void *own;
};

/* A zeroed job with `bytes` of its own behind it. NULL: no memory. */
rival_job *rival_job_new(const pw_sample *s, size_t bytes);

/* What a rival of products takes: a MATMUL without epilogues into f32 rows that touch. */
bool rival_is_product(const pw_sample *s);

/* Found by rival_find, once a process: false where the library is not there; `out` is filled, or
 * `why` says in a line what is missing. */
bool rival_openblas(const char *folder, rival *out, char *why, size_t cap);
bool rival_blis(const char *folder, rival *out, char *why, size_t cap);
bool rival_onednn(const char *folder, rival *out, char *why, size_t cap);
bool rival_ggml(const char *folder, rival *out, char *why, size_t cap);

/* A function of a library, and the pointer to it that is to be set. */
typedef struct rival_symbol {
    const char *name;
    void *to;
    bool optional; /* left as it is where it is missing */
} rival_symbol;

/* Sets the pointers of a table that ends in a NULL name. False after `why` names what is missing. */
bool rival_symbols(void *library, const rival_symbol *table, char *why, size_t cap);

#endif
