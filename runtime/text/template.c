/* Templates as a whole: parsed once, rendered within bounds, handed out with spans. */
#include "runtime/text/template.h"

#include "pw/status.h"
#include "runtime/text/template_ast.h"
#include "runtime/text/template_eval.h"
#include "runtime/text/template_input.h"
#include "runtime/text/utf8.h"

/* ---- Parsing ------------------------------------------------------------------------------ */

static pewter_status check_utf8(const char *text, size_t bytes, pewter_error *err)
{
    const size_t valid = pw_utf8_valid(text, bytes);
    if (valid == bytes) return PEWTER_OK;
    uint32_t line = 1;
    for (size_t i = 0; i < valid; i++) line += text[i] == '\n';
    return pw_fail(err, PEWTER_E_FORMAT, "chat template, line %u: a byte is not UTF-8", line);
}

static pewter_status parse(pw_template *template, const char *text, size_t bytes, pewter_error *err)
{
    pw_tpl_parser parser = {.err = err, .pool = &template->pool};
    pw_tpl_node *body;
    PW_TRY(check_utf8(text, bytes, err));
    PW_TRY(pw_tpl_lexer_open(&parser.lexer, text, bytes, &template->pool, err));
    PW_TRY(pw_tpl_advance(&parser));
    PW_TRY(pw_tpl_advance(&parser));
    PW_TRY(pw_tpl_parse_body(&parser, &body));
    template->body = body;
    return PEWTER_OK;
}

pewter_status pw_template_parse(const char *text, size_t bytes, const pewter_allocator *alloc,
                                pw_template **out, pewter_error *err)
{
    enum { MOST = 512 * 1024, TREE = 4 << 20, TREE_PER_BYTE = 512 };
    if (bytes > MOST)
        return pw_fail(err, PEWTER_E_LIMIT, "chat template: %zu bytes, at most %d are taken", bytes,
                       MOST);
    pw_template *template = pw_alloc(alloc, sizeof *template);
    if (template == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "chat template: no memory to parse it");
    *template = (pw_template){.alloc = alloc};
    pw_tpl_pool_open(&template->pool, alloc, TREE + TREE_PER_BYTE * bytes);

    const pewter_status status = parse(template, text, bytes, err);
    if (status != PEWTER_OK) {
        pw_template_free(template);
        return status;
    }
    *out = template;
    return PEWTER_OK;
}

void pw_template_free(pw_template *template)
{
    if (template == NULL) return;
    pw_tpl_pool_close(&template->pool);
    pw_free(template->alloc, template, sizeof *template);
}

/* ---- Output ------------------------------------------------------------------------------- */

/* The spans of a buffer into `spans`, or only their number where it is NULL. */
static size_t find_spans(const pw_tpl_buffer *buffer, pw_span *spans)
{
    size_t count = 0;
    for (size_t begin = 0, end; begin < buffer->bytes; begin = end) {
        const bool user = buffer->marks != NULL ? buffer->marks[begin] != 0 : buffer->user;
        end = buffer->bytes;
        if (buffer->marks != NULL)
            for (end = begin + 1; end < buffer->bytes; end++)
                if ((buffer->marks[end] != 0) != user) break;
        if (spans != NULL) spans[count] = (pw_span){.begin = begin, .end = end, .user = user};
        count++;
    }
    return count;
}

static pewter_status hand_out(const pw_template *template, const pw_tpl_buffer *buffer,
                              pw_template_output *out, pewter_error *err)
{
    pw_template_output result = {
        .bytes = buffer->bytes, .n_spans = find_spans(buffer, NULL), .alloc = template->alloc};
    result.text = pw_alloc(result.alloc, result.bytes + 1);
    if (result.text != NULL && result.n_spans > 0)
        result.spans = pw_alloc(result.alloc, result.n_spans * sizeof *result.spans);
    if (result.text == NULL || (result.spans == NULL && result.n_spans > 0)) {
        pw_template_output_free(&result);
        return pw_fail(err, PEWTER_E_MEMORY, "chat template: no memory for its output");
    }
    if (buffer->bytes > 0) memcpy(result.text, buffer->text, buffer->bytes);
    result.text[buffer->bytes] = '\0';
    if (result.n_spans > 0) find_spans(buffer, result.spans);
    *out = result;
    return PEWTER_OK;
}

void pw_template_output_free(pw_template_output *output)
{
    if (output == NULL || output->alloc == NULL) return;
    pw_free(output->alloc, output->text, output->bytes + 1);
    pw_free(output->alloc, output->spans, output->n_spans * sizeof *output->spans);
    *output = (pw_template_output){0};
}

/* ---- Rendering ---------------------------------------------------------------------------- */

pewter_status pw_template_render(const pw_template *template, const pw_template_input *input,
                                 pw_template_output *out, pewter_error *err)
{
    enum { OUTPUT = 16 << 20, MEMORY = 64 << 20, STEPS = 1000000 };
    pw_tpl_buffer buffer = {.limit = input->max_output > 0 ? input->max_output : OUTPUT};
    pw_tpl_vm vm = {.err = err,
                    .line = 1,
                    .out = &buffer,
                    .now = input->now,
                    .steps = input->max_steps > 0 ? input->max_steps : STEPS};
    pw_tpl_texts texts = {0};
    size_t memory = input->max_memory;
    if (memory == 0 &&
        (!pw_mul(pw_tpl_input_bytes(input), 16, &memory) || !pw_add(memory, MEMORY, &memory)))
        memory = SIZE_MAX;

    pw_tpl_pool_open(&vm.pool, template->alloc, memory);
    pewter_status status = pw_tpl_input_set(&vm, input, &texts);
    if (status == PEWTER_OK) status = pw_tpl_exec(&vm, template->body->list);
    if (status == PEWTER_OK) status = hand_out(template, &buffer, out, err);
    pw_tpl_pool_close(&vm.pool);
    pw_tpl_texts_free(&texts);
    return status;
}
