#include "backends/backend.h"
#include "backends/cpu/cpu.h"

const pw_backend *const *pw_backends(void)
{
    static const pw_backend *const list[] = {&pw_cpu_backend, NULL};
    return list;
}
