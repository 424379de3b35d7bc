#include "tools/server/calls.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the longest end of a text that `word` begins with. */
static size_t begun(const char *text, size_t bytes, const char *word)
{
    size_t n = strlen(word) - 1;
    if (n > bytes) n = bytes;
    while (n > 0 && memcmp(text + bytes - n, word, n) != 0) n--;
    return n;
}

/* The end of the JSON object that begins at a text, as far as it is there. */
static size_t object_bytes(const char *text, size_t bytes, bool *whole)
{
    int depth = 0;
    bool string = false;
    *whole = false;
    for (size_t i = 0; i < bytes; i++) {
        if (string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                string = false;
        } else if (text[i] == '"') {
            string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
        } else if ((text[i] == '}' || text[i] == ']') && --depth == 0) {
            *whole = true;
            return i + 1;
        }
    }
    return bytes;
}

/* Moves behind a word that stands at *at; false: it does not. */
static bool pass(const char *text, size_t bytes, size_t *at, const char *word)
{
    const size_t n = strlen(word);
    if (bytes - *at < n || memcmp(text + *at, word, n) != 0) return false;
    *at += n;
    return true;
}

void calls_parse(const pewter_tool_format *f, const char *text, size_t bytes, bool over,
                 answer_calls *out)
{
    char first[256];
    snprintf(first, sizeof first, "%s%s", f->begin, f->item);
    *out = (answer_calls){.content = bytes};
    if (bytes == 0) return;
    const char *found =
        f->leads ? (text[0] == first[0] ? text : NULL) : memmem(text, bytes, first, strlen(first));
    if (found == NULL) {
        if (!over && !f->leads) out->content -= begun(text, bytes, first);
        return;
    }
    out->content = (size_t)(found - text);
    size_t at = out->content;
    if (!pass(text, bytes, &at, first)) return;
    while (out->n < CALLS_MOST) {
        const char *middle = memmem(text + at, bytes - at, f->middle, strlen(f->middle));
        if (middle == NULL) return;
        answer_call *call = &out->list[out->n++];
        bool whole;
        call->name = text + at;
        call->name_bytes = (size_t)(middle - call->name);
        call->arguments = middle + strlen(f->middle);
        at = (size_t)(call->arguments - text);
        call->arguments_bytes = object_bytes(call->arguments, bytes - at, &whole);
        at += call->arguments_bytes;
        if (!whole || !pass(text, bytes, &at, f->item_end) || f->between == NULL ||
            !pass(text, bytes, &at, f->between) || !pass(text, bytes, &at, f->item))
            return;
    }
}
