#include "runtime/text/split.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

#include "pw/arena.h"
#include "pw/status.h"
#include "runtime/text/utf8.h"

enum {
    MATCH_LIMIT = 50 * 1000 * 1000, /* steps of one match */
    HEAP_LIMIT_KIB = 16 * 1024      /* memory of one match where the JIT's stack is too small */
};

struct pw_split {
    const pewter_allocator *alloc;
    pcre2_general_context *general;
    pcre2_match_context *limits;
    struct {
        pw_stage_kind kind;
        pcre2_code *code;
    } stages[PW_STAGES_MAX];
    size_t n;
};

struct pw_split_state {
    const pewter_allocator *alloc;
    pcre2_match_data *match;
};

/* PCRE2 frees without a size: each block carries its own before it. */
static void *take(size_t bytes, void *context)
{
    const size_t head = alignof(max_align_t);
    size_t total;
    if (!pw_add(bytes, head, &total)) return NULL;
    char *block = pw_alloc(context, total);
    if (block == NULL) return NULL;
    memcpy(block, &total, sizeof total);
    return block + head;
}

static void give(void *ptr, void *context)
{
    if (ptr == NULL) return;
    char *block = (char *)ptr - alignof(max_align_t);
    size_t total;
    memcpy(&total, block, sizeof total);
    pw_free(context, block, total);
}

static pewter_status no_memory(pewter_error *err)
{
    return pw_fail(err, PEWTER_E_MEMORY, "pre-tokenizer: no memory");
}

static pewter_status compile(pw_split *split, const pw_pre *pre, size_t stage, pewter_error *err)
{
    const char *pattern = pre->stages[stage].pattern;
    split->stages[stage].kind = pre->stages[stage].kind;
    if (pattern == NULL) return PEWTER_OK;

    pcre2_compile_context *context = pcre2_compile_context_create(split->general);
    if (context == NULL) return no_memory(err);
    int code = 0;
    PCRE2_SIZE at = 0;
    split->stages[stage].code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
    pcre2_compile_context_free(context);
    if (split->stages[stage].code == NULL) {
        if (code == PCRE2_ERROR_HEAP_FAILED) return no_memory(err);
        PCRE2_UCHAR why[128];
        pcre2_get_error_message(code, why, sizeof why);
        return pw_fail(err, PEWTER_E_UNSUPPORTED,
                       "pre-tokenizer '%s': PCRE2 refuses stage %zu at offset %zu: %s", pre->name,
                       stage + 1, (size_t)at, (const char *)why);
    }
    /* Where there is no JIT, PCRE2 interprets: slower, the same pieces. */
    (void)pcre2_jit_compile(split->stages[stage].code, PCRE2_JIT_COMPLETE);
    return PEWTER_OK;
}

pewter_status pw_split_new(const pw_pre *pre, const pewter_allocator *alloc, pw_split **out,
                           pewter_error *err)
{
    assert(pre->stages != NULL);
    pw_split *split = pw_alloc(alloc, sizeof *split);
    if (split == NULL) return no_memory(err);
    *split = (pw_split){.alloc = alloc};

    pewter_status status = PEWTER_OK;
    /* The contexts take the allocator as an opaque pointer that is never written through. */
    union {
        const pewter_allocator *from;
        void *to;
    } opaque = {.from = alloc};
    split->general = pcre2_general_context_create(take, give, opaque.to);
    if (split->general != NULL) split->limits = pcre2_match_context_create(split->general);
    if (split->limits == NULL) {
        status = no_memory(err);
    } else {
        pcre2_set_match_limit(split->limits, MATCH_LIMIT);
        pcre2_set_heap_limit(split->limits, HEAP_LIMIT_KIB);
    }
    for (; status == PEWTER_OK && pre->stages[split->n].kind != PW_STAGE_END; split->n++) {
        assert(split->n < PW_STAGES_MAX);
        status = compile(split, pre, split->n, err);
    }
    if (status != PEWTER_OK) {
        pw_split_free(split);
        return status;
    }
    *out = split;
    return PEWTER_OK;
}

void pw_split_free(pw_split *split)
{
    if (split == NULL) return;
    for (size_t i = 0; i < PW_STAGES_MAX; i++) pcre2_code_free(split->stages[i].code);
    pcre2_match_context_free(split->limits);
    pcre2_general_context_free(split->general);
    pw_free(split->alloc, split, sizeof *split);
}

pw_split_state *pw_split_state_new(const pw_split *split)
{
    pw_split_state *state = pw_alloc(split->alloc, sizeof *state);
    if (state == NULL) return NULL;
    *state = (pw_split_state){.alloc = split->alloc};
    state->match = pcre2_match_data_create(1, split->general);
    if (state->match == NULL) {
        pw_free(split->alloc, state, sizeof *state);
        return NULL;
    }
    return state;
}

void pw_split_state_free(pw_split_state *state)
{
    if (state == NULL) return;
    pcre2_match_data_free(state->match);
    pw_free(state->alloc, state, sizeof *state);
}

typedef struct splitting {
    const pw_split *split;
    pw_split_state *state;
    pw_piece_fn *each;
    void *context;
    pewter_error *err;
} splitting;

static pewter_status split_stage(splitting *s, size_t stage, const char *text, size_t bytes);

/* The next match at or after `at`; false: none, or PCRE2 met a limit. Empty matches cut nothing. */
static bool next_match(splitting *s, size_t stage, const char *text, size_t bytes, size_t at,
                       size_t *begin, size_t *end)
{
    const pcre2_code *code = s->split->stages[stage].code;
    const uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    int found =
        pcre2_match(code, (PCRE2_SPTR)text, bytes, at, options, s->state->match, s->split->limits);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, (PCRE2_SPTR)text, bytes, at, options | PCRE2_NO_JIT,
                            s->state->match, s->split->limits);
    if (found < 0) return false;
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->state->match);
    *begin = span[0];
    *end = span[1];
    return *begin >= at && *end > *begin;
}

static pewter_status split_matches(splitting *s, size_t stage, const char *text, size_t bytes)
{
    const bool drop = s->split->stages[stage].kind == PW_STAGE_KEEP;
    size_t at = 0, begin, end;
    while (at < bytes && next_match(s, stage, text, bytes, at, &begin, &end)) {
        if (begin > at && !drop) PW_TRY(split_stage(s, stage + 1, text + at, begin - at));
        PW_TRY(split_stage(s, stage + 1, text + begin, end - begin));
        at = end;
    }
    return at < bytes && !drop ? split_stage(s, stage + 1, text + at, bytes - at) : PEWTER_OK;
}

static uint32_t code_at(const char *text, size_t bytes)
{
    return pw_utf8_code(text, pw_utf8_char(text, bytes));
}

static bool is_digit(uint32_t code, bool decimal)
{
    const utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)code);
    return kind == UTF8PROC_CATEGORY_ND ||
           (!decimal && (kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO));
}

/* Word characters as Oniguruma has them: letters, marks, decimal digits, connectors, and of other
 * numerals and symbols the Latin-1 ones and the letters in circles and squares. */
static bool is_word(uint32_t code)
{
    static const uint32_t others[][2] = {{0xb2, 0xb3},      {0xb9, 0xb9},       {0xbc, 0xbe},
                                         {0x24b6, 0x24e9},  {0x1f130, 0x1f149}, {0x1f150, 0x1f169},
                                         {0x1f170, 0x1f189}};
    const utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)code);
    if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NL) return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (code >= others[i][0] && code <= others[i][1]) return true;
    return kind == UTF8PROC_CATEGORY_PC;
}

/* The run of digits at the head of a text: its bytes. */
static size_t digit_run(const char *text, size_t bytes, bool decimal, size_t *digits)
{
    size_t end = 0;
    *digits = 0;
    while (end < bytes && is_digit(code_at(text + end, bytes - end), decimal)) {
        end += pw_utf8_char(text + end, bytes - end);
        ++*digits;
    }
    return end;
}

/* Cuts a run of `digits` digits: the first piece is what is left over threes. */
static pewter_status cut_run(splitting *s, size_t stage, const char *text, size_t bytes,
                             size_t digits)
{
    size_t at = 0;
    while (at < bytes) {
        size_t take_digits = digits % 3 != 0 ? digits % 3 : 3, size = 0;
        digits -= take_digits;
        for (; take_digits > 0; take_digits--)
            size += pw_utf8_char(text + at + size, bytes - at - size);
        PW_TRY(split_stage(s, stage + 1, text + at, size));
        at += size;
    }
    return PEWTER_OK;
}

static pewter_status split_threes(splitting *s, size_t stage, const char *text, size_t bytes)
{
    const bool words = s->split->stages[stage].kind == PW_STAGE_THREES_WORDS;
    size_t from = 0, at = 0, digits;
    while (at < bytes) {
        const size_t end = at + digit_run(text + at, bytes - at, words, &digits);
        if (digits == 0) {
            at += pw_utf8_char(text + at, bytes - at);
            continue;
        }
        if (!words || end == bytes || !is_word(code_at(text + end, bytes - end))) {
            if (at > from) PW_TRY(split_stage(s, stage + 1, text + from, at - from));
            PW_TRY(cut_run(s, stage, text + at, end - at, digits));
            from = end;
        }
        at = end;
    }
    return from < bytes ? split_stage(s, stage + 1, text + from, bytes - from) : PEWTER_OK;
}

static pewter_status split_before_threes(splitting *s, size_t stage, const char *text, size_t bytes)
{
    size_t from = 0, at = 0, digits;
    while (at < bytes) {
        const size_t end = at + digit_run(text + at, bytes - at, true, &digits);
        for (; at < end; digits--) {
            if (digits % 3 == 0 && at > from) {
                PW_TRY(split_stage(s, stage + 1, text + from, at - from));
                from = at;
            }
            at += pw_utf8_char(text + at, bytes - at);
        }
        if (at < bytes) at += pw_utf8_char(text + at, bytes - at);
    }
    return split_stage(s, stage + 1, text + from, bytes - from);
}

/* Runs the stages from `stage` on over one piece; as deep as there are stages. */
static pewter_status split_stage(splitting *s, size_t stage, const char *text, size_t bytes)
{
    if (stage == s->split->n) return s->each(s->context, text, bytes, s->err);
    switch (s->split->stages[stage].kind) {
    case PW_STAGE_MATCH:
    case PW_STAGE_KEEP: return split_matches(s, stage, text, bytes);
    case PW_STAGE_THREES:
    case PW_STAGE_THREES_WORDS: return split_threes(s, stage, text, bytes);
    case PW_STAGE_THREES_BEFORE: return split_before_threes(s, stage, text, bytes);
    case PW_STAGE_END: break;
    }
    return PEWTER_OK;
}

pewter_status pw_split_run(const pw_split *split, pw_split_state *state, const char *text,
                           size_t bytes, pw_piece_fn *each, void *context, pewter_error *err)
{
    splitting s = {split, state, each, context, err};
    return bytes == 0 ? PEWTER_OK : split_stage(&s, 0, text, bytes);
}
