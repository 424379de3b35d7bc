#include "runtime/model/model.h"

#include <string.h>

#include "pw/arena.h"
#include "pw/status.h"
#include "runtime/model/arch.h"
#include "runtime/model/vocab_gguf.h"

enum { MAX_TEMPLATE = 1 << 20 };

/* A token's text for the template; "" for none, or for one that is too long to be a marker. */
static void marker(const pw_tokenizer *tokenizer, int32_t id, char *out, size_t cap)
{
    out[0] = 0;
    if (id < 0) return;
    const char *piece;
    const size_t bytes = pw_token_piece(tokenizer, id, true, &piece);
    if (bytes >= cap) return;
    memcpy(out, piece, bytes);
    out[bytes] = 0;
}

/* A template that cannot be used is kept as a sentence: the model runs without it. */
static pewter_status read_template(pw_model *m, pewter_error *err)
{
    const char *text;
    size_t bytes;
    bool found;
    PW_TRY(pw_gguf_get_text(m->gguf, "tokenizer.chat_template", &text, &bytes, &found, err));
    m->tools = pw_tool_format(found ? text : NULL, found ? bytes : 0);
    if (!found) return PEWTER_OK;
    pewter_error why;
    const pewter_status status = bytes > MAX_TEMPLATE
                                     ? pw_fail(&why, PEWTER_E_LIMIT, "it has %zu bytes", bytes)
                                     : pw_template_parse(text, bytes, m->alloc, &m->chat, &why);
    if (status == PEWTER_E_MEMORY)
        return pw_fail(err, status, "%s: no memory for the chat template", pw_gguf_name(m->gguf));
    if (status != PEWTER_OK)
        pw_fail(&m->template_problem, status, "the chat template of %s cannot be used: %s",
                pw_gguf_name(m->gguf), why.message);
    return PEWTER_OK;
}

static pewter_status read_all(pw_model *m, const char *path, const pw_model_options *options,
                              pewter_error *err)
{
    const pw_gguf_options rules = {.trust_permissions = options->trust_permissions,
                                   .guard = options->guard};
    PW_TRY(pw_gguf_open(path, &rules, m->alloc, &m->gguf, err));
    if (!options->vocab_only) {
        PW_TRY(pw_hparams_read(m->gguf, &m->hparams, err));
        PW_TRY(pw_hparams_check(m->gguf, &m->hparams, err));
        const pw_rope_spec spec = pw_hparams_rope(&m->hparams);
        m->rope = pw_rope_of(&spec);
    }
    PW_TRY(pw_tokenizer_from_gguf(m->gguf, m->alloc, &m->tokenizer, err));
    const int64_t tokens = (int64_t)pw_tokenizer_size(m->tokenizer);
    if (!options->vocab_only && tokens != m->hparams.vocab)
        return pw_fail(err, PEWTER_E_FORMAT,
                       "%s: the vocabulary has %lld tokens, the embedding %lld rows",
                       pw_gguf_name(m->gguf), (long long)tokens, (long long)m->hparams.vocab);
    marker(m->tokenizer, pw_tokenizer_bos(m->tokenizer), m->bos, sizeof m->bos);
    marker(m->tokenizer, pw_tokenizer_eos(m->tokenizer), m->eos, sizeof m->eos);
    return read_template(m, err);
}

pewter_status pw_model_open(const char *path, const pw_model_options *options,
                            const pewter_allocator *alloc, pw_model **out, pewter_error *err)
{
    pw_model *m = pw_alloc(alloc, sizeof *m);
    if (m == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a model");
    *m = (pw_model){.alloc = alloc};
    pewter_status status = read_all(m, path, options, err);
    /* Zeros were read for what the file had: whatever came of them does not count. */
    if (m->gguf != NULL && pw_gguf_faulted(m->gguf))
        status =
            pw_fail(err, PEWTER_E_IO, "%s became shorter while it was read", pw_gguf_name(m->gguf));
    if (status != PEWTER_OK) {
        pw_model_close(m);
        return status;
    }
    *out = m;
    return PEWTER_OK;
}

void pw_model_close(pw_model *model)
{
    if (model == NULL) return;
    pw_template_free(model->chat);
    pw_tokenizer_free(model->tokenizer);
    pw_gguf_close(model->gguf);
    pw_free(model->alloc, model, sizeof *model);
}

pewter_status pw_model_graph(const pw_model *model, pw_graph *graph, const pewter_allocator *alloc,
                             int64_t width, int64_t outputs, int64_t pages, pewter_error *err)
{
    pw_graph_init(graph, alloc, (int32_t)model->hparams.layers, width, outputs, pages);
    return pw_arch_build(model->gguf, &model->hparams, graph, err);
}

int64_t pw_model_vocab(const pw_model *model)
{
    return (int64_t)pw_tokenizer_size(model->tokenizer);
}

bool pw_model_faulted(const pw_model *model)
{
    return pw_gguf_faulted(model->gguf);
}
