/* Faults put into a build on purpose, to see that the bench's gate finds them: make FAULT=... */
#ifndef PW_KERNELS_CPU_FAULT_H
#define PW_KERNELS_CPU_FAULT_H

#include "kernels/kernel.h"

#ifdef PW_FAULT
/* The catalogue with the fault that PW_FAULT names in it: "slow:ROW:PERCENT" makes a row take so much
 * longer, "wrong:ROW" packs weights with one bit wrong in each panel. */
pw_catalogue pw_cpu_fault(const pw_catalogue *all);
#endif

#endif
