/* What a model file holds, as JSON. */
#ifndef PW_RUNTIME_MODEL_INSPECT_H
#define PW_RUNTIME_MODEL_INSPECT_H

#include "pw/out.h"

/* Writes one JSON object: file, metadata (long texts and arrays by their length), hyperparameters or
 * why they cannot be read, tensors, bytes per type, chat template. Any sound GGUF file is taken,
 * also of an architecture that is not known. */
PW_MUST pewter_status pw_inspect(const char *path, const pewter_allocator *alloc, pw_out *out,
                                 pewter_error *err);

#endif
