#include "runtime/text/template_input.h"

#include <string.h>

#include "pw/status.h"
#include "runtime/text/template_eval.h"

/* Of a text of a message, which may be missing. */
static size_t length_of(const char *text)
{
    return text == NULL ? 0 : strlen(text);
}

size_t pw_tpl_input_bytes(const pw_template_input *input)
{
    size_t total =
        input->messages_bytes + input->tools_bytes + input->kwargs_bytes + input->variables_bytes;
    for (size_t i = 0; input->messages == NULL && i < input->n_list; i++)
        total += length_of(input->list[i].role) + length_of(input->list[i].content);
    return total;
}

void pw_tpl_texts_free(pw_tpl_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) json_decref(texts->json[i]);
    texts->count = 0;
}

/* ---- JSON to values ----------------------------------------------------------------------- */

/* Recursion ends at PW_JSON_DEPTH, which the parser has checked. */
static pewter_status value_of(pw_tpl_vm *vm, const json_t *json, bool user, pw_tpl_value *out);

static pewter_status array_of(pw_tpl_vm *vm, const json_t *json, bool user, pw_tpl_value *out)
{
    const size_t count = json_array_size(json);
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, count, out));
    for (size_t i = 0; i < count; i++)
        PW_TRY(value_of(vm, json_array_get(json, i), user, &out->as.seq->items[i]));
    return PEWTER_OK;
}

static pewter_status object_of(pw_tpl_vm *vm, const json_t *json, bool user, pw_tpl_value *out)
{
    const size_t count = json_object_size(json);
    pw_tpl_value *keys, *values;
    PW_TRY(pw_tpl_take(vm, count, sizeof *keys, &keys));
    PW_TRY(pw_tpl_take(vm, count, sizeof *values, &values));
    size_t i = 0;
    const char *key;
    json_t *member, *object;
    memcpy(&object, &json, sizeof object); /* jansson walks objects without const only */
    json_object_foreach(object, key, member)
    {
        PW_TRY(pw_tpl_string_new(vm, key, strlen(key), user, &keys[i]));
        keys[i].user = user;
        PW_TRY(value_of(vm, member, user, &values[i++]));
    }
    return pw_tpl_dict_new(vm, keys, values, count, out);
}

static pewter_status value_of(pw_tpl_vm *vm, const json_t *json, bool user, pw_tpl_value *out)
{
    pw_tpl_value value = pw_tpl_none();
    PW_TRY(pw_tpl_spend(vm, 1));
    switch (json_typeof(json)) {
    case JSON_OBJECT: PW_TRY(object_of(vm, json, user, &value)); break;
    case JSON_ARRAY: PW_TRY(array_of(vm, json, user, &value)); break;
    case JSON_STRING:
        PW_TRY(
            pw_tpl_string_new(vm, json_string_value(json), json_string_length(json), user, &value));
        break;
    case JSON_INTEGER: value = pw_tpl_int(json_integer_value(json)); break;
    case JSON_REAL: value = pw_tpl_float(json_real_value(json)); break;
    case JSON_TRUE:
    case JSON_FALSE: value = pw_tpl_bool(json_is_true(json)); break;
    case JSON_NULL: break;
    }
    value.user = user;
    *out = value;
    return PEWTER_OK;
}

/* Reads a JSON text, which stays alive in `texts`. */
static pewter_status read_json(pw_tpl_vm *vm, pw_tpl_texts *texts, const char *what,
                               const char *text, size_t bytes, json_t **out)
{
    PW_TRY(pw_json_parse(what, text, bytes, PW_JSON_BYTES, out, vm->err));
    texts->json[texts->count++] = *out;
    return PEWTER_OK;
}

/* ---- Messages ----------------------------------------------------------------------------- */

/* A role that is one of the usual words counts as the template's: templates build control tokens from
 * it, as in '<|' ~ role ~ '|>'. Any other is text of the user. */
static bool is_role(const char *text, size_t bytes)
{
    static const char *const roles[] = {"system",   "user",      "assistant",
                                        "tool",     "developer", "model",
                                        "function", "ipython",   "environment"};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strlen(roles[i]) == bytes && memcmp(text, roles[i], bytes) == 0) return true;
    return false;
}

/* A string under the key "role". */
static pewter_status role_of(pw_tpl_vm *vm, const char *text, size_t bytes, pw_tpl_value *out)
{
    const bool user = !is_role(text, bytes);
    PW_TRY(pw_tpl_string_new(vm, text, bytes, user, out));
    out->user = user;
    return PEWTER_OK;
}

static pewter_status messages_of_json(pw_tpl_vm *vm, const json_t *json, pw_tpl_value *out)
{
    if (!json_is_array(json))
        return pw_fail(vm->err, PEWTER_E_FORMAT, "messages: a JSON array is wanted");
    PW_TRY(value_of(vm, json, true, out));
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *message = json_array_get(json, i), *role = json_object_get(message, "role");
        if (!json_is_object(message))
            return pw_fail(vm->err, PEWTER_E_FORMAT, "messages: item %zu is not an object", i);
        const pw_tpl_dict *dict = out->as.seq->items[i].as.dict;
        for (size_t k = 0; json_is_string(role) && k < dict->count; k++)
            if (pw_tpl_is(dict->keys[k].as.string, "role"))
                PW_TRY(role_of(vm, json_string_value(role), json_string_length(role),
                               &dict->values[k]));
    }
    return PEWTER_OK;
}

static pewter_status messages_of_list(pw_tpl_vm *vm, const pewter_message *list, size_t count,
                                      pw_tpl_value *out)
{
    PW_TRY(pw_tpl_seq_new(vm, PW_TPL_LIST, count, out));
    out->user = true;
    for (size_t i = 0; i < count; i++) {
        pw_tpl_value *keys, *values, *message = &out->as.seq->items[i];
        if (list[i].role == NULL || list[i].content == NULL)
            return pw_fail(vm->err, PEWTER_E_ARG, "message %zu lacks its role or its content", i);
        PW_TRY(pw_tpl_take(vm, 2, sizeof *keys, &keys));
        PW_TRY(pw_tpl_take(vm, 2, sizeof *values, &values));
        PW_TRY(pw_tpl_string_new(vm, "role", 4, true, &keys[0]));
        PW_TRY(pw_tpl_string_new(vm, "content", 7, true, &keys[1]));
        PW_TRY(role_of(vm, list[i].role, strlen(list[i].role), &values[0]));
        PW_TRY(pw_tpl_string_new(vm, list[i].content, strlen(list[i].content), true, &values[1]));
        keys[0].user = keys[1].user = values[1].user = true;
        PW_TRY(pw_tpl_dict_new(vm, keys, values, 2, message));
        message->user = true;
    }
    return PEWTER_OK;
}

/* ---- Variables ---------------------------------------------------------------------------- */

static pewter_status set(pw_tpl_vm *vm, const char *name, const pw_tpl_value *value)
{
    return pw_tpl_scope_set(vm, vm->top, name, strlen(name), value);
}

static pewter_status set_functions(pw_tpl_vm *vm)
{
    const pw_tpl_value none = pw_tpl_none();
    for (const pw_tpl_builtin *row = pw_tpl_functions; row->name != NULL; row++) {
        pw_tpl_value function;
        PW_TRY(pw_tpl_bind(vm, row, &none, &function));
        PW_TRY(pw_tpl_scope_set(vm, vm->globals, row->name, strlen(row->name), &function));
    }
    return PEWTER_OK;
}

/* Each member of a JSON object becomes a variable. */
static pewter_status set_members(pw_tpl_vm *vm, pw_tpl_texts *texts, const char *what,
                                 const char *text, size_t bytes, bool user)
{
    if (text == NULL) return PEWTER_OK;
    json_t *json, *member;
    const char *name;
    PW_TRY(read_json(vm, texts, what, text, bytes, &json));
    if (!json_is_object(json))
        return pw_fail(vm->err, PEWTER_E_FORMAT, "%s: a JSON object is wanted", what);
    json_object_foreach(json, name, member)
    {
        pw_tpl_value value;
        PW_TRY(value_of(vm, member, user, &value));
        PW_TRY(set(vm, name, &value));
    }
    return PEWTER_OK;
}

static pewter_status set_messages(pw_tpl_vm *vm, const pw_template_input *input,
                                  pw_tpl_texts *texts)
{
    pw_tpl_value messages;
    if (input->messages == NULL) {
        PW_TRY(messages_of_list(vm, input->list, input->n_list, &messages));
        return set(vm, "messages", &messages);
    }
    json_t *json;
    PW_TRY(read_json(vm, texts, "messages", input->messages, input->messages_bytes, &json));
    PW_TRY(messages_of_json(vm, json, &messages));
    return set(vm, "messages", &messages);
}

static pewter_status set_tools(pw_tpl_vm *vm, const pw_template_input *input, pw_tpl_texts *texts)
{
    json_t *json;
    pw_tpl_value tools;
    PW_TRY(read_json(vm, texts, "tools", input->tools, input->tools_bytes, &json));
    PW_TRY(value_of(vm, json, true, &tools));
    return set(vm, "tools", &tools);
}

static pewter_status set_token(pw_tpl_vm *vm, const char *name, const char *token)
{
    pw_tpl_value value;
    if (token == NULL) return PEWTER_OK;
    PW_TRY(pw_tpl_string_new(vm, token, strlen(token), false, &value));
    return set(vm, name, &value);
}

/* What a client names yields to what is set here. */
pewter_status pw_tpl_input_set(pw_tpl_vm *vm, const pw_template_input *input, pw_tpl_texts *texts)
{
    const pw_tpl_value none = pw_tpl_none(), prompt = pw_tpl_bool(input->add_generation_prompt);
    PW_TRY(pw_tpl_scope_new(vm, NULL, &vm->globals));
    PW_TRY(pw_tpl_scope_new(vm, vm->globals, &vm->top));
    vm->scope = vm->top;
    PW_TRY(set_functions(vm));
    PW_TRY(set(vm, "tools", &none));
    PW_TRY(set_members(vm, texts, "kwargs", input->kwargs, input->kwargs_bytes, true));
    PW_TRY(set_members(vm, texts, "variables", input->variables, input->variables_bytes, false));
    PW_TRY(set_messages(vm, input, texts));
    if (input->tools != NULL) PW_TRY(set_tools(vm, input, texts));
    PW_TRY(set_token(vm, "bos_token", input->bos_token));
    PW_TRY(set_token(vm, "eos_token", input->eos_token));
    return set(vm, "add_generation_prompt", &prompt);
}
