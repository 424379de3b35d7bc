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

static const char *finish_text(pewter_finish finish)
{
    switch (finish) {
    case PEWTER_FINISH_EOS:
    case PEWTER_FINISH_STOP: return "\"stop\"";
    case PEWTER_FINISH_LENGTH: return "\"length\"";
    case PEWTER_FINISH_CANCELLED:
    case PEWTER_FINISH_ERROR: return "\"error\"";
    case PEWTER_FINISH_NONE: break;
    }
    return "null";
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
    text_print(t, "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
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

void reply_whole(reply *re, const job *j, textbuf *t)
{
    head(re, j, false, t);
    for (int32_t i = 0; i < j->request.choices; i++) {
        const job_answer *a = &j->answer[i];
        text_print(t, "%s{\"index\":%d,", i > 0 ? "," : "", i);
        if (j->request.kind == REQUEST_CHAT)
            text_print(t, "\"message\":{\"role\":\"assistant\",\"content\":");
        else
            text_print(t, "\"text\":");
        add_said(j, i, 0, j->request.echo, t);
        text_print(t, "%s", j->request.kind == REQUEST_CHAT ? ",\"refusal\":null}" : "");
        logprobs(re, j, i, true, t);
        text_print(t, ",\"finish_reason\":%s}", finish_text(a->finish));
    }
    text_print(t, "],");
    usage(j, t);
    text_print(t, "}");
}

/* One event with one choice. */
static void event(reply *re, const job *j, int32_t i, const char *role, size_t from,
                  const char *finish, textbuf *t)
{
    const job_answer *a = &j->answer[i];
    const bool first = !re->begun[i];
    text_print(t, "data: ");
    head(re, j, true, t);
    text_print(t, "{\"index\":%d,", i);
    if (j->request.kind == REQUEST_CHAT) text_print(t, "\"delta\":{%s", role);
    if (j->request.kind == REQUEST_COMPLETION || role[0] != 0 || from < a->said.bytes) {
        const bool chat = j->request.kind == REQUEST_CHAT;
        text_print(t, "%s:", !chat ? "\"text\"" : role[0] != 0 ? ",\"content\"" : "\"content\"");
        add_said(j, i, from, first && j->request.echo, t);
    }
    text_print(t, "%s", j->request.kind == REQUEST_CHAT ? "}" : "");
    if (role[0] != 0)
        text_print(t, ",\"logprobs\":null");
    else
        logprobs(re, j, i, first, t);
    text_print(t, ",\"finish_reason\":%s}]%s}\n\n", finish,
               j->request.include_usage ? ",\"usage\":null" : "");
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
    const bool chat = j->request.kind == REQUEST_CHAT;
    for (int32_t i = 0; i < j->request.choices; i++) {
        const job_answer *a = &j->answer[i];
        const size_t from = re->sent[i];
        if (chat && !re->begun[i])
            event(re, j, i, "\"role\":\"assistant\"", a->said.bytes, "null", t);
        if (chat) re->begun[i] = true;
        if (a->said.bytes > from) {
            event(re, j, i, "", from, "null", t);
            re->begun[i] = true;
        }
        re->sent[i] = a->said.bytes;
        if (a->finish == PEWTER_FINISH_NONE || re->ended[i]) continue;
        event(re, j, i, "", a->said.bytes, finish_text(a->finish), t);
        re->ended[i] = true;
    }
    if (j->ended && !re->closed) last_events(re, j, t);
}

void reply_model(const served_models *models, const served_model *model, textbuf *t)
{
    text_print(t, "{\"id\":");
    text_json(t, model->id, strlen(model->id));
    text_print(t, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"pewter\",\"max_model_len\":%lld}",
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
