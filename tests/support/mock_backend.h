/* A backend for tests: any number of devices with any memory, that compute by reference rows. Its
 * memory is its own: nothing can be mapped or imported, it is not even readable but while the device
 * works, and work is done in `wait` only, so that who does not wait sees nothing of it. */
#ifndef PW_TESTS_SUPPORT_MOCK_BACKEND_H
#define PW_TESTS_SUPPORT_MOCK_BACKEND_H

#include "backends/backend.h"

enum { MOCK_DEVICES = 8 };

/* Functions that can fail. */
typedef enum mock_call {
    MOCK_PROBE,
    MOCK_OPEN,
    MOCK_ALLOC,
    MOCK_WRITE,
    MOCK_READ,
    MOCK_PREPARE,
    MOCK_SUBMIT,
    MOCK_WAIT,
    MOCK_CALLS /* any of them */
} mock_call;

typedef enum mock_fault {
    MOCK_FAILS,     /* PEWTER_E_DEVICE once; PEWTER_E_MEMORY of an allocation */
    MOCK_TIMES_OUT, /* PEWTER_E_TIMEOUT once */
    MOCK_IS_LOST    /* PEWTER_E_DEVICE from then on, and `query` says so */
} mock_fault;

/* The functions of a backend have no context, so this is one for all. One thread. */
typedef struct mock_state {
    /* Set by the test, before the devices are probed. */
    size_t n_devices;
    uint64_t memory[MOCK_DEVICES]; /* bytes */
    int32_t threads;               /* that each device claims */
    uint64_t features;
    pw_catalogue catalogue; /* count 0: the reference rows */

    /* The fault: call number `fault_at` (from 0) of function `fault_call`. May be set at any time. */
    mock_call fault_call;
    uint64_t fault_at; /* UINT64_MAX: never */
    mock_fault fault;

    /* Counted. */
    uint64_t calls[MOCK_CALLS + 1];     /* the last: all together */
    uint64_t rows_run;                  /* kernel calls */
    uint64_t bytes_moved;               /* by write and read */
    int32_t devices, buffers, programs; /* that live */
    int32_t misuses; /* of another device's or a released buffer, of host memory, of no row here */
} mock_state;

extern mock_state mock;
extern const pw_backend mock_backend;

/* One device of 1 GiB with 2 threads, no fault, all counters 0. */
void mock_reset(void);

/* Sets a fault, and the counters of calls to 0. */
void mock_break(mock_call call, uint64_t at, mock_fault fault);

#endif
