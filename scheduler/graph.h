/* A model's ops in order; its tensors by role. Built once, checked once, then read only.
 *
 * Activations are [d, h, n]: n, the tokens of the batch (or the rows whose logits are wanted), is
 * open and stands here at its full width. Ops that know no heads read [d h, n]. */
#ifndef PW_SCHEDULER_GRAPH_H
#define PW_SCHEDULER_GRAPH_H

#include "backends/backend.h"
#include "pw/arena.h"

typedef enum pw_role {
    PW_ROLE_WEIGHT,     /* in the model's file */
    PW_ROLE_STATE,      /* a layer's pool of keys and values */
    PW_ROLE_INPUT,      /* written before every step */
    PW_ROLE_ACTIVATION, /* made by an op */
    PW_ROLE_OUTPUT      /* made by an op, read by the host */
} pw_role;

typedef enum pw_input {
    PW_INPUT_TOKENS, /* i32 [n]: ids */
    PW_INPUT_ROPE,   /* f32 [r, 1, n]: cos and sin of every pair at the row's position */
    PW_INPUT_ROWS,   /* i32 [outputs]: the rows whose logits are wanted */
    PW_INPUT_COUNT
} pw_input;

/* Where a weight lies in a file: rows of row_bytes one behind the other. */
typedef struct pw_source {
    const char *name; /* "blk.0.attn_q.weight"; outlives the graph */
    int fd;           /* for pread; -1: only `mapped` */
    uint64_t offset;  /* in the file */
    size_t bytes, row_bytes;
    const void *mapped; /* the same bytes, mapped; never NULL */
} pw_source;

typedef struct pw_value {
    pw_role role;
    pw_dtype dtype;
    int64_t n[PW_MAX_DIMS];
    pw_open_rows rows; /* what scales dimension `dim` */
    int32_t dim;
    pw_source source; /* weights */
    pw_input input;   /* inputs */
} pw_value;

enum { PW_NO_VALUE = -1 };

typedef struct pw_node {
    pw_op op;
    int32_t layer; /* -1: before the first; pw_graph.layers: behind the last */
    int32_t dst;
    int32_t src[PW_MAX_SRC]; /* value, or PW_NO_VALUE */
    pw_params params;
    const char *name; /* "attn_q": static or as long as the graph */
} pw_node;

typedef struct pw_graph {
    pw_arena arena;
    pw_value *values;
    pw_node *nodes;
    int32_t n_values, n_nodes, cap_values, cap_nodes;
    int64_t width;   /* tokens in a step at most */
    int64_t outputs; /* rows of logits in a step at most */
    int64_t pages;   /* in every layer's pool */
    int32_t layers;
    int32_t layer;  /* that nodes are added to */
    int32_t logits; /* the value that the host reads */
    bool failed;    /* an allocation was refused: what is added since is lost */
} pw_graph;

/* An empty graph. Memory comes from `alloc`; freed by pw_graph_free. */
void pw_graph_init(pw_graph *graph, const pewter_allocator *alloc, int32_t layers, int64_t width,
                   int64_t outputs, int64_t pages);
void pw_graph_free(pw_graph *graph);

/* Values. A weight is [n0, n1]; a negative source is not looked at again once the graph failed. */
int32_t pw_graph_weight(pw_graph *graph, pw_dtype dtype, int64_t n0, int64_t n1,
                        const pw_source *source);
int32_t pw_graph_input(pw_graph *graph, pw_input input, int64_t n0);
int32_t pw_graph_state(pw_graph *graph);

/* A node whose result is a new f32 activation [d, h, n] with the open rows of src[0] (of src[1] for
 * ops whose src[0] is a weight). Returns the new value, PW_NO_VALUE for KV_STORE. */
int32_t pw_graph_op(pw_graph *graph, pw_op op, const char *name, int64_t d, int64_t h,
                    const int32_t src[PW_MAX_SRC], const pw_params *params);

/* Every node's shapes against its op's contract. A failure is a mistake of the family's code, or of
 * hyperparameters that were not checked against the tensors. */
PW_MUST pewter_status pw_graph_check(const pw_graph *graph, pewter_error *err);

/* A value as the op reads it: [d, h, n] where the op knows heads, [d h, n] elsewhere. *dim: the
 * open dimension of that view. */
pw_tensor pw_graph_view(const pw_graph *graph, pw_op op, int32_t value, int32_t *dim);

#endif
