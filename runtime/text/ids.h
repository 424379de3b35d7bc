/* Token ids into a buffer of the caller: counts what would be needed, never writes past the end. */
#ifndef PW_RUNTIME_TEXT_IDS_H
#define PW_RUNTIME_TEXT_IDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct pw_ids {
    int32_t *ids;
    size_t cap, count; /* `count` may pass `cap` */
} pw_ids;

static inline void pw_ids_add(pw_ids *out, int32_t id)
{
    if (out->count < out->cap) out->ids[out->count] = id;
    out->count++;
}

#endif
