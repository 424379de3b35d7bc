/* The reference catalogue: plain C, any machine, defines the truth. */
#ifndef PW_KERNELS_REF_ROWS_H
#define PW_KERNELS_REF_ROWS_H

#include "kernels/kernel.h"

pw_catalogue pw_ref_catalogue(void);

#endif
