/* Sound models for tests, a few tens of kilobytes long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gguf_build.h"

enum { EMBEDDING = 32, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 8, FFN = 64, LAYERS = 2 };
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 };

static void set_number(gb_file *file, const char *architecture, const char *name, uint32_t value)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    gb_set_u32(file, key, value);
}

static void set_hparams(gb_file *file, const char *architecture)
{
    static const struct {
        const char *name;
        uint32_t value;
    } numbers[] = {{"context_length", 128},
                   {"embedding_length", EMBEDDING},
                   {"block_count", LAYERS},
                   {"feed_forward_length", FFN},
                   {"attention.head_count", HEADS},
                   {"attention.head_count_kv", KV_HEADS},
                   {"attention.key_length", HEAD_DIM},
                   {"attention.value_length", HEAD_DIM},
                   {"rope.dimension_count", HEAD_DIM},
                   {"vocab_size", GB_TINY_VOCAB}};
    char key[64];
    gb_set_text(file, "general.architecture", architecture);
    gb_set_text(file, "general.name", "tiny test model");
    gb_set_u32(file, "general.alignment", 32);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        set_number(file, architecture, numbers[i].name, numbers[i].value);
    snprintf(key, sizeof key, "%s.rope.freq_base", architecture);
    gb_set_f32(file, key, 10000.0f);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", architecture);
    gb_set_f32(file, key, 1e-5f);
}

static void add_tensors(gb_file *file, const char *architecture)
{
    static const struct {
        const char *name;
        uint64_t n0, n1;
        const char *only; /* architecture that has it; NULL: all */
    } tensors[] = {{"attn_norm.weight", EMBEDDING, 0, NULL},
                   {"attn_q.weight", EMBEDDING, HEADS * HEAD_DIM, NULL},
                   {"attn_k.weight", EMBEDDING, KV_HEADS * HEAD_DIM, NULL},
                   {"attn_v.weight", EMBEDDING, KV_HEADS * HEAD_DIM, NULL},
                   {"attn_q.bias", HEADS * HEAD_DIM, 0, "qwen2"},
                   {"attn_k.bias", KV_HEADS * HEAD_DIM, 0, "qwen2"},
                   {"attn_v.bias", KV_HEADS * HEAD_DIM, 0, "qwen2"},
                   {"attn_q_norm.weight", HEAD_DIM, 0, "qwen3"},
                   {"attn_k_norm.weight", HEAD_DIM, 0, "qwen3"},
                   {"attn_output.weight", HEADS * HEAD_DIM, EMBEDDING, NULL},
                   {"ffn_norm.weight", EMBEDDING, 0, NULL},
                   {"ffn_gate.weight", EMBEDDING, FFN, NULL},
                   {"ffn_up.weight", EMBEDDING, FFN, NULL},
                   {"ffn_down.weight", FFN, EMBEDDING, NULL}};
    gb_add_f32(file, "token_embd.weight", EMBEDDING, GB_TINY_VOCAB);
    gb_add_f32(file, "output_norm.weight", EMBEDDING, 0);
    for (int layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
            char name[64];
            if (tensors[i].only != NULL && strcmp(tensors[i].only, architecture) != 0) continue;
            snprintf(name, sizeof name, "blk.%d.%s", layer, tensors[i].name);
            gb_add_f32(file, name, tensors[i].n0, tensors[i].n1);
        }
    }
}

static void set_ids(gb_file *file, uint32_t bos, uint32_t eos)
{
    gb_set_u32(file, "tokenizer.ggml.bos_token_id", bos);
    gb_set_u32(file, "tokenizer.ggml.eos_token_id", eos);
    gb_set_bool(file, "tokenizer.ggml.add_bos_token", true);
}

gb_file *gb_tiny(const char *architecture)
{
    static const char *const markers[] = {"<unk>", "<s>", "</s>"};
    gb_file *file = gb_new();
    gb_bytes tokens = {0}, scores = {0}, types = {0};
    for (uint32_t id = 0; id < GB_TINY_VOCAB; id++) {
        char piece[16];
        const uint32_t letter = id - 259;
        if (id < 3)
            snprintf(piece, sizeof piece, "%s", markers[id]);
        else if (id < 259)
            snprintf(piece, sizeof piece, "<0x%02X>", id - 3);
        else if (letter == 0)
            snprintf(piece, sizeof piece, "\xe2\x96\x81");
        else if (letter <= 26)
            snprintf(piece, sizeof piece, "%c", 'a' + (char)(letter - 1));
        else
            snprintf(piece, sizeof piece, "%c%c", 'a' + (char)(letter - 27), 'e');
        gb_put_text(&tokens, piece, strlen(piece));
        const float score = id < 259 ? 0.0f : -(float)letter;
        gb_put(&scores, &score, sizeof score);
        gb_put_u32(&types, id == 0 ? UNKNOWN : id < 3 ? CONTROL : id < 259 ? BYTE : NORMAL);
    }
    set_hparams(file, architecture);
    gb_set_text(file, "tokenizer.ggml.model", "llama");
    gb_set_text(file, "tokenizer.ggml.pre", "default");
    gb_set_array(file, "tokenizer.ggml.tokens", PW_GGUF_TEXT, GB_TINY_VOCAB, tokens.data,
                 tokens.bytes);
    gb_set_array(file, "tokenizer.ggml.scores", PW_GGUF_F32, GB_TINY_VOCAB, scores.data,
                 scores.bytes);
    gb_set_array(file, "tokenizer.ggml.token_type", PW_GGUF_I32, GB_TINY_VOCAB, types.data,
                 types.bytes);
    gb_set_u32(file, "tokenizer.ggml.unknown_token_id", 0);
    set_ids(file, 1, 2);
    add_tensors(file, architecture);
    free(tokens.data);
    free(scores.data);
    free(types.data);
    return file;
}

/* The character that byte-level BPE writes for a byte: itself where it is printable, else from
 * U+0100 on. Source: Radford et al. 2019, the encoder published with GPT-2. */
static void put_byte_character(uint32_t byte, char out[4])
{
    uint32_t code = byte;
    const bool plain =
        (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    if (!plain) code = 0x100 + (byte <= 0x20 ? byte : byte == 0xad ? 67 : byte - 0x7f + 33);
    if (code < 0x80)
        snprintf(out, 4, "%c", (char)code);
    else
        snprintf(out, 4, "%c%c", (char)(0xc0 | code >> 6), (char)(0x80 | (code & 0x3f)));
}

gb_file *gb_tiny_bpe(void)
{
    enum { MERGES = 40 };
    gb_file *file = gb_tiny("llama");
    gb_bytes tokens = {0}, types = {0}, merges = {0};
    for (uint32_t id = 0; id < GB_TINY_VOCAB; id++) {
        char piece[16];
        const uint32_t rank = id - 256;
        if (id < 256) {
            put_byte_character(id, piece);
        } else if (rank < MERGES) {
            const char left = (char)('a' + rank % 26), right = rank < 26 ? 'e' : 'a';
            snprintf(piece, sizeof piece, "%c %c", left, right);
            gb_put_text(&merges, piece, 3);
            snprintf(piece, sizeof piece, "%c%c", left, right);
        } else {
            snprintf(piece, sizeof piece, "<|mark%u|>", rank - MERGES);
        }
        gb_put_text(&tokens, piece, strlen(piece));
        gb_put_u32(&types, id < 256 + MERGES ? NORMAL : CONTROL);
    }
    gb_remove(file, "tokenizer.ggml.scores");
    gb_remove(file, "tokenizer.ggml.unknown_token_id");
    gb_set_text(file, "tokenizer.ggml.model", "gpt2");
    gb_set_text(file, "tokenizer.ggml.pre", "llama-bpe");
    gb_set_array(file, "tokenizer.ggml.tokens", PW_GGUF_TEXT, GB_TINY_VOCAB, tokens.data,
                 tokens.bytes);
    gb_set_array(file, "tokenizer.ggml.token_type", PW_GGUF_I32, GB_TINY_VOCAB, types.data,
                 types.bytes);
    gb_set_array(file, "tokenizer.ggml.merges", PW_GGUF_TEXT, MERGES, merges.data, merges.bytes);
    set_ids(file, 256 + MERGES, 256 + MERGES + 1);
    free(tokens.data);
    free(types.data);
    free(merges.data);
    return file;
}
