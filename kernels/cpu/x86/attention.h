/* Streaming-softmax attention over pages in lanes: what all its rows share. A tile is up to PW_TILE
 * rows of one sequence and one KV head (row = token, then query head of the group), so that keys and
 * values are read once for all of them.
 *
 * Order of sums: keys in chunks of 256 from position 0; a running maximum and sum over a part of
 * 2048; parts merged in ascending order. Masked keys weigh exactly zero, and adding zero changes no
 * bits, so tiles may skip or take along what none or only some of their rows see. */
#ifndef PW_KERNELS_CPU_X86_ATTENTION_H
#define PW_KERNELS_CPU_X86_ATTENTION_H

#include "kernels/cpu/kv_lanes.h"
#include "kernels/kernel.h"

enum {
    PW_CHUNK = 256,
    PW_PART = 2048,
    PW_TILE = 64,
    PW_SCORES = PW_CHUNK + 16, /* floats from one row of scores to the next */
    PW_RECORD = 16             /* floats of a record before its values */
};

/* A softmax on its way, of one row: maximum (in powers of two), sum, and from PW_RECORD on the
 * weighed values [padded d]. Empty: minus infinity, 0, zeros. */
static inline int64_t pw_record_floats(int64_t d)
{
    return PW_RECORD + pw_kv_padded(d);
}

/* A tile in a worker's scratch. */
typedef struct pw_tile {
    pw_dtype dtype; /* of the pages */
    int64_t d, rows;
    void *q;      /* [rows] queries times scale / ln 2, as the row's products want them; a row
                     * takes padded d floats */
    float *score; /* [rows][PW_SCORES] of a chunk; then, in place, its weights */
    float *sum;   /* [rows][16] of the part's weights, in lanes */
    float *part;  /* [rows] records */
    float *page;  /* [64][padded d] room for decoded keys or values */
} pw_tile;

/* The parts of the work that are written for an instruction set. `keys` and `values` are those of
 * one KV head in one page, `at` its first position within the chunk (a multiple of 64), `count` how
 * many of its positions are wanted; `ahead` is what will be read next, as many bytes. */
typedef struct pw_attention_ops {
    void (*query)(const pw_tile *t, int64_t row, const float *q, float scale);
    void (*score)(const pw_tile *t, const char *keys, int64_t at, int64_t count, const char *ahead);
    /* Scores [from, to) of all rows (multiples of 32; masked ones minus infinity) to weights; weakens
     * the part where the maximum grows. */
    void (*weigh)(const pw_tile *t, int64_t from, int64_t to);
    void (*gather)(const pw_tile *t, const char *values, int64_t at, int64_t count,
                   const char *ahead);
    /* Ends the part of a row: its sum in lanes into its record. */
    void (*close)(const pw_tile *t, int64_t row);
    /* Adds one record to another. */
    void (*merge)(float *total, const float *part, int64_t d);
    /* y [d] = values of the record over its sum. */
    void (*finish)(const float *total, float *y, int64_t d);
    /* As pw_act_write. */
    void (*act)(pw_dtype act, void *data, int64_t k, int64_t n, int64_t row, const float *x);
} pw_attention_ops;

/* The two phases of a row, with its ops. `scratch`: pw_attention_scratch. */
void pw_attention_run(const pw_call *call, int64_t begin, int64_t end, void *scratch,
                      const pw_attention_ops *ops);
void pw_attention_merge(const pw_call *call, int64_t begin, int64_t end, void *scratch,
                        const pw_attention_ops *ops);

#endif
