/* What the parsers of expressions and of statements share: tokens and nodes. */
#include "pw/status.h"
#include "runtime/text/template_ast.h"
#include "runtime/text/template_char.h"

/* ---- Shared with the statements ----------------------------------------------------------- */

pewter_status pw_tpl_parse_fail(pw_tpl_parser *parser, const char *format, ...)
{
    char reason[300];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return pw_fail(parser->err, PEWTER_E_FORMAT, "chat template, line %u: %s", parser->now.line,
                   reason);
}

pewter_status pw_tpl_advance(pw_tpl_parser *parser)
{
    parser->now = parser->ahead;
    return pw_tpl_lexer_next(&parser->lexer, &parser->ahead);
}

bool pw_tpl_token_is(const pw_tpl_token *token, pw_tpl_token_kind kind, const char *text)
{
    return token->kind == kind && strlen(text) == token->bytes &&
           memcmp(token->text, text, token->bytes) == 0;
}

bool pw_tpl_at_op(const pw_tpl_parser *parser, const char *op)
{
    return pw_tpl_token_is(&parser->now, PW_TPL_T_OP, op);
}

bool pw_tpl_at_name(const pw_tpl_parser *parser, const char *name)
{
    return pw_tpl_token_is(&parser->now, PW_TPL_T_NAME, name);
}

pewter_status pw_tpl_unexpected(pw_tpl_parser *parser, const char *wanted)
{
    static const char *const names[] = {[PW_TPL_T_END] = "the end of the template",
                                        [PW_TPL_T_DATA] = "text",
                                        [PW_TPL_T_PRINT_BEGIN] = "'{{'",
                                        [PW_TPL_T_PRINT_END] = "'}}'",
                                        [PW_TPL_T_BLOCK_BEGIN] = "'{%'",
                                        [PW_TPL_T_BLOCK_END] = "'%}'",
                                        [PW_TPL_T_STRING] = "a string",
                                        [PW_TPL_T_INT] = "a number",
                                        [PW_TPL_T_FLOAT] = "a number",
                                        [PW_TPL_T_NAME] = "",
                                        [PW_TPL_T_OP] = ""};

    const pw_tpl_token *token = &parser->now;
    if (token->kind == PW_TPL_T_NAME || token->kind == PW_TPL_T_OP)
        return pw_tpl_parse_fail(parser, "expected %s, found '%.*s'", wanted,
                                 token->bytes < 60 ? (int)token->bytes : 60, token->text);
    return pw_tpl_parse_fail(parser, "expected %s, found %s", wanted, names[token->kind]);
}

static pewter_status take_token(pw_tpl_parser *parser, bool here, const char *text, bool *taken)
{
    if (taken != NULL) *taken = here;
    if (here) return pw_tpl_advance(parser);
    return taken != NULL ? PEWTER_OK : pw_tpl_unexpected(parser, text);
}

pewter_status pw_tpl_take_op(pw_tpl_parser *parser, const char *op, bool *taken)
{
    return take_token(parser, pw_tpl_at_op(parser, op), op, taken);
}

pewter_status pw_tpl_take_name(pw_tpl_parser *parser, const char *name, bool *taken)
{
    return take_token(parser, pw_tpl_at_name(parser, name), name, taken);
}

pewter_status pw_tpl_node_new(pw_tpl_parser *parser, pw_tpl_node_kind kind, pw_tpl_node **out)
{
    pw_tpl_node *node = pw_tpl_pool_take(parser->pool, 1, sizeof *node);
    if (node == NULL) {
        pw_fail(parser->err, PEWTER_E_MEMORY, "chat template: no memory to parse it");
        return PEWTER_E_MEMORY;
    }
    node->kind = (uint8_t)kind;
    node->line = parser->now.line;
    *out = node;
    return PEWTER_OK;
}

pewter_status pw_tpl_node_text(pw_tpl_parser *parser, const char *text, size_t bytes,
                               pw_tpl_node *node)
{
    pw_tpl_string *string = pw_tpl_pool_take(parser->pool, 1, sizeof *string);
    if (string == NULL)
        return pw_fail(parser->err, PEWTER_E_MEMORY, "chat template: no memory to parse it");
    *string =
        (pw_tpl_string){.text = text, .bytes = bytes, .chars = pw_tpl_count_chars(text, bytes)};
    node->value = pw_tpl_text(string);
    return PEWTER_OK;
}

pewter_status pw_tpl_node_close(pw_tpl_parser *parser, pw_tpl_node *node)
{
    const pw_tpl_node *children[] = {node->a, node->b, node->c};
    const pw_tpl_node *chains[] = {node->list, node->other};
    uint16_t height = 0;
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++)
        for (const pw_tpl_node *at = children[i]; at != NULL; at = at->next)
            if (at->height > height) height = at->height;
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++)
        for (const pw_tpl_node *at = chains[i]; at != NULL; at = at->next)
            if (at->height > height) height = at->height;
    if (height >= PW_TPL_HEIGHT)
        return pw_fail(parser->err, PEWTER_E_LIMIT,
                       "chat template, line %u: an expression of more than %d levels", node->line,
                       PW_TPL_HEIGHT);
    node->height = (uint16_t)(height + 1);
    return PEWTER_OK;
}

pewter_status pw_tpl_enter(pw_tpl_parser *parser)
{
    if (parser->depth == PW_TPL_NESTING)
        return pw_fail(parser->err, PEWTER_E_LIMIT,
                       "chat template, line %u: nested more than %d deep", parser->now.line,
                       PW_TPL_NESTING);
    parser->depth++;
    return PEWTER_OK;
}
