/* Tokens of texts and back, as vLLM's routes have them. */
#ifndef PW_TOOLS_SERVER_TOKENS_H
#define PW_TOOLS_SERVER_TOKENS_H

#include "tools/server/request.h"

/* Each reads a body and writes the reply's; false after a refusal. A body without a model means the first one. */
bool tokens_of(const served_models *models, const char *body, size_t bytes, textbuf *t, refusal *r);
bool tokens_to_text(const served_models *models, const char *body, size_t bytes, textbuf *t,
                    refusal *r);

/* What a client needs to know of a tokenizer: the texts of its ends, its chat template. */
bool tokens_info(const served_model *model, textbuf *t, refusal *r);

#endif
