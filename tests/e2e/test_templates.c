/* The chat templates of published models against what Python's Jinja2 renders: each NAME.json of
 * PEWTER_SHARED/templates holds conversations and their text, or why there is none. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/text/json.h"
#include "runtime/text/template.h"
#include "tests/support/limit_alloc.h"

enum { MOST_BYTES = 8 << 20, MOST_MEMORY = 256 << 20 };

/* One template with its conversations. */
typedef struct book {
    const char *name;
    const pw_template *template;
    const json_t *json;
    struct tm now;
    int failures;
} book;

static char *read_file(const char *folder, const char *name, size_t *bytes)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*bytes + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    data[*bytes] = '\0';
    fclose(file);
    return data;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The member as JSON text, NULL where it is absent or null; freed by the caller. */
static char *member_text(const json_t *object, const char *key, size_t *bytes)
{
    char *text = NULL;
    const json_t *member = json_object_get(object, key);
    *bytes = 0;
    if (member == NULL || json_is_null(member)) return NULL;
    assert_int_equal(pw_json_dump(member, 0, &text, bytes, NULL), PEWTER_OK);
    return text;
}

/* ---- One conversation ----------------------------------------------------------------------------- */

static void complain(book *b, const json_t *test, const char *got, const char *want)
{
    b->failures++;
    printf("%s, %s:\n  gives:  '%s'\n  wanted: '%s'\n", b->name, text_of(test, "id"), got, want);
}

/* Spans follow each other without gaps and reach the end. */
static bool spans_fit(const pw_template_output *out)
{
    size_t end = 0;
    for (size_t i = 0; i < out->n_spans; i++) {
        if (out->spans[i].begin != end || out->spans[i].end <= end) return false;
        end = out->spans[i].end;
    }
    return end == out->bytes;
}

static void judge(book *b, const json_t *test, pewter_status status, const pw_template_output *out,
                  const char *message)
{
    const char *text = text_of(test, "text"), *raises = text_of(test, "raises");
    const char *got = status == PEWTER_OK ? out->text : message;
    if (status == PEWTER_OK && !spans_fit(out)) complain(b, test, "broken spans", "whole ones");
    if (text != NULL && (status != PEWTER_OK || strcmp(got, text) != 0))
        complain(b, test, got, text);
    if (raises != NULL && (status != PEWTER_E_FORMAT || strcmp(got, raises) != 0))
        complain(b, test, got, raises);
    if (text == NULL && raises == NULL && text_of(test, "error") == NULL)
        complain(b, test, got, "a case with text, raises or error");
}

static void run_case(book *b, const json_t *test)
{
    size_t bytes, tools_bytes;
    char *messages = member_text(test, "messages", &bytes);
    char *tools = member_text(test, "tools", &tools_bytes);
    const pw_template_input input = {
        .messages = messages,
        .messages_bytes = bytes,
        .tools = tools,
        .tools_bytes = tools_bytes,
        .bos_token = text_of(b->json, "bos_token"),
        .eos_token = text_of(b->json, "eos_token"),
        .add_generation_prompt = json_is_true(json_object_get(test, "add_generation_prompt")),
        .now = &b->now,
    };
    pw_template_output out = {0};
    pewter_error err = {{0}};
    const pewter_status status = pw_template_render(b->template, &input, &out, &err);
    judge(b, test, status, &out, err.message);
    pw_template_output_free(&out);
    pw_json_text_free(messages);
    pw_json_text_free(tools);
}

/* ---- One file ------------------------------------------------------------------------------------- */

/* Runs all cases of a file; returns how many, and adds to *failures. */
static size_t run_book(const char *folder, const char *name, int *failures)
{
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, MOST_MEMORY, UINT64_MAX);
    size_t bytes, count = 0;
    json_t *json = NULL, *test;
    pw_template *template = NULL;
    pewter_error err = {{0}};
    char *data = read_file(folder, name, &bytes);
    if (pw_json_parse(name, data, bytes, MOST_BYTES, &json, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    free(data);

    char *text = read_file(folder, text_of(json, "template"), &bytes);
    if (pw_template_parse(text, bytes, &alloc, &template, &err) != PEWTER_OK)
        fail_msg("%s: %s", name, err.message);
    free(text);
    book b = {.name = name, .template = template, .json = json};
    assert_non_null(strptime(text_of(json, "now"), "%Y-%m-%dT%H:%M:%S", &b.now));
    json_array_foreach(json_object_get(json, "cases"), count, test) run_case(&b, test);
    *failures += b.failures;
    pw_template_free(template);
    json_decref(json);
    assert_int_equal(counts.live, 0);
    return count;
}

static void published_templates_render_as_elsewhere(void **state)
{
    (void)state;
    char path[400];
    const char *shared = getenv("PEWTER_SHARED");
    snprintf(path, sizeof path, "%s/templates", shared != NULL ? shared : "");
    DIR *folder = shared != NULL ? opendir(path) : NULL;
    if (folder == NULL) {
        printf("skipped: templates of published models, PEWTER_SHARED has no templates\n");
        skip();
    }
    size_t files = 0, cases = 0;
    int failures = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *end = strrchr(entry->d_name, '.');
        if (end == NULL || strcmp(end, ".json") != 0) continue;
        cases += run_book(path, entry->d_name, &failures);
        files++;
    }
    closedir(folder);
    printf("%zu templates, %zu conversations, %d failures\n", files, cases, failures);
    assert_int_equal(failures, 0);
    assert_true(cases > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_templates_render_as_elsewhere),
    };
    return cmocka_run_group_tests_name("templates", tests, NULL, NULL);
}
