/* The public functions that have no better home: check the arguments, call the engine. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/engine.h"
#include "runtime/model/inspect.h"
#include "runtime/model/synth.h"

const char *pewter_version(void)
{
    return PEWTER_VERSION;
}

const char *pewter_status_name(pewter_status status)
{
    switch (status) {
    case PEWTER_OK: return "ok";
    case PEWTER_E_ARG: return "arg";
    case PEWTER_E_MEMORY: return "memory";
    case PEWTER_E_IO: return "io";
    case PEWTER_E_FORMAT: return "format";
    case PEWTER_E_UNSUPPORTED: return "unsupported";
    case PEWTER_E_DEVICE: return "device";
    case PEWTER_E_TIMEOUT: return "timeout";
    case PEWTER_E_BUSY: return "busy";
    case PEWTER_E_CANCELLED: return "cancelled";
    case PEWTER_E_LIMIT: return "limit";
    }
    return "unknown";
}

/* Hands a result to a caller whose struct may be shorter or longer than ours. */
static pewter_status give(void *to, const void *from, size_t bytes, const char *what,
                          pewter_error *err)
{
    size_t room;
    memcpy(&room, to, sizeof room);
    if (room < sizeof room || room > 4096)
        return pw_fail(err, PEWTER_E_ARG, "%s: set `size` before the call; it is %zu", what, room);
    const size_t copied = room < bytes ? room : bytes;
    memcpy((char *)to + sizeof room, (const char *)from + sizeof room, copied - sizeof room);
    return PEWTER_OK;
}

/* ---- Devices --------------------------------------------------------------------------------- */

size_t pewter_device_count(const pewter_engine *engine)
{
    return engine != NULL ? engine->n_devices + engine->n_others : 0;
}

pewter_status pewter_device_get(const pewter_engine *engine, size_t index, pewter_device_info *out,
                                pewter_error *err)
{
    const size_t count = pewter_device_count(engine);
    if (out == NULL || index >= count)
        return pw_fail(err, PEWTER_E_ARG, "device: 0 to %zu wanted, %zu found",
                       count > 0 ? count - 1 : 0, index);
    const bool used = index < engine->n_devices;
    const pw_target *target =
        used ? &engine->targets[index] : &engine->others[index - engine->n_devices];
    pewter_device_info info = {.threads = target->info.threads,
                               .memory = target->info.memory,
                               .bandwidth = used ? engine->bandwidth : 0.0,
                               .in_use = used,
                               .software = target->info.software};
    snprintf(info.name, sizeof info.name, "%s", target->info.name);
    snprintf(info.backend, sizeof info.backend, "%s", target->backend->name);
    snprintf(info.detail, sizeof info.detail, "%s", target->info.detail);
    return give(out, &info, sizeof info, "pewter_device_info", err);
}

pewter_status pewter_machine(pewter_engine *engine, pewter_form form, char *buf, size_t cap,
                             size_t *need, pewter_error *err)
{
    if (engine == NULL || need == NULL || (buf == NULL && cap > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_machine: engine and need are wanted");
    pw_out out = {.buf = buf, .cap = cap};
    pw_machine_print(engine->machine, form, &out);
    pw_out_end(&out, need);
    return PEWTER_OK;
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* The type that most bytes of the file's tensors have, and how many values they hold in all. */
static pw_dtype main_type(const pw_gguf *gguf, uint64_t *values)
{
    uint64_t bytes[PW_DTYPE_COUNT] = {0};
    *values = 0;
    size_t count;
    const pw_gguf_tensor *t = pw_gguf_tensors(gguf, &count);
    for (size_t i = 0; i < count; i++) {
        bytes[t[i].dtype] += t[i].bytes;
        *values +=
            (uint64_t)t[i].n[0] * (uint64_t)t[i].n[1] * (uint64_t)t[i].n[2] * (uint64_t)t[i].n[3];
    }
    pw_dtype best = PW_F32;
    for (int d = 0; d < PW_DTYPE_COUNT; d++)
        if (bytes[d] > bytes[best]) best = (pw_dtype)d;
    return best;
}

pewter_status pewter_model_get(const pewter_model *model, pewter_model_info *out, pewter_error *err)
{
    if (model == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_model_get: model and out are wanted");
    const pw_model *file = model->file;
    const pw_hparams *h = &file->hparams;
    pewter_model_info info = {.file_bytes = pw_gguf_file_bytes(file->gguf),
                              .vocab = pw_model_vocab(file),
                              .context_trained = h->context_trained,
                              .context = model->context,
                              .embedding = h->embedding,
                              .layers = h->layers,
                              .heads = h->heads,
                              .kv_heads = h->kv_heads,
                              .bos = pw_tokenizer_bos(file->tokenizer),
                              .eos = pw_tokenizer_eos(file->tokenizer),
                              .has_template = file->chat != NULL};
    const pw_dtype type = main_type(file->gguf, &info.parameters);
    snprintf(info.name, sizeof info.name, "%s", h->name);
    snprintf(info.architecture, sizeof info.architecture, "%s", h->architecture);
    if (info.parameters > 0)
        snprintf(info.weights, sizeof info.weights, "%s", pw_dtype_get(type)->name);
    if (model->plan != NULL) info.step_bytes = (uint64_t)model->plan->step_bytes;
    return give(out, &info, sizeof info, "pewter_model_info", err);
}

pewter_status pewter_explain(pewter_model *model, pewter_form form, char *buf, size_t cap,
                             size_t *need, pewter_error *err)
{
    if (model == NULL || need == NULL || (buf == NULL && cap > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_explain: model and need are wanted");
    if (model->plan == NULL)
        return pw_fail(err, PEWTER_E_ARG,
                       "the model was loaded for its vocabulary: it has no plan");
    pw_out out = {.buf = buf, .cap = cap};
    pw_plan_print(model->plan, form, &out);
    pw_out_end(&out, need);
    return PEWTER_OK;
}

pewter_status pewter_inspect(pewter_engine *engine, const char *path, char *buf, size_t cap,
                             size_t *need, pewter_error *err)
{
    if (engine == NULL || path == NULL || need == NULL || (buf == NULL && cap > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_inspect: engine, path and need are wanted");
    PW_TRY(pw_enter(engine, err));
    pw_out out = {.buf = buf, .cap = cap};
    const pewter_status status = pw_inspect(path, &engine->alloc, &out, err);
    pw_leave(engine);
    if (status == PEWTER_OK) pw_out_end(&out, need);
    return status;
}

pewter_synth_options pewter_synth_defaults(void)
{
    return (pewter_synth_options){
        .size = sizeof(pewter_synth_options), .shape = "tiny", .type = "Q8_0"};
}

pewter_status pewter_synth(const pewter_synth_options *options, const char *path, pewter_error *err)
{
    pewter_synth_options taken = pewter_synth_defaults();
    if (path == NULL) return pw_fail(err, PEWTER_E_ARG, "pewter_synth: a path is wanted");
    if (options != NULL) {
        if (options->size < sizeof options->size || options->size > 4096)
            return pw_fail(err, PEWTER_E_ARG, "synth options say they are %zu bytes",
                           options->size);
        memcpy(&taken, options, options->size < sizeof taken ? options->size : sizeof taken);
    }
    return pw_synth_write(&taken, path, err);
}

/* ---- Text ------------------------------------------------------------------------------------ */

pewter_status pewter_kv_use_get(const pewter_model *model, pewter_kv_use *out, pewter_error *err)
{
    if (model == NULL || out == NULL || model->run == NULL)
        return pw_fail(err, PEWTER_E_ARG,
                       "pewter_kv_use_get: a model with weights and out are wanted");
    PW_TRY(pw_enter(model->engine, err));
    const pw_kv *kv = &model->kv;
    const pewter_kv_use use = {.tokens = (int64_t)kv->pages * PW_PAGE,
                               .held = (int64_t)(kv->pages - pw_kv_available(kv)) * PW_PAGE,
                               .kept = (int64_t)kv->n_idle * PW_PAGE,
                               .asked = kv->asked,
                               .found = kv->found};
    pw_leave(model->engine);
    return give(out, &use, sizeof use, "kv use", err);
}

pewter_status pewter_grammar_new(const pewter_model *model, pewter_grammar_kind kind,
                                 const char *text, size_t bytes, pewter_grammar **out,
                                 pewter_error *err)
{
    if (model == NULL || text == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_grammar_new: model, text and out are wanted");
    const pw_grammar_source source = {&model->engine->alloc, model->file->tokenizer,
                                      model->file->tools};
    return pw_grammar_new(&source, kind, text, bytes, out, err);
}

pewter_status pewter_tokenize(const pewter_model *model, const char *text, size_t bytes,
                              bool special, bool bos, int32_t *ids, size_t cap, size_t *count,
                              pewter_error *err)
{
    if (model == NULL || (text == NULL && bytes > 0) || (ids == NULL && cap > 0) || count == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_tokenize: model, text and count are wanted");
    return pw_tokenize(model->file->tokenizer, text, bytes, special, bos, ids, cap, count, err);
}

pewter_status pewter_detokenize(const pewter_model *model, const int32_t *ids, size_t count,
                                bool special, char *buf, size_t cap, size_t *bytes,
                                pewter_error *err)
{
    if (model == NULL || (ids == NULL && count > 0) || (buf == NULL && cap > 0) || bytes == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_detokenize: model, ids and bytes are wanted");
    const int64_t vocab = pw_model_vocab(model->file);
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= vocab)
            return pw_fail(err, PEWTER_E_ARG, "token %zu: 0 to %lld wanted, %d found", i,
                           (long long)vocab - 1, ids[i]);
        const char *piece;
        const size_t length = pw_token_piece(model->file->tokenizer, ids[i], special, &piece);
        if (total < cap) memcpy(buf + total, piece, length < cap - total ? length : cap - total);
        total += length;
    }
    *bytes = total;
    return PEWTER_OK;
}

/* The template's text to tokens: its own parts with control tokens, the user's without. */
static pewter_status tokenize_spans(const pw_model *file, const pw_template_output *text,
                                    int32_t *ids, size_t cap, size_t *count, pewter_error *err)
{
    pw_tokenizer_part *parts = pw_alloc(text->alloc, (text->n_spans + 1) * sizeof *parts);
    if (parts == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a prompt's parts");
    for (size_t i = 0; i < text->n_spans; i++) {
        const pw_span *span = &text->spans[i];
        parts[i] = (pw_tokenizer_part){.text = text->text + span->begin,
                                       .bytes = span->end - span->begin,
                                       .special = !span->user};
    }
    const pewter_status status =
        pw_tokenize_parts(file->tokenizer, parts, text->n_spans, true, ids, cap, count, err);
    pw_free(text->alloc, parts, (text->n_spans + 1) * sizeof *parts);
    return status;
}

/* Renders the template over an input that has its messages, to tokens. */
static pewter_status chat_prompt(const pw_model *file, pw_template_input input, int32_t *ids,
                                 size_t cap, size_t *count, pewter_error *err)
{
    if (file->chat == NULL)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "%s",
                       file->template_problem.message[0] != 0 ? file->template_problem.message
                                                              : "the model has no chat template");
    const time_t seconds = time(NULL);
    struct tm now;
    localtime_r(&seconds, &now);
    input.bos_token = file->bos;
    input.eos_token = file->eos;
    input.now = &now;
    pw_template_output text = {0};
    PW_TRY(pw_template_render(file->chat, &input, &text, err));
    const pewter_status status = tokenize_spans(file, &text, ids, cap, count, err);
    pw_template_output_free(&text);
    return status;
}

pewter_status pewter_chat_prompt(const pewter_model *model, const pewter_message *messages,
                                 size_t n_messages, bool add_generation_prompt, int32_t *ids,
                                 size_t cap, size_t *count, pewter_error *err)
{
    if (model == NULL || (messages == NULL && n_messages > 0) || (ids == NULL && cap > 0) ||
        count == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_chat_prompt: model, messages and count wanted");
    const pw_template_input input = {
        .list = messages, .n_list = n_messages, .add_generation_prompt = add_generation_prompt};
    return chat_prompt(model->file, input, ids, cap, count, err);
}

pewter_status pewter_chat_prompt_json(const pewter_model *model, const char *messages,
                                      size_t messages_bytes, const char *tools, size_t tools_bytes,
                                      bool add_generation_prompt, int32_t *ids, size_t cap,
                                      size_t *count, pewter_error *err)
{
    if (model == NULL || messages == NULL || (ids == NULL && cap > 0) || count == NULL)
        return pw_fail(err, PEWTER_E_ARG,
                       "pewter_chat_prompt_json: model, messages and count wanted");
    const pw_template_input input = {.messages = messages,
                                     .messages_bytes = messages_bytes,
                                     .tools = tools,
                                     .tools_bytes = tools_bytes,
                                     .add_generation_prompt = add_generation_prompt};
    return chat_prompt(model->file, input, ids, cap, count, err);
}

pewter_status pewter_chat_template(const pewter_model *model, char *buf, size_t cap, size_t *need,
                                   pewter_error *err)
{
    if (model == NULL || need == NULL || (buf == NULL && cap > 0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_chat_template: model and need are wanted");
    const char *text;
    size_t bytes;
    bool found;
    PW_TRY(
        pw_gguf_get_text(model->file->gguf, "tokenizer.chat_template", &text, &bytes, &found, err));
    if (!found) return pw_fail(err, PEWTER_E_UNSUPPORTED, "the model has no chat template");
    *need = bytes + 1;
    if (cap > 0) {
        const size_t copied = bytes < cap ? bytes : cap - 1;
        memcpy(buf, text, copied);
        buf[copied] = 0;
    }
    return PEWTER_OK;
}

pewter_status pewter_tool_format_get(const pewter_model *model, pewter_tool_format *out,
                                     pewter_error *err)
{
    if (model == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_tool_format_get: model and out are wanted");
    return give(out, model->file->tools, sizeof *out, "tool format", err);
}
