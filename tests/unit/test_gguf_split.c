#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/gguf_fixture.h"

static void set_u16(gb_file *file, const char *key, uint16_t value)
{
    gb_set(file, key, PW_GGUF_U16, &value, sizeof value);
}

/* The metadata of a part. */
static gb_file *part_of(uint16_t no, uint16_t count, uint32_t tensors)
{
    gb_file *part = gb_new();
    set_u16(part, "split.no", no);
    set_u16(part, "split.count", count);
    gb_set_u32(part, "split.tensors.count", tensors);
    return part;
}

static void part_path(const fixture *f, int no, int count, char out[128])
{
    snprintf(out, 128, "%s/m-%05d-of-%05d.gguf", f->folder, no, count);
}

/* Three parts: the first of metadata only, then two and one tensors. */
static void save_parts(const fixture *f)
{
    for (uint16_t no = 0; no < 3; no++) {
        char path[128];
        gb_file *part = part_of(no, 3, 3);
        if (no == 0) gb_set_text(part, "general.name", "split");
        if (no == 1) gb_add_f32(part, "b", 8, 2);
        if (no == 1) gb_add_f32(part, "c", 4, 0);
        if (no == 2) gb_add_f32(part, "a", 16, 0);
        part_path(f, no + 1, 3, path);
        gb_save(part, path);
        gb_free(part);
    }
}

static void test_joins_split_models(void **state)
{
    fixture *f = *state;
    char path[128];
    save_parts(f);
    part_path(f, 1, 3, path);
    pw_gguf *file = fixture_open(f, path);
    size_t count;
    const pw_gguf_tensor *tensors = pw_gguf_tensors(file, &count);
    assert_int_equal(pw_gguf_parts(file), 3);
    assert_int_equal(count, 3);
    assert_string_equal(tensors[0].name, "b");
    assert_int_equal(tensors[0].part, 1);
    const pw_gguf_tensor *a = pw_gguf_tensor_named(file, "a");
    assert_int_equal(a->part, 2);
    float first;
    assert_int_equal(pread(a->fd, &first, 4, (off_t)a->offset), 4);
    assert_memory_equal(&first, a->data, 4);
    assert_non_null(pw_gguf_find(file, "general.name"));
    pw_gguf_close(file);
}

static void test_refuses_split_models_in_disorder(void **state)
{
    fixture *f = *state;
    char path[128], first[128];
    part_path(f, 1, 3, first);

    save_parts(f);
    part_path(f, 2, 3, path);
    fixture_refuse(f, path, PEWTER_E_ARG, "name the first");
    assert_int_equal(rename(first, f->path), 0);
    fixture_refuse(f, f->path, PEWTER_E_FORMAT, "-00001-of-00003.gguf");

    save_parts(f);
    part_path(f, 3, 3, path);
    unlink(path);
    fixture_refuse(f, first, PEWTER_E_IO, "m-00003-of-00003.gguf");
    assert_int_equal(symlink("m-00002-of-00003.gguf", path), 0);
    fixture_refuse(f, first, PEWTER_E_IO, "m-00003-of-00003.gguf");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    fixture_refuse(f, first, PEWTER_E_IO, "a file is wanted");
    unlink(path);
    gb_file *part = part_of(1, 3, 3);
    gb_save(part, path);
    fixture_refuse(f, first, PEWTER_E_FORMAT, "split.no");
    set_u16(part, "split.no", 2);
    gb_save(part, path);
    fixture_refuse(f, first, PEWTER_E_FORMAT, "split.tensors.count is 3, the parts have 2");
    gb_add_f32(part, "b", 8, 0);
    gb_save(part, path);
    fixture_refuse(f, first, PEWTER_E_FORMAT, "two tensors are called 'b'");
    gb_tensor_named(part, "b")->name[0] = 'z';
    gb_save(part, path);
    pw_gguf_close(fixture_open(f, first));
    assert_int_equal(chmod(path, 0666), 0);
    fixture_refuse(f, first, PEWTER_E_IO, "chmod go-w");
    gb_free(part);
}

/* Parts that were opened are closed, and tables freed, wherever memory ends. */
static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    char path[128];
    save_parts(f);
    part_path(f, 1, 3, path);
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t at = 0; status != PEWTER_OK; at++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, FIXTURE_LIMIT, at);
        pw_gguf *file = NULL;
        status = pw_gguf_open(path, NULL, &alloc, &file, &f->err);
        pw_gguf_close(file);
        assert_int_equal(counts.live, 0);
        assert_true(at < 1000 && (status == PEWTER_OK || status == PEWTER_E_MEMORY));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_joins_split_models),
        FIXTURE_TEST(test_refuses_split_models_in_disorder),
        FIXTURE_TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
