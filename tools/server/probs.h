/* Log-probabilities that a request asks for, and biases that it sets. */
#ifndef PW_TOOLS_SERVER_PROBS_H
#define PW_TOOLS_SERVER_PROBS_H

#include "runtime/text/json.h"
#include "tools/server/refusal.h"

enum { PROBS_MAX_TOP = 20, PROBS_MAX_BIASES = 1024 };

/* Tokens with their log-probabilities and the likeliest of their places. Zero-initialise, then set `top`. */
typedef struct token_log {
    pewter_logprob *rows; /* [cap][1 + top] */
    size_t n, cap;
    size_t top;
    bool failed;
} token_log;

/* Adds a token; `top` [n_top], where fewer than log->top the rest stays empty (token -1). */
void token_log_add(token_log *log, pewter_logprob own, const pewter_logprob *top, size_t n_top);

/* Overwrites what it holds, and frees it. */
void token_log_free(token_log *log);

/* Reads logprobs, top_logprobs and logit_bias of a body into the options. *biases, which the options point to, is
 * the caller's to free. */
bool probs_read(const json_t *body, bool chat, int64_t vocab, pewter_session_options *o,
                pewter_logit_bias **biases, refusal *r);

/* The value of "logprobs" for tokens from `from` on, as chat completions have it. */
void probs_chat(const pewter_model *model, const token_log *log, size_t from, textbuf *t);

/* The same as legacy completions have it, for the tokens of the prompt (NULL: left out) and those of the answer;
 * *offset: characters of the text in front, moved on. */
void probs_legacy(const pewter_model *model, const token_log *prompt, const token_log *log,
                  size_t from, size_t *offset, textbuf *t);

/* The text of tokens, control tokens by their names. */
void probs_text(const pewter_model *model, const int32_t *ids, size_t n, textbuf *t);

#endif
