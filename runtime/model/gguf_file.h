/* What the files of the GGUF reader share. */
#ifndef PW_RUNTIME_MODEL_GGUF_FILE_H
#define PW_RUNTIME_MODEL_GGUF_FILE_H

#include "pw/arena.h"
#include "runtime/model/file.h"
#include "runtime/model/gguf.h"

/* The most files that one model may be split into. */
enum { PW_GGUF_MAX_PARTS = 512 };

/* What a part says before its data. */
typedef struct pw_gguf_head {
    uint32_t version;
    size_t n_values, n_tensors;
    size_t alignment;
    pw_gguf_value *values;   /* [n_values] */
    uint32_t *values_by_key; /* [n_values]: indices in the order of the keys */
    pw_gguf_tensor *tensors; /* [n_tensors] */
} pw_gguf_head;

struct pw_gguf {
    const pewter_allocator *alloc;
    pw_arena arena;
    pw_gguf_head head;         /* of the first part; its tensors are those of all parts */
    uint32_t *tensors_by_name; /* [head.n_tensors] */
    pw_file *files;            /* [n_files], in the arena */
    uint32_t n_files;
};

/* gguf_read.c: parses and checks a mapped part. Tables come from `arena`. */
PW_MUST pewter_status pw_gguf_read_head(const pw_file *file, uint32_t part, pw_arena *arena,
                                        pw_gguf_head *out, pewter_error *err);

/* gguf_split.c: opens and reads the other parts and joins their tensors to those of the first, where
 * the metadata says that there are others. */
PW_MUST pewter_status pw_gguf_join_parts(pw_gguf *file, const char *path,
                                         const pw_file_rules *rules, pewter_error *err);

/* gguf_index.c: the order of keys, of names and of places in the file, and what it shows. `name` is
 * the file's, for messages. */
PW_MUST pewter_status pw_gguf_index_values(pw_gguf_head *head, const char *name, pw_arena *arena,
                                           pewter_error *err);
PW_MUST pewter_status pw_gguf_index_tensors(pw_gguf *file, pewter_error *err);
/* No two tensors of one part share a byte. `room` is for n_tensors indices. */
PW_MUST pewter_status pw_gguf_check_apart(const pw_gguf_head *head, const char *name,
                                          uint32_t *room, pewter_error *err);
/* The entry of that key, NULL where there is none. */
const pw_gguf_value *pw_gguf_head_find(const pw_gguf_head *head, const char *key);

/* gguf_value.c: the whole number, not below 0, that an entry holds. */
PW_MUST pewter_status pw_gguf_value_uint(const pw_gguf_value *value, const char *name,
                                         uint64_t *out, pewter_error *err);

#endif
