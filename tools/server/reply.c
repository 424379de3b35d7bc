#include "tools/server/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

bool reply_new(reply *out, request_kind kind)
{
    uint64_t bits[2];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits) return false;
    *out = (reply){.created = (int64_t)time(NULL)};
    snprintf(out->id, sizeof out->id, "%s-%016" PRIx64 "%016" PRIx64,
             kind == REQUEST_CHAT ? "chatcmpl" : "cmpl", bits[0], bits[1]);
    return true;
}

void reply_free(reply *re)
{
    for (int i = 0; i < REQUEST_MAX_CHOICES; i++) text_wipe(&re->pairs[i]);
}

const char *reply_reason(pewter_finish finish)
{
    switch (finish) {
    case PEWTER_FINISH_EOS:
    case PEWTER_FINISH_STOP: return "stop";
    case PEWTER_FINISH_LENGTH: return "length";
    case PEWTER_FINISH_CANCELLED:
    case PEWTER_FINISH_ERROR: return "error";
    case PEWTER_FINISH_NONE: break;
    }
    return NULL;
}

/* {"id", "object", "created", "model", "system_fingerprint", "choices": */
static void head(const reply *re, const job *j, bool chunk, textbuf *t)
{
    const char *object = j->request.kind == REQUEST_COMPLETION ? "text_completion"
                         : chunk                               ? "chat.completion.chunk"
                                                               : "chat.completion";
    text_print(t, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", re->id, object,
               (long long)re->created);
    text_json(t, j->request.model->id, strlen(j->request.model->id));
    text_print(t, ",\"system_fingerprint\":\"pewter-%s\",\"choices\":[", pewter_version());
}

static void usage(const job *j, textbuf *t)
{
    long long generated = 0;
    for (int32_t i = 0; i < j->request.choices; i++) generated += (long long)j->answer[i].tokens;
    const long long prompt = (long long)j->request.n_ids;
    text_print(t,
               "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
               "\"total_tokens\":%lld,\"prompt_tokens_details\":{\"cached_tokens\":%lld}}",
               prompt, generated, prompt + generated, (long long)j->answer[0].cached);
}

/* The log-probabilities of tokens that were not told yet; null where none are asked for. */
static void logprobs(reply *re, const job *j, int32_t i, bool first, textbuf *t)
{
    const token_log *log = &j->answer[i].log;
    text_print(t, ",\"logprobs\":");
    if (!j->request.options.logprobs || (!first && re->told[i] == log->n)) {
        text_print(t, "null");
        return;
    }
    if (j->request.kind == REQUEST_CHAT)
        probs_chat(j->request.model->model, log, re->told[i], t);
    else
        probs_legacy(j->request.model->model, first && j->request.echo ? &j->prompt : NULL, log,
                     re->told[i], &re->offset[i], t);
    re->told[i] = log->n;
}

/* What an answer begins with where the prompt is to be repeated. */
static void echo(const job *j, textbuf *t)
{
    const json_t *prompt = json_object_get(j->request.body, "prompt");
    if (json_is_array(prompt) && json_is_string(json_array_get(prompt, 0)))
        prompt = json_array_get(prompt, 0);
    if (json_is_string(prompt))
        text_add(t, json_string_value(prompt), json_string_length(prompt));
    else
        probs_text(j->request.model->model, j->request.ids, j->request.n_ids, t);
}

/* The text of an answer from `from` on as a JSON string, behind the prompt where it is echoed. */
static void add_said(const job *j, int32_t i, size_t from, bool with_prompt, textbuf *t)
{
    const job_answer *a = &j->answer[i];
    textbuf all = {0};
    text_add(&all, "", 0);
    if (with_prompt) echo(j, &all);
    if (from < a->said.bytes) text_add(&all, a->said.data + from, a->said.bytes - from);
    text_json(t, all.data, all.bytes);
    t->failed = t->failed || all.failed;
    text_free(&all);
}

/* Why an answer ended; calls of tools are a reason of their own. */
static const char *reason(const job_answer *a, size_t calls)
{
    const bool whole = a->finish == PEWTER_FINISH_EOS || a->finish == PEWTER_FINISH_STOP;
    return whole && calls > 0 ? "tool_calls" : reply_reason(a->finish);
}

static void add_reason(textbuf *t, const char *why)
{
    text_print(t, ",\"finish_reason\":");
    if (why != NULL)
        text_print(t, "\"%s\"", why);
    else
        text_print(t, "null");
}

/* The calls in an answer; where it can have none, all of it is content. */
static answer_calls calls_of(reply *re, const job *j, int32_t i)
{
    const job_answer *a = &j->answer[i];
    const toolbox *tools = &j->request.toolbox;
    const bool over = a->finish != PEWTER_FINISH_NONE;
    answer_calls calls = {.content = a->said.bytes};
    if (!tools->used) return calls;
    if (tools->format.key == NULL) {
        calls_parse(&tools->format, a->said.data, a->said.bytes, over, &calls);
        return calls;
    }
    textbuf *json = &re->pairs[i];
    pairs_to_json(&tools->format, tools->tools, a->said.data, a->said.bytes, json);
    calls_parse(&pairs_form, json->data, json->bytes, over, &calls);
    if (calls.content > a->said.bytes) calls.content = a->said.bytes;
    return calls;
}

/* Nine letters and digits, as some templates want them: the reply's id, the answer and the call, mixed. */
static void add_call_id(const reply *re, int32_t i, size_t call, textbuf *t)
{
    uint64_t hash = (uint64_t)i << 32 | call;
    for (const char *c = re->id; *c != 0; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    text_print(t, "\"%09" PRIx64 "\"", (hash ^ hash >> 29) & 0xfffffffffu);
}

/* "id": ..., "type": "function", "function": {"name": ..., "arguments": ...}}, of which `bytes` are
 * told. */
static void add_call(const reply *re, int32_t i, size_t k, const answer_call *call, size_t bytes,
                     textbuf *t)
{
    text_print(t, "\"id\":");
    add_call_id(re, i, k, t);
    text_print(t, ",\"type\":\"function\",\"function\":{\"name\":");
    text_json(t, call->name, call->name_bytes);
    text_print(t, ",\"arguments\":");
    text_json(t, call->arguments, bytes);
    text_print(t, "}}");
}

static void add_message(const reply *re, const job *j, int32_t i, const answer_calls *calls,
                        textbuf *t)
{
    const job_answer *a = &j->answer[i];
    text_print(t, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (calls->n > 0 && calls->content == 0)
        text_print(t, "null");
    else
        text_json(t, a->said.data != NULL ? a->said.data : "", calls->content);
    text_print(t, ",\"refusal\":null%s", calls->n > 0 ? ",\"tool_calls\":[" : "");
    for (size_t k = 0; k < calls->n; k++) {
        text_print(t, k > 0 ? ",{" : "{");
        add_call(re, i, k, &calls->list[k], calls->list[k].arguments_bytes, t);
    }
    text_print(t, calls->n > 0 ? "]}" : "}");
}

void reply_whole(reply *re, const job *j, textbuf *t)
{
    head(re, j, false, t);
    for (int32_t i = 0; i < j->request.choices; i++) {
        const answer_calls calls = calls_of(re, j, i);
        text_print(t, "%s{\"index\":%d,", i > 0 ? "," : "", i);
        if (j->request.kind == REQUEST_CHAT) {
            add_message(re, j, i, &calls, t);
        } else {
            text_print(t, "\"text\":");
            add_said(j, i, 0, j->request.echo, t);
        }
        logprobs(re, j, i, true, t);
        add_reason(t, reason(&j->answer[i], calls.n));
        text_print(t, "}");
    }
    text_print(t, "],");
    usage(j, t);
    text_print(t, "}");
}

/* ---- Streams --------------------------------------------------------------------------------- */

/* One event with one choice: between these two stands the delta, or the text. */
static void begin_event(const reply *re, const job *j, int32_t i, textbuf *t)
{
    text_print(t, "data: ");
    head(re, j, true, t);
    text_print(t, "{\"index\":%d,", i);
}

static void end_event(reply *re, const job *j, int32_t i, bool probs, const char *finish,
                      textbuf *t)
{
    if (probs)
        logprobs(re, j, i, !re->begun[i], t);
    else
        text_print(t, ",\"logprobs\":null");
    add_reason(t, finish);
    text_print(t, "}]%s}\n\n", j->request.include_usage ? ",\"usage\":null" : "");
}

static void role_event(reply *re, const job *j, int32_t i, textbuf *t)
{
    begin_event(re, j, i, t);
    text_print(t, "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}");
    end_event(re, j, i, false, NULL, t);
    re->begun[i] = true;
}

/* Text of an answer up to byte `to`; "" ends it. */
static void text_event(reply *re, const job *j, int32_t i, size_t to, const char *finish,
                       textbuf *t)
{
    const job_answer *a = &j->answer[i];
    const size_t from = re->sent[i];
    begin_event(re, j, i, t);
    if (j->request.kind == REQUEST_COMPLETION) {
        text_print(t, "\"text\":");
        add_said(j, i, from, !re->begun[i] && j->request.echo, t);
    } else if (to > from) {
        text_print(t, "\"delta\":{\"content\":");
        text_json(t, a->said.data + from, to - from);
        text_print(t, "}");
    } else {
        text_print(t, "\"delta\":{}");
    }
    end_event(re, j, i, true, finish, t);
    re->begun[i] = true;
    re->sent[i] = to;
}

/* Names and arguments of calls that were not told yet. */
static void call_events(reply *re, const job *j, int32_t i, const answer_calls *calls, textbuf *t)
{
    for (size_t k = re->calls[i] > 0 ? re->calls[i] - 1 : 0; k < calls->n; k++) {
        const answer_call *call = &calls->list[k];
        if (k == re->calls[i]) {
            begin_event(re, j, i, t);
            text_print(t, "\"delta\":{\"tool_calls\":[{\"index\":%zu,", k);
            add_call(re, i, k, call, 0, t);
            text_print(t, "]}");
            end_event(re, j, i, true, NULL, t);
            re->calls[i]++;
            re->arguments[i] = 0;
        }
        if (call->arguments_bytes == re->arguments[i]) continue;
        begin_event(re, j, i, t);
        text_print(t, "\"delta\":{\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", k);
        text_json(t, call->arguments + re->arguments[i], call->arguments_bytes - re->arguments[i]);
        text_print(t, "}}]}");
        end_event(re, j, i, true, NULL, t);
        re->arguments[i] = call->arguments_bytes;
    }
}

static void last_events(reply *re, const job *j, textbuf *t)
{
    if (j->failed.status != 0) {
        text_print(t, "data: ");
        refusal_write(&j->failed, t);
        text_print(t, "\n\n");
    } else if (j->request.include_usage) {
        text_print(t, "data: ");
        head(re, j, true, t);
        text_print(t, "],");
        usage(j, t);
        text_print(t, "}\n\n");
    }
    text_print(t, "data: [DONE]\n\n");
    re->closed = true;
}

void reply_news(reply *re, const job *j, textbuf *t)
{
    for (int32_t i = 0; i < j->request.choices; i++) {
        const job_answer *a = &j->answer[i];
        const answer_calls calls = calls_of(re, j, i);
        if (j->request.kind == REQUEST_CHAT && !re->begun[i]) role_event(re, j, i, t);
        if (calls.content > re->sent[i]) text_event(re, j, i, calls.content, NULL, t);
        call_events(re, j, i, &calls, t);
        if (a->finish == PEWTER_FINISH_NONE || re->ended[i]) continue;
        text_event(re, j, i, re->sent[i], reason(a, calls.n), t);
        re->ended[i] = true;
    }
    if (j->ended && !re->closed) last_events(re, j, t);
}

void reply_model(const served_models *models, const served_model *model, textbuf *t)
{
    text_print(t, "{\"id\":");
    text_json(t, model->id, strlen(model->id));
    text_print(
        t, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"pewter\",\"max_model_len\":%lld}",
        (long long)models->created, (long long)model->info.context);
}

void reply_models(const served_models *models, textbuf *t)
{
    text_print(t, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < models->count; i++) {
        if (i > 0) text_add(t, ",", 1);
        reply_model(models, &models->list[i], t);
    }
    text_print(t, "]}");
}
