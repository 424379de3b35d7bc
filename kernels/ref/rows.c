#include "kernels/ref/rows.h"

#include "kernels/ref/ref.h"

static const pw_kernel rows[] = {
#include "kernels/ref/rows.inc"
};

pw_catalogue pw_ref_catalogue(void)
{
    return (pw_catalogue){rows, sizeof rows / sizeof *rows};
}
