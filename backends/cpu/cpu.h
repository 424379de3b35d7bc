/* The CPU backend: a site's cores as a device. */
#ifndef PW_BACKENDS_CPU_CPU_H
#define PW_BACKENDS_CPU_CPU_H

#include "backends/backend.h"

extern const pw_backend pw_cpu_backend;

#endif
