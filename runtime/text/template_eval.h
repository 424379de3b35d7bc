/* The interpreter: operators, expressions, statements, calls, and the tables of what can be called. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_EVAL_H
#define PW_RUNTIME_TEXT_TEMPLATE_EVAL_H

#include "runtime/text/template_ast.h"
#include "runtime/text/template_value.h"

/* ---- Operators ---------------------------------------------------------------------------- */

/* Arithmetic; 64-bit integers that overflow fail. */
PW_MUST pewter_status pw_tpl_binary(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *a,
                                    const pw_tpl_value *b, pw_tpl_value *out);
/* EQ to NOT_IN. */
PW_MUST pewter_status pw_tpl_compare(pw_tpl_vm *vm, pw_tpl_op op, const pw_tpl_value *a,
                                     const pw_tpl_value *b, bool *out);
PW_MUST pewter_status pw_tpl_equal(pw_tpl_vm *vm, const pw_tpl_value *a, const pw_tpl_value *b,
                                   bool *out);
/* A bool, int or float; false for anything else. *whole: it is an integer, and in *i. */
bool pw_tpl_number(const pw_tpl_value *value, bool *whole, int64_t *i, double *f);
/* printf-style: `format` % `args`. */
PW_MUST pewter_status pw_tpl_percent(pw_tpl_vm *vm, const pw_tpl_string *format,
                                     const pw_tpl_value *args, pw_tpl_value *out);
/* `string` with & < > ' " as entities, and marked safe. */
PW_MUST pewter_status pw_tpl_escape(pw_tpl_vm *vm, const pw_tpl_string *string, pw_tpl_value *out);

/* object.name and object[key]: undefined where there is none, a failure on what is undefined. */
PW_MUST pewter_status pw_tpl_attribute(pw_tpl_vm *vm, const pw_tpl_value *object,
                                       const pw_tpl_string *name, pw_tpl_value *out);
PW_MUST pewter_status pw_tpl_item(pw_tpl_vm *vm, const pw_tpl_value *object,
                                  const pw_tpl_value *key, pw_tpl_value *out);
/* object[from:to:step]; each may be NULL or none. */
PW_MUST pewter_status pw_tpl_slice(pw_tpl_vm *vm, const pw_tpl_value *object,
                                   const pw_tpl_value *from, const pw_tpl_value *to,
                                   const pw_tpl_value *step, pw_tpl_value *out);

/* ---- Calls -------------------------------------------------------------------------------- */

typedef struct pw_tpl_args {
    pw_tpl_value *at; /* by position */
    size_t count;
    pw_tpl_value *names, *named; /* strings, and what they are given */
    size_t n_named;
} pw_tpl_args;

/* Something that can be called: a filter, a test, a function or a method, on `self`. With `params`,
 * args->at has one place for each of them, MISSING where none was given, and nothing is named. */
typedef pewter_status pw_tpl_builtin_fn(pw_tpl_vm *vm, const pw_tpl_value *self,
                                        const pw_tpl_args *args, pw_tpl_value *out);

typedef struct pw_tpl_builtin {
    const char *name; /* NULL ends a table */
    pw_tpl_builtin_fn *call;
    const char *params; /* names with a space between them; NULL: takes what comes */
    size_t least;       /* of them that must be given */
} pw_tpl_builtin;

typedef struct pw_tpl_bound {
    const pw_tpl_builtin *builtin;
    pw_tpl_value self;
} pw_tpl_bound;

extern const pw_tpl_builtin pw_tpl_text_filters[], pw_tpl_seq_filters[], pw_tpl_other_filters[],
    pw_tpl_pick_filters[];
extern const pw_tpl_builtin pw_tpl_tests[];
extern const pw_tpl_builtin pw_tpl_string_methods[], pw_tpl_string_checks[], pw_tpl_dict_methods[],
    pw_tpl_seq_methods[], pw_tpl_cycler_methods[], pw_tpl_loop_methods[];
extern const pw_tpl_builtin pw_tpl_functions[];

/* NULL where the table has no such name. */
const pw_tpl_builtin *pw_tpl_find(const pw_tpl_builtin *table, const char *name, size_t bytes);
const pw_tpl_builtin *pw_tpl_find_filter(const char *name, size_t bytes);
/* Puts the arguments into their places and calls. */
PW_MUST pewter_status pw_tpl_apply(pw_tpl_vm *vm, const pw_tpl_builtin *builtin,
                                   const pw_tpl_value *self, const pw_tpl_args *args,
                                   pw_tpl_value *out);
/* A filter or a test by its name. */
PW_MUST pewter_status pw_tpl_filter(pw_tpl_vm *vm, const char *name, size_t bytes,
                                    const pw_tpl_value *self, const pw_tpl_args *args,
                                    pw_tpl_value *out);
PW_MUST pewter_status pw_tpl_test(pw_tpl_vm *vm, const char *name, size_t bytes,
                                  const pw_tpl_value *self, const pw_tpl_args *args, bool *out);
PW_MUST pewter_status pw_tpl_call(pw_tpl_vm *vm, const pw_tpl_value *callee,
                                  const pw_tpl_args *args, pw_tpl_value *out);
/* A builtin bound to `self`, as a value. */
PW_MUST pewter_status pw_tpl_bind(pw_tpl_vm *vm, const pw_tpl_builtin *builtin,
                                  const pw_tpl_value *self, pw_tpl_value *out);

/* Arguments of builtins: what was given, or the default where it is MISSING. */
PW_MUST pewter_status pw_tpl_arg_int(pw_tpl_vm *vm, const pw_tpl_value *arg, int64_t missing,
                                     int64_t *out);
/* str() of it; `missing` may be NULL. */
PW_MUST pewter_status pw_tpl_arg_text(pw_tpl_vm *vm, const pw_tpl_value *arg,
                                      const pw_tpl_string *missing, const pw_tpl_string **out);
/* A string, or NULL for MISSING and none; anything else fails. */
PW_MUST pewter_status pw_tpl_arg_string(pw_tpl_vm *vm, const pw_tpl_value *arg,
                                        const pw_tpl_string **out);
bool pw_tpl_arg_bool(const pw_tpl_value *arg, bool missing);

/* ---- Expressions and statements ----------------------------------------------------------- */

typedef struct pw_tpl_name {
    const char *text;
    size_t bytes;
    pw_tpl_value value;
} pw_tpl_name;

/* Names of one level; looked up outwards. */
typedef struct pw_tpl_scope {
    struct pw_tpl_scope *parent;
    pw_tpl_name *names;
    size_t count, cap;
    bool kept; /* a macro holds on to it: a loop may not use it again */
} pw_tpl_scope;

typedef struct pw_tpl_macro {
    const pw_tpl_node *node; /* a MACRO */
    pw_tpl_scope *scope;     /* where it was made */
} pw_tpl_macro;

typedef struct pw_tpl_loop {
    const pw_tpl_node *node; /* a FOR */
    pw_tpl_scope *scope;     /* around the loop */
    pw_tpl_value *items;
    size_t count, at; /* items, those taken */
    bool tested;      /* the loop's condition still has to be asked for the items left */
    size_t length;    /* SIZE_MAX: not known yet */
    size_t index;     /* from 1 */
    size_t level;     /* of recursion, from 0 */
    pw_tpl_value before, current, after, changed; /* MISSING where there is none */
} pw_tpl_loop;

PW_MUST pewter_status pw_tpl_scope_new(pw_tpl_vm *vm, pw_tpl_scope *parent, pw_tpl_scope **out);
PW_MUST pewter_status pw_tpl_scope_set(pw_tpl_vm *vm, pw_tpl_scope *scope, const char *text,
                                       size_t bytes, const pw_tpl_value *value);
PW_MUST pewter_status pw_tpl_eval(pw_tpl_vm *vm, const pw_tpl_node *node, pw_tpl_value *out);
PW_MUST pewter_status pw_tpl_eval_args(pw_tpl_vm *vm, const pw_tpl_node *list, pw_tpl_args *out);
/* Statements in order, until one breaks or continues. */
PW_MUST pewter_status pw_tpl_exec(pw_tpl_vm *vm, const pw_tpl_node *list);
PW_MUST pewter_status pw_tpl_assign(pw_tpl_vm *vm, const pw_tpl_node *target,
                                    const pw_tpl_value *value);
/* The text that statements write, as a string. */
PW_MUST pewter_status pw_tpl_capture(pw_tpl_vm *vm, const pw_tpl_node *list, pw_tpl_value *out);
PW_MUST pewter_status pw_tpl_call_macro(pw_tpl_vm *vm, const pw_tpl_macro *macro,
                                        const pw_tpl_args *args, pw_tpl_value *out);
/* A recursive loop over other items, as a string. */
PW_MUST pewter_status pw_tpl_call_loop(pw_tpl_vm *vm, const pw_tpl_loop *loop,
                                       const pw_tpl_args *args, pw_tpl_value *out);
/* loop.name, if there is one. */
PW_MUST pewter_status pw_tpl_loop_attribute(pw_tpl_vm *vm, pw_tpl_loop *loop,
                                            const pw_tpl_string *name, pw_tpl_value *out,
                                            bool *found);

#endif
