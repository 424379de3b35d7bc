/* The kernel row, catalogues, and the pick of the best row. */
#ifndef PW_KERNELS_KERNEL_H
#define PW_KERNELS_KERNEL_H

#include "kernels/features.h"
#include "kernels/op.h"

/* Computes units [begin, end) of the op's parallel axis. Touches nothing else: it allocates, locks,
 * logs and fails never. `scratch` is private to this call, 64-byte aligned. */
typedef void pw_cpu_fn(const pw_call *call, int64_t begin, int64_t end, void *scratch);

/* `merge`, where not NULL, runs after all of `run` over units [0, merge_extent(call)). */
typedef struct pw_cpu_phases {
    pw_cpu_fn *run, *merge;
    int64_t (*merge_extent)(const pw_call *call);
} pw_cpu_phases;

/* Rows of weights on their way into a panel. */
typedef struct pw_pack {
    const void *src[2]; /* first row of this panel in each source; [1] only where fused */
    size_t row_bytes;   /* between rows of a source */
    int64_t rows;       /* of each source in this panel: up to 32, or up to 16 where fused */
    int64_t k;
    pw_dtype dtype;
    bool fused; /* row group 0 from src[0], row group 1 from src[1] */
    void *dst;  /* panel_bytes(k), 64-byte aligned; missing rows are written as zeros */
} pw_pack;

/* How packed weights are laid out: panels of 32 rows, one behind the other. A fused panel holds 16
 * rows of w and the same 16 of w2. */
typedef struct pw_packing {
    const char *name;                 /* "brick_q4_0" */
    size_t (*panel_bytes)(int64_t k); /* a multiple of 64 */
    void (*pack)(const pw_pack *args);
} pw_packing;

enum { PW_PANEL = 32 };

typedef struct pw_shader pw_shader;

/* Panels of a packed tensor of m rows. */
static inline int64_t pw_panels(int64_t m, bool fused)
{
    const int64_t rows = fused ? PW_PANEL / 2 : PW_PANEL;
    return (m + rows - 1) / rows;
}

/* One way to compute one op on one kind of device: a row of a catalogue. */
typedef struct pw_kernel {
    const char *name;   /* op_format_isa, unique: "matmul_q4_0_avx512vnni" */
    pw_op op;           /* the contract it keeps, see op.h */
    pw_dtype weight;    /* dtype of src[0] of MATMUL and EMBED; PW_DTYPE_COUNT: any */
    pw_dtype act;       /* MATMUL: format of src[1] */
    uint32_t results;   /* bits 1 << dtype of what dst may be besides f32; CAST: what it makes */
    uint64_t needs;     /* device features, all of them */
    int rank;           /* the highest that fits is taken */
    const char *order;  /* name of its order of sums: rows of equal order give equal bits */
    bool quantises;     /* reads activations in fewer bits than f32: refused under `exact` */
    uint32_t epilogues; /* what MATMUL can do on the way out; all combinations of these bits */
    int64_t grain, max_task; /* units of the parallel axis in a task: multiple of, at most */
    int64_t max_n;           /* MATMUL: rows of src[1] it takes at most; 0: any */
    bool (*fits)(const pw_call *shape);      /* NULL: every shape */
    int64_t (*extent)(const pw_call *call);  /* NULL: the contract's axis */
    size_t (*scratch)(const pw_call *shape); /* NULL: none; bytes a worker, at full width */
    /* Bytes that `run` leaves for `merge`, shared by all workers, behind `shared` of the call at
     * full width; NULL: none. Handed over as src[PW_MAX_SRC - 1].data. */
    size_t (*shared)(const pw_call *shape);
    const pw_packing *packing; /* NULL: weights as in the file */
    const pw_kv_packing *kv;   /* ATTENTION, KV_STORE: layout of the pool */
    pw_cpu_phases cpu;         /* of rows for a CPU */
    const pw_shader *shader;   /* of rows for a GPU, see its room */
} pw_kernel;

/* Whether its products are summed in 16 bits first, for which only weights of at most 6 bits are small
 * enough: what CPUs without VNNI do, at up to twice their rate for 8 bits. */
static inline bool pw_sums_short(const pw_kernel *kernel)
{
    return kernel->act == PW_Q8X && kernel->weight != PW_Q8_0 &&
           (kernel->needs & PW_CPU_AVX2) != 0 &&
           (kernel->needs & (PW_CPU_AVXVNNI | PW_CPU_AVX512VNNI)) == 0;
}

/* Units of dst that tasks must be cut at multiples of. A fused panel has half as many outputs. */
static inline int64_t pw_grain(const pw_kernel *kernel, const pw_call *call)
{
    const bool fused = kernel->packing != NULL && (call->params.epilogues & PW_EPILOGUE_GLU) != 0;
    return fused ? kernel->grain / 2 : kernel->grain;
}

/* Bytes of weights that the whole of a MATMUL call reads. */
double pw_weight_bytes(const pw_kernel *kernel, const pw_call *call);

typedef struct pw_catalogue {
    const pw_kernel *rows;
    size_t count;
} pw_catalogue;

/* What the pick may take. */
typedef struct pw_pick_rules {
    uint64_t features;       /* of the device */
    bool exact;              /* refuse rows that quantise */
    const pw_kv_packing *kv; /* KV_STORE: the packing that ATTENTION has; NULL: any */
    pw_dtype kv_dtype;       /* ATTENTION: the dtype of the pool wanted */
} pw_pick_rules;

/* The best row for a call of this shape, NULL where none fits. `n` of the shape is its full width;
 * rows with max_n below it are not taken here, see pw_pick_narrow. */
const pw_kernel *pw_pick(const pw_catalogue *from, const pw_call *shape,
                         const pw_pick_rules *rules);

/* The best row of the same order, weight, act and packing as `wide` that takes at most `max_n` > 0
 * rows: the direct form for few tokens. NULL where there is none. */
const pw_kernel *pw_pick_narrow(const pw_catalogue *from, const pw_kernel *wide,
                                const pw_call *shape, const pw_pick_rules *rules);

/* The row of that name, NULL where there is none. */
const pw_kernel *pw_kernel_named(const pw_catalogue *from, const char *name);

#endif
