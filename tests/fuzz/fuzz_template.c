/* Any text as a chat template over any messages: parsed and rendered within tight bounds, twice the
 * same, and what a message holds is the user's wherever it ends up.
 * Input: a digit (1: messages are JSON, 2: a generation prompt, 4: tools), the template, and behind a
 * byte 0 what the messages hold. */
#include <stdlib.h>
#include <string.h>

#include "runtime/text/template.h"
#include "tests/support/limit_alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* U+10FFFD, the lead byte of which no other character here has. */
static const char sign[] = "\xf4\x8f\xbf\xbd";
enum { LEAD = 0xf4 };

static void check_output(const pw_template_output *out, bool own_sign)
{
    size_t end = 0;
    if (out->text[out->bytes] != '\0') abort();
    for (size_t i = 0; i < out->n_spans; i++) {
        const pw_span *span = &out->spans[i];
        if (span->begin != end || span->end <= end) abort();
        if (i > 0 && span->user == out->spans[i - 1].user) abort();
        end = span->end;
        const void *found = memchr(out->text + span->begin, LEAD, span->end - span->begin);
        if (!span->user && !own_sign && found != NULL) abort();
    }
    if (end != out->bytes) abort();
}

static bool same(const pw_template_output *a, const pw_template_output *b)
{
    return a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0 &&
           a->n_spans == b->n_spans;
}

static void render(const pw_template *template, const pw_template_input *input, bool own_sign)
{
    pw_template_output out = {0}, again = {0};
    pewter_error err = {{0}};
    const pewter_status status = pw_template_render(template, input, &out, &err);
    if (pw_template_render(template, input, &again, NULL) != status) abort();
    if (status == PEWTER_OK) {
        check_output(&out, own_sign);
        if (!same(&out, &again)) abort();
    }
    pw_template_output_free(&out);
    pw_template_output_free(&again);
}

/* The messages hold `content` and the sign; or are it, where it is JSON. */
static void with_messages(const pw_template *template, unsigned how, const char *content,
                          size_t bytes, bool own_sign)
{
    static const char tools[] = "[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                                "\"parameters\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}}]";
    static const struct tm now = {.tm_year = 126, .tm_mday = 15};
    char *text = malloc(bytes + sizeof sign);
    if (text == NULL) abort();
    memcpy(text, sign, sizeof sign - 1);
    if (bytes > 0) memcpy(text + sizeof sign - 1, content, bytes);
    text[bytes + sizeof sign - 1] = '\0';
    const pewter_message list[] = {{"system", text}, {"user", "hi"}, {text, text}};
    const pw_template_input input = {.list = list,
                                     .n_list = 3,
                                     .messages = (how & 1) != 0 ? content : NULL,
                                     .messages_bytes = (how & 1) != 0 ? bytes : 0,
                                     .tools = (how & 4) != 0 ? tools : NULL,
                                     .tools_bytes = (how & 4) != 0 ? sizeof tools - 1 : 0,
                                     .add_generation_prompt = (how & 2) != 0,
                                     .bos_token = "<s>",
                                     .eos_token = "</s>",
                                     .now = &now,
                                     .max_output = 1 << 16,
                                     .max_memory = 1 << 21,
                                     .max_steps = 20000};
    render(template, &input, own_sign);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const char *text = (const char *)data + 1;
    const char *end = memchr(text, '\0', size - 1);
    const size_t bytes = end != NULL ? (size_t)(end - text) : size - 1;
    const char *content = end != NULL ? end + 1 : "";
    const size_t left = end != NULL ? size - 2 - bytes : 0;

    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, (8u << 20) + 1024 * size, UINT64_MAX);
    pewter_error err = {{0}};
    pw_template *template = NULL;
    const pewter_status status = pw_template_parse(text, bytes, &alloc, &template, &err);
    if (status == PEWTER_E_MEMORY) abort(); /* out of proportion to the input */
    if (status == PEWTER_OK) {
        const bool own_sign = bytes > 0 && memchr(text, LEAD, bytes) != NULL;
        with_messages(template, data[0] & 7u, content, left, own_sign);
        pw_template_free(template);
    } else if (strlen(err.message) == 0) {
        abort();
    }
    if (counts.live != 0) abort();
    return 0;
}
