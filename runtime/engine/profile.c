/* The profile of a model's plan, as the public header has it. */
#include <string.h>

#include "kernels/features.h"
#include "pw/status.h"
#include "runtime/engine/engine.h"

static pewter_status want_run(const pewter_model *model, const char *who, pewter_error *err)
{
    if (model == NULL) return pw_fail(err, PEWTER_E_ARG, "%s: a model is wanted", who);
    if (model->run == NULL)
        return pw_fail(err, PEWTER_E_ARG, "%s: the model was loaded without its weights", who);
    return PEWTER_OK;
}

pewter_status pewter_profile(pewter_model *model, bool on, pewter_error *err)
{
    PW_TRY(want_run(model, "pewter_profile", err));
    PW_TRY(pw_enter(model->engine, err));
    const pewter_status status = pw_run_time(model->run, on, err);
    pw_leave(model->engine);
    return status;
}

size_t pewter_profile_count(const pewter_model *model)
{
    return model != NULL && model->run != NULL ? (size_t)model->plan->n_calls : 0;
}

static const char *arithmetic(const pw_kernel *row)
{
    if (row->op == PW_OP_MATMUL && row->act == PW_Q8X)
        return pw_sums_short(row) ? "int8_short" : "int8";
    if (row->op == PW_OP_MATMUL && row->act == PW_B16X) return "bf16";
    return (row->needs & PW_CPU_AVX512BF16) != 0 ? "bf16" : "f32";
}

pewter_status pewter_profile_get(const pewter_model *model, size_t index, pewter_profile_op *out,
                                 pewter_error *err)
{
    PW_TRY(want_run(model, "pewter_profile_get", err));
    if (out == NULL || out->size < sizeof out->size)
        return pw_fail(err, PEWTER_E_ARG, "pewter_profile_get: out with its size is wanted");
    if (index >= pewter_profile_count(model))
        return pw_fail(err, PEWTER_E_ARG, "op %zu of %zu", index, pewter_profile_count(model));
    const pw_plan_call *call = &model->plan->calls[index];
    const pw_call_time *time = pw_run_call_time(model->run, (int32_t)index);
    const bool ran = time != NULL && time->kernel != NULL;
    pewter_profile_op op = {
        .size = out->size,
        .name = call->name,
        .op = pw_op_name(call->call.op),
        .kernel = ran ? time->kernel->name : NULL,
        .arithmetic = arithmetic(ran ? time->kernel : call->kernel),
        .device = call->device,
        .layer = call->layer,
    };
    if (ran) {
        op.calls = time->turns;
        op.seconds = (double)time->wall_ns * 1e-9;
        op.busy_seconds = (double)time->busy_ns * 1e-9;
        op.operations = time->operations;
        op.bytes = time->bytes;
    }
    memcpy(out, &op, out->size < sizeof op ? out->size : sizeof op);
    return PEWTER_OK;
}

typedef struct giver {
    pewter_span_fn *each;
    void *context;
} giver;

static void give_span(void *context, int32_t device, const pw_call_span *span)
{
    const giver *g = context;
    const pewter_span whole = {.size = sizeof whole,
                               .op = (size_t)span->call,
                               .device = device,
                               .worker = span->worker,
                               .begin_ns = span->begin_ns,
                               .end_ns = span->end_ns};
    g->each(g->context, &whole);
}

pewter_status pewter_profile_spans(const pewter_model *model, pewter_span_fn *each, void *context,
                                   uint64_t *dropped, pewter_error *err)
{
    PW_TRY(want_run(model, "pewter_profile_spans", err));
    if (each == NULL)
        return pw_fail(err, PEWTER_E_ARG, "pewter_profile_spans: a function is wanted");
    giver g = {each, context};
    const uint64_t lost = pw_run_spans(model->run, give_span, &g);
    if (dropped != NULL) *dropped = lost;
    return PEWTER_OK;
}
