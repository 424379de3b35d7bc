/* Statements: what stands between "{%" and "%}". */
#include "pw/status.h"
#include "runtime/text/template_ast.h"

/* Statements up to one of the tags in `ends` (up to three, NULL where fewer), whose name then stands
 * at parser->now; the end of the template where `ends` is NULL. */
static pewter_status parse_until(pw_tpl_parser *parser, const char *const ends[3],
                                 pw_tpl_node **list);

/* The end of a tag; Python's colon before it is allowed. */
static pewter_status end_tag(pw_tpl_parser *parser)
{
    bool colon;
    PW_TRY(pw_tpl_take_op(parser, ":", &colon));
    if (parser->now.kind != PW_TPL_T_BLOCK_END) return pw_tpl_unexpected(parser, "'%}'");
    return pw_tpl_advance(parser);
}

/* The rest of a tag, the statements of its body, and the name of the tag that ends it. */
static pewter_status parse_inside(pw_tpl_parser *parser, const char *end, pw_tpl_node **list)
{
    const char *const ends[3] = {end, NULL, NULL};
    PW_TRY(end_tag(parser));
    PW_TRY(parse_until(parser, ends, list));
    return pw_tpl_advance(parser);
}

static pewter_status take_any_name(pw_tpl_parser *parser, pw_tpl_node *node)
{
    if (parser->now.kind != PW_TPL_T_NAME) return pw_tpl_unexpected(parser, "a name");
    node->name = parser->now.text;
    node->name_bytes = parser->now.bytes;
    return pw_tpl_advance(parser);
}

/* ---- if, for ------------------------------------------------------------------------------ */

static pewter_status parse_if(pw_tpl_parser *parser, pw_tpl_node *node)
{
    static const char *const ends[3] = {"elif", "else", "endif"};
    pw_tpl_node **tail = &node->list;
    node->kind = PW_TPL_N_IF;
    for (bool last = false; !last;) {
        pw_tpl_node *branch;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_BRANCH, &branch));
        PW_TRY(pw_tpl_parse_tuple(parser, PW_TPL_NO_COND, NULL, &branch->a));
        PW_TRY(end_tag(parser));
        PW_TRY(parse_until(parser, ends, &branch->other));
        PW_TRY(pw_tpl_node_close(parser, branch));
        *tail = branch;
        tail = &branch->next;
        last = !pw_tpl_at_name(parser, "elif");
        if (!last) PW_TRY(pw_tpl_advance(parser));
    }
    bool otherwise;
    PW_TRY(pw_tpl_take_name(parser, "else", &otherwise));
    if (!otherwise) return pw_tpl_take_name(parser, "endif", NULL);
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_BRANCH, tail));
    pw_tpl_node *branch = *tail;
    PW_TRY(parse_inside(parser, "endif", &branch->other));
    return pw_tpl_node_close(parser, branch);
}

static pewter_status parse_for(pw_tpl_parser *parser, pw_tpl_node *node)
{
    static const char *const ends[3] = {"else", "endfor", NULL};
    bool found;
    node->kind = PW_TPL_N_FOR;
    PW_TRY(pw_tpl_parse_target(parser, 0, "in", &node->a));
    PW_TRY(pw_tpl_take_name(parser, "in", NULL));
    PW_TRY(pw_tpl_parse_tuple(parser, PW_TPL_NO_COND, "recursive", &node->b));
    PW_TRY(pw_tpl_take_name(parser, "if", &found));
    if (found) PW_TRY(pw_tpl_parse_expression(parser, &node->c));
    PW_TRY(pw_tpl_take_name(parser, "recursive", &found));
    node->flag = found;

    parser->loops++;
    PW_TRY(end_tag(parser));
    PW_TRY(parse_until(parser, ends, &node->list));
    parser->loops--;
    PW_TRY(pw_tpl_take_name(parser, "else", &found));
    if (found) return parse_inside(parser, "endfor", &node->other);
    return pw_tpl_take_name(parser, "endfor", NULL);
}

static pewter_status parse_break(pw_tpl_parser *parser, pw_tpl_node *node)
{
    if (parser->loops == 0) return pw_tpl_parse_fail(parser, "'break' outside of a loop");
    node->kind = PW_TPL_N_BREAK;
    return PEWTER_OK;
}

static pewter_status parse_continue(pw_tpl_parser *parser, pw_tpl_node *node)
{
    if (parser->loops == 0) return pw_tpl_parse_fail(parser, "'continue' outside of a loop");
    node->kind = PW_TPL_N_CONTINUE;
    return PEWTER_OK;
}

/* ---- set, with, print --------------------------------------------------------------------- */

static pewter_status parse_set(pw_tpl_parser *parser, pw_tpl_node *node)
{
    bool found;
    node->kind = PW_TPL_N_SET;
    PW_TRY(pw_tpl_parse_target(parser, PW_TPL_SPACES, NULL, &node->a));
    PW_TRY(pw_tpl_take_op(parser, "=", &found));
    if (found) return pw_tpl_parse_tuple(parser, 0, NULL, &node->b);
    node->kind = PW_TPL_N_SET_BLOCK;
    PW_TRY(pw_tpl_parse_filters(parser, NULL, false, &node->b));
    return parse_inside(parser, "endset", &node->list);
}

static pewter_status parse_with(pw_tpl_parser *parser, pw_tpl_node *node)
{
    pw_tpl_node **tail = &node->a;
    node->kind = PW_TPL_N_WITH;
    for (bool first = true; parser->now.kind != PW_TPL_T_BLOCK_END; first = false) {
        if (!first) PW_TRY(pw_tpl_take_op(parser, ",", NULL));
        pw_tpl_node *pair;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_PAIR, &pair));
        PW_TRY(pw_tpl_parse_primary(parser, 0, &pair->a));
        if (pair->a->kind != PW_TPL_N_NAME)
            return pw_tpl_parse_fail(parser, "'with' gives values to names only");
        PW_TRY(pw_tpl_take_op(parser, "=", NULL));
        PW_TRY(pw_tpl_parse_expression(parser, &pair->b));
        PW_TRY(pw_tpl_node_close(parser, pair));
        *tail = pair;
        tail = &pair->next;
    }
    return parse_inside(parser, "endwith", &node->other);
}

/* print a, b: prints a list. */
static pewter_status parse_print(pw_tpl_parser *parser, pw_tpl_node *node)
{
    pw_tpl_node **tail = &node->list;
    node->kind = PW_TPL_N_BODY;
    for (bool first = true; parser->now.kind != PW_TPL_T_BLOCK_END; first = false) {
        if (!first) PW_TRY(pw_tpl_take_op(parser, ",", NULL));
        pw_tpl_node *print;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_PRINT, &print));
        PW_TRY(pw_tpl_parse_expression(parser, &print->a));
        PW_TRY(pw_tpl_node_close(parser, print));
        *tail = print;
        tail = &print->next;
    }
    return PEWTER_OK;
}

/* ---- macro, call, filter, block ----------------------------------------------------------- */

/* The parameters of a macro in parentheses. */
static pewter_status parse_parameters(pw_tpl_parser *parser, pw_tpl_node **list)
{
    bool defaults = false;
    pw_tpl_node **tail = list;
    PW_TRY(pw_tpl_take_op(parser, "(", NULL));
    for (bool first = true; !pw_tpl_at_op(parser, ")"); first = false) {
        if (!first) PW_TRY(pw_tpl_take_op(parser, ",", NULL));
        pw_tpl_node *parameter;
        bool found;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_PARAM, &parameter));
        PW_TRY(take_any_name(parser, parameter));
        PW_TRY(pw_tpl_take_op(parser, "=", &found));
        if (found)
            PW_TRY(pw_tpl_parse_expression(parser, &parameter->a));
        else if (defaults)
            return pw_tpl_parse_fail(parser, "a parameter without default after one with");
        defaults = found;
        PW_TRY(pw_tpl_node_close(parser, parameter));
        *tail = parameter;
        tail = &parameter->next;
    }
    return pw_tpl_take_op(parser, ")", NULL);
}

/* A macro's body. What it uses of the special names is kept, and counts for a macro around it. */
static pewter_status parse_macro_body(pw_tpl_parser *parser, const char *end, pw_tpl_node *macro)
{
    const uint8_t uses = parser->uses;
    const uint32_t loops = parser->loops;
    parser->uses = 0;
    parser->loops = 0;
    PW_TRY(parse_inside(parser, end, &macro->list));
    macro->flag = parser->uses;
    parser->uses |= uses;
    parser->loops = loops;
    return pw_tpl_node_close(parser, macro);
}

static pewter_status parse_macro(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_MACRO;
    PW_TRY(take_any_name(parser, node));
    PW_TRY(parse_parameters(parser, &node->a));
    return parse_macro_body(parser, "endmacro", node);
}

static pewter_status parse_call_block(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_CALL_BLOCK;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_MACRO, &node->c));
    node->c->name = "caller";
    node->c->name_bytes = 6;
    if (pw_tpl_at_op(parser, "(")) PW_TRY(parse_parameters(parser, &node->c->a));
    PW_TRY(pw_tpl_parse_expression(parser, &node->b));
    if (node->b->kind != PW_TPL_N_CALL) return pw_tpl_parse_fail(parser, "'call' wants a call");
    return parse_macro_body(parser, "endcall", node->c);
}

static pewter_status parse_filter_block(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_FILTER_BLOCK;
    PW_TRY(pw_tpl_parse_filters(parser, NULL, true, &node->a));
    return parse_inside(parser, "endfilter", &node->list);
}

/* A named block of a template that none extends is its body, seeing only the top's names. */
static pewter_status parse_block(pw_tpl_parser *parser, pw_tpl_node *node)
{
    bool scoped, found;
    node->kind = PW_TPL_N_SCOPE;
    PW_TRY(take_any_name(parser, node));
    PW_TRY(pw_tpl_take_name(parser, "scoped", &scoped));
    PW_TRY(pw_tpl_take_name(parser, "required", &found));
    node->flag = !scoped;
    const uint32_t loops = parser->loops;
    parser->loops = 0;
    PW_TRY(parse_inside(parser, "endblock", &node->list));
    parser->loops = loops;
    if (parser->now.kind == PW_TPL_T_NAME && parser->now.bytes == node->name_bytes &&
        memcmp(parser->now.text, node->name, node->name_bytes) == 0)
        return pw_tpl_advance(parser);
    return PEWTER_OK;
}

/* Marks what a model is trained on; its body is rendered as it stands. */
static pewter_status parse_generation(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_BODY;
    return parse_inside(parser, "endgeneration", &node->list);
}

/* Escaping stays off; only a constant false is understood. */
static pewter_status parse_autoescape(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_SCOPE;
    if (!pw_tpl_at_name(parser, "false") && !pw_tpl_at_name(parser, "False"))
        return pw_tpl_parse_fail(parser, "'autoescape' is understood with false only");
    PW_TRY(pw_tpl_advance(parser));
    return parse_inside(parser, "endautoescape", &node->list);
}

/* Other files are never read: an error, but only where it is reached. */
static pewter_status parse_refused(pw_tpl_parser *parser, pw_tpl_node *node)
{
    node->kind = PW_TPL_N_REFUSE;
    while (parser->now.kind != PW_TPL_T_BLOCK_END) {
        if (parser->now.kind == PW_TPL_T_END) return pw_tpl_unexpected(parser, "'%}'");
        PW_TRY(pw_tpl_advance(parser));
    }
    return PEWTER_OK;
}

/* ---- All ---------------------------------------------------------------------------------- */

/* One statement, whose name stands at parser->now. */
static pewter_status parse_statement(pw_tpl_parser *parser, pw_tpl_node **out)
{
    static const struct {
        const char *name;
        pewter_status (*parse)(pw_tpl_parser *parser, pw_tpl_node *node);
    } rows[] = {
        {"if", parse_if},
        {"for", parse_for},
        {"set", parse_set},
        {"macro", parse_macro},
        {"break", parse_break},
        {"continue", parse_continue},
        {"with", parse_with},
        {"print", parse_print},
        {"call", parse_call_block},
        {"filter", parse_filter_block},
        {"block", parse_block},
        {"generation", parse_generation},
        {"autoescape", parse_autoescape},
        {"include", parse_refused},
        {"import", parse_refused},
        {"from", parse_refused},
        {"extends", parse_refused},
    };

    if (parser->now.kind != PW_TPL_T_NAME) return pw_tpl_unexpected(parser, "a statement");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!pw_tpl_at_name(parser, rows[i].name)) continue;
        pw_tpl_node *node;
        PW_TRY(pw_tpl_enter(parser));
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_BODY, &node));
        node->name = rows[i].name;
        node->name_bytes = strlen(rows[i].name);
        PW_TRY(pw_tpl_advance(parser));
        PW_TRY(rows[i].parse(parser, node));
        PW_TRY(end_tag(parser));
        parser->depth--;
        *out = node;
        return pw_tpl_node_close(parser, node);
    }
    return pw_tpl_unexpected(parser, "a statement that is known here");
}

/* Text, a print or a statement; *ended: a tag of `ends` stands here instead. */
static pewter_status parse_one(pw_tpl_parser *parser, const char *const ends[3], pw_tpl_node **out,
                               bool *ended)
{
    if (parser->now.kind == PW_TPL_T_DATA) {
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_DATA, out));
        PW_TRY(pw_tpl_node_text(parser, parser->now.text, parser->now.bytes, *out));
        return pw_tpl_advance(parser);
    }
    if (parser->now.kind == PW_TPL_T_PRINT_BEGIN) {
        PW_TRY(pw_tpl_advance(parser));
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_PRINT, out));
        PW_TRY(pw_tpl_parse_tuple(parser, 0, NULL, &(*out)->a));
        if (parser->now.kind != PW_TPL_T_PRINT_END) return pw_tpl_unexpected(parser, "'}}'");
        PW_TRY(pw_tpl_advance(parser));
        return pw_tpl_node_close(parser, *out);
    }
    if (parser->now.kind != PW_TPL_T_BLOCK_BEGIN) return pw_tpl_unexpected(parser, "a tag");
    PW_TRY(pw_tpl_advance(parser));
    for (size_t i = 0; ends != NULL && i < 3 && ends[i] != NULL; i++)
        *ended = *ended || pw_tpl_at_name(parser, ends[i]);
    return *ended ? PEWTER_OK : parse_statement(parser, out);
}

static pewter_status parse_until(pw_tpl_parser *parser, const char *const ends[3],
                                 pw_tpl_node **list)
{
    for (pw_tpl_node **tail = list;;) {
        bool ended = false;
        if (parser->now.kind == PW_TPL_T_END) {
            if (ends == NULL) return PEWTER_OK;
            return pw_tpl_parse_fail(parser, "the template ends where '%s' is wanted", ends[0]);
        }
        PW_TRY(parse_one(parser, ends, tail, &ended));
        if (ended) return PEWTER_OK;
        tail = &(*tail)->next;
    }
}

pewter_status pw_tpl_parse_body(pw_tpl_parser *parser, pw_tpl_node **out)
{
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_BODY, out));
    PW_TRY(parse_until(parser, NULL, &(*out)->list));
    return pw_tpl_node_close(parser, *out);
}
