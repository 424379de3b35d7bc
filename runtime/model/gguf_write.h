/* GGUF writer: a stream of bytes into a file that appears under its name only when it is whole. */
#ifndef PW_RUNTIME_MODEL_GGUF_WRITE_H
#define PW_RUNTIME_MODEL_GGUF_WRITE_H

#include "pw/arena.h"
#include "runtime/model/gguf.h"

/* A file on its way. Failures stay: what is written after one is dropped, and the end tells. */
typedef struct pw_writer {
    const char *path; /* of the finished file */
    char *part;       /* its name until then, in the arena */
    int fd;
    unsigned char *buffer; /* in the arena */
    size_t at;             /* bytes in the buffer */
    uint64_t bytes;        /* written so far, the buffer among them */
    int failed;            /* errno; 0: none */
    pw_arena arena;
} pw_writer;

/* Begins a file beside `path`, which must be free or a regular file. `path` must outlive the
 * writer. */
PW_MUST pewter_status pw_writer_open(const char *path, const pewter_allocator *alloc,
                                     pw_writer *out, pewter_error *err);
/* E_IO where the disk has less than `bytes` free: sooner said than found out. */
PW_MUST pewter_status pw_writer_expect(const pw_writer *writer, uint64_t bytes, pewter_error *err);
/* Gives the file its name. Ends the writer in either case; on failure nothing is left of it. */
PW_MUST pewter_status pw_writer_finish(pw_writer *writer, pewter_error *err);
/* Ends the writer and removes what it wrote. */
void pw_writer_abandon(pw_writer *writer);

void pw_write(pw_writer *writer, const void *data, size_t bytes);
void pw_write_zeros(pw_writer *writer, size_t bytes);
void pw_write_u32(pw_writer *writer, uint32_t value);
void pw_write_u64(pw_writer *writer, uint64_t value);
void pw_write_text(pw_writer *writer, const char *text, size_t bytes); /* with its length */

/* Entries of the metadata. Behind pw_write_array come `count` elements. */
void pw_write_head(pw_writer *writer, uint64_t n_tensors, uint64_t n_values); /* version 3 */
void pw_write_key_u32(pw_writer *writer, const char *key, uint32_t value);
void pw_write_key_f32(pw_writer *writer, const char *key, float value);
void pw_write_key_bool(pw_writer *writer, const char *key, bool value);
void pw_write_key_text(pw_writer *writer, const char *key, const char *text);
void pw_write_key_array(pw_writer *writer, const char *key, pw_gguf_type element, uint64_t count);

/* One tensor [n[0], n[1], ...] whose data begin `offset` bytes behind the header's padding. */
void pw_write_tensor(pw_writer *writer, const char *name, pw_dtype dtype, const int64_t *n,
                     uint32_t n_dims, uint64_t offset);

#endif
