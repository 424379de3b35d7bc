/* Random valid arguments for any row: for tests, benches and profiling. */
#ifndef PW_KERNELS_SAMPLE_H
#define PW_KERNELS_SAMPLE_H

#include "kernels/kernel.h"
#include "pewter.h"
#include "pw/attr.h"
#include "pw/rng.h"

/* What to make. Members that do not concern the row's op are 0. */
typedef struct pw_sample_shape {
    const pw_kernel *row;   /* whose arguments */
    const pw_kernel *store; /* ATTENTION: a KV_STORE row of the same packing, fills the pool */
    pw_dtype weight;        /* MATMUL, EMBED: of src[0] */
    pw_dtype result;        /* of dst: F32, or an activation format that the row makes */
    uint32_t epilogues;     /* MATMUL */
    int64_t k, m, n; /* values a row; rows of the matrix (MATMUL, EMBED); rows of the batch */
    int64_t heads;   /* NORM, ROPE, ATTENTION; 1 elsewhere */
    int64_t kv_heads, head_dim, window; /* ATTENTION, KV_STORE */
    int64_t sequences;                  /* ATTENTION, KV_STORE: that share the n rows; at most n */
    int64_t depth;                      /* the same: positions before the batch, of each sequence */
    bool ragged;                        /* sequences differ in rows and depth, up to `depth` */
    int64_t rotated;                    /* ROPE: length of a row of the table */
    bool neox, in_place, broadcast;     /* ROPE; NORM, ROPE, MATMUL with ADD; ADD */
    bool strided;                       /* rows do not touch each other */
    int64_t distinct; /* MATMUL, EMBED: rows of the matrix that differ; the others repeat them, so
                       * that a large one is made in little time. 0: all */
} pw_sample_shape;

enum { PW_SAMPLE_BLOCKS = 24 };

/* The arguments. Freed by pw_sample_free. */
typedef struct pw_sample {
    pw_sample_shape shape;
    pw_call call;  /* for the row */
    pw_call plain; /* the same operands for plain C, dense: weights as in the file, activations in
                    * f32 as the row reads them, src[1] and src[2] of ATTENTION the keys and values
                    * [d, hk, positions] as the pool rounds them; dst is the row's own */
    pw_call fill;  /* ATTENTION: the KV_STORE call that filled the pool */
    pw_batch batch;
    pw_sequence *sequences; /* of the batch */
    pw_sequence *stored;    /* the same from position 0: first is their row in keys and values */
    int64_t pages;          /* in the pool */
    void *dst;
    size_t dst_bytes;

    const pewter_allocator *alloc;
    struct pw_sample_block {
        void *data;
        size_t bytes;
        pewter_memory kind;
    } blocks[PW_SAMPLE_BLOCKS];
    size_t n_blocks;
} pw_sample;

/* A random shape that the row takes: tails everywhere, n and m up to 70, k 32 to 600. `store` is
 * found in `from` among rows that need no more than `features`. False where none was found. */
PW_MUST bool pw_sample_random(const pw_kernel *row, const pw_catalogue *from, uint64_t features,
                              pw_rng *rng, pw_sample_shape *out);

/* Tensors without data, as the plan would ask for. */
pw_call pw_sample_call(const pw_sample_shape *shape);

/* Allocates and fills the operands. Values are normal, with outliers, faint blocks and zeros. */
pewter_status pw_sample_make(const pw_sample_shape *shape, const pewter_allocator *alloc,
                             pw_rng *rng, pw_sample *out, pewter_error *err);

/* Puts dst back to what it was before the row ran: every byte 0xff, or its source where it is one,
 * or an empty pool. */
void pw_sample_reset(pw_sample *sample);

/* Which bytes of dst the row writes: map[i] is 1 or 0, dst_bytes of them. */
void pw_sample_mark(const pw_sample *sample, uint8_t *map);

void pw_sample_free(pw_sample *sample);

#endif
