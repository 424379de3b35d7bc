/* The one place that knows how a model file is loaded. */
#include "pw/status.h"
#include "runtime/model/model.h"
#include "tests/support/limit_alloc.h"
#include "tests/support/malformed.h"

enum { LIMIT = 16 << 20 };

static pewter_status load(const char *path, const pewter_allocator *alloc, pewter_error *err)
{
    const pw_model_options options = {.guard = true};
    pw_model *model = NULL;
    PW_TRY(pw_model_open(path, &options, alloc, &model, err));
    pw_model_close(model);
    return PEWTER_OK;
}

pewter_status mf_load_limited(const char *path, pewter_error *err)
{
    limit_alloc counts;
    const pewter_allocator alloc = limit_allocator(&counts, LIMIT, UINT64_MAX);
    *err = (pewter_error){{0}};
    const pewter_status status = load(path, &alloc, err);
    if (counts.live == 0) return status;
    return pw_fail(err, PEWTER_E_MEMORY, "%zu bytes are left of a load", counts.live);
}
