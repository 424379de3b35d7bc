#include "runtime/text/spm.h"

#include <assert.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/text/utf8.h"

static bool inner_space(const pw_text *piece)
{
    size_t at = 0;
    while (at < piece->bytes && piece->data[at] == ' ') at++;
    return memchr(piece->data + at, ' ', piece->bytes - at) != NULL;
}

void pw_spm_init(pw_spm *spm, const pw_vocab *vocab, int32_t unk)
{
    assert(vocab->ranks != NULL);
    *spm = (pw_spm){.vocab = vocab, .words = true, .unk = unk};
    for (size_t id = 0; id < vocab->n && spm->words; id++)
        if (pw_vocab_plain(vocab, (int32_t)id) && inner_space(&vocab->pieces[id]))
            spm->words = false;
}

static bool find_text(const void *rules, const char *text, const pw_symbol *left,
                      const pw_symbol *right, pw_join *out)
{
    const pw_vocab *vocab = ((const pw_spm *)rules)->vocab;
    const size_t size = (size_t)left->size + right->size;
    if (size > vocab->longest) return false;
    const int32_t id = pw_vocab_find(vocab, text + left->at, size);
    if (id < 0) return false;
    *out = (pw_join){.rank = vocab->ranks[id], .id = id};
    return true;
}

static void add_bytes(const pw_spm *spm, const char *bytes, size_t n, bool *unknown, pw_ids *out)
{
    const int32_t *byte = spm->vocab->byte;
    bool all = true;
    for (size_t i = 0; i < n; i++) all = all && byte[(unsigned char)bytes[i]] >= 0;
    if (all)
        for (size_t i = 0; i < n; i++) pw_ids_add(out, byte[(unsigned char)bytes[i]]);
    else if (!*unknown && spm->unk >= 0)
        pw_ids_add(out, spm->unk);
    *unknown = !all;
}

static pewter_status add_run(const pw_spm *spm, pw_merger *merger, const char *text, size_t bytes,
                             bool *unknown, pw_ids *out, pewter_error *err)
{
    if (!pw_merger_room(merger, bytes))
        return pw_fail(err, PEWTER_E_MEMORY, "text: no memory to merge %zu bytes", bytes);
    size_t n = 0;
    for (size_t at = 0; at < bytes; n++) {
        const size_t step = pw_utf8_char(text + at, bytes - at);
        const size_t size = step > 0 ? step : 1;
        merger->symbols[n] = (pw_symbol){.at = (uint32_t)at, .size = (uint32_t)size, .id = -1};
        at += size;
    }
    const size_t left = pw_merge(merger, n, text, find_text, spm);
    for (size_t i = 0; i < left; i++) {
        const pw_symbol *symbol = &merger->symbols[i];
        const char *at = text + symbol->at;
        const int32_t id =
            symbol->id >= 0 ? symbol->id : pw_vocab_find(spm->vocab, at, symbol->size);
        if (id < 0) {
            add_bytes(spm, at, symbol->size, unknown, out);
            continue;
        }
        pw_ids_add(out, id);
        *unknown = false;
    }
    return PEWTER_OK;
}

/* Bytes up to the next space that follows another character. */
static size_t word(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && text[at] == ' ') at++;
    const char *space = at < bytes ? memchr(text + at, ' ', bytes - at) : NULL;
    return space != NULL ? (size_t)(space - text) : bytes;
}

pewter_status pw_spm_text(const pw_spm *spm, pw_merger *merger, const char *text, size_t bytes,
                          pw_ids *out, pewter_error *err)
{
    bool unknown = false;
    for (size_t at = 0; at < bytes;) {
        const size_t size = spm->words ? word(text + at, bytes - at) : bytes;
        PW_TRY(add_run(spm, merger, text + at, size, &unknown, out, err));
        at += size;
    }
    return PEWTER_OK;
}
