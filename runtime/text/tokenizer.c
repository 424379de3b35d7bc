#include "runtime/text/tokenizer.h"

#include <string.h>

#include <utf8proc.h>

#include "pw/num.h"
#include "pw/status.h"
#include "runtime/text/bpe.h"
#include "runtime/text/nfc.h"
#include "runtime/text/special.h"
#include "runtime/text/split.h"
#include "runtime/text/spm.h"
#include "runtime/text/utf8.h"

struct pw_tokenizer {
    const pewter_allocator *alloc;
    pw_arena arena;
    pw_vocab vocab;
    pw_special special;
    bool is_spm;
    pw_spm spm; /* is_spm */
    pw_bpe bpe; /* else, as the rest */
    pw_split *split;
    bool nfc, lowercase;
    bool spaces;       /* U+2581 in a text is a space */
    bool space_prefix; /* a space before a text that follows a special token or nothing */
    bool trim;         /* runs of spaces become one, ends are trimmed */
    bool add_bos;
    int32_t bos, eos;
    size_t longest;
};

/* Values of `tokenizer.ggml.model`. */
typedef struct kind {
    const char *model;
    bool is_spm;
    const char *pre; /* byte-pair encoding: where the file names no pre-tokenizer */
    bool fixed;      /* ... or whatever it names */
} kind;

static const kind kinds[] = {
    {.model = "llama", .is_spm = true},
    {.model = "gpt2", .pre = "default"},
    {.model = "gemma4", .pre = "gemma4", .fixed = true},
};

/* ---- Making ---------------------------------------------------------------------------------- */

static pewter_status find_kind(const pw_vocab_data *data, const kind **out, pewter_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].model, data->model) != 0) continue;
        *out = &kinds[i];
        return PEWTER_OK;
    }
    return pw_fail(err, PEWTER_E_UNSUPPORTED,
                   "tokenizer.ggml.model: 'llama', 'gpt2' or 'gemma4' wanted, '%s' found",
                   data->model);
}

static pewter_status check_ids(const pw_vocab_data *data, pewter_error *err)
{
    const struct {
        const char *key;
        int32_t id;
    } ids[] = {{"bos", data->bos}, {"eos", data->eos},     {"eot", data->eot},
               {"eom", data->eom}, {"unknown", data->unk}, {"padding", data->pad}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i].id < -1 || (ids[i].id >= 0 && (size_t)ids[i].id >= data->n))
            return pw_fail(err, PEWTER_E_FORMAT,
                           "tokenizer.ggml.%s_token_id: 0 to %zu wanted, %d found", ids[i].key,
                           data->n - 1, (int)ids[i].id);
    return PEWTER_OK;
}

static pewter_status make_spm(pw_tokenizer *t, const pw_vocab_data *data, pewter_error *err)
{
    if (data->scores == NULL)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "tokenizer.ggml.scores: SentencePiece wants one a token, none found");
    PW_TRY(pw_vocab_init(&t->vocab, data, PW_SPELL_SPACES, &t->arena, err));
    t->is_spm = t->spaces = true;
    t->space_prefix = data->add_space_prefix != PW_NO;
    t->trim = data->remove_extra_whitespaces;
    t->add_bos = data->add_bos != PW_NO;
    return PEWTER_OK;
}

static pewter_status make_bpe(pw_tokenizer *t, const pw_vocab_data *data, const kind *k,
                              pewter_error *err)
{
    const char *name = k->fixed || data->pre == NULL ? k->pre : data->pre;
    const pw_pre *pre = pw_pre_find(name);
    if (pre == NULL || pre->stages == NULL)
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "tokenizer.ggml.pre: the pre-tokenizer '%s' is %s", name,
                       pre == NULL ? "not known" : "not one of byte-pair encoding");
    if (data->merges == NULL)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "tokenizer.ggml.merges: byte-pair encoding wants them, none found");
    t->spaces = (pre->flags & PW_PRE_SPACES) != 0;
    const bool plain = (pre->flags & PW_PRE_PLAIN) != 0;
    const pw_spelling spelling = t->spaces ? PW_SPELL_SPACES
                                 : plain   ? PW_SPELL_PLAIN
                                           : PW_SPELL_BYTES;
    PW_TRY(pw_vocab_init(&t->vocab, data, spelling, &t->arena, err));
    t->nfc = (pre->flags & PW_PRE_NFC) != 0;
    t->lowercase = plain && data->lowercase;
    t->add_bos =
        data->add_bos == PW_YES || (data->add_bos == PW_UNSET && (pre->flags & PW_PRE_BOS) != 0);
    t->bpe.chars = spelling != PW_SPELL_BYTES;
    t->bpe.whole = (pre->flags & PW_PRE_WHOLE) != 0;
    t->bpe.lines = (pre->flags & PW_PRE_LINES) != 0;
    return pw_split_new(pre, t->alloc, &t->split, err);
}

static pewter_status make(pw_tokenizer *t, const pw_vocab_data *data, pewter_error *err)
{
    const kind *k;
    PW_TRY(find_kind(data, &k, err));
    PW_TRY(k->is_spm ? make_spm(t, data, err) : make_bpe(t, data, k, err));
    PW_TRY(check_ids(data, err));
    PW_TRY(pw_special_init(&t->special, data, &t->vocab, &t->arena, err));
    if (k->is_spm) {
        pw_spm_init(&t->spm, &t->vocab, data->unk);
    } else {
        t->bpe.vocab = &t->vocab;
        t->bpe.unk = data->unk;
        PW_TRY(pw_bpe_init(&t->bpe, data, &t->arena, err));
    }
    t->bos = data->bos;
    t->eos = data->eos;
    for (size_t id = 0; id < t->vocab.n; id++)
        if (t->vocab.pieces[id].bytes > t->longest) t->longest = t->vocab.pieces[id].bytes;
    return PEWTER_OK;
}

pewter_status pw_tokenizer_new(const pw_vocab_data *data, const pewter_allocator *alloc,
                               pw_tokenizer **out, pewter_error *err)
{
    pw_tokenizer *t = pw_alloc(alloc, sizeof *t);
    if (t == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a tokenizer");
    *t = (pw_tokenizer){.alloc = alloc, .arena.alloc = alloc};
    const pewter_status status = make(t, data, err);
    if (status != PEWTER_OK) {
        pw_tokenizer_free(t);
        return status;
    }
    *out = t;
    return PEWTER_OK;
}

void pw_tokenizer_free(pw_tokenizer *tokenizer)
{
    if (tokenizer == NULL) return;
    pw_split_free(tokenizer->split);
    pw_arena_free(&tokenizer->arena);
    pw_free(tokenizer->alloc, tokenizer, sizeof *tokenizer);
}

size_t pw_tokenizer_size(const pw_tokenizer *tokenizer)
{
    return tokenizer->vocab.n;
}

int32_t pw_tokenizer_bos(const pw_tokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t pw_tokenizer_eos(const pw_tokenizer *tokenizer)
{
    return tokenizer->eos;
}

size_t pw_tokenizer_longest_piece(const pw_tokenizer *tokenizer)
{
    return tokenizer->longest;
}

size_t pw_token_piece(const pw_tokenizer *tokenizer, int32_t id, bool special, const char **piece)
{
    const uint8_t type = tokenizer->vocab.types[id];
    const pw_text *text = &tokenizer->vocab.pieces[id];
    *piece = text->data;
    return special || (type != PW_TOKEN_CONTROL && type != PW_TOKEN_UNKNOWN) ? text->bytes : 0;
}

bool pw_token_is_eog(const pw_tokenizer *tokenizer, int32_t id)
{
    return tokenizer->special.ends[id] != 0;
}

/* ---- Text to tokens -------------------------------------------------------------------------- */

/* What one call needs. */
typedef struct tokenizing {
    const pw_tokenizer *t;
    pw_merger merger;
    pw_nfc nfc;
    pw_split_state *split;
    char *text;     /* [bytes]: all parts, one behind the other */
    uint32_t *open; /* [n_parts]: where the special parts that hold it end; 0: not special */
    char *spaced;   /* [room]: a stretch as SentencePiece takes it */
    size_t bytes, room;
    pw_ids out;
} tokenizing;

static pewter_status no_memory(size_t bytes, pewter_error *err)
{
    return pw_fail(err, PEWTER_E_MEMORY, "text: no memory to tokenise %zu bytes", bytes);
}

static pewter_status add_piece(void *context, const char *piece, size_t bytes, pewter_error *err)
{
    tokenizing *k = context;
    return pw_bpe_piece(&k->t->bpe, &k->merger, piece, bytes, &k->out, err);
}

/* Lower case by simple mappings; what would take more bytes than it had stays. */
static size_t lower(char *text, size_t bytes)
{
    size_t to = 0;
    for (size_t at = 0; at < bytes;) {
        const size_t size = pw_utf8_char(text + at, bytes - at);
        const uint32_t code = pw_utf8_code(text + at, size);
        char put[4];
        const size_t lowered = pw_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)code), put);
        if (lowered <= size)
            memcpy(text + to, put, lowered);
        else
            memmove(text + to, text + at, size);
        to += lowered <= size ? lowered : size;
        at += size;
    }
    return to;
}

/* Well-formed UTF-8 for byte-pair encoding. */
static pewter_status add_valid(tokenizing *k, const char *text, size_t bytes, pewter_error *err)
{
    const pw_tokenizer *t = k->t;
    const char *from = text;
    size_t size = bytes;
    if (t->nfc) PW_TRY(pw_nfc_run(&k->nfc, text, bytes, &from, &size, err));
    if (t->lowercase) {
        memcpy(k->spaced, from, size);
        from = k->spaced;
        size = lower(k->spaced, size);
    }
    return pw_split_run(t->split, k->split, from, size, add_piece, k, err);
}

/* Stretches of well-formed UTF-8 go through the pre-tokenizer, what lies between does not. */
static pewter_status add_bpe(tokenizing *k, const char *text, size_t bytes, pewter_error *err)
{
    for (size_t at = 0; at < bytes;) {
        const size_t valid = pw_utf8_valid(text + at, bytes - at);
        if (valid > 0) PW_TRY(add_valid(k, text + at, valid, err));
        at += valid;
        const size_t from = at;
        while (at < bytes && pw_utf8_char(text + at, bytes - at) == 0) at++;
        if (at > from) PW_TRY(add_piece(k, text + from, at - from, err));
    }
    return PEWTER_OK;
}

/* A stretch with its prefix, and spaces for U+2581, into k->spaced; `text` may be k->spaced + 1. */
static size_t space_out(tokenizing *k, const char *text, size_t bytes)
{
    size_t size = 0;
    if (k->t->space_prefix) k->spaced[size++] = ' ';
    for (size_t at = 0; at < bytes;) {
        const bool mark = bytes - at >= 3 && memcmp(text + at, "\xe2\x96\x81", 3) == 0;
        k->spaced[size++] = mark ? ' ' : text[at];
        at += mark ? 3 : 1;
    }
    return size;
}

/* Runs of spaces become one, those at the ends go. */
static size_t trim(char *text, size_t bytes)
{
    size_t size = 0;
    for (size_t at = 0; at < bytes; at++)
        if (text[at] != ' ' || (size > 0 && text[size - 1] != ' ')) text[size++] = text[at];
    return size > 0 && text[size - 1] == ' ' ? size - 1 : size;
}

/* A stretch between special tokens. */
static pewter_status add_stretch(tokenizing *k, const char *text, size_t bytes, pewter_error *err)
{
    const pw_tokenizer *t = k->t;
    if (t->trim && bytes > 0) {
        bytes = trim(memcpy(k->spaced + 1, text, bytes), bytes);
        text = k->spaced + 1;
    }
    if (bytes == 0) return PEWTER_OK;
    if (t->spaces) {
        bytes = space_out(k, text, bytes);
        text = k->spaced;
    }
    return t->is_spm ? pw_spm_text(&t->spm, &k->merger, text, bytes, &k->out, err)
                     : add_bpe(k, text, bytes, err);
}

/* All parts: special tokens where they stand, and what lies between. */
static pewter_status add_parts(tokenizing *k, const pw_tokenizer_part *parts, size_t n_parts,
                               pewter_error *err)
{
    const pw_tokenizer *t = k->t;
    size_t from = 0, at = 0, part = 0, part_end = n_parts > 0 ? parts[0].bytes : 0;
    while (at < k->bytes) {
        while (part + 1 < n_parts && at >= part_end) part_end += parts[++part].bytes;
        const size_t open = k->open[part] > at ? k->open[part] - at : 0;
        size_t size = 0;
        const int32_t id =
            pw_special_match(&t->special, &t->vocab, k->text + at, k->bytes - at, open, &size);
        if (id < 0) {
            at++;
            continue;
        }
        PW_TRY(add_stretch(k, k->text + from, at - from, err));
        pw_ids_add(&k->out, id);
        from = at += size;
    }
    return add_stretch(k, k->text + from, k->bytes - from, err);
}

/* Joins the parts; of each that is special, where the run of special ones that it is in ends. Empty
 * parts are of the kind of what follows them. */
static void join(tokenizing *k, const pw_tokenizer_part *parts, size_t n_parts)
{
    size_t at = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].bytes > 0) memcpy(k->text + at, parts[i].text, parts[i].bytes);
        at += parts[i].bytes;
    }
    uint32_t end = 0;
    for (size_t i = n_parts; i-- > 0;) {
        if (parts[i].bytes > 0 && !parts[i].special) end = 0;
        if (parts[i].bytes > 0 && parts[i].special && end == 0) end = (uint32_t)at;
        k->open[i] = end;
        at -= parts[i].bytes;
    }
}

static pewter_status run(tokenizing *k, const pw_tokenizer_part *parts, size_t n_parts, bool bos,
                         pewter_error *err)
{
    const pw_tokenizer *t = k->t;
    if (k->text == NULL || k->open == NULL || k->spaced == NULL) return no_memory(k->bytes, err);
    if (t->split != NULL) {
        k->split = pw_split_state_new(t->split);
        if (k->split == NULL) return no_memory(k->bytes, err);
    }
    join(k, parts, n_parts);
    const bool wanted = bos && t->add_bos && t->bos >= 0;
    size_t size = 0;
    const size_t open = n_parts > 0 ? k->open[0] : 0;
    const bool there =
        pw_special_match(&t->special, &t->vocab, k->text, k->bytes, open, &size) == t->bos;
    if (wanted && !there) pw_ids_add(&k->out, t->bos);
    return add_parts(k, parts, n_parts, err);
}

pewter_status pw_tokenize_parts(const pw_tokenizer *tokenizer, const pw_tokenizer_part *parts,
                                size_t n_parts, bool bos, int32_t *ids, size_t cap, size_t *count,
                                pewter_error *err)
{
    const pewter_allocator *alloc = tokenizer->alloc;
    size_t bytes = 0, open_bytes = 0;
    bool fits = pw_mul(n_parts + 1, sizeof(uint32_t), &open_bytes);
    for (size_t i = 0; i < n_parts; i++) fits = fits && pw_add(bytes, parts[i].bytes, &bytes);
    if (!fits || bytes >= INT32_MAX)
        return pw_fail(err, PEWTER_E_LIMIT, "text: less than %d bytes wanted, %zu found", INT32_MAX,
                       bytes);
    /* NFC takes up to three times the bytes, and lower case is made behind it. */
    const size_t room = tokenizer->lowercase ? 3 * bytes + 2 : bytes + 2;
    tokenizing k = {.t = tokenizer,
                    .merger.alloc = alloc,
                    .nfc.alloc = alloc,
                    .text = pw_alloc(alloc, bytes),
                    .open = pw_alloc(alloc, open_bytes),
                    .spaced = pw_alloc(alloc, room),
                    .bytes = bytes,
                    .out = {.ids = ids, .cap = cap}};
    const pewter_status status = run(&k, parts, n_parts, bos, err);
    if (status == PEWTER_OK) *count = k.out.count;
    pw_split_state_free(k.split);
    pw_nfc_free(&k.nfc);
    pw_merger_free(&k.merger);
    pw_free(alloc, k.spaced, room);
    pw_free(alloc, k.open, open_bytes);
    pw_free(alloc, k.text, bytes);
    return status;
}

pewter_status pw_tokenize(const pw_tokenizer *tokenizer, const char *text, size_t bytes,
                          bool special, bool bos, int32_t *ids, size_t cap, size_t *count,
                          pewter_error *err)
{
    const pw_tokenizer_part part = {.text = text, .bytes = bytes, .special = special};
    return pw_tokenize_parts(tokenizer, &part, 1, bos, ids, cap, count, err);
}
