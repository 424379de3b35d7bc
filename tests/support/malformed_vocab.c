/* Defects of vocabularies: counts, types, byte tokens, merges, ids. */
#include <math.h>

#include "tests/support/malformed.h"

// clang-format off
#define VOCAB(...) {.row = "vocabulary", .base = "llama", __VA_ARGS__}
#define MERGE(...) {.row = "vocabulary", .base = "bpe",   __VA_ARGS__}
#define ID(k, n)   {.row = "special ids >= vocab", .base = "llama", .name = k " = " #n, .kind = MF_INT, \
                    .key = "tokenizer.ggml." k, .a = n, .b = PW_GGUF_U32, .says = k}
#define TYPED(...) {.row = "special ids >= vocab", .base = "llama", __VA_ARGS__}

#define TOKENS "tokenizer.ggml.tokens"
#define SCORES "tokenizer.ggml.scores"
#define TYPES  "tokenizer.ggml.token_type"
#define MERGES "tokenizer.ggml.merges"

const mf_case mf_vocab_cases[] = {
    VOCAB(.name = "no tokens",                   .kind = MF_REMOVE, .key = TOKENS, .says = TOKENS),
    VOCAB(.name = "tokens that are a text",      .kind = MF_TEXT, .key = TOKENS, .text = "a b c", .says = TOKENS),
    VOCAB(.name = "0 tokens",                    .kind = MF_CUT, .key = TOKENS, .a = 0, .says = "token"),
    VOCAB(.name = "one token less than rows",    .kind = MF_CUT, .key = TOKENS, .a = 299, .says = "token"),
    VOCAB(.name = "one score less than tokens",  .kind = MF_CUT, .key = SCORES, .a = 299, .says = SCORES),
    VOCAB(.name = "no scores at all",            .kind = MF_CUT, .key = SCORES, .a = 0, .says = SCORES),
    VOCAB(.name = "scores that are texts",       .kind = MF_TEXT, .key = SCORES, .text = "0", .says = SCORES),
    VOCAB(.name = "scores that are integers",    .kind = MF_ELEMENT, .key = SCORES, .a = PW_GGUF_U32, .says = SCORES),
    VOCAB(.name = "a score that is no number",   .kind = MF_ITEM, .key = SCORES, .b = 260, .a = 0x7fc00000, .says = "score"),
    VOCAB(.name = "one type less than tokens",   .kind = MF_CUT, .key = TYPES, .a = 299, .says = TYPES),
    VOCAB(.name = "types that are floats",       .kind = MF_ELEMENT, .key = TYPES, .a = PW_GGUF_F32, .says = TYPES),
    VOCAB(.name = "a token of type 7",           .kind = MF_ITEM, .key = TYPES, .b = 270, .a = 7, .says = "token 270"),
    VOCAB(.name = "a token of type -1",          .kind = MF_ITEM, .key = TYPES, .b = 270, .a = UINT32_MAX, .says = "token 270"),
    VOCAB(.name = "a byte token <0x-1>",         .kind = MF_ITEM_TEXT, .key = TOKENS, .b = 10, .text = "<0x-1>", .says = "token 10"),
    VOCAB(.name = "a byte token <0x1G>",         .kind = MF_ITEM_TEXT, .key = TOKENS, .b = 10, .text = "<0x1G>", .says = "token 10"),
    VOCAB(.name = "a byte token <0x100>",        .kind = MF_ITEM_TEXT, .key = TOKENS, .b = 10, .text = "<0x100>", .says = "token 10"),
    VOCAB(.name = "a byte token <0x >",          .kind = MF_ITEM_TEXT, .key = TOKENS, .b = 10, .text = "<0x >", .says = "token 10"),
    VOCAB(.name = "a byte token of no text",     .kind = MF_ITEM_TEXT, .key = TOKENS, .b = 10, .text = "", .says = "token 10"),
    VOCAB(.name = "a kind of tokenizer unknown", .kind = MF_TEXT, .key = "tokenizer.ggml.model", .text = "magic", .says = "magic"),
    VOCAB(.name = "no kind of tokenizer",        .kind = MF_REMOVE, .key = "tokenizer.ggml.model", .says = "tokenizer.ggml.model"),
    VOCAB(.name = "a kind that is a number",     .kind = MF_INT, .key = "tokenizer.ggml.model", .a = 1, .b = PW_GGUF_U32, .says = "tokenizer.ggml.model"),
    MERGE(.name = "a pre-tokenizer unknown",     .kind = MF_TEXT, .key = "tokenizer.ggml.pre", .text = "guess-me", .says = "guess-me"),
    MERGE(.name = "no merges",                   .kind = MF_REMOVE, .key = MERGES, .says = MERGES),
    MERGE(.name = "merges that are a text",      .kind = MF_TEXT, .key = MERGES, .text = "a e", .says = MERGES),
    MERGE(.name = "a merge without a space",     .kind = MF_ITEM_TEXT, .key = MERGES, .b = 3, .text = "de", .says = "merge 3"),
    MERGE(.name = "a merge of nothing",          .kind = MF_ITEM_TEXT, .key = MERGES, .b = 3, .text = "", .says = "merge 3"),
    MERGE(.name = "a merge with no right side",  .kind = MF_ITEM_TEXT, .key = MERGES, .b = 3, .text = "d ", .says = "merge 3"),
    MERGE(.name = "a merge of no token",         .kind = MF_ITEM_TEXT, .key = MERGES, .b = 3, .text = "zzz yyy", .says = "merge 3"),
    MERGE(.name = "a merge that makes no token", .kind = MF_ITEM_TEXT, .key = MERGES, .b = 3, .text = "z z", .says = "merge 3"),

    ID("bos_token_id", 300),
    ID("bos_token_id", 0xffffffffu),
    ID("eos_token_id", 300),
    ID("eos_token_id", 0x80000000u),
    ID("unknown_token_id", 300),
    ID("unknown_token_id", 0xfffffffeu),
    ID("padding_token_id", 300),
    ID("padding_token_id", 1000000),
    ID("eot_token_id", 300),
    ID("eom_token_id", 512),
    TYPED(.name = "-1 for BOS",             .kind = MF_INT, .key = "tokenizer.ggml.bos_token_id", .a = UINT64_MAX, .b = PW_GGUF_I64, .says = "bos_token_id"),
    TYPED(.name = "2^32 + 1 for EOS",       .kind = MF_INT, .key = "tokenizer.ggml.eos_token_id", .a = (UINT64_C(1) << 32) + 1, .b = PW_GGUF_U64, .says = "eos_token_id"),
    TYPED(.name = "a text for BOS",         .kind = MF_TEXT, .key = "tokenizer.ggml.bos_token_id", .text = "1", .says = "bos_token_id"),
    TYPED(.name = "a float for EOS",        .kind = MF_FLOAT, .key = "tokenizer.ggml.eos_token_id", .x = 2.0, .says = "eos_token_id"),
    TYPED(.name = "a number for add_bos",   .kind = MF_INT, .key = "tokenizer.ggml.add_bos_token", .a = 1, .b = PW_GGUF_U32, .says = "add_bos_token"),

    {.row = "chat template", .base = "llama", .name = "a number", .kind = MF_INT, .key = "tokenizer.chat_template", .a = 1, .b = PW_GGUF_U32, .says = "tokenizer.chat_template"},
};
// clang-format on

const size_t mf_vocab_count = sizeof mf_vocab_cases / sizeof *mf_vocab_cases;
