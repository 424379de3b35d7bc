/* What tests of chat templates share: a rendering over fixed variables under a counting allocator, and
 * tables of templates with what Python's Jinja2 makes of them. */
#ifndef PW_TESTS_UNIT_TEST_TEMPLATE_H
#define PW_TESTS_UNIT_TEST_TEMPLATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/template.h"
#include "tests/support/limit_alloc.h"

enum { TT_MEMORY = 256 << 20 };

static const char tt_variables[] =
    "{\"s\":\"Hello, W\\u00f6rld\",\"n\":5,\"f\":2.5,\"yes\":true,\"nil\":null,\"l\":[3,1,2],"
    "\"names\":[\"b\",\"A\",\"c\"],\"d\":{\"b\":1,\"a\":{\"x\":\"y\"}},\"pad\":\" \\n two \\t\","
    "\"rows\":[{\"k\":\"x\",\"v\":1},{\"k\":\"Y\",\"v\":2},{\"k\":\"x\"}],"
    "\"tree\":[{\"n\":\"p\",\"c\":[{\"n\":\"q\",\"c\":[]},{\"n\":\"r\",\"c\":[]}]}]}";

static const char tt_messages[] = "[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                                  "{\"role\":\"user\",\"content\":\"Hi <b>\"}]";

typedef struct tt_row {
    const char *template, *want; /* what it renders to, or what the message must hold */
} tt_row;

static inline pw_template_input tt_input(void)
{
    static const struct tm now = {
        .tm_year = 126, .tm_mday = 15, .tm_hour = 9, .tm_min = 30, .tm_wday = 4, .tm_yday = 14};
    return (pw_template_input){.messages = tt_messages,
                               .messages_bytes = sizeof tt_messages - 1,
                               .variables = tt_variables,
                               .variables_bytes = sizeof tt_variables - 1,
                               .bos_token = "<s>",
                               .eos_token = "</s>",
                               .add_generation_prompt = true,
                               .now = &now};
}

/* Parses and renders. `out` is the caller's; what else was taken is given back, or the test fails. */
static inline pewter_status tt_run(const char *text, size_t bytes, const pw_template_input *input,
                                   limit_alloc *counts, const pewter_allocator *alloc,
                                   pw_template_output *out, pewter_error *err)
{
    pw_template *template = NULL;
    *out = (pw_template_output){0};
    pewter_status status = pw_template_parse(text, bytes, alloc, &template, err);
    if (status == PEWTER_OK) status = pw_template_render(template, input, out, err);
    pw_template_free(template);
    const size_t kept =
        status == PEWTER_OK ? out->bytes + 1 + out->n_spans * sizeof *out->spans : 0;
    assert_int_equal(counts->live, kept);
    return status;
}

/* The template renders to `want`. */
static inline void tt_renders(const char *text, const pw_template_input *input, const char *want)
{
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pewter_error err = {{0}};
    pw_template_output out;
    if (tt_run(text, strlen(text), input, &counts, &alloc, &out, &err) != PEWTER_OK)
        fail_msg("%.300s\n  fails: %s", text, err.message);
    if (strcmp(out.text, want) != 0)
        fail_msg("%.300s\n  gives:  '%s'\n  wanted: '%s'", text, out.text, want);
    pw_template_output_free(&out);
    assert_int_equal(counts.live, 0);
}

/* It fails with that status, and the message holds `says`. */
static inline void tt_fails(const char *text, const pw_template_input *input, pewter_status wanted,
                            const char *says)
{
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, TT_MEMORY, UINT64_MAX);
    pewter_error err = {{0}};
    pw_template_output out;
    const pewter_status status = tt_run(text, strlen(text), input, &counts, &alloc, &out, &err);
    if (status == PEWTER_OK) fail_msg("%.300s\n  gives '%s', a failure is wanted", text, out.text);
    if (status != wanted || strstr(err.message, says) == NULL)
        fail_msg("%.300s\n  fails with %d: '%s'\n  wanted:   %d: '%s'", text, (int)status,
                 err.message, (int)wanted, says);
}

static inline void tt_all_render(const tt_row *rows, size_t count)
{
    const pw_template_input input = tt_input();
    for (size_t i = 0; i < count; i++) tt_renders(rows[i].template, &input, rows[i].want);
}

static inline void tt_all_fail(const tt_row *rows, size_t count)
{
    const pw_template_input input = tt_input();
    for (size_t i = 0; i < count; i++)
        tt_fails(rows[i].template, &input, PEWTER_E_FORMAT, rows[i].want);
}

#endif
