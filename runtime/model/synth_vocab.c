#include <string.h>

#include "runtime/model/synth.h"

enum { MARKERS = 3, BYTES = 256, LETTERS = 26, FIRST_CHAR = 0x21, LAST_CHAR = 0x7e };

/* Token types of GGUF files. */
enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6 };

/* SentencePiece writes a space as U+2581. */
static const char space[] = "\xe2\x96\x81";

/* One message a line, so that chat has something to work with. */
static const char template_text[] =
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

/* Word number i: all of one letter behind a space, then all of two letters, plain and behind a space
 * in turn, then of three: cut before the last letter, each is a piece that came before. */
static size_t write_word(int64_t i, char *out)
{
    size_t at = 0, letters = 1;
    bool spaced = true;
    if (i >= LETTERS) {
        i -= LETTERS;
        int64_t words = LETTERS * LETTERS;
        for (letters = 2; i >= 2 * words; letters++, words *= LETTERS) i -= 2 * words;
        spaced = i % 2 != 0;
        i /= 2;
    }
    if (spaced) {
        memcpy(out, space, sizeof space - 1);
        at = sizeof space - 1;
    }
    for (size_t k = letters; k > 0; k--, i /= LETTERS) out[at + k - 1] = (char)('a' + i % LETTERS);
    return at + letters;
}

/* The text of a token into `out`, at least 16 bytes; returns its length. */
static size_t write_piece(int64_t id, char *out)
{
    static const char *const markers[MARKERS] = {"<unk>", "<s>", "</s>"};
    if (id < MARKERS) return (size_t)snprintf(out, 16, "%s", markers[id]);
    id -= MARKERS;
    if (id < BYTES) return (size_t)snprintf(out, 16, "<0x%02X>", (unsigned)id);
    id -= BYTES;
    if (id == 0) return (size_t)snprintf(out, 16, "%s", space);
    id--;
    if (id <= LAST_CHAR - FIRST_CHAR) {
        out[0] = (char)(FIRST_CHAR + id);
        return 1;
    }
    return write_word(id - (LAST_CHAR - FIRST_CHAR + 1), out);
}

static int32_t type_of(int64_t id)
{
    if (id == 0) return UNKNOWN;
    if (id < MARKERS) return CONTROL;
    return id < MARKERS + BYTES ? BYTE : NORMAL;
}

void pw_synth_vocab(pw_writer *w, int64_t vocab)
{
    pw_write_key_text(w, "tokenizer.ggml.model", "llama");
    pw_write_key_text(w, "tokenizer.ggml.pre", "default");
    pw_write_key_array(w, "tokenizer.ggml.tokens", PW_GGUF_TEXT, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        char piece[16];
        pw_write_text(w, piece, write_piece(id, piece));
    }
    pw_write_key_array(w, "tokenizer.ggml.scores", PW_GGUF_F32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        const float score = id < MARKERS + BYTES ? 0.0f : (float)(MARKERS + BYTES - id);
        pw_write(w, &score, sizeof score);
    }
    pw_write_key_array(w, "tokenizer.ggml.token_type", PW_GGUF_I32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) pw_write_u32(w, (uint32_t)type_of(id));
    pw_write_key_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    pw_write_key_u32(w, "tokenizer.ggml.bos_token_id", 1);
    pw_write_key_u32(w, "tokenizer.ggml.eos_token_id", 2);
    pw_write_key_bool(w, "tokenizer.ggml.add_bos_token", true);
    pw_write_key_bool(w, "tokenizer.ggml.add_space_prefix", true);
    pw_write_key_text(w, "tokenizer.chat_template", template_text);
}
