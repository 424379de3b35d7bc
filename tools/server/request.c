#include "tools/server/request.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/common.h"
#include "tools/server/fields.h"
#include "tools/server/messages.h"

/* What a table of fields fills. */
typedef struct numbers {
    int64_t max_tokens, max_completion_tokens, seed;
    float temperature, top_p, min_p, presence_penalty, frequency_penalty, repetition_penalty;
    int32_t top_k, n;
    bool stream, ignore_eos, include_usage, echo;
} numbers;

#define AT(member) offsetof(numbers, member)
static const field_row number_fields[] = {
    {"max_tokens", FIELD_LONG, AT(max_tokens), 0, 1e15},
    {"max_completion_tokens", FIELD_LONG, AT(max_completion_tokens), 1, 1e15},
    {"temperature", FIELD_FLOAT, AT(temperature), 0, 2},
    {"top_p", FIELD_FLOAT, AT(top_p), 0, 1},
    {"min_p", FIELD_FLOAT, AT(min_p), 0, 1},
    {"top_k", FIELD_INT, AT(top_k), -1, INT32_MAX},
    {"presence_penalty", FIELD_FLOAT, AT(presence_penalty), -2, 2},
    {"frequency_penalty", FIELD_FLOAT, AT(frequency_penalty), -2, 2},
    {"repetition_penalty", FIELD_FLOAT, AT(repetition_penalty), 0.01, 100},
    {"seed", FIELD_LONG, AT(seed), -0x1p63, 0x1p63},
    {"n", FIELD_INT, AT(n), 1, REQUEST_MAX_CHOICES},
    {"stream", FIELD_BOOL, AT(stream), 0, 0},
    {"ignore_eos", FIELD_BOOL, AT(ignore_eos), 0, 0},
    {"echo", FIELD_BOOL, AT(echo), 0, 0},
};
static const field_row stream_fields[] = {
    {"include_usage", FIELD_BOOL, AT(include_usage), 0, 0},
};
#undef AT

const served_model *request_model(const served_models *models, const char *name, refusal *r)
{
    for (size_t i = 0; i < models->count; i++)
        if (strcmp(models->list[i].id, name) == 0) return &models->list[i];
    char shown[128];
    pw_json_quote(name, strlen(name), shown, sizeof shown);
    refuse(r, 404, "model", "the model %s is not served here; GET /v1/models lists what is", shown);
    r->code = "model_not_found";
    return NULL;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static bool read_model(request *q, const served_models *models, refusal *r)
{
    const json_t *name = json_object_get(q->body, "model");
    if (q->model != NULL) return true; /* the path has named it */
    if (!json_is_string(name)) return field_wrong(r, "model", "a name", name);
    q->model = request_model(models, json_string_value(name), r);
    return q->model != NULL;
}

static bool add_stop(request *q, const json_t *text, refusal *r)
{
    char found[FIELD_FOUND_BYTES];
    if (!json_is_string(text))
        return refuse(r, 400, "stop", "stop: a text or a list of texts wanted, %s found",
                      field_found(text, found));
    const size_t bytes = json_string_length(text);
    if (bytes == 0 || bytes > REQUEST_MAX_STOP_BYTES || field_has_nul(text))
        return refuse(r, 400, "stop", "stop: 1 to %d bytes without U+0000 wanted, %zu found",
                      REQUEST_MAX_STOP_BYTES, bytes);
    if (q->options.n_stop == REQUEST_MAX_STOPS)
        return refuse(r, 400, "stop", "stop: more than %d texts", REQUEST_MAX_STOPS);
    q->stops[q->options.n_stop++] = json_string_value(text);
    return true;
}

static bool read_stops(request *q, refusal *r)
{
    const json_t *stop = json_object_get(q->body, "stop");
    if (stop == NULL || json_is_null(stop)) return true;
    if (!json_is_array(stop)) return add_stop(q, stop, r);
    size_t i;
    json_t *text;
    json_array_foreach(stop, i, text) if (!add_stop(q, text, r)) return false;
    return true;
}

/* A request without a seed gets one of its own. */
static bool fresh_seed(uint64_t *seed, refusal *r)
{
    if (getrandom(seed, sizeof *seed, 0) == (ssize_t)sizeof *seed) return true;
    return refuse(r, 503, NULL, "the system has no random numbers now");
}

static bool read_options(request *q, refusal *r)
{
    numbers n = {.temperature = 1.0f,
                 .top_p = 1.0f,
                 .repetition_penalty = 1.0f,
                 .n = 1,
                 .max_tokens = q->kind == REQUEST_COMPLETION ? 16 : -1};
    const size_t count = sizeof number_fields / sizeof *number_fields;
    if (!fields_read(number_fields, count, q->body, &n, r)) return false;
    const json_t *stream = json_object_get(q->body, "stream_options");
    char found[FIELD_FOUND_BYTES];
    if (stream != NULL && !json_is_null(stream)) {
        if (!json_is_object(stream))
            return refuse(r, 400, "stream_options", "stream_options: an object wanted, %s found",
                          field_found(stream, found));
        if (!fields_read(stream_fields, 1, stream, &n, r)) return false;
    }
    pewter_session_options *o = &q->options;
    *o = pewter_session_defaults();
    o->temperature = n.temperature;
    o->top_p = n.top_p;
    o->top_k = n.top_k > 0 ? n.top_k : 0;
    o->min_p = n.min_p;
    o->presence_penalty = n.presence_penalty;
    o->frequency_penalty = n.frequency_penalty;
    o->repetition_penalty = n.repetition_penalty;
    o->penalty_last = -1;
    o->ignore_eos = n.ignore_eos;
    o->max_tokens = n.max_completion_tokens > 0 ? n.max_completion_tokens : n.max_tokens;
    q->echo = n.echo && q->kind == REQUEST_COMPLETION;
    q->no_answer = o->max_tokens == 0;
    if (q->no_answer && !q->echo)
        return refuse(r, 400, "max_tokens", "max_tokens: 1 or more wanted, 0 found");
    o->max_tokens = o->max_tokens < 0 ? 0 : q->no_answer ? 1 : o->max_tokens;
    o->seed = (uint64_t)n.seed;
    q->choices = n.n;
    q->stream = n.stream;
    q->include_usage = n.include_usage;
    const json_t *seed = json_object_get(q->body, "seed");
    if ((seed == NULL || json_is_null(seed)) && !fresh_seed(&o->seed, r)) return false;
    if (!read_stops(q, r)) return false;
    o->stop = q->stops;
    if (!probs_read(q->body, q->kind == REQUEST_CHAT, q->model->info.vocab, o, &q->biases, r))
        return false;
    o->prompt_logprobs = q->echo && o->logprobs;
    return true;
}

/* ---- Prompts --------------------------------------------------------------------------------- */

/* A JSON value as text; it is overwritten before it is freed. */
typedef struct dump {
    char *text; /* NULL: none */
    size_t bytes;
} dump;

static bool dump_json(const json_t *value, dump *out, refusal *r)
{
    pewter_error err;
    if (value == NULL) return true;
    const pewter_status status = pw_json_dump(value, 0, &out->text, &out->bytes, &err);
    return status == PEWTER_OK || refuse_status(r, status, &err);
}

static void dump_free(dump *d)
{
    if (d->text == NULL) return;
    explicit_bzero(d->text, d->bytes);
    pw_json_text_free(d->text);
}

/* A conversation on its way through the model's template. */
typedef struct rendering {
    const pewter_model *model;
    dump messages, tools;
    bool generation;
} rendering;

static pewter_status fill_ids(const void *context, int32_t *ids, size_t cap, size_t *count,
                              pewter_error *err)
{
    const rendering *c = context;
    return pewter_chat_prompt_json(c->model, c->messages.text, c->messages.bytes, c->tools.text,
                                   c->tools.bytes, c->generation, ids, cap, count, err);
}

static bool render(const rendering *c, int32_t **ids, size_t *n, refusal *r)
{
    pewter_status status;
    pewter_error err;
    *ids = common_ids(fill_ids, c, common_ids_guess(c->messages.bytes + c->tools.bytes), n, &status,
                      &err);
    return *ids != NULL || refuse_status(r, status, &err);
}

/* The tools go to the template where it tells of them, else into the first message. */
static bool chat_ids(const pewter_model *model, const json_t *list, const toolbox *box,
                     bool generation, int32_t **ids, size_t *n, refusal *r)
{
    json_t *messages = messages_read(list, box->tools, &box->format, r);
    if (messages == NULL) return false;
    rendering c = {.model = model, .generation = generation};
    const bool ok = dump_json(messages, &c.messages, r) &&
                    dump_json(box->format.listed ? box->tools : NULL, &c.tools, r) &&
                    render(&c, ids, n, r);
    dump_free(&c.messages);
    dump_free(&c.tools);
    json_decref(messages);
    return ok;
}

bool request_chat_ids(const served_model *model, const json_t *messages, bool generation,
                      int32_t **ids, size_t *n, refusal *r)
{
    toolbox box = {.format.size = sizeof box.format};
    pewter_error err;
    const pewter_status status = pewter_tool_format_get(model->model, &box.format, &err);
    if (status != PEWTER_OK) return refuse_status(r, status, &err);
    return chat_ids(model->model, messages, &box, generation, ids, n, r);
}

static bool read_messages(request *q, refusal *r)
{
    return chat_ids(q->model->model, json_object_get(q->body, "messages"), &q->toolbox, true,
                    &q->ids, &q->n_ids, r);
}

bool request_ids(const served_model *model, const json_t *list, const char *field, int32_t **ids,
                 size_t *n, refusal *r)
{
    char found[FIELD_FOUND_BYTES];
    *n = json_array_size(list);
    *ids = malloc((*n + 1) * sizeof **ids);
    if (*ids == NULL) return refuse(r, 503, NULL, "no memory for %zu tokens", *n);
    for (size_t i = 0; i < *n; i++) {
        const json_t *id = json_array_get(list, i);
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value >= model->info.vocab)
            return refuse(r, 400, field, "%s[%zu]: a token from 0 to %lld wanted, %s found", field,
                          i, (long long)model->info.vocab - 1, field_found(id, found));
        (*ids)[i] = (int32_t)value;
    }
    return true;
}

static bool read_prompt(request *q, refusal *r)
{
    const json_t *prompt = json_object_get(q->body, "prompt");
    /* A list of one prompt is a prompt. */
    if (json_array_size(prompt) == 1 && !json_is_integer(json_array_get(prompt, 0)))
        prompt = json_array_get(prompt, 0);
    if (json_is_array(prompt))
        return request_ids(q->model, prompt, "prompt", &q->ids, &q->n_ids, r);
    if (!json_is_string(prompt))
        return field_wrong(r, "prompt", "one text or a list of tokens", prompt);
    pewter_status status;
    pewter_error err;
    q->ids = common_tokenize(q->model->model, json_string_value(prompt), json_string_length(prompt),
                             false, true, &q->n_ids, &status, &err);
    return q->ids != NULL || refuse_status(r, status, &err);
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Beyond the context more tokens can never come: the wish is clipped. A prompt beyond it is refused. */
static bool fit(request *q, refusal *r)
{
    const int64_t context = q->model->info.context, prompt = (int64_t)q->n_ids;
    const char *field = q->kind == REQUEST_CHAT ? "messages" : "prompt";
    if (prompt == 0) return refuse(r, 400, field, "%s: the prompt has no tokens", field);
    if (prompt >= context) {
        refuse(r, 400, field,
               "This model's maximum context length is %lld tokens. However, your prompt has %lld "
               "tokens. Please reduce its length.",
               (long long)context, (long long)prompt);
        r->code = "context_length_exceeded";
        return false;
    }
    int64_t *most = &q->options.max_tokens;
    if (*most == 0 || *most > context - prompt) *most = context - prompt;
    q->options.context = prompt + *most;
    return true;
}

/* What the answer may be: a form, or calls of tools. */
static bool read_form(request *q, const request_source *from, refusal *r)
{
    const grammar_place place = {from->grammars, q->model->model, from->share};
    return structure_read(q->body, &place, &q->options.grammar, r) &&
           (q->kind != REQUEST_CHAT ||
            toolbox_read(q->body, &place, &q->toolbox, &q->options.grammar, r));
}

bool request_read(request *out, request_kind kind, const request_source *from, const char *body,
                  size_t bytes, refusal *r)
{
    *out = (request){.kind = kind, .model = from->model};
    pewter_error err;
    const pewter_status status =
        pw_json_parse("the request", body, bytes, PW_JSON_BYTES, &out->body, &err);
    if (status != PEWTER_OK) return refuse_status(r, status, &err);
    char found[FIELD_FOUND_BYTES];
    if (!json_is_object(out->body))
        return refuse(r, 400, NULL, "the request: a JSON object wanted, %s found",
                      field_found(out->body, found));
    const bool ok = read_model(out, from->models, r) && read_options(out, r);
    out->options.share = from->share;
    return ok && read_form(out, from, r) &&
           (kind == REQUEST_CHAT ? read_messages(out, r) : read_prompt(out, r)) && fit(out, r);
}

void request_free(request *q)
{
    if (q->ids != NULL) explicit_bzero(q->ids, q->n_ids * sizeof *q->ids);
    free(q->ids);
    free(q->biases);
    q->biases = NULL;
    pewter_grammar_free(q->options.grammar);
    q->options.grammar = NULL;
    json_decref(q->body);
    q->ids = NULL;
    q->body = NULL;
}
