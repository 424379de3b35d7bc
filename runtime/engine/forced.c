/* What a grammar leaves no choice about is not asked of the model: its tokens join the answer at once, and the next
 * step computes them together. */
#include <string.h>

#include "runtime/engine/engine.h"

enum { TEXT = 256, LAST = 64 };

/* A text that the grammar forces behind the answer, as tokens. */
typedef struct forced {
    char text[LAST + TEXT]; /* the last token's text, then what is forced */
    size_t front, bytes;
    int32_t ids[LAST + TEXT];
    size_t count;
} forced;

/* Whether the grammar is over behind the forced text. */
static bool is_end(const pewter_session *s, const forced *f)
{
    pw_match end = {0};
    bool fits = false;
    pw_match_copy(&end, &s->match);
    const bool over = pw_match_add(&end, f->text + f->front, f->bytes, &fits, NULL) == PEWTER_OK &&
                      fits && pw_match_must_end(&end);
    pw_match_end(&end);
    return over;
}

/* The tokens are those that the tokenizer makes of the text behind the last token, as the model has seen it written;
 * where it would cut the last token anew, the model goes on by itself. */
static bool find(pewter_session *s, forced *f)
{
    const pw_tokenizer *tokenizer = s->model->file->tokenizer;
    const int32_t last = s->tokens[s->n_tokens - 1];
    const char *piece;
    f->front = pw_token_piece(tokenizer, last, false, &piece);
    if (f->front == 0 || f->front > LAST) return false;
    memcpy(f->text, piece, f->front);
    if (pw_match_forced(&s->match, f->text + f->front, TEXT, &f->bytes, NULL) != PEWTER_OK)
        return false;
    const char *mark =
        memmem(f->text + f->front, f->bytes, PW_CONTROL_MARK, strlen(PW_CONTROL_MARK));
    if (mark != NULL) f->bytes = (size_t)(mark - f->text) - f->front;
    return f->bytes > 1 &&
           pw_tokenize(tokenizer, f->text, f->front + f->bytes, false, false, f->ids, LAST + TEXT,
                       &f->count, NULL) == PEWTER_OK &&
           f->count > 1 && f->count <= LAST + TEXT && f->ids[0] == last;
}

void pw_session_force(pewter_session *s)
{
    forced f;
    /* A token that was not drawn has no log-probability. */
    if (s->options.grammar == NULL || s->options.logprobs || !find(s, &f)) return;
    /* The last token might be cut otherwise with what follows. */
    const size_t count = is_end(s, &f) ? f.count : f.count - 1;
    size_t at = f.front;
    for (size_t i = 1; i < count && s->running && pw_answer_has_room(&s->answer); i++) {
        const char *piece;
        const size_t bytes = pw_token_piece(s->model->file->tokenizer, f.ids[i], false, &piece);
        if (bytes == 0 || bytes > f.front + f.bytes - at || memcmp(piece, f.text + at, bytes) != 0)
            return;
        pw_session_add(s, f.ids[i]);
        at += bytes;
    }
}
