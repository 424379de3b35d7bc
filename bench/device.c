#include "bench/device.h"

#include "backends/cpu/cpu.h"
#include "pw/status.h"
#include "runtime/engine/memory.h"

static pewter_status open_one(int32_t threads, bench_device *out, pewter_error *err)
{
    const pw_machine_options options = {.threads = threads};
    bench_device d = {.backend = &pw_cpu_backend};
    PW_TRY(pw_machine_open(&options, &pw_default_allocator, &d.machine, err));
    size_t found = 0;
    pewter_status status =
        d.backend->probe(d.machine->sites, d.machine->n_sites, &d.info, 1, &found, err);
    if (status == PEWTER_OK && found == 0)
        status = pw_fail(err, PEWTER_E_DEVICE, "no device was found on this machine");
    const pw_site *site = &d.machine->sites[d.info.site];
    if (status == PEWTER_OK)
        status = d.backend->open(&d.info, site, &pw_default_allocator, &d.device, err);
    if (status != PEWTER_OK) {
        pw_machine_close(d.machine);
        return status;
    }
    d.threads = d.info.threads;
    d.cpus = site->cpus;
    *out = d;
    return PEWTER_OK;
}

pewter_status devices_open(const int32_t *threads, size_t n_threads, bench_devices *out,
                           pewter_error *err)
{
    bench_devices devices = {.n = 0};
    int32_t wanted[DEVICE_MOST] = {0};
    size_t count = 0;
    if (n_threads > DEVICE_MOST)
        return pw_fail(err, PEWTER_E_ARG, "%d numbers of threads at most, %zu were given",
                       DEVICE_MOST, n_threads);
    for (; count < n_threads; count++) wanted[count] = threads[count];
    if (count == 0) {
        bench_device whole;
        PW_TRY(open_one(0, &whole, err));
        for (int32_t t = 1; t < whole.threads && count + 1 < DEVICE_MOST; t *= 2)
            wanted[count++] = t;
        wanted[count++] = whole.threads;
        whole.backend->close(whole.device);
        pw_machine_close(whole.machine);
    }
    pewter_status status = PEWTER_OK;
    for (size_t i = 0; i < count && status == PEWTER_OK; i++) {
        status = open_one(wanted[i], &devices.all[devices.n], err);
        if (status == PEWTER_OK) devices.n++;
    }
    if (status != PEWTER_OK) {
        devices_close(&devices);
        return status;
    }
    *out = devices;
    return PEWTER_OK;
}

void devices_close(bench_devices *devices)
{
    for (size_t i = 0; i < devices->n; i++) {
        devices->all[i].backend->close(devices->all[i].device);
        pw_machine_close(devices->all[i].machine);
    }
    devices->n = 0;
}
