#include "tools/server/pairs.h"

#include <string.h>

const pewter_tool_format pairs_form = {.size = sizeof pairs_form,
                                       .begin = "",
                                       .item = "<tool_call>\n{\"name\": \"",
                                       .middle = "\", \"arguments\": ",
                                       .item_end = "}\n</tool_call>",
                                       .between = "\n",
                                       .end = "",
                                       .listed = true};

typedef struct cursor {
    const char *text;
    size_t bytes, at;
} cursor;

/* Moves behind a word that stands here. */
static bool pass(cursor *c, const char *word)
{
    const size_t n = word != NULL ? strlen(word) : 0;
    if (n == 0 || c->bytes - c->at < n || memcmp(c->text + c->at, word, n) != 0) return false;
    c->at += n;
    return true;
}

/* What stands in front of the next `word`, and moves behind that; NULL: it is not there yet. */
static const char *until(cursor *c, const char *word, size_t *bytes)
{
    const char *from = c->text + c->at;
    const char *found = memmem(from, c->bytes - c->at, word, strlen(word));
    if (found == NULL) return NULL;
    *bytes = (size_t)(found - from);
    c->at += *bytes + strlen(word);
    return from;
}

/* Whether a tool's argument is a text, which stands there as it is. */
static bool is_text(const json_t *tools, const char *name, size_t name_bytes, const char *key,
                    size_t key_bytes)
{
    const json_t *tool, *schema;
    const char *property;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        const json_t *function = json_object_get(tool, "function");
        const char *its = json_string_value(json_object_get(function, "name"));
        if (its == NULL || strlen(its) != name_bytes || memcmp(its, name, name_bytes) != 0)
            continue;
        json_t *all = json_object_get(json_object_get(function, "parameters"), "properties");
        json_object_foreach(all, property, schema)
        {
            if (strlen(property) != key_bytes || memcmp(property, key, key_bytes) != 0) continue;
            const char *type = json_string_value(json_object_get(schema, "type"));
            return type != NULL && strcmp(type, "string") == 0;
        }
    }
    return false;
}

/* The pairs of a call as members of an object; true where the call is over. */
static bool add_pairs(const pewter_tool_format *f, const json_t *tools, const char *name,
                      size_t name_bytes, cursor *c, textbuf *out)
{
    bool first = true;
    text_print(out, "{");
    while (pass(c, f->key)) {
        size_t key_bytes, bytes;
        const char *key = until(c, f->value, &key_bytes);
        const char *value = key != NULL ? until(c, f->value_end, &bytes) : NULL;
        if (value == NULL) return false;
        text_print(out, "%s", first ? "" : ", ");
        text_json(out, key, key_bytes);
        text_print(out, ": ");
        if (is_text(tools, name, name_bytes, key, key_bytes))
            text_json(out, value, bytes);
        else
            text_add(out, value, bytes);
        first = false;
    }
    if (!pass(c, f->item_end)) return false;
    text_print(out, "}");
    return true;
}

void pairs_to_json(const pewter_tool_format *f, const json_t *tools, const char *text, size_t bytes,
                   textbuf *out)
{
    cursor c = {text, bytes, 0};
    out->bytes = 0;
    const char *found = bytes > 0 ? memmem(text, bytes, f->item, strlen(f->item)) : NULL;
    const size_t content = found != NULL ? (size_t)(found - text) : bytes;
    text_add(out, text != NULL ? text : "", content);
    c.at = content;
    while (pass(&c, f->item)) {
        size_t name_bytes;
        const char *name = until(&c, f->middle, &name_bytes);
        if (name == NULL) {
            text_print(out, "%s", f->item); /* so that it is known for the beginning of a call */
            return;
        }
        text_print(out, "%s%.*s%s", pairs_form.item, (int)name_bytes, name, pairs_form.middle);
        if (!add_pairs(f, tools, name, name_bytes, &c, out)) return;
        text_print(out, "%s", pairs_form.item_end);
        if (f->between == NULL || !pass(&c, f->between)) return;
        text_print(out, "%s", pairs_form.between);
    }
}
