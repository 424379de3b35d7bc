/* GGUF reader over mapped files, versions 2 and 3, little-endian, whole or split: every count,
 * length and range is checked before it is used. Metadata of a split file is that of its first part;
 * tensors are those of all parts.
 * Source: the GGUF specification in the documentation of ggml. */
#ifndef PW_RUNTIME_MODEL_GGUF_H
#define PW_RUNTIME_MODEL_GGUF_H

#include "kernels/dtype.h"
#include "pw/status.h"

typedef struct pw_gguf pw_gguf;

/* Numbers as in files. */
typedef enum pw_gguf_type {
    PW_GGUF_U8,
    PW_GGUF_I8,
    PW_GGUF_U16,
    PW_GGUF_I16,
    PW_GGUF_U32,
    PW_GGUF_I32,
    PW_GGUF_F32,
    PW_GGUF_BOOL,
    PW_GGUF_TEXT,
    PW_GGUF_ARRAY,
    PW_GGUF_U64,
    PW_GGUF_I64,
    PW_GGUF_F64,
    PW_GGUF_TYPE_COUNT
} pw_gguf_type;

/* One entry of the metadata. */
typedef struct pw_gguf_value {
    const char *key; /* printable ASCII, with a final NUL */
    pw_gguf_type type;
    pw_gguf_type element; /* ARRAY: of its elements, never ARRAY; else equal to `type` */
    uint64_t count;       /* ARRAY: elements; TEXT: bytes; else 1 */
    const unsigned char
        *data;    /* mapped: numbers, the bytes of a text, or the elements as in the file */
    size_t bytes; /* at `data` */
} pw_gguf_value;

/* A tensor [n[0], n[1], n[2], n[3]], dense. Unused dimensions are 1. */
typedef struct pw_gguf_tensor {
    const char *name; /* printable ASCII, with a final NUL; as long as the file is open */
    pw_dtype dtype;
    int32_t n_dims; /* as the file says: 1 to 4 */
    int64_t n[4];
    size_t bytes, row_bytes;
    uint32_t part;    /* of a split file, from 0 */
    int fd;           /* of that part, for pread */
    uint64_t offset;  /* of the data in that part */
    const void *data; /* the same bytes, mapped; aligned for the dtype's scalars */
} pw_gguf_tensor;

typedef struct pw_gguf_options {
    bool trust_permissions; /* take files that the group or others may write */
    bool guard;             /* see sigbus.h */
} pw_gguf_options;

/* Opens and checks a file, and the other parts where it is the first of a split one. `options` may
 * be NULL. Memory comes from `alloc`, which must outlive the file. E_IO where the system refuses,
 * E_FORMAT where a rule of the format is broken, E_UNSUPPORTED for versions and types not known. */
PW_MUST pewter_status pw_gguf_open(const char *path, const pw_gguf_options *options,
                                   const pewter_allocator *alloc, pw_gguf **out, pewter_error *err);
void pw_gguf_close(pw_gguf *file);

/* Whether a read of a map met a page that its file no longer has: what was read was zeros. */
bool pw_gguf_faulted(const pw_gguf *file);

/* The path, or its end, for messages. */
const char *pw_gguf_name(const pw_gguf *file);
uint32_t pw_gguf_version(const pw_gguf *file);
/* Of all parts together. */
uint64_t pw_gguf_file_bytes(const pw_gguf *file);
uint32_t pw_gguf_parts(const pw_gguf *file);

/* ---- Metadata ----------------------------------------------------------------------------------- */

/* All entries in the order of the file; all tensors, part by part. */
const pw_gguf_value *pw_gguf_values(const pw_gguf *file, size_t *count);
const pw_gguf_tensor *pw_gguf_tensors(const pw_gguf *file, size_t *count);

/* The entry or tensor of that name, NULL where there is none. */
const pw_gguf_value *pw_gguf_find(const pw_gguf *file, const char *key);
const pw_gguf_tensor *pw_gguf_tensor_named(const pw_gguf *file, const char *name);

const char *pw_gguf_type_name(pw_gguf_type type); /* "u32" */

/* Typed getters. An absent key is no error: *out stays as it was and *found (may be NULL) is false.
 * A value of another type or out of range is E_FORMAT. Integers of every width are taken where the
 * value fits, floats of both widths; nothing else is converted. */
PW_MUST pewter_status pw_gguf_get_uint(const pw_gguf *file, const char *key, uint64_t *out,
                                       bool *found, pewter_error *err);
PW_MUST pewter_status pw_gguf_get_int(const pw_gguf *file, const char *key, int64_t *out,
                                      bool *found, pewter_error *err);
PW_MUST pewter_status pw_gguf_get_float(const pw_gguf *file, const char *key, double *out,
                                        bool *found, pewter_error *err);
PW_MUST pewter_status pw_gguf_get_bool(const pw_gguf *file, const char *key, bool *out, bool *found,
                                       pewter_error *err);
/* *text is mapped, without a final NUL. */
PW_MUST pewter_status pw_gguf_get_text(const pw_gguf *file, const char *key, const char **text,
                                       size_t *bytes, bool *found, pewter_error *err);

/* An array of texts on its way. */
typedef struct pw_gguf_texts {
    uint64_t count; /* of the whole array */
    uint64_t left;
    const unsigned char *at, *end;
} pw_gguf_texts;

PW_MUST pewter_status pw_gguf_get_texts(const pw_gguf *file, const char *key, pw_gguf_texts *out,
                                        bool *found, pewter_error *err);
/* The next text (mapped, no final NUL). False at the end, or where the file was changed since. */
bool pw_gguf_next_text(pw_gguf_texts *texts, const char **text, size_t *bytes);

/* An array of numbers: integers for _ints, floats for _floats. */
typedef struct pw_gguf_numbers {
    uint64_t count;
    pw_gguf_type element;
    const unsigned char *data;
} pw_gguf_numbers;

PW_MUST pewter_status pw_gguf_get_ints(const pw_gguf *file, const char *key, pw_gguf_numbers *out,
                                       bool *found, pewter_error *err);
PW_MUST pewter_status pw_gguf_get_floats(const pw_gguf *file, const char *key, pw_gguf_numbers *out,
                                         bool *found, pewter_error *err);
/* Element i < count. Of U64 what does not fit is INT64_MAX. */
int64_t pw_gguf_int_at(const pw_gguf_numbers *numbers, uint64_t i);
double pw_gguf_float_at(const pw_gguf_numbers *numbers, uint64_t i);

/* A single number of any type as text, "-7", "0.5", "true", into `out`; "" for texts and arrays. */
void pw_gguf_print(const pw_gguf_value *value, char *out, size_t cap);

/* Text from a file for people: what is no UTF-8, and control characters, become '?', and what does not
 * fit is left out, whole characters at a time. `cap` > 0. */
void pw_gguf_show(const char *text, size_t bytes, char *out, size_t cap);

#endif
