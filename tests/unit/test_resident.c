#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "runtime/engine/memory.h"
#include "tests/support/fast_rows.h"
#include "tests/support/mock_backend.h"
#include "tests/support/tiny_graph.h"

/* A packing that shows what it was given: a panel is its rows' bytes, source by source, behind their
 * number. */
static size_t plain_panel_bytes(int64_t k)
{
    size_t row = 0;
    (void)pw_dtype_row_bytes(PW_Q8_0, k, &row);
    return pw_align_up(64 + PW_PANEL * row, 64);
}

static void plain_pack(const pw_pack *args)
{
    char *at = args->dst;
    memset(at, 0, plain_panel_bytes(args->k));
    at[0] = (char)args->rows;
    at[1] = (char)args->fused;
    at += 64;
    for (int s = 0; s < (args->fused ? 2 : 1); s++) {
        memcpy(at, args->src[s], (size_t)args->rows * args->row_bytes);
        at += (size_t)args->rows * args->row_bytes;
    }
}

static const pw_packing plain_packing = {"plain", plain_panel_bytes, plain_pack};
static fast_rows rows;

/* A model whose weights are packed, on one device, with its weights in a file where `fd` says so. */
typedef struct rig {
    tiny_graph tiny;
    pw_site site;
    pw_device *device;
    const pw_backend *backend;
    pw_plan *plan;
    int fd;
    pewter_error err;
} rig;

/* Writes all weights to an unnamed file, from where they are read then. */
static void to_file(rig *r)
{
    r->fd = memfd_create("weights", MFD_CLOEXEC);
    assert_true(r->fd >= 0);
    uint64_t at = 13; /* no alignment is promised */
    for (int32_t v = 0; v < r->tiny.graph.n_values; v++) {
        pw_source *source = &r->tiny.graph.values[v].source;
        if (source->mapped == NULL) continue;
        assert_int_equal(pwrite(r->fd, source->mapped, source->bytes, (off_t)at), source->bytes);
        source->fd = r->fd;
        source->offset = at;
        at += source->bytes;
    }
}

static const int32_t cpus[] = {0, 0};

static void rig_open(rig *r, const pw_backend *backend, bool file)
{
    *r = (rig){.backend = backend, .fd = -1};
    mock_reset();
    mock.features = FAST_FEATURE;
    fast_make(&rows, &(fast_options){PW_EPILOGUE_GLU | PW_EPILOGUE_ADD, true, 2});
    for (size_t i = 0; i < FAST_MATMULS; i++) rows.rows[i].packing = &plain_packing;
    mock.catalogue = rows.all;
    const tiny_shape shape = tiny_defaults(); /* 80 tokens: the last panel of the head is short */
    tiny_make(&r->tiny, &shape, &pw_default_allocator);
    assert_int_equal(pw_graph_check(&r->tiny.graph, &r->err), PEWTER_OK);
    if (file) to_file(r);
    r->site =
        (pw_site){.name = "site", .cpus = cpus, .n_cpus = 2, .memory = 1 << 30, .driver = true};
    pw_device_info info;
    size_t n;
    assert_int_equal(backend->probe(&r->site, 1, &info, 1, &n, &r->err), PEWTER_OK);
    info.features = FAST_FEATURE;
    assert_int_equal(backend->open(&info, &r->site, &pw_default_allocator, &r->device, &r->err),
                     PEWTER_OK);
    /* The plan takes the mock's rows, whatever device carries it out. */
    static pw_backend planned;
    planned = *backend;
    planned.kernels = mock_backend.kernels;
    const pw_target target = {.backend = &planned, .info = info};
    const pw_plan_rules rules = {.kv = PW_F32};
    if (pw_plan_make(&r->tiny.graph, &target, 1, &rules, &pw_default_allocator, &r->plan,
                     &r->err) != PEWTER_OK)
        fail_msg("%s", r->err.message);
}

static void rig_close(rig *r)
{
    pw_plan_free(r->plan);
    r->backend->close(r->device);
    tiny_free(&r->tiny);
    if (r->fd >= 0) close(r->fd);
}

static void read_back(rig *r, pw_buffer *buffer, size_t at, void *out, size_t bytes)
{
    pw_ticket ticket;
    assert_int_equal(r->backend->read(r->device, buffer, at, out, bytes, &ticket, &r->err),
                     PEWTER_OK);
    assert_int_equal(r->backend->wait(r->device, ticket, 0, &r->err), PEWTER_OK);
}

/* Every panel holds the rows that it should, of both sources where they are fused. */
static void check_panels(rig *r, const pw_resident *resident, int32_t index)
{
    const pw_plan_weight *w = &r->plan->weights[index];
    const bool fused = w->source[1].mapped != NULL;
    const int64_t most = fused ? PW_PANEL / 2 : PW_PANEL;
    const size_t row = w->source[0].row_bytes, panel = plain_panel_bytes(w->k);
    static char got[8192];
    assert_true(panel <= sizeof got);
    for (int64_t p = 0; p * most < w->m; p++) {
        const int64_t here = w->m - p * most < most ? w->m - p * most : most;
        read_back(r, resident->devices[0].weights, resident->offsets[index] + (size_t)p * panel,
                  got, panel);
        assert_int_equal(got[0], here);
        assert_int_equal(got[1], fused);
        for (int s = 0; s < (fused ? 2 : 1); s++)
            assert_memory_equal(got + 64 + (size_t)(s * here) * row,
                                (const char *)w->source[s].mapped + (size_t)(p * most) * row,
                                (size_t)here * row);
    }
}

static void check_all(rig *r, const pw_resident *resident)
{
    int packed = 0, copied = 0;
    for (int32_t i = 0; i < r->plan->n_weights; i++) {
        const pw_plan_weight *w = &r->plan->weights[i];
        static char got[65536];
        if (w->bytes == 0) {
            assert_non_null(resident->mapped[i]);
        } else if (w->packing != NULL) {
            check_panels(r, resident, i);
            packed++;
        } else {
            assert_true(w->bytes <= sizeof got);
            read_back(r, resident->devices[0].weights, resident->offsets[i], got, w->bytes);
            assert_memory_equal(got, w->source[0].mapped, w->bytes);
            copied++;
        }
    }
    assert_int_equal(packed, 2 * 6 + 1);
    assert_int_equal(copied, r->backend->import == NULL ? 2 * 2 + 2 : 2 * 2 + 1);
}

static void test_filled(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        rig r;
        rig_open(&r, which < 2 ? &mock_backend : &pw_cpu_backend, which % 2 == 1);
        pw_resident *resident = NULL;
        if (pw_resident_new(r.plan, &r.device, NULL, NULL, &pw_default_allocator, &resident,
                            &r.err) != PEWTER_OK)
            fail_msg("%s", r.err.message);
        check_all(&r, resident);
        pw_device_state now;
        r.backend->query(r.device, &now);
        assert_in_range(now.bytes_used, r.plan->devices[0].weight_bytes,
                        r.plan->devices[0].weight_bytes + r.plan->devices[0].activation_bytes +
                            r.plan->devices[0].page_bytes * (size_t)r.plan->pages + 256);
        pw_resident_free(resident);
        r.backend->query(r.device, &now);
        assert_int_equal(now.bytes_used, 0);
        rig_close(&r);
        assert_int_equal(mock.misuses, 0);
    }
    pw_resident_free(NULL);
}

/* A file that is cut short, or cannot be read, is an error that names the tensor. */
static void test_short_file(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        rig r;
        rig_open(&r, which == 0 ? &mock_backend : &pw_cpu_backend, true);
        pw_resident *resident = NULL;
        const off_t end = lseek(r.fd, 0, SEEK_END);
        for (int part = 0; part < 8; part++) {
            assert_int_equal(ftruncate(r.fd, end * (7 - part) / 8), 0);
            assert_int_equal(pw_resident_new(r.plan, &r.device, NULL, NULL, &pw_default_allocator,
                                             &resident, &r.err),
                             PEWTER_E_IO);
            assert_string_equal(r.err.message, "tensor 'weight': the file has become shorter");
        }
        const int gone = open("/", O_RDONLY | O_DIRECTORY);
        assert_int_equal(dup2(gone, r.fd), r.fd);
        close(gone);
        assert_int_equal(pw_resident_new(r.plan, &r.device, NULL, NULL, &pw_default_allocator,
                                         &resident, &r.err),
                         PEWTER_E_IO);
        assert_non_null(strstr(r.err.message, "Is a directory"));
        assert_null(resident);
        rig_close(&r);
        assert_int_equal(mock.buffers, 0);
    }
}

typedef struct watch {
    uint64_t last, total;
    int calls, cancel_at;
} watch;

static bool look(void *context, const char *what, uint64_t done, uint64_t total)
{
    watch *w = context;
    assert_string_equal(what, "loading weights");
    assert_true(done >= w->last && done <= total);
    w->last = done;
    w->total = total;
    return w->calls++ != w->cancel_at;
}

static void test_progress(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, &mock_backend, false);
    watch w = {.cancel_at = -1};
    pw_resident *resident = NULL;
    assert_int_equal(
        pw_resident_new(r.plan, &r.device, look, &w, &pw_default_allocator, &resident, &r.err),
        PEWTER_OK);
    assert_true(w.last == w.total && w.total > 0);
    assert_int_equal(w.calls, r.plan->n_weights);
    pw_resident_free(resident);
    resident = NULL;
    for (int at = 0; at < w.calls; at += 3) {
        watch once = {.cancel_at = at};
        assert_int_equal(pw_resident_new(r.plan, &r.device, look, &once, &pw_default_allocator,
                                         &resident, &r.err),
                         PEWTER_E_CANCELLED);
        assert_null(resident);
        assert_int_equal(mock.buffers, 0);
    }
    rig_close(&r);
}

/* Memory that a device refuses is said with both numbers. */
static void test_device_full(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, &mock_backend, false);
    pw_device *small = NULL;
    pw_device_info info = {.name = "small", .memory = 1000};
    assert_int_equal(mock_backend.open(&info, &r.site, &pw_default_allocator, &small, &r.err),
                     PEWTER_OK);
    pw_resident *resident = NULL;
    assert_int_equal(
        pw_resident_new(r.plan, &small, NULL, NULL, &pw_default_allocator, &resident, &r.err),
        PEWTER_E_MEMORY);
    assert_non_null(strstr(r.err.message, "wanted on small, 1000 free"));
    mock_backend.close(small);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filled),
        cmocka_unit_test(test_short_file),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_device_full),
    };
    return cmocka_run_group_tests_name("resident", tests, NULL, NULL);
}
