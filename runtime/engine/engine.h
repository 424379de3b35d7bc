/* Sessions in, tokens out: what the files of the engine share. */
#ifndef PW_RUNTIME_ENGINE_ENGINE_H
#define PW_RUNTIME_ENGINE_ENGINE_H

#include <stdatomic.h>

#include "pw/log.h"
#include "pw/rng.h"
#include "runtime/engine/answer.h"
#include "runtime/engine/kv.h"
#include "runtime/engine/logprob.h"
#include "runtime/engine/pace.h"
#include "runtime/engine/sampler.h"
#include "runtime/grammar/grammar.h"
#include "runtime/model/model.h"
#include "scheduler/machine.h"

enum { PW_MAX_DEVICES = 64 };

struct pewter_engine {
    pewter_allocator alloc;
    pw_log log;
    pw_machine *machine;
    pw_target *targets; /* [n_devices] */
    pw_device **devices;
    pw_target *others; /* [n_others]: found, and not opened */
    size_t n_devices, n_others;
    bool spread; /* the caller split the cores: give every device layers */
    bool keep_sigbus;
    double bandwidth; /* measured; 0: not yet */
    pewter_model *models;
    uint64_t steps; /* of all models */
    atomic_flag busy;
};

/* Room for one batch, reserved at load. */
typedef struct pw_batch_room {
    int32_t *tokens, *rows;    /* [width], [outputs] */
    float *rope;               /* [width][rope values] */
    pw_sequence *sequences;    /* [outputs] */
    pewter_session **sessions; /* [outputs]: whose the sequences are */
    pw_batch batch;
    int64_t n_tokens, n_rows;
} pw_batch_room;

struct pewter_model {
    pewter_engine *engine;
    pewter_model *next;
    pw_arena arena;
    pw_model *file;
    pw_graph graph;
    pw_plan *plan;
    pw_resident *resident;
    pw_run *run;
    pw_kv kv;
    pw_batch_room room;
    pw_sampler_scratch sampler;
    pw_trie trie;    /* made when the first session has a grammar; nodes NULL: not yet */
    int64_t context; /* positions that sessions may hold together */
    pw_pace pace;
    pewter_session *sessions; /* oldest first */
    atomic_int stop;          /* a session in the batch under way was cancelled */
};

struct pewter_session {
    pewter_model *model;
    pewter_session *next;
    pw_arena arena;
    pewter_session_options options;
    int32_t *tokens; /* [context]: accepted; keys exist of the first `computed` */
    int32_t *pages;  /* [context / 64] */
    int64_t context, n_tokens, computed, n_pages;
    int64_t n_shared;   /* pages that others find, or that were found: the first ones */
    int64_t prompt_end; /* tokens in front of the answer */
    pw_rng rng;
    pw_answer answer;
    pw_match match; /* of the answer in options.grammar */
    bool running;   /* has an answer to make */
    atomic_int cancelled;
    int64_t prompt_ns, answer_ns, first_ns, began_ns; /* times of this answer */
    int64_t prompt_computed;
    float logprob;
    pewter_logprob *top;    /* [options.top_logprobs]: of the last token's place */
    pewter_logprob *prompt; /* [context][1 + top_logprobs]: with prompt_logprobs, of each token */
    int64_t prompt_noted;   /* tokens of which it is known */
};

/* The engine is the caller's until pw_leave; PEWTER_E_BUSY if another thread is inside. */
PW_MUST pewter_status pw_enter(pewter_engine *engine, pewter_error *err);
void pw_leave(pewter_engine *engine);

/* devices.c: opens the devices that `wish` names (see pewter_config), all of the CPU's where it is NULL; `all`: finds
 * the others too. What was opened is closed by pw_devices_close, also after a failure. */
PW_MUST pewter_status pw_devices_open(pewter_engine *engine, const char *wish, bool all,
                                      pewter_error *err);
void pw_devices_close(pewter_engine *engine);

/* batch.c: one batch of a model; *ready: sessions that had work. */
PW_MUST pewter_status pw_batch_step(pewter_model *model, size_t *ready, pewter_error *err);

/* batch.c: computes tokens [computed, n_tokens) of one session, at most `width` and `outputs` of
 * them, with the logits of each; *count: how many. None where the cancelling of another session made
 * the batch void. */
PW_MUST pewter_status pw_batch_logits(pewter_session *session, const float **logits, int64_t *count,
                                      pewter_error *err);

/* session.c: pages for the first `positions` positions, writable from position `from` on. */
PW_MUST pewter_status pw_session_reserve(pewter_session *session, int64_t from, int64_t positions,
                                         pewter_error *err);

/* session.c: tokens behind those that are there, which the next steps compute. PEWTER_E_LIMIT with both numbers where
 * the context, or the pool of pages, has no room. */
PW_MUST pewter_status pw_session_append(pewter_session *session, const int32_t *ids, size_t count,
                                        pewter_error *err);

/* session.c: gives all pages of a session back; its keys are computed again when there is room. */
void pw_session_evict(pewter_session *session);

/* session.c: the next token of an answer, which may end it. The context has room. */
void pw_session_add(pewter_session *session, int32_t token);

/* forced.c: adds the tokens that the answer's grammar leaves no choice about. */
void pw_session_force(pewter_session *session);

/* session.c: a token was drawn (-1: the logits are not numbers). */
void pw_session_accept(pewter_session *session, int32_t token);

#endif
