/* The blocks of the quantised file formats, byte for byte as GGUF files hold them: little-endian,
 * halves (f16) as their bits. Source: the block structs of ggml, ggml-common.h (MIT), whose names
 * they carry; MXFP4: OCP Microscaling Formats v1.0, section 5.3; IQ and TQ grids: quant_iq_tables.h.
 *
 * A block of a file may lie at any address: copy it into one of these before reading it. */
#ifndef PW_KERNELS_BLOCKS_H
#define PW_KERNELS_BLOCKS_H

#include <assert.h>
#include <stdint.h>

/* ---- 32 values. Nibble i of qs is value i (low) and value i + 16 (high) ----------------------- */

/* w = d (q - 8) */
typedef struct pw_block_q4_0 {
    uint16_t d;
    uint8_t qs[16];
} pw_block_q4_0;

/* w = d q + m */
typedef struct pw_block_q4_1 {
    uint16_t d, m;
    uint8_t qs[16];
} pw_block_q4_1;

/* w = d (q - 16); bit i of qh is the fifth bit of value i */
typedef struct pw_block_q5_0 {
    uint16_t d;
    uint8_t qh[4];
    uint8_t qs[16];
} pw_block_q5_0;

/* w = d q + m; qh as in Q5_0 */
typedef struct pw_block_q5_1 {
    uint16_t d, m;
    uint8_t qh[4];
    uint8_t qs[16];
} pw_block_q5_1;

/* w = d q */
typedef struct pw_block_q8_0 {
    uint16_t d;
    int8_t qs[32];
} pw_block_q8_0;

/* w = d level[q], sixteen uneven levels */
typedef struct pw_block_iq4_nl {
    uint16_t d;
    uint8_t qs[16];
} pw_block_iq4_nl;

/* w = 2^(e - 128) level[q], the levels of E2M1 doubled */
typedef struct pw_block_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
} pw_block_mxfp4;

/* ---- 256 values ------------------------------------------------------------------------------- */

/* w = d sc q - dmin m for each 16: nibbles of scales are sc (low) and m (high) */
typedef struct pw_block_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint16_t d, dmin;
} pw_block_q2_k;

/* w = d (sc - 32) (q - 4), for each 16; hmask holds the third bits, scales 16 x 6 bits */
typedef struct pw_block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint16_t d;
} pw_block_q3_k;

/* w = d sc q - dmin m for each 32; scales holds 8 x 6 bits of sc and of m */
typedef struct pw_block_q4_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qs[128];
} pw_block_q4_k;

/* As Q4_K; bit b of qh[i] is the fifth bit of value i of sub-block b */
typedef struct pw_block_q5_k {
    uint16_t d, dmin;
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
} pw_block_q5_k;

/* w = d sc (q - 32) for each 16 */
typedef struct pw_block_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint16_t d;
} pw_block_q6_k;

/* Each 32: four bytes that name eight magnitudes each, then 4 x 7 bits of signs and 4 of scale */
typedef struct pw_block_iq2_xxs {
    uint16_t d;
    uint16_t qs[32];
} pw_block_iq2_xxs;

/* qs: 9 bits of grid, 7 of signs */
typedef struct pw_block_iq2_xs {
    uint16_t d;
    uint16_t qs[32];
    uint8_t scales[8];
} pw_block_iq2_xs;

/* qs: 32 bytes of grid, then 32 of signs */
typedef struct pw_block_iq2_s {
    uint16_t d;
    uint8_t qs[64];
    uint8_t qh[8];
    uint8_t scales[8];
} pw_block_iq2_s;

/* qs: 64 bytes of grid, then for each 32 a word of signs and scale as in IQ2_XXS */
typedef struct pw_block_iq3_xxs {
    uint16_t d;
    uint8_t qs[96];
} pw_block_iq3_xxs;

typedef struct pw_block_iq3_s {
    uint16_t d;
    uint8_t qs[64];
    uint8_t qh[8];
    uint8_t signs[32];
    uint8_t scales[4];
} pw_block_iq3_s;

/* qh for each 32: 4 x 3 bits of grid, 3 of scale, 1 of shift */
typedef struct pw_block_iq1_s {
    uint16_t d;
    uint8_t qs[32];
    uint16_t qh[8];
} pw_block_iq1_s;

/* The four upper nibbles of `scales` are d; below them 3 bits for each 16 */
typedef struct pw_block_iq1_m {
    uint8_t qs[32];
    uint8_t qh[16];
    uint16_t scales[4];
} pw_block_iq1_m;

/* w = d (sc - 32) level[q] for each 32, with the levels of IQ4_NL */
typedef struct pw_block_iq4_xs {
    uint16_t d;
    uint16_t scales_h;
    uint8_t scales_l[4];
    uint8_t qs[128];
} pw_block_iq4_xs;

/* w = d (q - 1), five base-3 digits a byte (four in qh), the first in the upper bits of 3 byte */
typedef struct pw_block_tq1_0 {
    uint8_t qs[48];
    uint8_t qh[4];
    uint16_t d;
} pw_block_tq1_0;

/* w = d (q - 1), two bits a value */
typedef struct pw_block_tq2_0 {
    uint8_t qs[64];
    uint16_t d;
} pw_block_tq2_0;

/* ---- Sizes, as in the type table of kernels/dtype.c ------------------------------------------- */

static_assert(sizeof(pw_block_q4_0) == 18, "Q4_0");
static_assert(sizeof(pw_block_q4_1) == 20, "Q4_1");
static_assert(sizeof(pw_block_q5_0) == 22, "Q5_0");
static_assert(sizeof(pw_block_q5_1) == 24, "Q5_1");
static_assert(sizeof(pw_block_q8_0) == 34, "Q8_0");
static_assert(sizeof(pw_block_iq4_nl) == 18, "IQ4_NL");
static_assert(sizeof(pw_block_mxfp4) == 17, "MXFP4");
static_assert(sizeof(pw_block_q2_k) == 84, "Q2_K");
static_assert(sizeof(pw_block_q3_k) == 110, "Q3_K");
static_assert(sizeof(pw_block_q4_k) == 144, "Q4_K");
static_assert(sizeof(pw_block_q5_k) == 176, "Q5_K");
static_assert(sizeof(pw_block_q6_k) == 210, "Q6_K");
static_assert(sizeof(pw_block_iq2_xxs) == 66, "IQ2_XXS");
static_assert(sizeof(pw_block_iq2_xs) == 74, "IQ2_XS");
static_assert(sizeof(pw_block_iq2_s) == 82, "IQ2_S");
static_assert(sizeof(pw_block_iq3_xxs) == 98, "IQ3_XXS");
static_assert(sizeof(pw_block_iq3_s) == 110, "IQ3_S");
static_assert(sizeof(pw_block_iq1_s) == 50, "IQ1_S");
static_assert(sizeof(pw_block_iq1_m) == 56, "IQ1_M");
static_assert(sizeof(pw_block_iq4_xs) == 136, "IQ4_XS");
static_assert(sizeof(pw_block_tq1_0) == 54, "TQ1_0");
static_assert(sizeof(pw_block_tq2_0) == 66, "TQ2_0");

#endif
