/* A catalogue for tests of the plan, on any architecture: the reference rows behind rows that claim
 * to be fast. Those are never run. */
#ifndef PW_TESTS_SUPPORT_FAST_ROWS_H
#define PW_TESTS_SUPPORT_FAST_ROWS_H

#include <assert.h>

#include "kernels/ref/rows.h"

enum { FAST_FEATURE = 1 << 30, FAST_MATMULS = 2, FAST_ROWS = 5, FAST_ROOM = 64 };

static inline size_t fast_panel_bytes(int64_t k)
{
    return (size_t)k * PW_PANEL * 2;
}

static inline void fast_pack(const pw_pack *args)
{
    (void)args;
}

static const pw_packing fast_packing = {"fast_brick", fast_panel_bytes, fast_pack};

/* What a test may change before the catalogue is made. */
typedef struct fast_options {
    uint32_t epilogues; /* of the matmuls */
    bool norm_casts;    /* the fast norm writes Q8X */
    int norm_rank;
} fast_options;

typedef struct fast_rows {
    pw_kernel rows[FAST_ROOM];
    pw_catalogue all;
} fast_rows;

static inline void fast_make(fast_rows *out, const fast_options *options)
{
    const uint32_t act = 1u << PW_Q8X;
    const pw_catalogue plain = pw_ref_catalogue();
    const pw_kernel matmul = {.name = "matmul_q8_0_fast",
                              .op = PW_OP_MATMUL,
                              .weight = PW_Q8_0,
                              .act = PW_Q8X,
                              .needs = FAST_FEATURE,
                              .rank = 2,
                              .order = "fast",
                              .quantises = true,
                              .epilogues = options->epilogues,
                              .grain = PW_PANEL,
                              .packing = &fast_packing};
    out->rows[0] = out->rows[1] = matmul;
    out->rows[1].name = "matmul_q8_0_few_fast";
    out->rows[1].max_n = 3;
    out->rows[2] = (pw_kernel){.name = "cast_f32_fast",
                               .op = PW_OP_CAST,
                               .results = act,
                               .needs = FAST_FEATURE,
                               .rank = 2,
                               .order = "fast"};
    out->rows[3] = out->rows[2];
    out->rows[3].name = "norm_f32_fast";
    out->rows[3].op = PW_OP_NORM;
    out->rows[3].rank = options->norm_rank;
    out->rows[3].results = options->norm_casts ? act : 0;
    out->rows[4] = out->rows[2];
    out->rows[4].name = "glu_f32_fast";
    out->rows[4].op = PW_OP_GLU;
    assert(plain.count + FAST_ROWS <= FAST_ROOM);
    for (size_t i = 0; i < plain.count; i++) out->rows[FAST_ROWS + i] = plain.rows[i];
    out->all = (pw_catalogue){out->rows, FAST_ROWS + plain.count};
}

#endif
