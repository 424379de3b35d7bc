/* The tight part of expressions: literals, names, attributes, subscripts, calls, filters, tests. */
#include "pw/status.h"
#include "runtime/text/template_ast.h"

/* ---- Primary ------------------------------------------------------------------------------ */

/* Strings that follow each other are one. */
static pewter_status parse_string(pw_tpl_parser *parser, pw_tpl_node *node)
{
    const char *text = parser->now.text;
    size_t bytes = parser->now.bytes, cap = 0;
    char *both = NULL;
    PW_TRY(pw_tpl_advance(parser));
    while (parser->now.kind == PW_TPL_T_STRING) {
        const size_t more = parser->now.bytes;
        if (both == NULL || cap < bytes + more) {
            cap = 2 * (bytes + more) + 1;
            both = pw_tpl_pool_take(parser->pool, cap, 1);
            if (both == NULL)
                return pw_fail(parser->err, PEWTER_E_MEMORY,
                               "chat template: no memory to parse it");
            memcpy(both, text, bytes);
            text = both;
        }
        memcpy(both + bytes, parser->now.text, more);
        bytes += more;
        PW_TRY(pw_tpl_advance(parser));
    }
    return pw_tpl_node_text(parser, text, bytes, node);
}

static pewter_status parse_name(pw_tpl_parser *parser, unsigned how, pw_tpl_node *node)
{
    static const struct {
        const char *name;
        pw_tpl_value value;
    } constants[] = {
        {"true", {.kind = PW_TPL_BOOL, .as.b = true}},
        {"True", {.kind = PW_TPL_BOOL, .as.b = true}},
        {"false", {.kind = PW_TPL_BOOL}},
        {"False", {.kind = PW_TPL_BOOL}},
        {"none", {.kind = PW_TPL_NONE}},
        {"None", {.kind = PW_TPL_NONE}},
    };
    static const char *const specials[] = {"caller", "varargs", "kwargs"};

    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (!pw_tpl_at_name(parser, constants[i].name)) continue;
        node->value = constants[i].value;
        return pw_tpl_advance(parser);
    }
    for (unsigned i = 0; i < sizeof specials / sizeof specials[0]; i++)
        if (pw_tpl_at_name(parser, specials[i])) parser->uses |= (uint8_t)(1u << i);
    node->kind = PW_TPL_N_NAME;
    node->name = parser->now.text;
    node->name_bytes = parser->now.bytes;
    PW_TRY(pw_tpl_advance(parser));
    if ((how & PW_TPL_SPACES) == 0 || !pw_tpl_at_op(parser, ".")) return PEWTER_OK;

    PW_TRY(pw_tpl_advance(parser));
    if (parser->now.kind != PW_TPL_T_NAME) return pw_tpl_unexpected(parser, "a name");
    node->kind = PW_TPL_N_SPACE_REF;
    PW_TRY(pw_tpl_node_text(parser, parser->now.text, parser->now.bytes, node));
    return pw_tpl_advance(parser);
}

/* The items of a list or the pairs of a dictionary up to `end`; the opening bracket is passed. */
static pewter_status parse_items(pw_tpl_parser *parser, const char *end, pw_tpl_node *node)
{
    pw_tpl_node **tail = &node->list;
    for (bool first = true; !pw_tpl_at_op(parser, end); first = false) {
        if (!first) PW_TRY(pw_tpl_take_op(parser, ",", NULL));
        if (pw_tpl_at_op(parser, end)) break;
        PW_TRY(pw_tpl_node_new(parser, node->kind == PW_TPL_N_DICT ? PW_TPL_N_PAIR : PW_TPL_N_ARG,
                               tail));
        pw_tpl_node *item = *tail;
        tail = &item->next;
        PW_TRY(pw_tpl_parse_expression(parser, &item->a));
        if (node->kind == PW_TPL_N_DICT) {
            PW_TRY(pw_tpl_take_op(parser, ":", NULL));
            PW_TRY(pw_tpl_parse_expression(parser, &item->b));
        }
        PW_TRY(pw_tpl_node_close(parser, item));
    }
    PW_TRY(pw_tpl_advance(parser));
    return pw_tpl_node_close(parser, node);
}

pewter_status pw_tpl_parse_primary(pw_tpl_parser *parser, unsigned how, pw_tpl_node **out)
{
    pw_tpl_node *node;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_CONST, &node));
    *out = node;
    const pw_tpl_token *now = &parser->now;
    if (now->kind == PW_TPL_T_NAME) return parse_name(parser, how, node);
    if (now->kind == PW_TPL_T_STRING) return parse_string(parser, node);
    if (now->kind == PW_TPL_T_INT || now->kind == PW_TPL_T_FLOAT) {
        node->value = now->kind == PW_TPL_T_INT ? pw_tpl_int(now->i) : pw_tpl_float(now->f);
        return pw_tpl_advance(parser);
    }
    if (pw_tpl_at_op(parser, "(")) {
        PW_TRY(pw_tpl_advance(parser));
        PW_TRY(pw_tpl_parse_tuple(parser, PW_TPL_EMPTY, NULL, out));
        return pw_tpl_take_op(parser, ")", NULL);
    }
    const bool list = pw_tpl_at_op(parser, "[");
    if (!list && !pw_tpl_at_op(parser, "{")) return pw_tpl_unexpected(parser, "an expression");
    node->kind = list ? PW_TPL_N_LIST : PW_TPL_N_DICT;
    PW_TRY(pw_tpl_advance(parser));
    return parse_items(parser, list ? "]" : "}", node);
}

/* ---- Postfix: attributes, subscripts, calls, filters, tests ------------------------------- */

/* The arguments of a call; "(" stands here. */
static pewter_status parse_args(pw_tpl_parser *parser, pw_tpl_node **list)
{
    pw_tpl_node **tail = list;
    pw_tpl_node_kind last = PW_TPL_N_ARG;
    PW_TRY(pw_tpl_take_op(parser, "(", NULL));
    for (bool first = true; !pw_tpl_at_op(parser, ")"); first = false) {
        if (!first) PW_TRY(pw_tpl_take_op(parser, ",", NULL));
        if (!first && pw_tpl_at_op(parser, ")")) break;
        const bool named =
            parser->now.kind == PW_TPL_T_NAME && pw_tpl_token_is(&parser->ahead, PW_TPL_T_OP, "=");
        const pw_tpl_node_kind kind = pw_tpl_at_op(parser, "*")    ? PW_TPL_N_STAR
                                      : pw_tpl_at_op(parser, "**") ? PW_TPL_N_STARS
                                      : named                      ? PW_TPL_N_KWARG
                                                                   : PW_TPL_N_ARG;
        const bool again = kind == last && kind >= PW_TPL_N_STAR;
        if (again || (kind != PW_TPL_N_KWARG && kind < last) ||
            (kind == PW_TPL_N_KWARG && last == PW_TPL_N_STARS))
            return pw_tpl_parse_fail(parser, "arguments of a call out of order");
        last = kind == PW_TPL_N_KWARG && last == PW_TPL_N_STAR ? last : kind;

        PW_TRY(pw_tpl_node_new(parser, kind, tail));
        pw_tpl_node *arg = *tail;
        tail = &arg->next;
        arg->name = parser->now.text;
        arg->name_bytes = parser->now.bytes;
        if (kind != PW_TPL_N_ARG) PW_TRY(pw_tpl_advance(parser));
        if (named) PW_TRY(pw_tpl_advance(parser));
        PW_TRY(pw_tpl_parse_expression(parser, &arg->a));
        PW_TRY(pw_tpl_node_close(parser, arg));
    }
    return pw_tpl_take_op(parser, ")", NULL);
}

/* An index or a slice of `object`; "[" is passed. */
static pewter_status parse_subscript(pw_tpl_parser *parser, pw_tpl_node *object, pw_tpl_node **out)
{
    pw_tpl_node *node, *parts[3] = {NULL, NULL, NULL};
    size_t part = 0;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_ITEM, &node));
    while (!pw_tpl_at_op(parser, "]")) {
        if (pw_tpl_at_op(parser, ":") && part < 2) {
            part++;
            PW_TRY(pw_tpl_advance(parser));
        } else {
            if (parts[part] != NULL) return pw_tpl_unexpected(parser, "']'");
            PW_TRY(pw_tpl_parse_expression(parser, &parts[part]));
        }
    }
    if (part == 0 && parts[0] == NULL) return pw_tpl_unexpected(parser, "an index");
    node->kind = part > 0 ? PW_TPL_N_SLICE : PW_TPL_N_ITEM;
    node->a = object;
    node->b = parts[0];
    node->c = parts[1];
    node->other = parts[2];
    *out = node;
    PW_TRY(pw_tpl_advance(parser));
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_attribute(pw_tpl_parser *parser, pw_tpl_node *object, pw_tpl_node **out)
{
    pw_tpl_node *node;
    PW_TRY(pw_tpl_advance(parser));
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_ATTR, &node));
    node->a = object;
    if (parser->now.kind == PW_TPL_T_NAME) {
        PW_TRY(pw_tpl_node_text(parser, parser->now.text, parser->now.bytes, node));
        node->name = parser->now.text;
        node->name_bytes = parser->now.bytes;
    } else if (parser->now.kind == PW_TPL_T_INT) {
        node->kind = PW_TPL_N_ITEM;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_CONST, &node->b));
        node->b->value = pw_tpl_int(parser->now.i);
    } else {
        return pw_tpl_unexpected(parser, "a name or a number");
    }
    *out = node;
    PW_TRY(pw_tpl_advance(parser));
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_call(pw_tpl_parser *parser, pw_tpl_node *callee, pw_tpl_node **out)
{
    pw_tpl_node *node;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_CALL, &node));
    node->a = callee;
    PW_TRY(parse_args(parser, &node->list));
    *out = node;
    return pw_tpl_node_close(parser, node);
}

static pewter_status parse_postfix(pw_tpl_parser *parser, pw_tpl_node **node)
{
    for (;;) {
        if (pw_tpl_at_op(parser, ".")) {
            PW_TRY(parse_attribute(parser, *node, node));
        } else if (pw_tpl_at_op(parser, "[")) {
            PW_TRY(pw_tpl_advance(parser));
            PW_TRY(parse_subscript(parser, *node, node));
        } else if (pw_tpl_at_op(parser, "(")) {
            PW_TRY(parse_call(parser, *node, node));
        } else {
            return PEWTER_OK;
        }
    }
}

/* The name of a filter or test; dots belong to it. */
static pewter_status parse_callee(pw_tpl_parser *parser, pw_tpl_node *node)
{
    if (parser->now.kind != PW_TPL_T_NAME) return pw_tpl_unexpected(parser, "a name");
    node->name = parser->now.text;
    node->name_bytes = parser->now.bytes;
    return pw_tpl_advance(parser);
}

pewter_status pw_tpl_parse_filters(pw_tpl_parser *parser, pw_tpl_node *node, bool bare,
                                   pw_tpl_node **out)
{
    while (bare || pw_tpl_at_op(parser, "|")) {
        if (!bare) PW_TRY(pw_tpl_advance(parser));
        pw_tpl_node *filter;
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_FILTER, &filter));
        filter->a = node;
        PW_TRY(parse_callee(parser, filter));
        if (pw_tpl_at_op(parser, "(")) PW_TRY(parse_args(parser, &filter->list));
        PW_TRY(pw_tpl_node_close(parser, filter));
        node = filter;
        bare = false;
    }
    *out = node;
    return PEWTER_OK;
}

/* Does a test's argument without parentheses begin here? */
static bool at_argument(const pw_tpl_parser *parser)
{
    const pw_tpl_token_kind kind = parser->now.kind;
    if (kind == PW_TPL_T_NAME)
        return !pw_tpl_at_name(parser, "else") && !pw_tpl_at_name(parser, "or") &&
               !pw_tpl_at_name(parser, "and");
    return kind == PW_TPL_T_STRING || kind == PW_TPL_T_INT || kind == PW_TPL_T_FLOAT ||
           pw_tpl_at_op(parser, "[") || pw_tpl_at_op(parser, "{");
}

/* `value` is name, is not name, with "is" standing here. */
static pewter_status parse_test(pw_tpl_parser *parser, pw_tpl_node *value, pw_tpl_node **out)
{
    bool negated;
    pw_tpl_node *node;
    PW_TRY(pw_tpl_advance(parser));
    PW_TRY(pw_tpl_take_name(parser, "not", &negated));
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_TEST, &node));
    node->a = value;
    PW_TRY(parse_callee(parser, node));
    if (pw_tpl_at_op(parser, "(")) {
        PW_TRY(parse_args(parser, &node->list));
    } else if (at_argument(parser)) {
        if (pw_tpl_at_name(parser, "is")) return pw_tpl_unexpected(parser, "an end of the test");
        PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_ARG, &node->list));
        PW_TRY(pw_tpl_parse_primary(parser, 0, &node->list->a));
        PW_TRY(parse_postfix(parser, &node->list->a));
        PW_TRY(pw_tpl_node_close(parser, node->list));
    }
    PW_TRY(pw_tpl_node_close(parser, node));
    *out = node;
    if (!negated) return PEWTER_OK;
    PW_TRY(pw_tpl_node_new(parser, PW_TPL_N_NOT, out));
    (*out)->a = node;
    return pw_tpl_node_close(parser, *out);
}

pewter_status pw_tpl_parse_unary(pw_tpl_parser *parser, bool filters, pw_tpl_node **out)
{
    const bool minus = pw_tpl_at_op(parser, "-");
    if (minus || pw_tpl_at_op(parser, "+")) {
        pw_tpl_node *node;
        PW_TRY(pw_tpl_enter(parser));
        PW_TRY(pw_tpl_node_new(parser, minus ? PW_TPL_N_NEG : PW_TPL_N_POS, &node));
        PW_TRY(pw_tpl_advance(parser));
        PW_TRY(pw_tpl_parse_unary(parser, false, &node->a));
        PW_TRY(pw_tpl_node_close(parser, node));
        *out = node;
        parser->depth--;
    } else {
        PW_TRY(pw_tpl_parse_primary(parser, 0, out));
    }
    PW_TRY(parse_postfix(parser, out));
    while (filters) {
        if (pw_tpl_at_op(parser, "|"))
            PW_TRY(pw_tpl_parse_filters(parser, *out, false, out));
        else if (pw_tpl_at_name(parser, "is"))
            PW_TRY(parse_test(parser, *out, out));
        else if (pw_tpl_at_op(parser, "("))
            PW_TRY(parse_call(parser, *out, out));
        else
            break;
    }
    return PEWTER_OK;
}
