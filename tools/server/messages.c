#include "tools/server/messages.h"

#include <stdlib.h>
#include <string.h>

#include "tools/server/fields.h"

/* Where in a body a check is. */
typedef struct place {
    const pewter_tool_format *format;
    size_t at; /* message */
    refusal *r;
} place;

static bool wrong(const place *p, const char *what, const char *wanted, const json_t *value)
{
    char found[FIELD_FOUND_BYTES];
    return refuse(p->r, 400, "messages", "messages[%zu].%s: %s wanted, %s found", p->at, what,
                  wanted, value != NULL ? field_found(value, found) : "nothing");
}

static bool no_memory(const place *p)
{
    return refuse(p->r, 503, NULL, "no memory for the prompt");
}

/* ---- Contents -------------------------------------------------------------------------------- */

/* The texts of a content's parts in sequence. */
static json_t *join_parts(const place *p, const json_t *parts)
{
    textbuf joined = {0};
    size_t i;
    json_t *part;
    text_add(&joined, "", 0);
    json_array_foreach(parts, i, part)
    {
        const json_t *type = json_object_get(part, "type"), *said = json_object_get(part, "text");
        const char *kind = json_is_string(type) ? json_string_value(type) : "text";
        if (strcmp(kind, "text") != 0 || !json_is_string(said) || field_has_nul(said)) {
            text_free(&joined);
            wrong(p, "content", "parts of type \"text\" with a text each", part);
            return NULL;
        }
        text_add(&joined, json_string_value(said), json_string_length(said));
    }
    json_t *text = joined.failed ? NULL : json_stringn(joined.data, joined.bytes);
    if (text == NULL) no_memory(p);
    text_wipe(&joined);
    return text;
}

static json_t *take_content(const place *p, const json_t *message)
{
    const json_t *said = json_object_get(message, "content");
    if (json_is_array(said)) return join_parts(p, said);
    if (said == NULL || json_is_null(said)) {
        /* DeepSeek's template looks for calls only where there is no content at all. */
        if (json_object_get(message, "tool_calls") != NULL)
            return p->format->arguments_text ? json_null() : json_string("");
        wrong(p, "content", "a text", said);
        return NULL;
    }
    if (!json_is_string(said) || field_has_nul(said)) {
        wrong(p, "content", "a text without U+0000", said);
        return NULL;
    }
    return json_incref((json_t *)(uintptr_t)said);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* The arguments of a call as the template takes them. */
static json_t *take_arguments(const place *p, const json_t *given)
{
    json_t *value = NULL;
    if (json_is_object(given)) {
        value = json_incref((json_t *)(uintptr_t)given);
    } else if (json_is_string(given)) {
        const char *text = json_string_value(given);
        if (pw_json_parse("the arguments", *text != 0 ? text : "{}", *text != 0 ? strlen(text) : 2,
                          PW_JSON_BYTES, &value, NULL) != PEWTER_OK)
            value = NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        wrong(p, "tool_calls", "arguments that are a JSON object, as a text,", given);
        return NULL;
    }
    if (!p->format->arguments_text) return value;
    char *text = json_dumps(value, 0);
    json_decref(value);
    value = text != NULL ? json_string(text) : NULL;
    free(text);
    return value;
}

static json_t *take_call(const place *p, const json_t *call)
{
    const json_t *function = json_object_get(call, "function");
    const json_t *name = json_object_get(function, "name"), *id = json_object_get(call, "id");
    if (!json_is_string(name) || field_has_nul(name)) {
        wrong(p, "tool_calls", "a function with a name", name);
        return NULL;
    }
    json_t *arguments = take_arguments(p, json_object_get(function, "arguments"));
    if (arguments == NULL) return NULL;
    return json_pack("{s:s, s:s*, s:{s:s, s:o}}", "type", "function", "id",
                     json_is_string(id) ? json_string_value(id) : NULL, "function", "name",
                     json_string_value(name), "arguments", arguments);
}

static bool take_calls(const place *p, const json_t *message, json_t *to)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    if (calls == NULL || json_is_null(calls)) return true;
    if (!json_is_array(calls)) return wrong(p, "tool_calls", "a list", calls);
    if (json_array_size(calls) == 0) return true;
    json_t *list = json_array(), *call;
    size_t i;
    bool ok = list != NULL;
    json_array_foreach(calls, i, call)
    {
        json_t *taken = ok ? take_call(p, call) : NULL;
        ok = ok && taken != NULL && json_array_append_new(list, taken) == 0;
    }
    if (ok) return json_object_set_new(to, "tool_calls", list) == 0 || no_memory(p);
    json_decref(list);
    return p->r->status != 0 ? false : no_memory(p);
}

/* ---- Templates that know of no tools --------------------------------------------------------- */

/* A call as the text that the model wrote for it, and a result as what the user says. */
static bool flatten(const place *p, json_t *message, bool result)
{
    textbuf t = {0};
    json_t *call;
    size_t i;
    if (result) text_print(&t, "The tool's result: ");
    text_print(&t, "%s", json_string_value(json_object_get(message, "content")));
    json_array_foreach(json_object_get(message, "tool_calls"), i, call)
    {
        const json_t *function = json_object_get(call, "function");
        char *arguments = json_dumps(json_object_get(function, "arguments"), 0);
        text_print(&t, "%s%s%s%s%s", p->format->item,
                   json_string_value(json_object_get(function, "name")), p->format->middle,
                   arguments != NULL ? arguments : "{}", p->format->item_end);
        free(arguments);
    }
    json_object_del(message, "tool_calls");
    bool ok =
        !t.failed && json_object_set_new(message, "content", json_stringn(t.data, t.bytes)) == 0;
    if (result) ok = ok && json_object_set_new(message, "role", json_string("user")) == 0;
    text_free(&t);
    return ok || no_memory(p);
}

/* What the first message has in front, so that the model knows its tools. */
static bool tell_of_tools(const place *p, json_t *list, const json_t *tools)
{
    json_t *first = json_array_get(list, 0);
    char *text = json_dumps(tools, 0);
    textbuf t = {0};
    text_print(&t,
               "You can call these tools: %s\nTo call one, answer with nothing but "
               "%sNAME%s{...}%s\n\n%s",
               text != NULL ? text : "[]", p->format->item, p->format->middle, p->format->item_end,
               json_string_value(json_object_get(first, "content")));
    const bool ok = text != NULL && !t.failed &&
                    json_object_set_new(first, "content", json_stringn(t.data, t.bytes)) == 0;
    free(text);
    text_free(&t);
    return ok || no_memory(p);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static json_t *take_message(const place *p, const json_t *from)
{
    static const char *const passed[] = {"name", "tool_call_id", "reasoning_content"};
    const json_t *role = json_object_get(from, "role");
    if (!json_is_string(role) || field_has_nul(role) || json_string_length(role) > 64) {
        wrong(p, "role", "a role", role);
        return NULL;
    }
    const char *who = json_string_value(role);
    if (strcmp(who, "developer") == 0) who = "system";
    json_t *content = take_content(p, from);
    if (content == NULL) return NULL;
    json_t *to = json_pack("{s:s, s:o}", "role", who, "content", content);
    bool ok = to != NULL;
    for (size_t i = 0; ok && i < sizeof passed / sizeof *passed; i++) {
        json_t *value = json_object_get(from, passed[i]);
        if (json_is_string(value) && !field_has_nul(value))
            ok = json_object_set(to, passed[i], value) == 0;
    }
    if (!ok) no_memory(p);
    if (ok) ok = take_calls(p, from, to);
    const bool plain = !p->format->listed && !p->format->arguments_text;
    const bool result = strcmp(who, "tool") == 0;
    if (ok && plain && (result || json_object_get(to, "tool_calls") != NULL))
        ok = flatten(p, to, result);
    if (ok) return to;
    json_decref(to);
    return NULL;
}

json_t *messages_read(const json_t *list, const json_t *tools, const pewter_tool_format *format,
                      refusal *r)
{
    const size_t n = json_array_size(list);
    place p = {.format = format, .r = r};
    if (n == 0 || n > MESSAGES_MOST) {
        refuse(r, 400, "messages", "messages: a list of 1 to %d wanted, %zu found", MESSAGES_MOST,
               n);
        return NULL;
    }
    json_t *out = json_array();
    bool ok = out != NULL || no_memory(&p);
    for (; ok && p.at < n; p.at++) {
        json_t *message = take_message(&p, json_array_get(list, p.at));
        ok = message != NULL;
        if (ok && json_array_append_new(out, message) != 0) ok = no_memory(&p);
    }
    if (ok && tools != NULL && !format->listed) ok = tell_of_tools(&p, out, tools);
    if (ok) return out;
    json_decref(out);
    return NULL;
}
