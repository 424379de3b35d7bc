/* Defects of the container: lengths, counts, tables, places. */
#include "tests/support/malformed.h"

#define BIG (UINT64_C(1) << 63)

// clang-format off
#define SIZES(...)  {.row = "size arithmetic wraps",       .base = "llama", __VA_ARGS__}
#define LENGTH(...) {.row = "string and array lengths",    .base = "llama", __VA_ARGS__}
#define COUNTS(...) {.row = "counts",                      .base = "llama", __VA_ARGS__}
#define NESTED(...) {.row = "array nesting",               .base = "llama", __VA_ARGS__}
#define ALIGN(...)  {.row = "alignment",                   .base = "llama", __VA_ARGS__}
#define INFO(...)   {.row = "tensor infos",                .base = "llama", __VA_ARGS__}
#define RANGE(...)  {.row = "data ranges",                 .base = "llama", __VA_ARGS__}
#define HEADER(...) {.row = "crash with 4-byte file",      .base = "llama", __VA_ARGS__}

#define Q    "blk.0.attn_q.weight"
#define LAST "blk.1.ffn_down.weight"
#define TOKENS "tokenizer.ggml.tokens"

const mf_case mf_layout_cases[] = {
    SIZES(.name = "dimensions times 4 wrap to 0",    .kind = MF_DIM, .key = Q, .a = UINT64_C(1) << 62, .says = Q),
    SIZES(.name = "rows times columns wrap",         .kind = MF_DIM, .key = Q, .b = 1, .a = UINT64_C(1) << 58, .says = Q),
    SIZES(.name = "rows times columns wrap to 32",   .kind = MF_DIM, .key = Q, .b = 1, .a = (UINT64_C(1) << 57) + 1, .says = Q),
    SIZES(.name = "the largest dimension",           .kind = MF_DIM, .key = Q, .b = 1, .a = INT64_MAX, .says = Q),
    SIZES(.name = "offset and size wrap",            .kind = MF_OFFSET, .key = Q, .a = UINT64_MAX - 31, .says = Q),
    SIZES(.name = "offset and begin of data wrap",   .kind = MF_OFFSET, .key = Q, .a = UINT64_MAX - 4095, .says = Q),
    SIZES(.name = "half of all offsets",             .kind = MF_OFFSET, .key = Q, .a = BIG, .says = Q),
    SIZES(.name = "array bytes wrap to 0",           .kind = MF_COUNT, .key = "tokenizer.ggml.scores", .a = UINT64_C(1) << 62, .says = "tokenizer.ggml.scores"),
    SIZES(.name = "array bytes wrap to 4",           .kind = MF_COUNT, .key = "tokenizer.ggml.scores", .a = (UINT64_C(1) << 62) + 1, .says = "tokenizer.ggml.scores"),
    SIZES(.name = "text and its NUL wrap",           .kind = MF_TEXT_BYTES, .key = "general.name", .a = UINT64_MAX, .says = "general.name"),
    SIZES(.name = "end of the text wraps",           .kind = MF_TEXT_BYTES, .key = "general.name", .a = UINT64_MAX - 64, .says = "general.name"),

    LENGTH(.name = "a key of no bytes",              .kind = MF_KEY_BYTES, .key = "general.name", .a = 0, .says = "a metadata key"),
    LENGTH(.name = "a key of 2^16 bytes",            .kind = MF_KEY_BYTES, .key = "general.name", .a = 65536, .says = "a metadata key"),
    LENGTH(.name = "a key longer than the file",     .kind = MF_KEY_BYTES, .key = "general.name", .a = INT64_MAX, .says = "a metadata key"),
    LENGTH(.name = "a key with a line break",        .kind = MF_KEY, .key = "general.name", .text = "general\nname", .says = "byte 0x0a"),
    LENGTH(.name = "a key that is no ASCII",         .kind = MF_KEY, .key = "general.name", .text = "general\xff", .says = "byte 0xff"),
    LENGTH(.name = "a text longer than the file",    .kind = MF_TEXT_BYTES, .key = "general.name", .a = 1 << 24, .says = "general.name"),
    LENGTH(.name = "a text of 2^63 bytes",           .kind = MF_TEXT_BYTES, .key = "general.name", .a = BIG, .says = "general.name"),
    LENGTH(.name = "a token longer than the file",   .kind = MF_ITEM_BYTES, .key = TOKENS, .b = 299, .a = 1 << 24, .says = TOKENS),
    LENGTH(.name = "the first token of 2^64 - 1",    .kind = MF_ITEM_BYTES, .key = TOKENS, .b = 0, .a = UINT64_MAX, .says = TOKENS),
    LENGTH(.name = "an array longer than the file",  .kind = MF_COUNT, .key = "tokenizer.ggml.token_type", .a = 1 << 24, .says = "tokenizer.ggml.token_type"),
    LENGTH(.name = "more texts than bytes",          .kind = MF_COUNT, .key = TOKENS, .a = UINT64_C(1) << 40, .says = TOKENS),

    COUNTS(.name = "2^64 - 1 entries",               .kind = MF_N_ENTRIES, .a = UINT64_MAX - 1, .says = "the count of keys"),
    COUNTS(.name = "2^63 entries",                   .kind = MF_N_ENTRIES, .a = BIG, .says = "the count of keys"),
    COUNTS(.name = "2^32 entries",                   .kind = MF_N_ENTRIES, .a = UINT64_C(1) << 32, .says = "the count of keys"),
    COUNTS(.name = "more entries than bytes",        .kind = MF_N_ENTRIES, .a = 30000, .says = "the count of keys"),
    COUNTS(.name = "one entry too many",             .kind = MF_N_ENTRIES, .a = 25, .says = "the name of a tensor"),
    COUNTS(.name = "one entry too few",              .kind = MF_N_ENTRIES, .a = 23, .says = "tokenizer.ggml.add_bos_token"),
    COUNTS(.name = "2^64 - 1 tensors",               .kind = MF_N_TENSORS, .a = UINT64_MAX - 1, .says = "the count of tensors"),
    COUNTS(.name = "2^32 tensors",                   .kind = MF_N_TENSORS, .a = UINT64_C(1) << 32, .says = "the count of tensors"),
    COUNTS(.name = "more tensors than bytes",        .kind = MF_N_TENSORS, .a = 30000, .says = "the count of tensors"),
    COUNTS(.name = "one tensor too many",            .kind = MF_N_TENSORS, .a = 21, .says = "the name of a tensor"),
    COUNTS(.name = "one tensor too few",             .kind = MF_N_TENSORS, .a = 19, .says = LAST),
    COUNTS(.name = "a key twice",                    .kind = MF_TWICE, .key = "llama.block_count", .says = "llama.block_count"),
    COUNTS(.name = "the tokens twice",               .kind = MF_TWICE, .key = TOKENS, .says = TOKENS),

    NESTED(.name = "two deep",                       .kind = MF_NEST, .key = "nested", .a = 2, .says = "nested"),
    NESTED(.name = "three deep",                     .kind = MF_NEST, .key = "nested", .a = 3, .says = "nested"),
    NESTED(.name = "100,000 deep",                   .kind = MF_NEST, .key = "nested", .a = 100000, .says = "nested"),
    NESTED(.name = "tokens in an array",             .kind = MF_NEST, .key = TOKENS, .a = 2, .says = TOKENS),
    NESTED(.name = "tokens that say they are arrays",.kind = MF_ELEMENT, .key = TOKENS, .a = PW_GGUF_ARRAY, .says = TOKENS),
    NESTED(.name = "elements of type 13",            .kind = MF_ELEMENT, .key = TOKENS, .a = 13, .says = TOKENS),
    NESTED(.name = "elements of type 2^32 - 1",      .kind = MF_ELEMENT, .key = TOKENS, .a = UINT32_MAX, .says = TOKENS),

    ALIGN(.name = "0",               .kind = MF_INT, .key = "general.alignment", .a = 0, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "3",               .kind = MF_INT, .key = "general.alignment", .a = 3, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "33",              .kind = MF_INT, .key = "general.alignment", .a = 33, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "2^21",            .kind = MF_INT, .key = "general.alignment", .a = 1 << 21, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "2^31",            .kind = MF_INT, .key = "general.alignment", .a = BIG >> 32, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "2^32 - 1",        .kind = MF_INT, .key = "general.alignment", .a = UINT32_MAX, .b = PW_GGUF_U32, .says = "general.alignment"),
    ALIGN(.name = "a text",          .kind = MF_TEXT, .key = "general.alignment", .text = "32", .says = "general.alignment"),
    ALIGN(.name = "a float",         .kind = MF_FLOAT, .key = "general.alignment", .x = 32.0, .says = "general.alignment"),
    ALIGN(.name = "an u64",          .kind = MF_INT, .key = "general.alignment", .a = 32, .b = PW_GGUF_U64, .says = "general.alignment"),
    ALIGN(.name = "an array",        .kind = MF_NEST, .key = "general.alignment", .a = 1, .says = "general.alignment"),
    ALIGN(.name = "coarser than the data are", .kind = MF_INT, .key = "general.alignment", .a = 4096, .b = PW_GGUF_U32, .says = "output_norm.weight"),

    INFO(.name = "no dimensions",                    .kind = MF_DIMS, .key = Q, .a = 0, .says = Q),
    INFO(.name = "five dimensions",                  .kind = MF_DIMS, .key = Q, .a = 5, .says = Q),
    INFO(.name = "2^32 - 1 dimensions",              .kind = MF_DIMS, .key = Q, .a = UINT32_MAX, .says = Q),
    INFO(.name = "rows of 0",                        .kind = MF_DIM, .key = Q, .b = 0, .a = 0, .says = Q),
    INFO(.name = "0 rows",                           .kind = MF_DIM, .key = Q, .b = 1, .a = 0, .says = Q),
    INFO(.name = "2^63 rows",                        .kind = MF_DIM, .key = Q, .b = 1, .a = BIG, .says = Q),
    INFO(.name = "-1 rows",                          .kind = MF_DIM, .key = Q, .b = 1, .a = UINT64_MAX, .says = Q),
    INFO(.name = "the removed type Q4_2",            .kind = MF_TENSOR_TYPE, .key = Q, .a = 4, .says = Q),
    INFO(.name = "the removed type Q4_0_4_4",        .kind = MF_TENSOR_TYPE, .key = Q, .a = 31, .says = Q),
    INFO(.name = "the type of 64-bit floats",        .kind = MF_TENSOR_TYPE, .key = Q, .a = 28, .says = Q),
    INFO(.name = "type 1000",                        .kind = MF_TENSOR_TYPE, .key = Q, .a = 1000, .says = Q),
    INFO(.name = "type -1",                          .kind = MF_TENSOR_TYPE, .key = Q, .a = UINT32_MAX, .says = Q),
    INFO(.name = "type -2^31",                       .kind = MF_TENSOR_TYPE, .key = Q, .a = BIG >> 32, .says = Q),
    INFO(.name = "rows that are no whole blocks",    .kind = MF_TENSOR_TYPE, .key = Q, .a = 12, .says = Q),
    INFO(.name = "no name",                          .kind = MF_NAME_BYTES, .key = Q, .a = 0, .says = "the name of a tensor"),
    INFO(.name = "a name of 2^40 bytes",             .kind = MF_NAME_BYTES, .key = Q, .a = UINT64_C(1) << 40, .says = "the name of a tensor"),
    INFO(.name = "a name with a control character",  .kind = MF_NAME, .key = Q, .text = "blk.0\x01.attn_q.weight", .says = "byte 0x01"),
    INFO(.name = "a name that runs into the rest", .kind = MF_NAME_BYTES, .key = Q, .a = sizeof Q, .says = "byte 0x02"),
    INFO(.name = "a name twice",                     .kind = MF_NAME, .key = Q, .text = "blk.0.attn_output.weight", .says = "blk.0.attn_output.weight"),

    RANGE(.name = "offset behind the end",           .kind = MF_OFFSET, .key = LAST, .a = 1 << 24, .says = LAST),
    RANGE(.name = "the end passed by 32 bytes",      .kind = MF_OFFSET_BY, .key = LAST, .a = 32, .says = LAST),
    RANGE(.name = "the file ends a byte early",      .kind = MF_SHORTER, .a = 1, .says = LAST),
    RANGE(.name = "the file ends with the header",   .kind = MF_SHORTER, .a = 112768, .says = "token_embd.weight"),
    RANGE(.name = "not aligned, by 1",               .kind = MF_OFFSET_BY, .key = Q, .a = 1, .says = Q),
    RANGE(.name = "not aligned, by 16",              .kind = MF_OFFSET_BY, .key = Q, .a = 16, .says = Q),
    RANGE(.name = "two tensors at one place",        .kind = MF_OFFSET, .key = Q, .a = 0, .says = Q),
    RANGE(.name = "two tensors that overlap",        .kind = MF_OFFSET_BY, .key = Q, .a = 32, .says = Q),
    RANGE(.name = "more rows than there are data",   .kind = MF_DIM, .key = LAST, .b = 1, .a = 33, .says = LAST),

    HEADER(.name = "another magic",                  .kind = MF_MAGIC, .text = "GGML", .says = "no GGUF file"),
    HEADER(.name = "the magic backwards",            .kind = MF_MAGIC, .text = "FUGG", .says = "no GGUF file"),
    HEADER(.name = "version 0",                      .kind = MF_VERSION, .a = 0, .says = "version 0"),
    HEADER(.name = "version 1",                      .kind = MF_VERSION, .a = 1, .says = "version 1"),
    HEADER(.name = "version 4",                      .kind = MF_VERSION, .a = 4, .says = "version 4"),
    HEADER(.name = "big-endian",                     .kind = MF_VERSION, .a = 3 << 24, .says = "big-endian"),
    HEADER(.name = "version 2^32 - 1",               .kind = MF_VERSION, .a = UINT32_MAX, .says = "version 4294967295"),
    HEADER(.name = "an entry of type 13",            .kind = MF_TYPE, .key = "general.name", .a = 13, .says = "general.name"),
    HEADER(.name = "an entry of type 2^32 - 1",      .kind = MF_TYPE, .key = "general.name", .a = UINT32_MAX, .says = "general.name"),
    HEADER(.name = "a bool of 2",                    .kind = MF_INT, .key = "tokenizer.ggml.add_bos_token", .a = 2, .b = PW_GGUF_BOOL, .says = "tokenizer.ggml.add_bos_token"),
};
// clang-format on

const size_t mf_layout_count = sizeof mf_layout_cases / sizeof *mf_layout_cases;
