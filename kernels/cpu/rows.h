/* The CPU catalogue: the tuned rows of every ISA of this architecture, then the reference rows. */
#ifndef PW_KERNELS_CPU_ROWS_H
#define PW_KERNELS_CPU_ROWS_H

#include "kernels/kernel.h"

pw_catalogue pw_cpu_catalogue(void);

#endif
