/* The default allocator: 2 MiB pages for weights, keys and scratch where the system gives them. */
#ifndef PW_RUNTIME_ENGINE_MEMORY_H
#define PW_RUNTIME_ENGINE_MEMORY_H

#include "pewter.h"

/* Stateless and thread-safe; lives as long as the program. */
extern const pewter_allocator pw_default_allocator;

#endif
