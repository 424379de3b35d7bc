/* What the checks share: the catalogue, a memory that notices, a way to run a row, a way to say
 * what is wrong. */
#ifndef PW_TESTS_CHECK_CHECK_H
#define PW_TESTS_CHECK_CHECK_H

#include "backends/backend.h"
#include "kernels/kernel.h"
#include "kernels/sample.h"
#include "pw/attr.h"
#include "pw/rng.h"
#include "tests/check/heap.h"

typedef struct check {
    pw_catalogue rows;
    uint64_t features; /* rows that need more are not run */
    uint64_t seed;
    int rounds;
    const char *filter; /* part of the names wanted; NULL: all */
    heap heap;
    pewter_allocator alloc;    /* over the heap */
    const pw_backend *backend; /* whose rows they are; NULL: the CPU's, called directly */
    pw_device *device;
} check;

/* ---- device.c: rows of a GPU ---- */

/* Takes the rows of a device: "BACKEND" or "BACKEND:PART OF ITS NAME". False: there is none. */
bool check_open(check *c, const char *name);

/* Runs the call by the device, on copies of its operands, which are read back. */
void check_run_device(check *c, const pw_kernel *row, const pw_call *call);

/* ---- check.c: one row alone ---- */

/* The generator of one round of one row; the same whatever else is run. */
pw_rng check_rng(const check *c, const char *name, int round);

/* Runs the call in tasks over all of its axis. `cuts` NULL: in order, each as long as the row
 * allows; else random lengths, in random order. */
void check_run(check *c, const pw_kernel *row, const pw_call *call, pw_rng *cuts);

/* A random sample of the row with n rows (0: any), `epilogues` of those it can do. */
bool check_shape(const check *c, const pw_kernel *row, pw_rng *rng, pw_sample_shape *out);

/* A sample on the heap; ends the program if there is no memory. */
void check_make(check *c, const pw_sample_shape *shape, pw_rng *rng, pw_sample *out);

/* Prints "FAIL name: ..." with the round's shape (may be NULL) and seed; returns false. */
PW_PRINTF(4, 5)
bool check_fail(const check *c, const pw_kernel *row, const pw_sample_shape *shape,
                const char *format, ...);

/* One round: the result against the truth; splits, guards, sources, bytes not to be written. */
bool check_row(check *c, const pw_kernel *row, int round);

/* MATMUL: one-hot activations through every weight position of a block. */
bool check_one_hot(check *c, const pw_kernel *row);

/* ---- compare.c ---- */

/* f32 values [n0, rows] at `got` against `want`, each within its `slack`. Prints the first wrong
 * element with its neighbours. */
bool compare_values(const pw_tensor *got, const double *want, const double *slack);

/* Bytes; prints the first that differ, as floats where `floats`. */
bool compare_bits(const void *got, const void *want, size_t bytes, bool floats);

/* ---- truth.c: every contract in double, by its formula ---- */

/* What dst of the sample's call must be, f32 results: want and slack of pw_elements(dst) each. Not
 * for CAST and KV_STORE, which are exact. */
void truth_of(const pw_sample *s, double *want, double *slack);

/* The part of a row of weights that its minima give (zero for formats without), f32 [k]. */
void truth_minima(pw_dtype dtype, const void *src, float *out, int64_t k);

/* ---- order.c, paged.c, product.c: rows together ---- */

/* Whether the two rows promise equal bits. */
bool order_same(const pw_kernel *a, const pw_kernel *b);

/* All rows of `first`'s order, with n = 1 to 64 and random neighbours, give equal bits. */
bool check_order(check *c, const pw_kernel *first);

/* Prefill, decode and chopped prompts over pages anywhere, shared or not, give equal bits, for all
 * ATTENTION rows of `first`'s order. */
bool check_paged(check *c, const pw_kernel *first, int round);

/* A large MATMUL against a random vector on its left. */
bool check_product(check *c, const pw_kernel *row);

#endif
