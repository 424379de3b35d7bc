/* A model file with everything that is read from it: hyperparameters, tokenizer, template, graph. */
#ifndef PW_RUNTIME_MODEL_MODEL_H
#define PW_RUNTIME_MODEL_MODEL_H

#include "runtime/model/gguf.h"
#include "runtime/model/hparams.h"
#include "runtime/model/rope.h"
#include "runtime/text/template.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/tool_format.h"
#include "scheduler/graph.h"

typedef struct pw_model {
    const pewter_allocator *alloc;
    pw_gguf *gguf;
    pw_hparams hparams; /* zero where only the vocabulary was read */
    pw_rope rope;
    pw_tokenizer *tokenizer;
    pw_template *chat; /* NULL: the file has none */
    pewter_error
        template_problem; /* why the file's template cannot be used; "": nothing is wrong */
    const pewter_tool_format *tools; /* how its template writes calls */
    char bos[64], eos[64];           /* their texts, for the template */
} pw_model;

typedef struct pw_model_options {
    bool vocab_only;        /* no hyperparameters, no tensors */
    bool trust_permissions; /* take files that others may write */
    bool guard;             /* turn the fault of a file cut short into an error */
} pw_model_options;

/* Opens and checks a file: every tensor that the architecture wants is there in its shape, the
 * tokenizer and its ids are sound. A template that cannot be parsed is no failure: see
 * template_problem. */
PW_MUST pewter_status pw_model_open(const char *path, const pw_model_options *options,
                                    const pewter_allocator *alloc, pw_model **out,
                                    pewter_error *err);
void pw_model_close(pw_model *model); /* NULL is allowed */

/* The model's ops. The graph points into the model, which must outlive it. */
PW_MUST pewter_status pw_model_graph(const pw_model *model, pw_graph *graph,
                                     const pewter_allocator *alloc, int64_t width, int64_t outputs,
                                     int64_t pages, pewter_error *err);

int64_t pw_model_vocab(const pw_model *model); /* tokens */

/* Whether the mapped file was found cut short since it was opened. */
bool pw_model_faulted(const pw_model *model);

#endif
