/* The interface of a backend: one const struct of function pointers, no state in it. */
#ifndef PW_BACKENDS_BACKEND_H
#define PW_BACKENDS_BACKEND_H

#include <stdatomic.h>
#include <stddef.h>

#include "kernels/kernel.h"
#include "pewter.h"
#include "pw/attr.h"
#include "pw/log.h"

/* A set of cores and of memory nodes; the scheduler offers sites that do not overlap. */
typedef struct pw_site {
    char name[32];       /* "node0" */
    const int32_t *cpus; /* logical CPUs to pin workers to, one a physical core */
    size_t n_cpus;
    uint64_t memory;       /* bytes that may be used here */
    uint64_t cpu_features; /* that may be used here: PW_CPU_... of kernels/features.h */
    bool driver;           /* the thread that waits works here as worker 0 */
    bool pin;              /* workers are bound to their CPU */
} pw_site;

/* A device as the scheduler sees it before it is opened. */
typedef struct pw_device_info {
    char name[64];     /* "cpu0" */
    char detail[192];  /* in words */
    uint64_t features; /* for pw_kernel.needs */
    uint64_t memory;   /* bytes */
    int32_t site;      /* index of its site */
    int32_t threads;   /* workers; 0 where that has no meaning */
    bool software;     /* pretends to be another kind of device: never chosen unasked */
} pw_device_info;

typedef struct pw_device pw_device; /* each backend defines its own */
typedef struct pw_buffer pw_buffer;
typedef struct pw_program pw_program;

/* A point in a device's queue; 0 is always past. */
typedef uint64_t pw_ticket;

/* Which open number scales a tensor. */
typedef enum pw_open_rows {
    PW_ROWS_FIXED,  /* none */
    PW_ROWS_TOKENS, /* tokens of the batch */
    PW_ROWS_OUTPUTS /* rows of the batch whose logits are wanted */
} pw_open_rows;

/* Where an operand's data is: `buffer` NULL where the call has no such operand. */
typedef struct pw_operand {
    pw_buffer *buffer;
    size_t offset;
    pw_open_rows rows;
    int32_t dim; /* the dimension that `rows` scales */
} pw_operand;

typedef struct pw_step_call {
    pw_call call; /* shapes at full width, data NULL */
    const pw_kernel *kernel;
    const pw_kernel *narrow; /* taken for up to narrow->max_n rows; NULL: none */
    pw_operand dst, src[PW_MAX_SRC];
} pw_step_call;

/* A set of independent calls; one barrier ends it. */
typedef struct pw_step {
    const pw_step_call *calls;
    size_t n_calls;
} pw_step;

/* What is known only when a program runs. */
typedef struct pw_bindings {
    int64_t tokens, outputs; /* up to the width that was prepared */
    const pw_batch *batch;   /* stays valid until the ticket is past */
    const atomic_int *stop;  /* not zero: the rest of the program is skipped; NULL: never */
} pw_bindings;

typedef struct pw_device_state {
    uint64_t bytes_used;   /* in buffers */
    uint64_t weight_bytes; /* of weights that matmuls have read so far */
    int64_t last_ns;       /* time that the last program took */
    bool lost;
} pw_device_state;

/* What a call of a program took since its timing was switched on. */
typedef struct pw_call_time {
    const pw_kernel *kernel; /* that ran last: the wide one or the narrow one */
    uint64_t turns;
    double operations, bytes; /* of all turns */
    int64_t busy_ns;          /* of all workers */
    int64_t wall_ns; /* its part of what its steps took, shared out by busy time: the sum over
                               * all calls is what the program took */
} pw_call_time;

/* One worker's time in one call. */
typedef struct pw_call_span {
    int32_t call, worker; /* call: counted over all steps */
    int64_t begin_ns, end_ns;
} pw_call_span;

/* Every function may be called by the thread that drives the engine only. */
typedef struct pw_backend {
    const char *name; /* "cpu" */
    bool unasked;     /* all of its devices are used where none is named; else one, by name */
    pw_catalogue (*kernels)(void);

    /* Finds devices: writes at most `cap`, and their number to *count. None is not an error;
     * PEWTER_E_UNSUPPORTED says, in words, what of its driver is not on this machine. */
    pewter_status (*probe)(const pw_site *sites, size_t n_sites, pw_device_info *out, size_t cap,
                           size_t *count, pewter_error *err);
    /* `site` must outlive the device. */
    pewter_status (*open)(const pw_device_info *info, const pw_site *site,
                          const pewter_allocator *alloc, pw_device **out, pewter_error *err);
    void (*close)(pw_device *dev); /* waits for work unless the device is lost; NULL is allowed */

    /* Memory, zeroed, 64-byte aligned, touched first by the device. */
    pewter_status (*alloc)(pw_device *dev, size_t bytes, pewter_memory kind, pw_buffer **out,
                           pewter_error *err);
    /* Host memory as a buffer, which it must outlive. NULL: the caller copies. */
    pewter_status (*import)(pw_device *dev, void *host, size_t bytes, pw_buffer **out,
                            pewter_error *err);
    void (*release)(pw_device *dev, pw_buffer *buf); /* NULL is allowed */
    pewter_status (*write)(pw_device *dev, pw_buffer *dst, size_t at, const void *src, size_t bytes,
                           pw_ticket *out, pewter_error *err);
    pewter_status (*read)(pw_device *dev, const pw_buffer *src, size_t at, void *dst, size_t bytes,
                          pw_ticket *out, pewter_error *err);
    /* The buffer's memory where the host can write it directly; NULL where it cannot. */
    void *(*map)(pw_device *dev, pw_buffer *buf);

    /* Work. `prepare` once, `submit` many times; neither submit nor wait allocates. Steps and
     * kernels must outlive the program. */
    pewter_status (*prepare)(pw_device *dev, const pw_step *steps, size_t count, pw_program **out,
                             pewter_error *err);
    void (*discard)(pw_device *dev, pw_program *program); /* NULL is allowed */
    pewter_status (*submit)(pw_device *dev, pw_program *program, const pw_bindings *bind,
                            pw_ticket *out, pewter_error *err);
    /* PEWTER_E_TIMEOUT past `deadline_ns` (pw_now_ns; 0: none), PEWTER_E_CANCELLED if `stop` cut
     * the program short: what it writes is then void. */
    pewter_status (*wait)(pw_device *dev, pw_ticket until, int64_t deadline_ns, pewter_error *err);
    void (*query)(pw_device *dev, pw_device_state *out);

    /* Times the calls of a program from here on, anew; `on` false: no longer, what was measured stays.
     * Results are the same bits. NULL: the device cannot. */
    pewter_status (*time)(pw_device *dev, pw_program *program, bool on, pewter_error *err);
    /* What was measured, for every call in the order of the steps: NULL where nothing was. */
    const pw_call_time *(*times)(const pw_device *dev, const pw_program *program);
    /* The last spans, oldest first; returns how many there were in all since timing began. */
    uint64_t (*spans)(const pw_device *dev, const pw_program *program,
                      void (*each)(void *context, const pw_call_span *span), void *context);

    /* Host work on the device's own workers: fn(context, i) once for each i in [0, tasks). NULL
     * where a device has no such workers. */
    void (*each)(pw_device *dev, uint32_t tasks, void (*fn)(void *context, uint32_t task),
                 void *context);
} pw_backend;

/* The backends compiled in, in order of preference; a NULL ends the list. */
const pw_backend *const *pw_backends(void);

#endif
