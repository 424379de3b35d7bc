/* Pewter: a low-level runtime that runs open-weight language models offline.
 *
 * This is the only installed header. Rules that hold for every function:
 *   - Functions that can fail return a pewter_status; an out-parameter is written on success only.
 *   - `err` may be NULL; otherwise it is the caller's, and receives one sentence on failure.
 *   - Structs of options and of results begin with their size, so that they may grow: start options
 *     from the _defaults function, and set `size` of a result to sizeof before the call.
 *   - An engine is used by one thread at a time; a second one gets PEWTER_E_BUSY. Only
 *     pewter_cancel may be called from any thread and from a signal handler. */
#ifndef PEWTER_H
#define PEWTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PEWTER_API __attribute__((visibility("default")))
#else
#define PEWTER_API
#endif

#define PEWTER_VERSION "0.1.0"

/* What came of a call. Zero is success; every failure is negative. */
typedef enum pewter_status {
    PEWTER_OK = 0,
    PEWTER_E_ARG = -1,         /* the caller's mistake: a value that the call does not take */
    PEWTER_E_MEMORY = -2,      /* an allocation failed or would pass a limit */
    PEWTER_E_IO = -3,          /* a file or the system refused, or a mapped file changed */
    PEWTER_E_FORMAT = -4,      /* a file or text breaks the rules of its format */
    PEWTER_E_UNSUPPORTED = -5, /* well formed, but of a kind that this build does not run */
    PEWTER_E_DEVICE = -6,      /* a device failed or is lost */
    PEWTER_E_TIMEOUT = -7,     /* a deadline passed */
    PEWTER_E_BUSY = -8,        /* another thread is inside this engine */
    PEWTER_E_CANCELLED = -9,   /* pewter_cancel, or a progress callback, asked to stop */
    PEWTER_E_LIMIT = -10       /* the context, or the pool of pages, is full */
} pewter_status;

/* The reason of a failure in one sentence, owned by the caller. */
typedef struct pewter_error {
    char message[512];
} pewter_error;

typedef struct pewter_engine pewter_engine;   /* machine, devices, threads */
typedef struct pewter_model pewter_model;     /* a loaded model; read-only, shared by sessions */
typedef struct pewter_session pewter_session; /* one conversation */

/* ---- Memory, log, progress ---------------------------------------------------------------- */

/* What an allocation is for; the default allocator gives 2 MiB pages to the first three. */
typedef enum pewter_memory {
    PEWTER_MEM_WEIGHTS,
    PEWTER_MEM_KV,
    PEWTER_MEM_SCRATCH,
    PEWTER_MEM_OTHER
} pewter_memory;

/* The runtime's own memory comes from here. `align` is a power of two. `alloc` may return NULL. */
typedef struct pewter_allocator {
    void *context;
    void *(*alloc)(void *context, size_t bytes, size_t align, pewter_memory kind);
    void (*free)(void *context, void *ptr, size_t bytes, pewter_memory kind);
} pewter_allocator;

typedef enum pewter_log_level {
    PEWTER_LOG_ERROR,
    PEWTER_LOG_WARN,
    PEWTER_LOG_INFO,
    PEWTER_LOG_DEBUG
} pewter_log_level;

typedef void pewter_log_fn(void *context, pewter_log_level level, const char *line);

/* Called during long work with `done` of `total`; returning false cancels the work. */
typedef bool pewter_progress_fn(void *context, const char *what, uint64_t done, uint64_t total);

/* ---- Engine and devices ------------------------------------------------------------------- */

typedef struct pewter_config {
    size_t size;
    const pewter_allocator *allocator; /* NULL: the default one; must outlive the engine */
    pewter_log_fn *log;                /* NULL: silence */
    void *log_context;
    pewter_log_level log_level;
    int32_t threads;          /* workers in all; 0: one a physical core, within the CPU quota */
    int32_t cpu_devices;      /* split the cores into this many devices; 0: one for all */
    const char *cpu_features; /* NULL: all; else the highest level ("scalar", "avx2", "avx512")
                               * or a list of names joined by '+' ("avx2+fma+f16c") */
    const char *topology;     /* NULL: this machine; else an hwloc XML file or synthetic string */
    bool keep_sigbus;         /* true: install no handler for truncated mapped files */
    const char *device; /* NULL: the CPU; else a backend, and which of its devices by number or
                               * part of its description: "vulkan:0", "vulkan:llvmpipe"; "vulkan" takes
                               * the first that is not made in software */
    bool all_devices;   /* find the others, too, for pewter_device_get */
} pewter_config;

typedef struct pewter_device_info {
    size_t size;
    char name[64];    /* "cpu0" */
    char backend[16]; /* "cpu" */
    char detail[192]; /* in words: model, features */
    int32_t threads;  /* workers, 0 where that has no meaning */
    uint64_t memory;  /* bytes that it may use */
    double bandwidth; /* measured read bytes/s; 0: not measured */
    bool in_use;      /* opened: models run on it */
    bool software;    /* does in software what others have hardware for */
} pewter_device_info;

PEWTER_API pewter_config pewter_config_defaults(void);
PEWTER_API pewter_status pewter_open(const pewter_config *config, pewter_engine **out,
                                     pewter_error *err);
/* Frees the engine. Models and sessions of it must be freed first. NULL is allowed. */
PEWTER_API void pewter_close(pewter_engine *engine);

/* Those in use come first. */
PEWTER_API size_t pewter_device_count(const pewter_engine *engine);
PEWTER_API pewter_status pewter_device_get(const pewter_engine *engine, size_t index,
                                           pewter_device_info *out, pewter_error *err);
/* Measures read bandwidth of all devices together for about `seconds`; bytes/s into *out. */
PEWTER_API pewter_status pewter_measure(pewter_engine *engine, double seconds, double *out,
                                        pewter_error *err);

/* How pewter_explain, pewter_machine and pewter_inspect write. */
typedef enum pewter_form { PEWTER_TEXT, PEWTER_JSON } pewter_form;

/* The machine as the scheduler sees it. Writes at most `cap` bytes with the final NUL, and the bytes
 * needed (with the NUL) to *need, as the other writers below do; `buf` may be NULL with cap 0. */
PEWTER_API pewter_status pewter_machine(pewter_engine *engine, pewter_form form, char *buf,
                                        size_t cap, size_t *need, pewter_error *err);

/* ---- Models ------------------------------------------------------------------------------- */

typedef enum pewter_kv {
    PEWTER_KV_AUTO, /* bf16; f32 under `exact` */
    PEWTER_KV_F32,
    PEWTER_KV_F16,
    PEWTER_KV_BF16,
    PEWTER_KV_Q8_0
} pewter_kv;

typedef struct pewter_load_options {
    size_t size;
    int64_t context;        /* tokens that all sessions together may hold; 0: min(model's, 4096) */
    int32_t batch;          /* tokens in one step at most; 0: 512 */
    pewter_kv kv;           /* format of keys and values */
    bool exact;             /* activations stay f32: no row that quantises them is picked */
    bool vocab_only;        /* tokenizer and metadata only; the file may hold no weights */
    bool trust_permissions; /* take files that group or others may write */
    bool plan_only; /* make the plan, move no weights: pewter_explain works, sessions do not */
    pewter_progress_fn *progress;
    void *progress_context;
} pewter_load_options;

typedef struct pewter_model_info {
    size_t size;
    char name[128];
    char architecture[32];
    char weights[16]; /* most frequent tensor type by bytes: "Q4_1" */
    uint64_t parameters;
    uint64_t file_bytes;
    uint64_t step_bytes; /* weight bytes read by a step of one token */
    int64_t vocab;
    int64_t context_trained;
    int64_t context; /* tokens that sessions may hold */
    int64_t embedding, layers, heads, kv_heads;
    int32_t bos, eos; /* -1: none */
    bool has_template;
} pewter_model_info;

PEWTER_API pewter_load_options pewter_load_defaults(void);
PEWTER_API pewter_status pewter_load(pewter_engine *engine, const char *path,
                                     const pewter_load_options *options, pewter_model **out,
                                     pewter_error *err);
/* Frees the model. Its sessions must be freed first. NULL is allowed. */
PEWTER_API void pewter_unload(pewter_model *model);
PEWTER_API pewter_status pewter_model_get(const pewter_model *model, pewter_model_info *out,
                                          pewter_error *err);
/* The plan: what runs where, why, and the memory it takes. */
PEWTER_API pewter_status pewter_explain(pewter_model *model, pewter_form form, char *buf,
                                        size_t cap, size_t *need, pewter_error *err);
/* What a model file holds: metadata, hyperparameters, tensors, bytes per type, tokenizer. JSON. */
PEWTER_API pewter_status pewter_inspect(pewter_engine *engine, const char *path, char *buf,
                                        size_t cap, size_t *need, pewter_error *err);

typedef struct pewter_synth_options {
    size_t size;
    const char *shape; /* a name ("llama-1b-32k", "tiny") or "key=value,..." over one */
    const char *type;  /* "Q4_0", "F32", ... of the matrices */
    uint64_t seed;
    pewter_progress_fn *progress;
    void *progress_context;
} pewter_synth_options;

/* Writes a GGUF file of random weights: for benches and tests. */
PEWTER_API pewter_synth_options pewter_synth_defaults(void);
PEWTER_API pewter_status pewter_synth(const pewter_synth_options *options, const char *path,
                                      pewter_error *err);

/* ---- Text --------------------------------------------------------------------------------- */

/* Text to tokens. `special`: names of control tokens in the text become those tokens; leave it off
 * for text of users and documents. `bos`: begin with the model's BOS where the model asks for it.
 * Writes at most `cap` ids and the number needed to *count. Invalid UTF-8 is tokenised as bytes. */
PEWTER_API pewter_status pewter_tokenize(const pewter_model *model, const char *text, size_t bytes,
                                         bool special, bool bos, int32_t *ids, size_t cap,
                                         size_t *count, pewter_error *err);
/* Tokens to bytes (no final NUL); control tokens are written only if `special`. */
PEWTER_API pewter_status pewter_detokenize(const pewter_model *model, const int32_t *ids,
                                           size_t count, bool special, char *buf, size_t cap,
                                           size_t *bytes, pewter_error *err);

typedef struct pewter_message {
    const char *role;    /* "system", "user", "assistant" */
    const char *content; /* UTF-8 */
} pewter_message;

/* Messages to tokens through the model's chat template. What comes from `content` is tokenised with
 * special tokens off, so that no document can speak as the system. PEWTER_E_UNSUPPORTED where the
 * model has no template. `cap`, `count` as in pewter_tokenize. */
PEWTER_API pewter_status pewter_chat_prompt(const pewter_model *model,
                                            const pewter_message *messages, size_t n_messages,
                                            bool add_generation_prompt, int32_t *ids, size_t cap,
                                            size_t *count, pewter_error *err);

/* ---- Grammars ----------------------------------------------------------------------------- */

/* What an answer may be. Immutable for whoever made it; shared by any number of sessions of its model, which hold
 * it as long as they need it. */
typedef struct pewter_grammar pewter_grammar;

typedef enum pewter_grammar_kind {
    PEWTER_GRAMMAR_SCHEMA, /* a JSON Schema: JSON that is valid under it (docs/STRUCTURED.md) */
    PEWTER_GRAMMAR_GBNF,   /* rules as llama.cpp writes them */
    PEWTER_GRAMMAR_REGEX,  /* a pattern of ECMA-262 for the whole text */
    PEWTER_GRAMMAR_TOOLS /* calls of tools in the model's form: JSON {"tools": [{"name", "parameters":
                            * schema}...], "free": whether other text may come first or alone, "many":
                            * whether several calls may be made} */
} pewter_grammar_kind;

/* Compiles a text (UTF-8) within bounds of time and memory. What it says and cannot be kept is refused
 * (PEWTER_E_UNSUPPORTED), what breaks its syntax or fits no text at all too (PEWTER_E_FORMAT), and what is too
 * large (PEWTER_E_LIMIT). Any thread, if the engine's allocator takes calls of any; the model must outlive it. */
PEWTER_API pewter_status pewter_grammar_new(const pewter_model *model, pewter_grammar_kind kind,
                                            const char *text, size_t bytes, pewter_grammar **out,
                                            pewter_error *err);
/* One more holder: each gives it back with pewter_grammar_free. Any thread. NULL is allowed; returns it. */
PEWTER_API pewter_grammar *pewter_grammar_hold(pewter_grammar *grammar);
/* Any thread. Sessions that use it go on. NULL is allowed. */
PEWTER_API void pewter_grammar_free(pewter_grammar *grammar);

/* The text of the model's chat template; PEWTER_E_UNSUPPORTED where it has none. Written as by pewter_machine. */
PEWTER_API pewter_status pewter_chat_template(const pewter_model *model, char *buf, size_t cap,
                                              size_t *need, pewter_error *err);

/* ---- Tools -------------------------------------------------------------------------------- */

/* How a model writes calls of tools: begin, then for each call item, its name, middle, its arguments as a JSON
 * object, item_end, with `between` in between, then end. Static texts. */
typedef struct pewter_tool_format {
    size_t size;
    const char *begin, *item, *middle, *item_end;
    const char *between; /* NULL: one call at a time */
    const char *end;
    bool listed; /* the chat template tells the model of the tools */
    bool leads;  /* an answer that begins like a call is one; others have no calls */
    bool
        arguments_text; /* the template takes the arguments of earlier calls as text, not as an object */
    /* Not NULL: in the place of a JSON object arguments stand one by one, `key` NAME `value` VALUE `value_end`; a
     * string as it is, anything else as JSON. */
    const char *key, *value, *value_end;
} pewter_tool_format;

/* The form that goes with the model's template; one for all where the template has none. */
PEWTER_API pewter_status pewter_tool_format_get(const pewter_model *model, pewter_tool_format *out,
                                                pewter_error *err);

/* Messages as OpenAI's API has them: a JSON array of objects with role, content, and what else the template reads
 * (tool_calls, tool_call_id, name); `tools` a JSON array or NULL. All of it is the user's, as in
 * pewter_chat_prompt. */
PEWTER_API pewter_status pewter_chat_prompt_json(const pewter_model *model, const char *messages,
                                                 size_t messages_bytes, const char *tools,
                                                 size_t tools_bytes, bool add_generation_prompt,
                                                 int32_t *ids, size_t cap, size_t *count,
                                                 pewter_error *err);

/* ---- Sessions ----------------------------------------------------------------------------- */

/* What is added to the logit of a token before it may be drawn. */
typedef struct pewter_logit_bias {
    int32_t token;
    float bias;
} pewter_logit_bias;

/* A token and its natural log-probability, before penalties, biases, grammar and temperature. */
typedef struct pewter_logprob {
    int32_t token;
    float logprob;
} pewter_logprob;

typedef struct pewter_session_options {
    size_t size;
    int64_t context;          /* tokens that this session may hold; 0: all of the model's */
    int64_t max_tokens;       /* tokens generated at most; 0: until the context is full */
    float temperature;        /* 0: greedy */
    int32_t top_k;            /* 0: off */
    float top_p, min_p;       /* 1, 0: off */
    float repetition_penalty; /* 1: off */
    float presence_penalty, frequency_penalty; /* 0: off */
    int32_t penalty_last;                      /* tokens that penalties look back over; -1: all */
    uint64_t seed;
    bool ignore_eos;
    bool logprobs;           /* pewter_piece.logprob is wanted; it costs a pass over the logits */
    const char *const *stop; /* texts that end the answer; not part of it */
    size_t n_stop;
    pewter_grammar *grammar;       /* what the answer may be, and where it ends; NULL: anything */
    const pewter_logit_bias *bias; /* [n_bias], at most 1024 */
    size_t n_bias;
    int32_t top_logprobs; /* the likeliest tokens at each place, 0 to 20, with `logprobs` */
    bool prompt_logprobs; /* of the prompt's tokens, too: pewter_prompt_logprobs */
    uint64_t share; /* sessions of a model with the same number compute equal beginnings once, in
                           * pages of 64 tokens, and find them again later; 0: alone. Same bits */
} pewter_session_options;

/* Why an answer ended. */
typedef enum pewter_finish {
    PEWTER_FINISH_NONE,      /* not ended */
    PEWTER_FINISH_EOS,       /* an end-of-answer token, or the grammar's end */
    PEWTER_FINISH_STOP,      /* a stop text */
    PEWTER_FINISH_LENGTH,    /* max_tokens, or the context is full */
    PEWTER_FINISH_CANCELLED, /* pewter_cancel */
    PEWTER_FINISH_ERROR      /* logits that are not numbers, or no token fits the grammar */
} pewter_finish;

typedef struct pewter_piece {
    size_t size;
    const char *text; /* whole UTF-8 characters, not NUL-terminated; until the next call */
    size_t bytes;
    int32_t token; /* the last token of the piece; -1: none */
    float logprob; /* of that token, natural logarithm, before penalties and temperature; 0
                          * unless options.logprobs */
    pewter_finish finish;
    const pewter_logprob *top; /* [n_top], of the token's place, best first; until the next step */
    size_t n_top;
} pewter_piece;

typedef struct pewter_stats {
    size_t size;
    int64_t tokens;           /* in the session, prompt and answer */
    int64_t prompt_tokens;    /* of the last prompt, computed, not reused */
    int64_t generated_tokens; /* since the last prompt */
    double prompt_seconds, generation_seconds, first_token_seconds;
    uint64_t weight_bytes; /* read by the engine's matmuls since it was opened */
    uint64_t steps;        /* of the engine since it was opened */
} pewter_stats;

/* How a model's room for keys and values is used. */
typedef struct pewter_kv_use {
    size_t size;
    int64_t tokens, held,
        kept; /* room in all; of sessions; of no session, but found again by equal beginnings */
    uint64_t asked, found; /* tokens of prompts that share, and how many of them were found */
} pewter_kv_use;

PEWTER_API pewter_status pewter_kv_use_get(const pewter_model *model, pewter_kv_use *out,
                                           pewter_error *err);

PEWTER_API pewter_session_options pewter_session_defaults(void);
PEWTER_API pewter_status pewter_session_new(pewter_model *model,
                                            const pewter_session_options *options,
                                            pewter_session **out, pewter_error *err);
PEWTER_API void pewter_session_free(pewter_session *session);
/* Forgets all tokens; the options stay. */
PEWTER_API pewter_status pewter_session_reset(pewter_session *session, pewter_error *err);
/* A new session with the same tokens; pages are shared and copied on write. */
PEWTER_API pewter_status pewter_session_fork(pewter_session *session, pewter_session **out,
                                             pewter_error *err);
/* Cuts a session back to its first `tokens` tokens. */
PEWTER_API pewter_status pewter_session_rewind(pewter_session *session, int64_t tokens,
                                               pewter_error *err);
/* Appends tokens; the following steps compute them and then generate. Refused with both numbers
 * (PEWTER_E_LIMIT) if they pass the context. Starts a new answer. */
PEWTER_API pewter_status pewter_prompt(pewter_session *session, const int32_t *ids, size_t count,
                                       pewter_error *err);
/* Runs one batch over all sessions of the engine that have work; *ready: how many had. While answers are under
 * way, prompts get so few tokens of a step that it takes about half as long again as without them. Where no page
 * is free a session without an answer to make gives its own back, else the youngest answer waits; what
 * they held is computed again when it is wanted, to the same bits. */
PEWTER_API pewter_status pewter_step(pewter_engine *engine, size_t *ready, pewter_error *err);
/* Takes the text made since the last call; `bytes` 0 and finish NONE: nothing yet. */
PEWTER_API pewter_status pewter_next(pewter_session *session, pewter_piece *out, pewter_error *err);
/* Of prompt token `at` (counted from the session's first): its own log-probability into *own, of the first token
 * 0, and the likeliest of its place into top [cap], their number into *count. PEWTER_E_LIMIT: not computed yet. */
PEWTER_API pewter_status pewter_prompt_logprobs(const pewter_session *session, int64_t at,
                                                pewter_logprob *own, pewter_logprob *top,
                                                size_t cap, size_t *count, pewter_error *err);
/* Ends the answer at the next chance, also inside a long prompt. Any thread, any signal handler. */
PEWTER_API void pewter_cancel(pewter_session *session);
PEWTER_API pewter_status pewter_stats_get(const pewter_session *session, pewter_stats *out,
                                          pewter_error *err);

/* Called for every row of logits: f32 [vocab] for position `pos`; valid during the call. */
typedef void pewter_logits_fn(void *context, int64_t pos, const float *logits, int64_t vocab);

/* Appends tokens and computes them now; `each` receives the logits of every one of them. */
PEWTER_API pewter_status pewter_logits(pewter_session *session, const int32_t *ids, size_t count,
                                       pewter_logits_fn *each, void *context, pewter_error *err);
/* Natural log-probability of each of the tokens given those before; out[0] of an empty session is
 * 0. `progress` may be NULL. On failure what was computed so far is in `out`. */
PEWTER_API pewter_status pewter_score(pewter_session *session, const int32_t *ids, size_t count,
                                      double *out, pewter_progress_fn *progress,
                                      void *progress_context, pewter_error *err);

/* ---- Profile ------------------------------------------------------------------------------ */

/* One op of a model's plan, over all steps since profiling began. Texts live as long as the model. */
typedef struct pewter_profile_op {
    size_t size;
    const char *name;   /* "attn_q" */
    const char *op;     /* "matmul" */
    const char *kernel; /* the row that ran: "matmul_q4_0_avx512vnni"; NULL: none yet */
    const char *
        arithmetic; /* what it multiplies in: "int8", "int8_short" (sums in 16 bits), "bf16", "f32" */
    int32_t device; /* index of pewter_device_get */
    int32_t layer;  /* -1: before the first; the number of layers: behind the last */
    uint64_t calls;
    double seconds;      /* its part of the time that steps took: the sum over ops is all of it */
    double busy_seconds; /* of all workers together */
    double operations, bytes; /* each operand counts once a call, however often it is read */
} pewter_profile_op;

/* Begins to time every op of the model, anew, or stops; what was measured stays readable. Results do
 * not change by a bit. Memory for it is taken here. */
PEWTER_API pewter_status pewter_profile(pewter_model *model, bool on, pewter_error *err);
PEWTER_API size_t pewter_profile_count(const pewter_model *model);
PEWTER_API pewter_status pewter_profile_get(const pewter_model *model, size_t index,
                                            pewter_profile_op *out, pewter_error *err);

/* One worker's time in one op of one step; times are of CLOCK_MONOTONIC. */
typedef struct pewter_span {
    size_t size;
    size_t op; /* for pewter_profile_get */
    int32_t device, worker;
    int64_t begin_ns, end_ns;
} pewter_span;

typedef void pewter_span_fn(void *context, const pewter_span *span);

/* The latest spans, device after device, oldest first; *dropped (may be NULL): how many older ones
 * there was no room for. */
PEWTER_API pewter_status pewter_profile_spans(const pewter_model *model, pewter_span_fn *each,
                                              void *context, uint64_t *dropped, pewter_error *err);

/* ---- About -------------------------------------------------------------------------------- */

PEWTER_API const char *pewter_status_name(pewter_status status); /* "format"; static */
PEWTER_API const char *pewter_version(void);                     /* "0.1.0"; static */

#ifdef __cplusplus
}
#endif

#endif
