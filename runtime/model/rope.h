/* Rotary positions: the angle of every pair, with the scalings that stretch a context. */
#ifndef PW_RUNTIME_MODEL_ROPE_H
#define PW_RUNTIME_MODEL_ROPE_H

#include <stdint.h>

enum { PW_ROPE_MAX_PAIRS = 256 };

typedef enum pw_rope_scaling { PW_ROPE_NONE, PW_ROPE_LINEAR, PW_ROPE_YARN } pw_rope_scaling;

/* What a file says. */
typedef struct pw_rope_spec {
    int64_t dims; /* values of a head that turn: even, up to 2 PW_ROPE_MAX_PAIRS */
    double base;  /* 10000 where the file is silent */
    pw_rope_scaling scaling;
    double factor;            /* context is this many times longer; 1 for none */
    int64_t original_context; /* YaRN */
    double beta_fast, beta_slow, attention_factor; /* YaRN: 32, 1, 1 */
    const float *factors; /* [dims / 2] that divide the angles (llama3 scaling); NULL: none */
} pw_rope_spec;

typedef struct pw_rope {
    int64_t pairs;
    double angle[PW_ROPE_MAX_PAIRS]; /* a position, in radians */
    double scale;                    /* of cos and sin */
} pw_rope;

/* Su et al. 2021 for the angles; Chen et al. 2023 for linear scaling; Peng et al. 2023 for YaRN. */
pw_rope pw_rope_of(const pw_rope_spec *spec);

/* cos, sin of pair 0, of pair 1, ... at a position: row f32 [2 pairs]. Made in double. */
void pw_rope_row(const pw_rope *rope, int64_t position, float *row);

#endif
