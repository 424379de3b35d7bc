/* Expressions: operators by binding, conditionals, tuples and targets. */
#include "pw/status.h"
#include "runtime/text/template_ast.h"

/* ---- Operators ---------------------------------------------------------------------------- */

/* Arithmetic by binding, loosest first; all of it is left-associative. */
enum { LEVELS = 4 };
static const struct {
    const char *text;
    uint8_t level, op;
} operators[] = {
    {"+", 0, PW_TPL_ADD}, {"-", 0, PW_TPL_SUB},       {"~", 1, 0},          {"*", 2, PW_TPL_MUL},
    {"/", 2, PW_TPL_DIV}, {"//", 2, PW_TPL_FLOORDIV}, {"%", 2, PW_TPL_MOD}, {"**", 3, PW_TPL_POW},
};

/* Appends a link that holds `value`. */
static pewter_status add_link(pw_tpl_parser *parser, pw_tpl_node_kind kind, pw_tpl_node *value,
                              pw_tpl_node ***tail)
{
    PW_TRY(pw_tpl_node_new(parser, kind, *tail));
    pw_tpl_node *link = **tail;
    link->a = value;
    *tail = &link->next;
    return pw_tpl_node_close(parser, link);
}

static pewter_status parse_arithmetic(pw_tpl_parser *parser, int level, pw_tpl_node **out);

/* a ~ b ~ c is one node; the first is parsed and "~" stands here. */
static pewter_status parse_concat(pw_tpl_parser *parser, int level, pw_tpl_node *first,
                                  pw_tpl_node **out)
{
    pw_tpl_node *node, *part = first;
    bool more = true;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_CONCAT, &node));
    for (pw_tpl_node **tail = &node->list;;) {
        PW_TRY(add_link(parser, PW_TPL_N_ARG, part, &tail));
        PW_TRY(pw_tpl_take_op(parser, "~", &more));
        if (!more) break;
        PW_TRY(parse_arithmetic(parser, level + 1, &part));
    }
    *out = node;
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_arithmetic(pw_tpl_parser *parser, int level, pw_tpl_node **out)
{
    if (level == LEVELS) return pw_tpl_parse_unary(parser, true, out);
    PW_TRY(parse_arithmetic(parser, level + 1, out));
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (operators[i].level != level || !pw_tpl_at_op(parser, operators[i].text)) continue;
        if (operators[i].text[0] == '~') return parse_concat(parser, level, *out, out);
        pw_tpl_node *node;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_BINARY, &node));
        PW_TRY(pw_tpl_advance(parser));
        node->op = operators[i].op;
        node->a = *out;
        PW_TRY(parse_arithmetic(parser, level + 1, &node->b));
        PW_TRY(pw_tpl_node_close(parser, node));
        *out = node;
        i = SIZE_MAX; /* look again from the first operator */
    }
    return PEWTER_OK;
}

/* Takes a comparison's operator if one stands here. */
static pewter_status take_comparison(pw_tpl_parser *parser, uint8_t *op, bool *found)
{
    static const struct {
        const char *text;
        uint8_t op;
    } rows[] = {{"==", PW_TPL_EQ}, {"!=", PW_TPL_NE}, {"<", PW_TPL_LT},
                {"<=", PW_TPL_LE}, {">", PW_TPL_GT},  {">=", PW_TPL_GE}};

    *found = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!pw_tpl_at_op(parser, rows[i].text)) continue;
        *op = rows[i].op;
        return pw_tpl_advance(parser);
    }
    *op = PW_TPL_IN;
    if (pw_tpl_at_name(parser, "in")) return pw_tpl_advance(parser);
    *op = PW_TPL_NOT_IN;
    *found = pw_tpl_at_name(parser, "not") && pw_tpl_token_is(&parser->ahead, PW_TPL_T_NAME, "in");
    if (!*found) return PEWTER_OK;
    PW_TRY(pw_tpl_advance(parser));
    return pw_tpl_advance(parser);
}

static pewter_status parse_compare(pw_tpl_parser *parser, pw_tpl_node **out)
{
    PW_TRY(parse_arithmetic(parser, 0, out));
    pw_tpl_node *node = NULL, **tail = NULL;
    for (;;) {
        uint8_t op;
        bool found;
        PW_TRY(take_comparison(parser, &op, &found));
        if (!found) break;
        if (node == NULL) {
            PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_COMPARE, &node));
            node->a = *out;
            tail = &node->list;
        }
        pw_tpl_node *operand, **link = tail;
        PW_TRY(parse_arithmetic(parser, 0, &operand));
        PW_TRY(add_link(parser, PW_TPL_N_OPERAND, operand, &tail));
        (*link)->op = op;
    }
    if (node == NULL) return PEWTER_OK;
    *out = node;
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_not(pw_tpl_parser *parser, pw_tpl_node **out)
{
    if (!pw_tpl_at_name(parser, "not")) return parse_compare(parser, out);
    pw_tpl_node *node;
    PW_TRY(pw_tpl_enter(parser));
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_NOT, &node));
    PW_TRY(pw_tpl_advance(parser));
    PW_TRY(parse_not(parser, &node->a));
    *out = node;
    parser->depth--;
    return pw_tpl_node_close(parser, node);
}

/* a or b or c, and the same for and: one node with a list, which is left at the first that decides. */
static pewter_status parse_logic(pw_tpl_parser *parser, bool either, pw_tpl_node **out)
{
    const char *const word = either ? "or" : "and";
    pw_tpl_node *node = NULL, **tail = NULL, *part;
    bool more = true;
    while (more) {
        PW_TRY(either ? parse_logic(parser, false, &part) : parse_not(parser, &part));
        if (node == NULL && !pw_tpl_at_name(parser, word)) {
            *out = part;
            return PEWTER_OK;
        }
        if (node == NULL) {
            PW_TRY(pw_tpl_node_new(parser, either ? PW_TPL_N_OR : PW_TPL_N_AND, &node));
            tail = &node->list;
        }
        PW_TRY(add_link(parser, PW_TPL_N_ARG, part, &tail));
        PW_TRY(pw_tpl_take_name(parser, word, &more));
    }
    *out = node;
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_condition(pw_tpl_parser *parser, pw_tpl_node **out)
{
    PW_TRY(parse_logic(parser, true, out));
    for (;;) {
        bool more;
        PW_TRY(pw_tpl_take_name(parser, "if", &more));
        if (!more) return PEWTER_OK;
        pw_tpl_node *node;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_COND, &node));
        node->b = *out;
        PW_TRY(parse_logic(parser, true, &node->a));
        PW_TRY(pw_tpl_take_name(parser, "else", &more));
        if (more) PW_TRY(pw_tpl_parse_expression(parser, &node->c));
        PW_TRY(pw_tpl_node_close(parser, node));
        *out = node;
    }
}

pewter_status pw_tpl_parse_expression(pw_tpl_parser *parser, pw_tpl_node **out)
{
    PW_TRY(pw_tpl_enter(parser));
    PW_TRY(parse_condition(parser, out));
    parser->depth--;
    return PEWTER_OK;
}

/* ---- Tuples and targets ------------------------------------------------------------------- */

static pewter_status parse_part(pw_tpl_parser *parser, unsigned how, pw_tpl_node **out)
{
    PW_TRY(pw_tpl_enter(parser));
    if ((how & PW_TPL_SIMPLE) != 0)
        PW_TRY(pw_tpl_parse_primary(parser, how, out));
    else if ((how & PW_TPL_NO_COND) != 0)
        PW_TRY(parse_logic(parser, true, out));
    else
        PW_TRY(parse_condition(parser, out));
    parser->depth--;
    return PEWTER_OK;
}

pewter_status pw_tpl_parse_tuple(pw_tpl_parser *parser, unsigned how, const char *end,
                                 pw_tpl_node **out)
{
    pw_tpl_node *node, *part = NULL, **tail;
    bool comma = false;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_TUPLE, &node));
    tail = &node->list;
    for (;;) {
        const pw_tpl_token_kind kind = parser->now.kind;
        if (kind == PW_TPL_T_PRINT_END || kind == PW_TPL_T_BLOCK_END || pw_tpl_at_op(parser, ")") ||
            (end != NULL && pw_tpl_at_name(parser, end)))
            break;
        PW_TRY(parse_part(parser, how, &part));
        if (!comma && !pw_tpl_at_op(parser, ",")) {
            *out = part;
            return PEWTER_OK;
        }
        comma = true;
        PW_TRY(add_link(parser, PW_TPL_N_ARG, part, &tail));
        bool more;
        PW_TRY(pw_tpl_take_op(parser, ",", &more));
        if (!more) break;
    }
    if (node->list == NULL && (how & PW_TPL_EMPTY) == 0)
        return pw_tpl_unexpected(parser, "an expression");
    *out = node;
    return pw_tpl_node_close(parser, node);
}

/* May it stand on the left of "="? Nested tuples are checked too. */
static bool assignable(const pw_tpl_node *node)
{
    if (node->kind == PW_TPL_N_NAME || node->kind == PW_TPL_N_SPACE_REF) return true;
    if (node->kind != PW_TPL_N_TUPLE) return false;
    for (const pw_tpl_node *link = node->list; link != NULL; link = link->next)
        if (!assignable(link->a)) return false;
    return true;
}

pewter_status pw_tpl_parse_target(pw_tpl_parser *parser, unsigned how, const char *end,
                                  pw_tpl_node **out)
{
    PW_TRY(pw_tpl_parse_tuple(parser, how | PW_TPL_SIMPLE, end, out));
    if (!assignable(*out)) return pw_tpl_parse_fail(parser, "this cannot be assigned to");
    return PEWTER_OK;
}
