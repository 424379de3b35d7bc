/* Which devices an engine opens, and which it only tells of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/status.h"
#include "runtime/engine/engine.h"

/* Whether a backend is the one that a wish begins with, or is used without one. */
static bool is_wanted(const char *wish, const pw_backend *backend)
{
    if (wish == NULL) return backend->unasked;
    const size_t bytes = strcspn(wish, ":");
    return strlen(backend->name) == bytes && memcmp(backend->name, wish, bytes) == 0;
}

/* Whether "BACKEND", "BACKEND:N" or "BACKEND:PART" names a device; without a wish all are meant of a backend
 * that is used unasked. */
static bool is_meant(const char *wish, const pw_backend *backend, size_t index,
                     const pw_device_info *info)
{
    if (wish == NULL || !is_wanted(wish, backend)) return is_wanted(wish, backend);
    const char *colon = strchr(wish, ':');
    if (colon == NULL) return !info->software;
    const char *which = colon + 1;
    char *end;
    const unsigned long number = strtoul(which, &end, 10);
    if (end != which && *end == 0) return number == index;
    return which[0] != 0 && strstr(info->detail, which) != NULL;
}

/* Takes in what a backend has found: those that are meant are opened. Of those that are
 * not used unasked one is taken. */
static pewter_status take(pewter_engine *e, const pw_backend *backend, const pw_device_info *found,
                          size_t count, const char *wish, pewter_error *err)
{
    bool taken = false;
    for (size_t i = 0; i < count; i++) {
        if ((taken && !backend->unasked) || !is_meant(wish, backend, i, &found[i])) {
            if (e->n_others < PW_MAX_DEVICES)
                e->others[e->n_others++] = (pw_target){.backend = backend, .info = found[i]};
            continue;
        }
        PW_TRY(backend->open(&found[i], &e->machine->sites[found[i].site], &e->alloc,
                             &e->devices[e->n_devices], err));
        e->targets[e->n_devices++] = (pw_target){.backend = backend, .info = found[i]};
        taken = true;
    }
    return PEWTER_OK;
}

/* What was wished for, and what there is. */
static pewter_status none_meant(const pewter_engine *e, const char *wish, pewter_error *err)
{
    char there[160] = "";
    for (size_t i = 0; i < e->n_others; i++) {
        const size_t at = strlen(there);
        snprintf(there + at, sizeof there - at, "%s%s", at > 0 ? ", " : "", e->others[i].info.name);
    }
    if (wish == NULL) return pw_fail(err, PEWTER_E_DEVICE, "no device found");
    return pw_fail(
        err, PEWTER_E_DEVICE,
        "no device '%.40s': cpu, or a backend and a number or part of a name wanted, such as "
        "vulkan:0 (software devices by number or name only); found: %s",
        wish, there[0] != 0 ? there : "none");
}

pewter_status pw_devices_open(pewter_engine *e, const char *wish, bool all, pewter_error *err)
{
    e->targets = pw_alloc(&e->alloc, PW_MAX_DEVICES * sizeof *e->targets);
    e->others = pw_alloc(&e->alloc, PW_MAX_DEVICES * sizeof *e->others);
    e->devices = pw_alloc(&e->alloc, PW_MAX_DEVICES * sizeof(pw_device *));
    if (e->targets == NULL || e->others == NULL || e->devices == NULL)
        return pw_fail(err, PEWTER_E_MEMORY, "no memory for the table of devices");
    pw_device_info found[PW_MAX_DEVICES];
    for (const pw_backend *const *b = pw_backends(); *b != NULL; b++) {
        const bool wanted = is_wanted(wish, *b);
        size_t count = 0;
        if (!wanted && !all) continue; /* its libraries are not even loaded */
        const pewter_status status = (*b)->probe(e->machine->sites, e->machine->n_sites, found,
                                                 PW_MAX_DEVICES - e->n_devices, &count, err);
        if (status != PEWTER_OK && wanted) return status;
        if (status == PEWTER_OK) PW_TRY(take(e, *b, found, count, wish, err));
    }
    return e->n_devices > 0 ? PEWTER_OK : none_meant(e, wish, err);
}

void pw_devices_close(pewter_engine *e)
{
    for (size_t i = 0; i < e->n_devices; i++) e->targets[i].backend->close(e->devices[i]);
    const pewter_allocator alloc = e->alloc;
    pw_free(&alloc, e->targets, PW_MAX_DEVICES * sizeof *e->targets);
    pw_free(&alloc, e->others, PW_MAX_DEVICES * sizeof *e->others);
    pw_free(&alloc, e->devices, PW_MAX_DEVICES * sizeof(pw_device *));
}
