/* Chat templates: the Jinja that model files carry, interpreted within bounds. The meaning is that
 * of Python's Jinja2 3.1 in its immutable sandbox with trim_blocks, lstrip_blocks, loop controls,
 * a tojson that keeps non-ASCII, raise_exception and strftime_now. A template reaches nothing but
 * its input; steps, depth, memory and output are limited. Every byte of the result is marked as the
 * template's own or as the user's, so that a message cannot write control tokens. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_H
#define PW_RUNTIME_TEXT_TEMPLATE_H

#include <time.h>

#include "pewter.h"
#include "pw/attr.h"

/* A parsed template: immutable, so that several threads may render it at once. */
typedef struct pw_template pw_template;

/* What a rendering starts from. Zero-initialise; all pointers are borrowed during the call. */
typedef struct pw_template_input {
    /* The messages, if `messages` is NULL. In both, a role that is one of the usual words (system, user,
     * assistant, tool, ...) is trusted, as templates build control tokens from it; all else is the
     * user's. */
    const pewter_message *list;
    size_t n_list;
    const char *messages; /* the messages as a JSON array of objects; the user's */
    size_t messages_bytes;
    const char *tools; /* JSON; the user's. NULL: none */
    size_t tools_bytes;
    const char *kwargs; /* JSON object of more variables, as a client gives them; the user's */
    size_t kwargs_bytes;
    const char *variables; /* JSON object of more variables that are trusted */
    size_t variables_bytes;
    const char *bos_token; /* trusted; NULL: undefined */
    const char *eos_token;
    bool add_generation_prompt;
    const struct tm *now; /* the clock of strftime_now; NULL: the template may not ask for it */
    size_t max_output;    /* bytes; 0: 16 MiB */
    size_t max_memory;    /* bytes of all values; 0: 64 MiB and 16 times the input */
    uint64_t max_steps;   /* 0: 1,000,000 */
} pw_template_input;

/* Bytes [begin, end) of the result. `user`: they came from the user's input, changed or not. */
typedef struct pw_span {
    size_t begin, end;
    bool user;
} pw_span;

/* A result, the caller's; free with pw_template_output_free. */
typedef struct pw_template_output {
    char *text; /* with a NUL behind `bytes` bytes */
    size_t bytes;
    pw_span *spans; /* in order, without gaps, neighbours differ in `user` */
    size_t n_spans;
    const pewter_allocator *alloc;
} pw_template_output;

/* Parses `bytes` bytes of UTF-8. `alloc` must outlive the template; renderings take from it too.
 * PEWTER_E_FORMAT with the line where the syntax breaks, PEWTER_E_LIMIT for a text over 512 KiB. */
PW_MUST pewter_status pw_template_parse(const char *text, size_t bytes,
                                        const pewter_allocator *alloc, pw_template **out,
                                        pewter_error *err);

/* Renders. PEWTER_E_FORMAT where the template raises (its message alone) or fails (the line, and
 * why), PEWTER_E_LIMIT past steps, depth or output, PEWTER_E_MEMORY past memory. */
PW_MUST pewter_status pw_template_render(const pw_template *template,
                                         const pw_template_input *input, pw_template_output *out,
                                         pewter_error *err);

/* NULL, and an output that was never filled but zeroed, are allowed. */
void pw_template_output_free(pw_template_output *output);
void pw_template_free(pw_template *template);

#endif
