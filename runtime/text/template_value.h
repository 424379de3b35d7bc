/* Values of the template language, and the machine that they live in. All of them come from one pool
 * and are freed together; none changes once made, but for namespaces, loops and used-up iterators. */
#ifndef PW_RUNTIME_TEXT_TEMPLATE_VALUE_H
#define PW_RUNTIME_TEXT_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "pewter.h"
#include "pw/arena.h"
#include "pw/attr.h"

struct tm;

/* ---- Memory ------------------------------------------------------------------------------- */

/* An arena over a limited allocator, cut finer than the arena's 64 bytes. */
typedef struct pw_tpl_pool {
    pw_arena arena;
    pewter_allocator limited; /* its context is this pool, which must not move */
    const pewter_allocator *base;
    size_t used, cap;
    char *at, *end;
} pw_tpl_pool;

void pw_tpl_pool_open(pw_tpl_pool *pool, const pewter_allocator *base, size_t cap);
void pw_tpl_pool_close(pw_tpl_pool *pool);
/* Zeroed bytes, aligned to 16; NULL where the allocator or the cap refuses. */
void *pw_tpl_pool_take(pw_tpl_pool *pool, size_t count, size_t size);

/* ---- Values ------------------------------------------------------------------------------- */

typedef enum pw_tpl_kind {
    PW_TPL_MISSING, /* an argument that was not given; never seen by a template */
    PW_TPL_UNDEFINED,
    PW_TPL_NONE,
    PW_TPL_BOOL,
    PW_TPL_INT,
    PW_TPL_FLOAT,
    PW_TPL_STRING,
    PW_TPL_SEQ,
    PW_TPL_DICT,
    PW_TPL_SPACE, /* namespace() */
    PW_TPL_MACRO,
    PW_TPL_LOOP,
    PW_TPL_FUNCTION, /* a global function, or a method bound to its object */
    PW_TPL_CYCLER,
    PW_TPL_JOINER
} pw_tpl_kind;

/* A growing text with the origin of each byte. */
typedef struct pw_tpl_buffer {
    char *text;
    uint8_t *marks; /* one a byte, 1: the user's; NULL while all bytes are alike */
    size_t bytes, cap;
    size_t limit; /* bytes that it may grow to; 0: only memory limits it */
    bool user;    /* of all bytes, while marks is NULL */
} pw_tpl_buffer;

typedef struct pw_tpl_string {
    const char *text;     /* no NUL behind it */
    size_t bytes, chars;  /* chars: code points; a byte that is not UTF-8 counts as one */
    const uint8_t *marks; /* as in the buffer */
    pw_tpl_buffer *home;  /* the buffer whose beginning this is, so that `+` may append; or NULL */
    bool user;
    bool safe; /* Markup: escaped text */
} pw_tpl_string;

typedef struct pw_tpl_value {
    pw_tpl_kind kind;
    bool user; /* made from the user's input: its text is the user's (strings mark each byte) */
    union {
        const char *why; /* UNDEFINED: what is undefined, in words */
        bool b;
        int64_t i;
        double f;
        const pw_tpl_string *string;
        struct pw_tpl_seq *seq;
        const struct pw_tpl_dict *dict;
        struct pw_tpl_space *space;
        const struct pw_tpl_macro *macro;
        struct pw_tpl_loop *loop;
        const struct pw_tpl_bound *bound;
        struct pw_tpl_cycler *cycler;
    } as;
} pw_tpl_value;

typedef enum pw_tpl_flavour {
    PW_TPL_LIST,
    PW_TPL_TUPLE,
    PW_TPL_GROUP, /* a tuple with the attributes grouper and list */
    PW_TPL_RANGE,
    PW_TPL_ITERATOR, /* has no length and is used up by reading */
    PW_TPL_KEYS,
    PW_TPL_VALUES,
    PW_TPL_ITEMS
} pw_tpl_flavour;

typedef struct pw_tpl_seq {
    pw_tpl_flavour flavour;
    pw_tpl_value *items;
    size_t count;
    size_t read; /* ITERATOR: items already taken */
} pw_tpl_seq;

typedef struct pw_tpl_dict {
    pw_tpl_value *keys, *values; /* in order of insertion */
    size_t count;
    uint32_t *sorted; /* numbers of the string keys by their bytes; NULL where there are few keys */
    size_t n_sorted;
} pw_tpl_dict;

typedef struct pw_tpl_space {
    pw_tpl_value *names, *values;
    size_t count, cap;
} pw_tpl_space;

/* cycler: `items` and the next one's number. joiner: one item, `at` is 0 before the first use. */
typedef struct pw_tpl_cycler {
    pw_tpl_value *items;
    size_t count, at;
} pw_tpl_cycler;

/* ---- The machine -------------------------------------------------------------------------- */

typedef enum pw_tpl_flow { PW_TPL_NEXT, PW_TPL_BREAK, PW_TPL_CONTINUE } pw_tpl_flow;

/* The state of one rendering. */
typedef struct pw_tpl_vm {
    pw_tpl_pool pool;
    pewter_error *err;
    uint64_t steps; /* left */
    uint32_t depth; /* of evaluation */
    uint32_t calls; /* macros and loops within each other */
    uint32_t line;  /* of the template, for messages */
    pw_tpl_flow flow;
    pw_tpl_value piped; /* what a filter block gives its first filter */
    pw_tpl_buffer *out; /* where output goes now */
    struct pw_tpl_scope *scope, *globals, *top;
    const struct tm *now;
    const pw_tpl_string *ascii[2][128]; /* strings of one character, made when first wanted */
} pw_tpl_vm;

/* Ends the rendering with a message that names the line. */
PW_MUST PW_PRINTF(2, 3) pewter_status pw_tpl_fail(pw_tpl_vm *vm, const char *format, ...);
PW_MUST PW_PRINTF(3, 4) pewter_status
    pw_tpl_stop(pw_tpl_vm *vm, pewter_status status, const char *format, ...);
/* Counts work: one step is some 100 ns. */
PW_MUST pewter_status pw_tpl_spend(pw_tpl_vm *vm, uint64_t steps);
/* The same for `bytes` bytes that are read or written. */
PW_MUST pewter_status pw_tpl_spend_bytes(pw_tpl_vm *vm, size_t bytes);
/* One level of evaluation deeper; undone by vm->depth--. Bounds the stack. */
PW_MUST pewter_status pw_tpl_descend(pw_tpl_vm *vm);
/* Zeroed array from the pool into *(void **)out. */
PW_MUST pewter_status pw_tpl_take(pw_tpl_vm *vm, size_t count, size_t size, void *out);

/* ---- Making values ------------------------------------------------------------------------ */

static inline pw_tpl_value pw_tpl_none(void)
{
    return (pw_tpl_value){.kind = PW_TPL_NONE};
}

static inline pw_tpl_value pw_tpl_bool(bool b)
{
    return (pw_tpl_value){.kind = PW_TPL_BOOL, .as.b = b};
}

static inline pw_tpl_value pw_tpl_int(int64_t i)
{
    return (pw_tpl_value){.kind = PW_TPL_INT, .as.i = i};
}

static inline pw_tpl_value pw_tpl_float(double f)
{
    return (pw_tpl_value){.kind = PW_TPL_FLOAT, .as.f = f};
}

static inline pw_tpl_value pw_tpl_text(const pw_tpl_string *string)
{
    return (pw_tpl_value){.kind = PW_TPL_STRING, .as.string = string};
}

/* `why` lives as long as the machine. */
static inline pw_tpl_value pw_tpl_undefined(const char *why)
{
    return (pw_tpl_value){.kind = PW_TPL_UNDEFINED, .as.why = why};
}

/* An undefined value whose reason is written by `format`, at most 160 bytes. */
PW_MUST PW_PRINTF(3, 4) pewter_status
    pw_tpl_undefine(pw_tpl_vm *vm, pw_tpl_value *out, const char *format, ...);

/* A string over borrowed bytes that outlive the machine. */
PW_MUST pewter_status pw_tpl_string_new(pw_tpl_vm *vm, const char *text, size_t bytes, bool user,
                                        pw_tpl_value *out);
/* The same with a copy of the bytes. */
PW_MUST pewter_status pw_tpl_string_copy(pw_tpl_vm *vm, const char *text, size_t bytes, bool user,
                                         pw_tpl_value *out);
/* Bytes [begin, end) of a string, shared; both at borders of characters. */
PW_MUST pewter_status pw_tpl_string_part(pw_tpl_vm *vm, const pw_tpl_string *string, size_t begin,
                                         size_t end, pw_tpl_value *out);
/* What the buffer holds, shared: it may be appended to but not cut afterwards. */
PW_MUST pewter_status pw_tpl_string_of(pw_tpl_vm *vm, const pw_tpl_buffer *buffer,
                                       pw_tpl_value *out);
/* a + b, in amortised time of b alone where a is the last result of such a sum. */
PW_MUST pewter_status pw_tpl_string_join(pw_tpl_vm *vm, const pw_tpl_string *a,
                                         const pw_tpl_string *b, pw_tpl_value *out);

/* A sequence of `count` items that the caller fills. */
PW_MUST pewter_status pw_tpl_seq_new(pw_tpl_vm *vm, pw_tpl_flavour flavour, size_t count,
                                     pw_tpl_value *out);
/* A tuple of two. */
PW_MUST pewter_status pw_tpl_pair(pw_tpl_vm *vm, pw_tpl_value a, pw_tpl_value b, pw_tpl_value *out);
/* A dictionary over `count` keys and values (arrays of the pool, taken over); of equal keys the last
 * value counts, at the first one's place. Keys that are lists, dictionaries or the like fail. */
PW_MUST pewter_status pw_tpl_dict_new(pw_tpl_vm *vm, pw_tpl_value *keys, pw_tpl_value *values,
                                      size_t count, pw_tpl_value *out);
/* NULL where the dictionary lacks the key. */
PW_MUST pewter_status pw_tpl_dict_find(pw_tpl_vm *vm, const pw_tpl_dict *dict,
                                       const pw_tpl_value *key, const pw_tpl_value **out);
/* The same by name. */
const pw_tpl_value *pw_tpl_dict_name(const pw_tpl_dict *dict, const char *name, size_t bytes);
/* NULL where the namespace lacks the name. */
pw_tpl_value *pw_tpl_space_find(const pw_tpl_space *space, const char *name, size_t bytes);
PW_MUST pewter_status pw_tpl_space_set(pw_tpl_vm *vm, pw_tpl_space *space, const char *name,
                                       size_t bytes, const pw_tpl_value *value);

/* ---- Looking at values -------------------------------------------------------------------- */

bool pw_tpl_is(const pw_tpl_string *string, const char *text);
bool pw_tpl_same(const pw_tpl_string *a, const pw_tpl_string *b);
/* By bytes, which is by code points: below 0, 0, above 0. */
int pw_tpl_order(const pw_tpl_string *a, const pw_tpl_string *b);
/* The name of its type, as Python has it. */
const char *pw_tpl_type(const pw_tpl_value *value);
/* Does it count as true? */
bool pw_tpl_truth(const pw_tpl_value *value);
/* Its items in order: of a dictionary the keys, of a string the characters; an iterator is used up.
 * Fails for what has no items. *items is valid as long as the machine. */
PW_MUST pewter_status pw_tpl_items(pw_tpl_vm *vm, const pw_tpl_value *value, pw_tpl_value **items,
                                   size_t *count);

/* ---- Buffers ------------------------------------------------------------------------------ */

PW_MUST pewter_status pw_tpl_put(pw_tpl_vm *vm, pw_tpl_buffer *buffer, const char *text,
                                 size_t bytes, bool user);
/* Bytes [begin, end) of a string with their marks. */
PW_MUST pewter_status pw_tpl_put_part(pw_tpl_vm *vm, pw_tpl_buffer *buffer,
                                      const pw_tpl_string *string, size_t begin, size_t end);
PW_MUST pewter_status pw_tpl_put_string(pw_tpl_vm *vm, pw_tpl_buffer *buffer,
                                        const pw_tpl_string *string);
PW_MUST pewter_status pw_tpl_put_char(pw_tpl_vm *vm, pw_tpl_buffer *buffer, uint32_t c, bool user);
/* Is byte `at` the user's? */
static inline bool pw_tpl_mark(const pw_tpl_string *string, size_t at)
{
    return string->marks != NULL ? string->marks[at] != 0 : string->user;
}

#endif
