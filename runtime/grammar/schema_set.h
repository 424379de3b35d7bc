/* What the files of the schema compiler share. */
#ifndef PW_RUNTIME_GRAMMAR_SCHEMA_SET_H
#define PW_RUNTIME_GRAMMAR_SCHEMA_SET_H

#include "runtime/grammar/nfa.h"
#include "runtime/grammar/schema.h"

enum { PW_SET_MEMBERS = 64, PW_SETS = 8192 };

/* What of a schema is seen to already, so that the rest of it is meant. */
enum { PW_DONE_ANY = 1, PW_DONE_ONE = 2, PW_DONE_ENUM = 4 };

/* Schemas that must hold together, in the order in which they were met. */
typedef struct pw_set_member {
    const json_t *schema;
    int32_t done;
} pw_set_member;

typedef struct pw_schema_set {
    pw_set_member members[PW_SET_MEMBERS];
    int32_t n;
    bool none; /* nothing is valid */
} pw_schema_set;

typedef struct pw_schema_rule {
    pw_schema_set *set;
    int32_t rule;
} pw_schema_rule;

/* A compilation: sets get a rule when they are first asked for, and their bodies one after the other. */
typedef struct pw_schema {
    const json_t *root;
    pw_rules *g;
    pw_arena *arena;
    pw_schema_rule *rules; /* [PW_SETS] */
    int32_t *slots;        /* [2 PW_SETS]: by sets; -1: free */
    int32_t n_rules, n_done;
    int32_t letter; /* rule of one character of a string; -1: not made */
    int64_t work;   /* steps left for patterns and enums */
    int32_t nested; /* compilations within each other: values of an enum are tried */
    pewter_error *err;
} pw_schema;

/* Sorts out $ref and allOf. */
PW_MUST pewter_status pw_schema_add(pw_schema *s, pw_schema_set *set, const json_t *schema);
PW_MUST pewter_status pw_schema_add_member(pw_schema *s, pw_schema_set *set, const json_t *schema,
                                           int32_t done);

/* The rule of a set, which pw_schema_add has filled. */
PW_MUST pewter_status pw_schema_rule_of(pw_schema *s, const pw_schema_set *set, int32_t *rule);

/* Compiles a set with rules of its own and tells which of the JSON texts fit it. */
PW_MUST pewter_status pw_schema_try(pw_schema *s, const pw_schema_set *set,
                                    const char *const *texts, size_t n, bool *fit);

typedef enum pw_json_type {
    PW_TYPE_NULL = 1,
    PW_TYPE_BOOL = 2,
    PW_TYPE_NUMBER = 4,
    PW_TYPE_STRING = 8,
    PW_TYPE_ARRAY = 16,
    PW_TYPE_OBJECT = 32,
    PW_TYPE_ALL = 63
} pw_json_type;

/* What the members of a set say together of numbers, lengths and so on. */
typedef struct pw_facts {
    int32_t types;
    bool integer;          /* a number must be whole */
    const json_t *choices; /* of the first member with enum or const: an array, or the one value */
    bool is_const;
    int32_t chooser;            /* that member */
    const json_t *least, *most; /* bounds of numbers; NULL: none */
    bool above, below;          /* the bounds themselves are out */
    int32_t shortest, longest;  /* strings */
    int32_t fewest_items, most_items, fewest_members, most_members;
    bool has_text; /* patterns or formats are to be kept */
} pw_facts;

PW_MUST pewter_status pw_schema_facts(pw_schema *s, const pw_schema_set *set, pw_facts *out);

/* Whether no value can be valid under two schemas of a list, as far as types, constants and required properties
 * with constants tell. */
PW_MUST pewter_status pw_schema_disjoint(pw_schema *s, const json_t *list, bool *apart);

/* Bodies: from one node to another. */
PW_MUST pewter_status pw_schema_value(pw_schema *s, const pw_schema_set *set, const pw_facts *facts,
                                      int32_t from, int32_t to);
PW_MUST pewter_status pw_schema_object(pw_schema *s, const pw_schema_set *set,
                                       const pw_facts *facts, int32_t from, int32_t to);
PW_MUST pewter_status pw_schema_string(pw_schema *s, const pw_schema_set *set,
                                       const pw_facts *facts, int32_t from, int32_t to);
PW_MUST pewter_status pw_schema_number(pw_schema *s, const pw_facts *facts, int32_t from,
                                       int32_t to);

/* A string that is none of `names`, as a rule. */
PW_MUST pewter_status pw_schema_other_name(pw_schema *s, const char *const *names, size_t n,
                                           int32_t from, int32_t to);

/* The pattern that a format stands for; "": any text will do; NULL: the format is not known. */
const char *pw_schema_format(const char *name);

#endif
