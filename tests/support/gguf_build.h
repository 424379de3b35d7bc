/* GGUF files for tests, made of parts that a test may bend before they become bytes. Memory comes
 * from malloc; a failed allocation ends the test program. */
#ifndef PW_TESTS_SUPPORT_GGUF_BUILD_H
#define PW_TESTS_SUPPORT_GGUF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/model/gguf.h"

typedef struct gb_bytes {
    unsigned char *data;
    size_t bytes, cap;
} gb_bytes;

void gb_put(gb_bytes *to, const void *data, size_t bytes);
void gb_put_u32(gb_bytes *to, uint32_t value);
void gb_put_u64(gb_bytes *to, uint64_t value);
void gb_put_text(gb_bytes *to, const char *text, size_t bytes); /* with its length */

enum { GB_HONEST = -1 }; /* of a length: the true one */

typedef struct gb_entry {
    char key[64];
    int64_t key_bytes; /* what the file says, GB_HONEST */
    uint32_t type;
    gb_bytes value;
} gb_entry;

typedef struct gb_tensor {
    char name[64];
    int64_t name_bytes; /* what the file says, GB_HONEST */
    uint32_t n_dims;
    uint64_t n[5];
    uint32_t type;   /* of ggml */
    uint64_t offset; /* from the begin of the data */
    gb_bytes data;
} gb_tensor;

typedef struct gb_file {
    char magic[4];
    uint32_t version;
    int64_t n_entries_said, n_tensors_said; /* GB_HONEST */
    size_t alignment; /* of the data; tensors added later begin at multiples of it */
    gb_entry *entries;
    size_t n_entries;
    gb_tensor *tensors;
    size_t n_tensors;
    uint64_t data_end; /* where the next tensor may begin */
} gb_file;

gb_file *gb_new(void); /* version 3, empty */
void gb_free(gb_file *file);

/* Entries: set adds one, or replaces what the key had. */
gb_entry *gb_set(gb_file *file, const char *key, uint32_t type, const void *value, size_t bytes);
void gb_set_u32(gb_file *file, const char *key, uint32_t value);
void gb_set_f32(gb_file *file, const char *key, float value);
void gb_set_bool(gb_file *file, const char *key, bool value);
void gb_set_text(gb_file *file, const char *key, const char *text);
void gb_set_array(gb_file *file, const char *key, uint32_t element, uint64_t count,
                  const void *elements, size_t bytes);
gb_entry *gb_find(gb_file *file, const char *key); /* NULL: none */
void gb_remove(gb_file *file, const char *key);

/* A tensor [n0, n1] of F32 with small seeded numbers; n1 0: one dimension. */
gb_tensor *gb_add_f32(gb_file *file, const char *name, uint64_t n0, uint64_t n1);
gb_tensor *gb_tensor_named(gb_file *file, const char *name); /* NULL: none */
/* The data of those behind it move up. */
void gb_remove_tensor(gb_file *file, const char *name);

/* The file as bytes; the caller frees .data. */
gb_bytes gb_make(const gb_file *file);

/* A sound model of 300 tokens: two layers, embedding 32, 4 heads of 8, 2 for keys, FFN 64, and a
 * SentencePiece vocabulary. `architecture`: "llama", "qwen2", "qwen3". */
enum { GB_TINY_VOCAB = 300 };
gb_file *gb_tiny(const char *architecture);

/* The same with a byte-level BPE vocabulary of 256 bytes, 40 merges and 4 control tokens. */
gb_file *gb_tiny_bpe(void);

/* ---- Files ----------------------------------------------------------------------------------------- */

/* A new folder for a test, removed with all that is in it by gb_remove_folder. */
void gb_make_folder(char out[64]);
void gb_remove_folder(const char *folder);

/* Writes bytes to a file with mode 0644. */
void gb_write(const char *path, const void *data, size_t bytes);
/* gb_make and gb_write. */
void gb_save(const gb_file *file, const char *path);

/* Gives a file or folder to a group that has not its owner's number; false where that is not allowed. */
bool gb_give_to_others(const char *path);

#endif
