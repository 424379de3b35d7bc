/* Whether texts fit grammars, for tests that have them from elsewhere. A line of standard input is a JSON object:
 *   {"kind": "schema" | "gbnf" | "regex", "grammar": TEXT or, of a schema, JSON, "texts": [TEXT...]}
 * and gives a line: {"status": "ok", "fits": [true, ...]} or {"status": "unsupported", "message": "..."}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/engine/memory.h"
#include "runtime/grammar/grammar.h"
#include "runtime/text/json.h"

static pewter_grammar_kind kind_of(const char *name)
{
    return strcmp(name, "gbnf") == 0    ? PEWTER_GRAMMAR_GBNF
           : strcmp(name, "regex") == 0 ? PEWTER_GRAMMAR_REGEX
                                        : PEWTER_GRAMMAR_SCHEMA;
}

static bool fits(pewter_grammar *g, const json_t *text)
{
    pw_match match = {0};
    bool fit = false;
    pewter_status status = pw_match_begin(&match, pw_grammar_automaton(g), NULL);
    if (status == PEWTER_OK)
        status =
            pw_match_add(&match, json_string_value(text), json_string_length(text), &fit, NULL);
    fit = status == PEWTER_OK && fit && pw_match_may_end(&match);
    pw_match_end(&match);
    return fit;
}

static void answer(const json_t *line)
{
    const json_t *grammar = json_object_get(line, "grammar"),
                 *texts = json_object_get(line, "texts");
    const char *kind = json_string_value(json_object_get(line, "kind"));
    char *dump = json_is_string(grammar) ? NULL : json_dumps(grammar, JSON_ENCODE_ANY);
    const char *text = dump != NULL ? dump : json_string_value(grammar);
    pewter_grammar *g = NULL;
    pewter_error err = {{0}};
    const pewter_status status =
        pw_grammar_new(&(pw_grammar_source){.alloc = &pw_default_allocator},
                       kind_of(kind != NULL ? kind : ""), text, strlen(text), &g, &err);
    char quoted[2048];
    pw_json_quote(err.message, strlen(err.message), quoted, sizeof quoted);
    if (status != PEWTER_OK) {
        printf("{\"status\":\"%s\",\"message\":%s}\n", pewter_status_name(status), quoted);
    } else {
        printf("{\"status\":\"ok\",\"fits\":[");
        for (size_t i = 0; i < json_array_size(texts); i++)
            printf("%s%s", i > 0 ? "," : "", fits(g, json_array_get(texts, i)) ? "true" : "false");
        printf("]}\n");
    }
    fflush(stdout);
    pewter_grammar_free(g);
    free(dump);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t bytes;
    while ((bytes = getline(&line, &cap, stdin)) > 0) {
        json_t *value = NULL;
        pewter_error err;
        if (pw_json_parse("the line", line, (size_t)bytes, PW_JSON_BYTES, &value, &err) !=
            PEWTER_OK) {
            fprintf(stderr, "fits: %s\n", err.message);
            free(line);
            return 1;
        }
        answer(value);
        json_decref(value);
    }
    free(line);
    return 0;
}
