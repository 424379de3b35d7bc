#include "runtime/text/special.h"

#include <stdlib.h>
#include <string.h>

#include "pw/status.h"

/* Texts that end a turn or an answer in the models that use them. Source: special_tokens_map.json
 * and generation_config.json of the models named. */
static const char *const end_names[] = {
    "<|eot_id|>",            /* Llama 3 */
    "<|eom_id|>",            /* Llama 3.1, a tool is called */
    "<|eot|>",               /* Llama 4 */
    "<|eom|>",               /* Llama 4 */
    "<|im_end|>",            /* ChatML: Qwen, SmolLM2, Yi */
    "<|end|>",               /* Phi-3 */
    "<|endoftext|>",         /* GPT-2, Qwen, Phi */
    "<|end_of_text|>",       /* Llama 3, Granite */
    "<|return|>",            /* gpt-oss */
    "<|call|>",              /* gpt-oss, a tool is called */
    "<end_of_turn>",         /* Gemma 2 and 3 */
    "<turn|>",               /* Gemma 4 */
    "<end_of_utterance>",    /* SmolVLM */
    "<|END_OF_TURN_TOKEN|>", /* Command R */
    "<|END_RESPONSE|>",      /* Command A */
    "<|endofturn|>",         /* HyperCLOVA */
    "<|role_end|>",          /* Ling */
    "[|endofturn|]",         /* EXAONE */
    "<EOT>",                 /* SantaCoder */
    "_<EOT>",
    "[EOT]",                                                           /* Kimi K2 */
    "[EOS]",                                                           /* Kimi K2 */
    "[e~[",                                                            /* MiniMax */
    "<\357\275\234end\342\226\201of\342\226\201sentence\357\275\234>", /* DeepSeek */
};

static bool is(const pw_text *text, const char *name)
{
    return text->bytes == strlen(name) && memcmp(text->data, name, text->bytes) == 0;
}

static bool end_name(const pw_text *text)
{
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++)
        if (is(text, end_names[i])) return true;
    return false;
}

/* Texts of the forms <|...|> and, with full-width bars, of DeepSeek. */
static bool control_form(const pw_text *text)
{
    static const char *const marks[][2] = {{"<|", "|>"}, {"<\xef\xbd\x9c", "\xef\xbd\x9c>"}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const size_t size = strlen(marks[i][0]);
        if (text->bytes > 2 * size && memcmp(text->data, marks[i][0], size) == 0 &&
            memcmp(text->data + text->bytes - size, marks[i][1], size) == 0)
            return true;
    }
    return false;
}

/* gpt-oss ends a message, not an answer, with "<|end|>": its answers end with "<|return|>". */
static bool end_is_message(const pw_vocab_data *data)
{
    for (size_t id = 0; id < data->n; id++)
        if (is(&data->tokens[id], "<|return|>")) return true;
    return false;
}

/* Texts of the forms <...> and [...]. */
static bool bracketed(const pw_text *text)
{
    if (text->bytes < 3) return false;
    const char first = text->data[0], last = text->data[text->bytes - 1];
    return (first == '<' && last == '>') || (first == '[' && last == ']');
}

/* A single byte stays ordinary, as text could not do without it. */
static void mark_ids(pw_special *special, const pw_vocab_data *data, pw_vocab *vocab)
{
    const int32_t ends[] = {data->eos, data->eot, data->eom};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] >= 0) special->ends[ends[i]] = 1;

    const int32_t control[] = {data->bos, data->eos, data->eot, data->eom, data->pad};
    for (size_t i = 0; i < sizeof control / sizeof *control; i++) {
        const int32_t id = control[i];
        if (id < 0) continue;
        const pw_text *text = &data->tokens[id];
        const bool user = vocab->types[id] == PW_TOKEN_USER_DEFINED && text->bytes > 1;
        const bool normal = vocab->types[id] == PW_TOKEN_NORMAL && bracketed(text);
        if (user || normal) vocab->types[id] = PW_TOKEN_CONTROL;
    }
}

static void mark(pw_special *special, const pw_vocab_data *data, pw_vocab *vocab)
{
    const bool message = end_is_message(data);
    for (size_t id = 0; id < data->n; id++) {
        const pw_text *text = &data->tokens[id];
        const bool normal = vocab->types[id] == PW_TOKEN_NORMAL;
        const bool user = vocab->types[id] == PW_TOKEN_USER_DEFINED;
        const bool end = end_name(text);
        if ((normal && end) || (user && (end || control_form(text) || is(text, "</s>"))))
            vocab->types[id] = PW_TOKEN_CONTROL;
        const bool control = vocab->types[id] == PW_TOKEN_CONTROL;
        if (control && (end || is(text, "</s>")) && !(message && is(text, "<|end|>")))
            special->ends[id] = 1;
    }
    mark_ids(special, data, vocab);
}

typedef struct entry {
    pw_text text;
    int32_t id;
} entry;

static int compare_text(const pw_text *a, const pw_text *b)
{
    const size_t least = a->bytes < b->bytes ? a->bytes : b->bytes;
    const int order = memcmp(a->data, b->data, least);
    return order != 0 ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static int compare(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    const int order = compare_text(&a->text, &b->text);
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

static bool wanted(const pw_vocab *vocab, size_t id)
{
    const uint8_t type = vocab->types[id];
    return type == PW_TOKEN_CONTROL || type == PW_TOKEN_USER_DEFINED || type == PW_TOKEN_UNKNOWN;
}

/* Sorts the entries and keeps the first id of equal texts. */
static bool keep(pw_special *special, entry *entries, size_t n, pw_arena *arena)
{
    qsort(entries, n, sizeof *entries, compare);
    special->texts = pw_arena_array(arena, n, sizeof *special->texts);
    special->ids = pw_arena_array(arena, n, sizeof *special->ids);
    if (special->texts == NULL || special->ids == NULL) return false;
    for (size_t i = 0; i < n; i++) {
        const pw_text *text = &entries[i].text;
        if (special->n > 0 && compare_text(text, &special->texts[special->n - 1]) == 0) continue;
        char *copy = pw_arena_text(arena, text->data, text->bytes);
        if (copy == NULL) return false;
        special->texts[special->n] = (pw_text){.data = copy, .bytes = text->bytes};
        special->ids[special->n++] = entries[i].id;
        special->first[(unsigned char)copy[0]] = true;
    }
    return true;
}

pewter_status pw_special_init(pw_special *special, const pw_vocab_data *data, pw_vocab *vocab,
                              pw_arena *arena, pewter_error *err)
{
    *special = (pw_special){.ends = pw_arena_array(arena, data->n, 1)};
    if (special->ends == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "vocabulary: no memory for special tokens");
    mark(special, data, vocab);

    size_t n = 0;
    for (size_t id = 0; id < data->n; id++) n += wanted(vocab, id) && data->tokens[id].bytes > 0;
    if (n == 0) return PEWTER_OK;

    size_t bytes;
    entry *entries = NULL;
    if (pw_mul(n, sizeof *entries, &bytes)) entries = pw_alloc(arena->alloc, bytes);
    bool kept = false;
    if (entries != NULL) {
        size_t at = 0;
        for (size_t id = 0; id < data->n; id++)
            if (wanted(vocab, id) && data->tokens[id].bytes > 0)
                entries[at++] = (entry){.text = data->tokens[id], .id = (int32_t)id};
        kept = keep(special, entries, n, arena);
        pw_free(arena->alloc, entries, bytes);
    }
    if (!kept)
        return pw_fail(err, PEWTER_E_MEMORY, "vocabulary: no memory for %zu special tokens", n);
    return PEWTER_OK;
}

/* The first of texts [begin, end) whose byte at `depth` is not below `byte`; all of them are
 * longer than `depth` and equal before it. */
static size_t lower(const pw_special *special, size_t begin, size_t end, size_t depth, int byte)
{
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if ((unsigned char)special->texts[middle].data[depth] < byte)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

int32_t pw_special_match(const pw_special *special, const pw_vocab *vocab, const char *text,
                         size_t bytes, size_t open, size_t *size)
{
    int32_t best = -1;
    if (bytes == 0 || !special->first[(unsigned char)text[0]]) return -1;
    size_t begin = 0, end = special->n;
    for (size_t depth = 0; depth < bytes && begin < end; depth++) {
        const int byte = (unsigned char)text[depth];
        begin = lower(special, begin, end, depth, byte);
        end = lower(special, begin, end, depth, byte + 1);
        if (begin < end && special->texts[begin].bytes == depth + 1) {
            const int32_t id = special->ids[begin++];
            if (vocab->types[id] == PW_TOKEN_USER_DEFINED || depth + 1 <= open) {
                best = id;
                *size = depth + 1;
            }
        }
    }
    return best;
}
