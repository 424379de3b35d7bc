/* Malformed model files: one defect each, made from a sound file, in the rows of what has gone wrong
 * in runtimes of this kind. */
#ifndef PW_TESTS_SUPPORT_MALFORMED_H
#define PW_TESTS_SUPPORT_MALFORMED_H

#include "tests/support/gguf_build.h"

/* What is done to the sound file. `key` is an entry's, or the name of a tensor. */
typedef enum mf_kind {
    MF_MAGIC,       /* the magic is `text` */
    MF_VERSION,     /* the version is a */
    MF_N_ENTRIES,   /* the count of entries is a, in the header only */
    MF_N_TENSORS,   /* the count of tensors is a, in the header only */
    MF_KEY_BYTES,   /* the length of the key is a */
    MF_KEY,         /* the entry is called `text` */
    MF_INT,         /* the entry is the number a, of type b */
    MF_FLOAT,       /* the entry is x, F32 */
    MF_TEXT,        /* the entry is `text` */
    MF_TYPE,        /* the entry says that it is of type a */
    MF_REMOVE,      /* there is no such entry */
    MF_TWICE,       /* the entry stands there twice */
    MF_TEXT_BYTES,  /* the length of the entry, a text, is a */
    MF_COUNT,       /* the array says that it has a elements */
    MF_ELEMENT,     /* the array says that its elements are of type a */
    MF_CUT,         /* the array, of 4-byte elements or texts, has a elements */
    MF_ITEM,        /* element b of the array of 4-byte elements is a */
    MF_ITEM_BYTES,  /* the length of text b of the array is a */
    MF_ITEM_TEXT,   /* text b of the array is `text` */
    MF_NEST,        /* the entry is an array in an array, a deep */
    MF_DIMS,        /* the tensor says that it has a dimensions */
    MF_DIM,         /* dimension b of the tensor is a */
    MF_TENSOR_TYPE, /* the tensor is of ggml type a */
    MF_OFFSET,      /* the data of the tensor begin at a */
    MF_OFFSET_BY,   /* the data of the tensor begin a bytes later */
    MF_NAME,        /* the tensor is called `text` */
    MF_NAME_BYTES,  /* the length of its name is a */
    MF_NO_TENSOR,   /* there is no such tensor */
    MF_MORE_TENSOR, /* there is one more, [a, b] */
    MF_VALUE,       /* number b of the tensor is x */
    MF_SHORTER      /* the file ends a bytes early */
} mf_kind;

typedef struct mf_case {
    const char *row;  /* of the table of what has gone wrong */
    const char *name; /* of the defect */
    const char *base; /* "llama", "qwen2", "qwen3", "bpe" */
    mf_kind kind;
    const char *key;
    uint64_t a, b;
    double x;
    const char *text;
    const char *says; /* what the message must hold: the field */
} mf_case;

/* Bytes, counts, tables of a file; hyperparameters and tensors; vocabularies. */
extern const mf_case mf_layout_cases[], mf_model_cases[], mf_vocab_cases[];
extern const size_t mf_layout_count, mf_model_count, mf_vocab_count;

/* The sound file of a case, and the malformed one; the caller frees .data. */
gb_bytes mf_sound(const char *base);
gb_bytes mf_make(const mf_case *c);

/* Loads a file as an engine does, with 16 MiB at most, and lets it go again. E_MEMORY where that is
 * not enough, or where memory is left. */
pewter_status mf_load_limited(const char *path, pewter_error *err);

#endif
