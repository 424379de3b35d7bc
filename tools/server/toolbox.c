#include "tools/server/toolbox.h"

#include <stdio.h>
#include <string.h>

#include "tools/server/fields.h"

enum { TOOLS_MOST = 128 };

/* What tool_choice says. */
typedef struct choice {
    bool none, free;  /* no calls; text instead of calls */
    const char *name; /* only this one; NULL: any */
} choice;

static bool read_choice(const json_t *value, choice *out, refusal *r)
{
    static const char wanted[] = "\"none\", \"auto\", \"required\" or {\"type\": \"function\", "
                                 "\"function\": {\"name\": ...}}";
    *out = (choice){.free = true};
    if (value == NULL || json_is_null(value)) return true;
    if (json_is_object(value)) {
        const json_t *name = json_object_get(json_object_get(value, "function"), "name");
        if (!json_is_string(name)) return field_wrong(r, "tool_choice", wanted, value);
        *out = (choice){.name = json_string_value(name)};
        return true;
    }
    const char *word = json_is_string(value) ? json_string_value(value) : "";
    *out = (choice){.none = strcmp(word, "none") == 0, .free = strcmp(word, "auto") == 0};
    if (out->none || out->free || strcmp(word, "required") == 0) return true;
    return field_wrong(r, "tool_choice", wanted, value);
}

/* A tool's name and schema to the list of a grammar; where `only` is another's name, nothing. */
static bool add_tool(const json_t *tool, const char *only, json_t *list, refusal *r)
{
    const json_t *function = json_object_get(tool, "function");
    const json_t *type = json_object_get(tool, "type"), *name = json_object_get(function, "name");
    json_t *schema = json_object_get(function, "parameters");
    if (!json_is_string(type) || strcmp(json_string_value(type), "function") != 0)
        return refuse(r, 400, "tools", "tools: tools of type \"function\" wanted");
    if (!json_is_string(name)) return field_wrong(r, "tools", "a function with a name", name);
    if (only != NULL && strcmp(only, json_string_value(name)) != 0) return true;
    /* No parameters are said: none are wanted. */
    json_t *added =
        schema == NULL || json_is_null(schema)
            ? json_pack("{s:s, s:{s:s, s:{}}}", "name", json_string_value(name), "parameters",
                        "type", "object", "properties")
            : json_pack("{s:s, s:O}", "name", json_string_value(name), "parameters", schema);
    return json_array_append_new(list, added) == 0 || refuse(r, 503, NULL, "no memory for tools");
}

/* What the grammar of the calls is made of; NULL after a refusal. */
static json_t *make_spec(const json_t *tools, const choice *c, bool many, refusal *r)
{
    json_t *list = json_array(), *tool;
    size_t i;
    bool ok = list != NULL || refuse(r, 503, NULL, "no memory for tools");
    json_array_foreach(tools, i, tool) ok = ok && add_tool(tool, c->name, list, r);
    if (ok && json_array_size(list) == 0)
        ok = refuse(r, 400, "tool_choice", "tool_choice: no tool has the name '%.64s'", c->name);
    json_t *spec = ok ? json_pack("{s:O, s:b, s:b}", "tools", list, "free", (int)c->free, "many",
                                  (int)(many && c->name == NULL))
                      : NULL;
    if (ok && spec == NULL) refuse(r, 503, NULL, "no memory for tools");
    json_decref(list);
    return spec;
}

bool toolbox_read(const json_t *body, const grammar_place *place, toolbox *out,
                  pewter_grammar **grammar, refusal *r)
{
    pewter_error err;
    *out = (toolbox){.format.size = sizeof out->format};
    const pewter_status status = pewter_tool_format_get(place->model, &out->format, &err);
    if (status != PEWTER_OK) return refuse_status(r, status, &err);
    const json_t *tools = json_object_get(body, "tools");
    const json_t *many = json_object_get(body, "parallel_tool_calls");
    choice c;
    if (!read_choice(json_object_get(body, "tool_choice"), &c, r)) return false;
    if (json_object_get(body, "functions") != NULL)
        return refuse(r, 400, "functions", "functions: tools are wanted in their place");
    if (tools == NULL || json_is_null(tools) ||
        (json_is_array(tools) && json_array_size(tools) == 0)) {
        if (c.free || c.none) return true;
        return refuse(r, 400, "tool_choice", "tool_choice wants tools");
    }
    if (!json_is_array(tools) || json_array_size(tools) > TOOLS_MOST)
        return field_wrong(r, "tools", "a list of up to 128", tools);
    if (c.none) return true;
    if (*grammar != NULL)
        return refuse(r, 400, "tools",
                      "tools and a form of the answer are both there: one of them is wanted, or "
                      "tool_choice \"none\"");
    json_t *spec = make_spec(tools, &c, !json_is_false(many), r);
    if (spec == NULL) return false;
    out->used = true;
    out->tools = tools;
    const bool ok = structure_compile(place, PEWTER_GRAMMAR_TOOLS, spec, grammar, r);
    if (!ok) snprintf(r->param, sizeof r->param, "tools");
    json_decref(spec);
    return ok;
}
