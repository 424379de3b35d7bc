/* Machine, devices, models; the step loop. */
#include "runtime/engine/engine.h"

#include <string.h>

#include "pw/clock.h"
#include "pw/num.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"

enum { DEFAULT_CONTEXT = 4096, DEFAULT_BATCH = 512, LOGIT_BYTES = 64 << 20 };

pewter_config pewter_config_defaults(void)
{
    return (pewter_config){.size = sizeof(pewter_config), .log_level = PEWTER_LOG_WARN};
}

pewter_load_options pewter_load_defaults(void)
{
    return (pewter_load_options){.size = sizeof(pewter_load_options)};
}

pewter_status pw_enter(pewter_engine *engine, pewter_error *err)
{
    if (atomic_flag_test_and_set(&engine->busy))
        return pw_fail(err, PEWTER_E_BUSY,
                       "another thread is inside this engine: one thread at a time may use it");
    return PEWTER_OK;
}

void pw_leave(pewter_engine *engine)
{
    atomic_flag_clear(&engine->busy);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static pewter_status take_config(const pewter_config *given, pewter_config *out, pewter_error *err)
{
    *out = pewter_config_defaults();
    if (given == NULL) return PEWTER_OK;
    if (given->size < sizeof given->size || given->size > 4096)
        return pw_fail(err, PEWTER_E_ARG, "the config says it is %zu bytes", given->size);
    memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
    return PEWTER_OK;
}

pewter_status pewter_open(const pewter_config *config, pewter_engine **out, pewter_error *err)
{
    if (out == NULL) return pw_fail(err, PEWTER_E_ARG, "pewter_open: out is wanted");
    pewter_config taken;
    PW_TRY(take_config(config, &taken, err));
    const pewter_allocator *alloc =
        taken.allocator != NULL ? taken.allocator : &pw_default_allocator;
    pewter_engine *e = pw_alloc(alloc, sizeof *e);
    if (e == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for an engine");
    *e = (pewter_engine){.alloc = *alloc,
                         .log = {taken.log, taken.log_context, taken.log_level},
                         .spread = taken.cpu_devices > 1,
                         .keep_sigbus = taken.keep_sigbus,
                         .busy = ATOMIC_FLAG_INIT};
    const pw_machine_options options = {.threads = taken.threads,
                                        .cpu_devices = taken.cpu_devices,
                                        .features = taken.cpu_features,
                                        .topology = taken.topology};
    pewter_status status = pw_machine_open(&options, &e->alloc, &e->machine, err);
    if (status == PEWTER_OK) status = pw_devices_open(e, taken.device, taken.all_devices, err);
    if (status != PEWTER_OK) {
        pewter_close(e);
        return status;
    }
    for (size_t i = 0; i < e->n_devices; i++) {
        const pw_device_info *info = &e->targets[i].info;
        pw_say(&e->log, PEWTER_LOG_INFO, "opened %s, %d workers: %s", info->name, info->threads,
               info->detail);
        if (info->features == 0 && info->threads > 0 && taken.cpu_features == NULL)
            pw_say(&e->log, PEWTER_LOG_WARN,
                   "%s has no vector features that kernels here use: plain rows serve it, slowly",
                   info->name);
    }
    *out = e;
    return PEWTER_OK;
}

void pewter_close(pewter_engine *engine)
{
    if (engine == NULL) return;
    pw_devices_close(engine);
    pw_machine_close(engine->machine);
    const pewter_allocator alloc = engine->alloc;
    pw_free(&alloc, engine, sizeof *engine);
}

/* ---- Loading --------------------------------------------------------------------------------- */

static pw_dtype kv_dtype(const pewter_load_options *o)
{
    switch (o->kv) {
    case PEWTER_KV_AUTO: return o->exact ? PW_F32 : PW_BF16;
    case PEWTER_KV_F32: return PW_F32;
    case PEWTER_KV_F16: return PW_F16;
    case PEWTER_KV_BF16: return PW_BF16;
    case PEWTER_KV_Q8_0: return PW_Q8_0;
    }
    return PW_DTYPE_COUNT;
}

static pewter_status make_graph(pewter_model *m, const pewter_load_options *o, pewter_error *err)
{
    const int64_t trained = m->file->hparams.context_trained, vocab = pw_model_vocab(m->file);
    m->context = o->context > 0 ? o->context : pw_min(trained, DEFAULT_CONTEXT);
    if (o->context < 0 || o->context > INT32_MAX / 2)
        return pw_fail(err, PEWTER_E_ARG, "context: 1 to %d tokens wanted, %lld found",
                       INT32_MAX / 2, (long long)o->context);
    if (m->context > trained)
        pw_say(&m->engine->log, PEWTER_LOG_WARN,
               "a context of %lld tokens is longer than the %lld that the model was trained on",
               (long long)m->context, (long long)trained);
    if (o->batch < 0 || o->batch > 65536)
        return pw_fail(err, PEWTER_E_ARG, "batch: 0 to 65536 tokens wanted, %d found", o->batch);
    const int64_t width = pw_min(o->batch > 0 ? o->batch : DEFAULT_BATCH, m->context);
    const int64_t outputs =
        pw_max(1, pw_min(width, pw_max(16, LOGIT_BYTES / (4 * pw_max(vocab, 1)))));
    return pw_model_graph(m->file, &m->graph, &m->engine->alloc, width, outputs,
                          pw_ceil_div(m->context, PW_PAGE), err);
}

static pewter_status reserve_room(pewter_model *m, pewter_error *err)
{
    const pw_plan *plan = m->plan;
    const size_t width = (size_t)plan->width, outputs = (size_t)plan->outputs;
    pw_batch_room *room = &m->room;
    room->tokens = pw_arena_array(&m->arena, width, sizeof *room->tokens);
    room->rope = pw_arena_array(&m->arena, width, plan->rope_row_bytes);
    room->rows = pw_arena_array(&m->arena, outputs, sizeof *room->rows);
    /* Every sequence but the last of a batch ends in it, so has a row of logits. */
    room->sequences = pw_arena_array(&m->arena, outputs + 1, sizeof *room->sequences);
    room->sessions = pw_arena_array(&m->arena, outputs + 1, sizeof(pewter_session *));
    m->sampler.candidates =
        pw_arena_array(&m->arena, (size_t)plan->vocab, sizeof *m->sampler.candidates);
    m->sampler.counts = pw_arena_array(&m->arena, (size_t)plan->vocab, sizeof *m->sampler.counts);
    if (room->tokens == NULL || room->rope == NULL || room->rows == NULL ||
        room->sequences == NULL || room->sessions == NULL || m->sampler.candidates == NULL ||
        m->sampler.counts == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for batches of %zu tokens", width);
    return pw_kv_init(&m->kv, &m->arena, (int32_t)plan->pages, m->run, err);
}

static double ms_since(int64_t begin)
{
    return (double)(pw_now_ns() - begin) * 1e-6;
}

static pewter_status load(pewter_model *m, const char *path, const pewter_load_options *o,
                          pewter_error *err)
{
    pewter_engine *e = m->engine;
    const pw_model_options options = {.vocab_only = o->vocab_only,
                                      .trust_permissions = o->trust_permissions,
                                      .guard = !e->keep_sigbus};
    const int64_t begin = pw_now_ns();
    PW_TRY(pw_model_open(path, &options, &e->alloc, &m->file, err));
    pw_say(&e->log, PEWTER_LOG_INFO,
           "read and checked %s: %lld tokens of vocabulary, after %.0f ms", path,
           (long long)pw_model_vocab(m->file), ms_since(begin));
    if (o->vocab_only) return PEWTER_OK;

    PW_TRY(make_graph(m, o, err));
    const pw_plan_rules rules = {.exact = o->exact, .kv = kv_dtype(o), .spread = e->spread};
    if (rules.kv == PW_DTYPE_COUNT)
        return pw_fail(err, PEWTER_E_ARG, "kv: %d is no pewter_kv", (int)o->kv);
    PW_TRY(pw_plan_make(&m->graph, e->targets, e->n_devices, &rules, &e->alloc, &m->plan, err));
    pw_say(&e->log, PEWTER_LOG_INFO, "made plan %016llx: %d calls in %d steps, after %.0f ms",
           (unsigned long long)m->plan->hash, m->plan->n_calls, m->plan->n_steps, ms_since(begin));
    if (o->plan_only) return PEWTER_OK;

    PW_TRY(pw_resident_new(m->plan, e->devices, o->progress, o->progress_context, &e->alloc,
                           &m->resident, err));
    PW_TRY(pw_run_new(m->plan, m->resident, &e->alloc, &m->run, err));
    if (pw_model_faulted(m->file))
        return pw_fail(err, PEWTER_E_IO, "%s changed while it was read", path);
    PW_TRY(reserve_room(m, err));
    pw_say(&e->log, PEWTER_LOG_INFO, "packed the weights, %.1f MB a token, after %.0f ms",
           m->plan->step_bytes * 1e-6, ms_since(begin));
    return PEWTER_OK;
}

static void unload(pewter_model *m)
{
    pw_run_free(m->run);
    pw_resident_free(m->resident);
    pw_plan_free(m->plan);
    pw_graph_free(&m->graph);
    pw_model_close(m->file);
    pw_arena_free(&m->arena);
    const pewter_allocator *alloc = &m->engine->alloc;
    pw_free(alloc, m, sizeof *m);
}

static pewter_status new_model(pewter_engine *e, const char *path, const pewter_load_options *o,
                               pewter_model **out, pewter_error *err)
{
    pewter_model *m = pw_alloc(&e->alloc, sizeof *m);
    if (m == NULL) return pw_fail(err, PEWTER_E_MEMORY, "no memory for a model");
    *m = (pewter_model){.engine = e, .arena.alloc = &e->alloc, .graph.arena.alloc = &e->alloc};
    const pewter_status status = load(m, path, o, err);
    if (status != PEWTER_OK) {
        unload(m);
        return status;
    }
    m->next = e->models;
    e->models = m;
    *out = m;
    return PEWTER_OK;
}

pewter_status pewter_load(pewter_engine *engine, const char *path,
                          const pewter_load_options *options, pewter_model **out, pewter_error *err)
{
    if (engine == NULL || path == NULL || out == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_load: engine, path and out are wanted");
    pewter_load_options taken = pewter_load_defaults();
    if (options != NULL) {
        if (options->size < sizeof options->size || options->size > 4096)
            return pw_fail(err, PEWTER_E_ARG, "load options say they are %zu bytes", options->size);
        memcpy(&taken, options, options->size < sizeof taken ? options->size : sizeof taken);
    }
    PW_TRY(pw_enter(engine, err));
    const pewter_status status = new_model(engine, path, &taken, out, err);
    pw_leave(engine);
    return status;
}

void pewter_unload(pewter_model *model)
{
    if (model == NULL) return;
    pewter_model **at = &model->engine->models;
    while (*at != model) at = &(*at)->next;
    *at = model->next;
    unload(model);
}

/* ---- Stepping -------------------------------------------------------------------------------- */

pewter_status pewter_step(pewter_engine *engine, size_t *ready, pewter_error *err)
{
    if (engine == NULL || ready == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_step: engine and ready are wanted");
    PW_TRY(pw_enter(engine, err));
    size_t count = 0;
    pewter_status status = PEWTER_OK;
    for (pewter_model *m = engine->models; m != NULL && status == PEWTER_OK; m = m->next)
        if (m->run != NULL) status = pw_batch_step(m, &count, err);
    pw_leave(engine);
    if (status == PEWTER_OK) *ready = count;
    return status;
}

/* ---- Measuring ------------------------------------------------------------------------------- */

enum { PROBE_BYTES = 256 << 20, PROBE_TASKS = 64 };

typedef struct probe {
    const uint64_t *data;
    _Atomic uint64_t sum; /* so that the reads are not optimised away */
} probe;

/* One word a line, for memory moves whole lines, and the next 4 KiB asked for in a burst: fewer lines
 * would be under way if the core had to find them among the words of those before. */
static void read_part(void *context, uint32_t task)
{
    enum { LINE = 8, BURST = 512 }; /* words */
    probe *p = context;
    const size_t words = PROBE_BYTES / sizeof *p->data / PROBE_TASKS;
    const uint64_t *at = p->data + (size_t)task * words;
    uint64_t even = 0, odd = 0;
    for (size_t i = 0; i < words; i += BURST) {
        for (size_t k = 0; k < BURST; k += LINE) __builtin_prefetch(at + i + BURST + k, 0, 3);
        for (size_t k = 0; k < BURST; k += 2 * LINE) {
            even += at[i + k];
            odd += at[i + k + LINE];
        }
    }
    atomic_fetch_add(&p->sum, even + odd);
}

/* The median of the passes that fit into the time: the memory of a shared machine has moods. */
static pewter_status measure_device(pewter_engine *e, size_t index, double seconds, double *out,
                                    pewter_error *err)
{
    const pw_backend *backend = e->targets[index].backend;
    pw_buffer *buffer;
    PW_TRY(backend->alloc(e->devices[index], PROBE_BYTES, PEWTER_MEM_WEIGHTS, &buffer, err));
    probe work = {.data = backend->map(e->devices[index], buffer)};
    double rates[64];
    size_t count = 0;
    const int64_t until = pw_now_ns() + (int64_t)(seconds * 1e9);
    while (work.data != NULL && backend->each != NULL && count < 64) {
        const int64_t begin = pw_now_ns();
        backend->each(e->devices[index], PROBE_TASKS, read_part, &work);
        const double rate = PROBE_BYTES / ((double)(pw_now_ns() - begin) * 1e-9);
        size_t at = count++;
        for (; at > 0 && rates[at - 1] > rate; at--) rates[at] = rates[at - 1];
        rates[at] = rate;
        if (pw_now_ns() > until) break;
    }
    backend->release(e->devices[index], buffer);
    const double median = count > 0 ? rates[count / 2] : 0.0;
    if (median > *out) *out = median; /* segments run in turn: the devices do not add up */
    return PEWTER_OK;
}

pewter_status pewter_measure(pewter_engine *engine, double seconds, double *out, pewter_error *err)
{
    if (engine == NULL || out == NULL || !(seconds > 0.0 && seconds <= 60.0))
        return pw_fail(err, PEWTER_E_ARG, "pewter_measure: engine, out and 0 to 60 s are wanted");
    PW_TRY(pw_enter(engine, err));
    double rate = 0.0;
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < engine->n_devices && status == PEWTER_OK; i++)
        status = measure_device(engine, i, seconds / (double)engine->n_devices, &rate, err);
    if (status == PEWTER_OK) *out = engine->bandwidth = rate;
    pw_leave(engine);
    return status;
}
