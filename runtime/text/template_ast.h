/* What a template is parsed into, and the lexer that the parser reads from. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_AST_H
#define PW_RUNTIME_TEXT_TEMPLATE_AST_H

#include "runtime/text/template.h"
#include "runtime/text/template_value.h"

/* Nesting of statements, brackets and the like, and the height of a tree; both bound recursion. */
enum { PW_TPL_NESTING = 64, PW_TPL_HEIGHT = 160 };

typedef enum pw_tpl_op {
    PW_TPL_ADD,
    PW_TPL_SUB,
    PW_TPL_MUL,
    PW_TPL_DIV,
    PW_TPL_FLOORDIV,
    PW_TPL_MOD,
    PW_TPL_POW,
    PW_TPL_EQ,
    PW_TPL_NE,
    PW_TPL_LT,
    PW_TPL_LE,
    PW_TPL_GT,
    PW_TPL_GE,
    PW_TPL_IN,
    PW_TPL_NOT_IN
} pw_tpl_op;

/* Expressions, then statements. What a node holds: a, b, c (its children), list (a chain of children
 * by `next`), name, value, op, flag. A chain's links are nodes themselves. */
typedef enum pw_tpl_node_kind {
    /* value */
    PW_TPL_N_CONST,
    /* name */
    PW_TPL_N_NAME,
    /* list */
    PW_TPL_N_TUPLE,
    PW_TPL_N_LIST,
    /* list of PAIR (a: key, b: value) */
    PW_TPL_N_DICT,
    PW_TPL_N_PAIR,
    /* list, joined as text */
    PW_TPL_N_CONCAT,
    /* a op b */
    PW_TPL_N_BINARY,
    /* -a, +a, not a */
    PW_TPL_N_NEG,
    PW_TPL_N_POS,
    PW_TPL_N_NOT,
    /* list */
    PW_TPL_N_AND,
    PW_TPL_N_OR,
    /* a, then a list of OPERAND (op, a) */
    PW_TPL_N_COMPARE,
    PW_TPL_N_OPERAND,
    /* b if a else c; c may be NULL */
    PW_TPL_N_COND,
    /* a.name */
    PW_TPL_N_ATTR,
    /* a[b] */
    PW_TPL_N_ITEM,
    /* a[b:c:other], each of which may be NULL */
    PW_TPL_N_SLICE,
    /* a(list), where links are ARG (a), KWARG (name, a), STAR (a), STARS (a) */
    PW_TPL_N_CALL,
    PW_TPL_N_ARG,
    PW_TPL_N_KWARG,
    PW_TPL_N_STAR,
    PW_TPL_N_STARS,
    /* a | name(list); a is NULL at the start of a filter block. a is name(list) */
    PW_TPL_N_FILTER,
    PW_TPL_N_TEST,
    /* name.value, in targets of set only */
    PW_TPL_N_SPACE_REF,

    /* value: text of the template */
    PW_TPL_N_DATA,
    /* prints a */
    PW_TPL_N_PRINT,
    /* list of BRANCH (a: test, NULL in the last for else; other: statements) */
    PW_TPL_N_IF,
    PW_TPL_N_BRANCH,
    /* list */
    PW_TPL_N_BODY,
    /* for a in b if c: list, else `other`; flag: recursive */
    PW_TPL_N_FOR,
    /* a = b */
    PW_TPL_N_SET,
    /* a = list through the filters b, which may be NULL */
    PW_TPL_N_SET_BLOCK,
    /* macro name(a: chain of PARAM): list; flag bits below */
    PW_TPL_N_MACRO,
    /* a parameter: name, a its default or NULL */
    PW_TPL_N_PARAM,
    /* calls b with a caller (c: a MACRO without name) */
    PW_TPL_N_CALL_BLOCK,
    /* list through the filters a */
    PW_TPL_N_FILTER_BLOCK,
    /* list of statements `other` under a chain a of PAIR (a: target, b: value) */
    PW_TPL_N_WITH,
    /* list in a scope of its own; flag: one that sees only the top */
    PW_TPL_N_SCOPE,
    PW_TPL_N_BREAK,
    PW_TPL_N_CONTINUE,
    /* fails with name when it is reached */
    PW_TPL_N_REFUSE,
    PW_TPL_N_KINDS
} pw_tpl_node_kind;

/* Special names that a macro's body speaks of. */
enum { PW_TPL_USES_CALLER = 1, PW_TPL_USES_ARGS = 2, PW_TPL_USES_KWARGS = 4 };

typedef struct pw_tpl_node {
    uint8_t kind, op, flag;
    uint16_t height;
    uint32_t line;
    const char *name; /* not NUL-terminated */
    size_t name_bytes;
    struct pw_tpl_node *a, *b, *c, *list, *other, *next;
    pw_tpl_value value;
} pw_tpl_node;

struct pw_template {
    pw_tpl_pool pool;
    const pewter_allocator *alloc;
    const pw_tpl_node *body; /* a BODY */
};

/* ---- Lexer -------------------------------------------------------------------------------- */

typedef enum pw_tpl_token_kind {
    PW_TPL_T_END,
    PW_TPL_T_DATA,
    PW_TPL_T_PRINT_BEGIN,
    PW_TPL_T_PRINT_END,
    PW_TPL_T_BLOCK_BEGIN,
    PW_TPL_T_BLOCK_END,
    PW_TPL_T_NAME,
    PW_TPL_T_STRING,
    PW_TPL_T_INT,
    PW_TPL_T_FLOAT,
    PW_TPL_T_OP /* text holds it: "+", "//", "==", ... */
} pw_tpl_token_kind;

typedef struct pw_tpl_token {
    pw_tpl_token_kind kind;
    uint32_t line;
    const char *text; /* DATA, NAME and OP: as it stands; STRING: without quotes and escapes */
    size_t bytes;
    int64_t i;
    double f;
} pw_tpl_token;

typedef struct pw_tpl_lexer {
    const char *text; /* newlines are \n, one at the end is gone */
    size_t bytes, at;
    uint32_t line;
    pw_tpl_pool *pool;
    pewter_error *err;
    enum { PW_TPL_IN_TEXT, PW_TPL_IN_PRINT, PW_TPL_IN_BLOCK } state;
    pw_tpl_token_kind pending; /* the tag that begins behind the text just given; END: none */
    bool line_start;           /* the last thing taken ended in a newline, or is the beginning */
    size_t depth;              /* of open brackets */
    char brackets[PW_TPL_NESTING];
} pw_tpl_lexer;

/* Takes a copy of the text with its newlines made alike. */
PW_MUST pewter_status pw_tpl_lexer_open(pw_tpl_lexer *lexer, const char *text, size_t bytes,
                                        pw_tpl_pool *pool, pewter_error *err);
PW_MUST pewter_status pw_tpl_lexer_next(pw_tpl_lexer *lexer, pw_tpl_token *out);

/* ---- Parser ------------------------------------------------------------------------------- */

typedef struct pw_tpl_parser {
    pw_tpl_lexer lexer;
    pw_tpl_token now, ahead;
    pewter_error *err;
    pw_tpl_pool *pool;
    uint32_t depth;
    uint32_t loops; /* around the statement, so that break and continue have one */
    uint8_t uses;   /* the special names seen since the macro began */
} pw_tpl_parser;

PW_MUST PW_PRINTF(2, 3) pewter_status
    pw_tpl_parse_fail(pw_tpl_parser *parser, const char *format, ...);
PW_MUST pewter_status pw_tpl_advance(pw_tpl_parser *parser);
/* "expected ..., found ..." */
PW_MUST pewter_status pw_tpl_unexpected(pw_tpl_parser *parser, const char *wanted);
bool pw_tpl_token_is(const pw_tpl_token *token, pw_tpl_token_kind kind, const char *text);
bool pw_tpl_at_op(const pw_tpl_parser *parser, const char *op);
bool pw_tpl_at_name(const pw_tpl_parser *parser, const char *name);
/* Takes the operator (or the name) if it stands here; *taken may be NULL: then it must. */
PW_MUST pewter_status pw_tpl_take_op(pw_tpl_parser *parser, const char *op, bool *taken);
PW_MUST pewter_status pw_tpl_take_name(pw_tpl_parser *parser, const char *name, bool *taken);
PW_MUST pewter_status pw_tpl_node_new(pw_tpl_parser *parser, pw_tpl_node_kind kind,
                                      pw_tpl_node **out);
/* Makes the node's value a string of `bytes` bytes, which stay where they are. */
PW_MUST pewter_status pw_tpl_node_text(pw_tpl_parser *parser, const char *text, size_t bytes,
                                       pw_tpl_node *node);
/* To be called once a node's children are in place: its height over theirs. */
PW_MUST pewter_status pw_tpl_node_close(pw_tpl_parser *parser, pw_tpl_node *node);
/* Counts nesting; each enter that succeeds is undone by parser->depth--. */
PW_MUST pewter_status pw_tpl_enter(pw_tpl_parser *parser);

/* What an expression may be. */
enum { PW_TPL_NO_COND = 1, PW_TPL_SIMPLE = 2, PW_TPL_SPACES = 4, PW_TPL_EMPTY = 8 };

/* A literal, a name, or what stands in brackets. */
PW_MUST pewter_status pw_tpl_parse_primary(pw_tpl_parser *parser, unsigned how, pw_tpl_node **out);
/* With its sign before it and all that is bound to it behind it; `filters`: filters and tests too. */
PW_MUST pewter_status pw_tpl_parse_unary(pw_tpl_parser *parser, bool filters, pw_tpl_node **out);
PW_MUST pewter_status pw_tpl_parse_expression(pw_tpl_parser *parser, pw_tpl_node **out);
/* One expression, or a tuple of several; `how` is a set of the bits above, `end` a name that ends it
 * or NULL. */
PW_MUST pewter_status pw_tpl_parse_tuple(pw_tpl_parser *parser, unsigned how, const char *end,
                                         pw_tpl_node **out);
/* The target of an assignment. */
PW_MUST pewter_status pw_tpl_parse_target(pw_tpl_parser *parser, unsigned how, const char *end,
                                          pw_tpl_node **out);
/* A chain of filters on `node`, which may be NULL; `bare`: the first one has no bar before it. */
PW_MUST pewter_status pw_tpl_parse_filters(pw_tpl_parser *parser, pw_tpl_node *node, bool bare,
                                           pw_tpl_node **out);
/* The whole template. */
PW_MUST pewter_status pw_tpl_parse_body(pw_tpl_parser *parser, pw_tpl_node **out);

#endif
