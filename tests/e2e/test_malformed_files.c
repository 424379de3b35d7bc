/* Model files whose defect is where they lie and who may write them: parts of split models, kinds and
 * modes of files, files that become shorter. */
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/model/hparams.h"
#include "tests/support/gguf_fixture.h"
#include "tests/support/malformed.h"

/* A defect of what lies in the folder: `done` makes it, and is told the two paths. */
typedef struct place_case {
    const char *name;
    void (*make)(gb_file *parts[2], const char *first, const char *second);
    bool second; /* the second part is loaded, not the first */
    const char *says;
} place_case;

static void save_both(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[0], first);
    gb_save(parts[1], second);
}

static void set_split(gb_file *part, const char *key, uint64_t value)
{
    gb_set(part, key, PW_GGUF_U64, &value, sizeof value);
}

/* A sound model in two parts. */
static void make_parts(gb_file *parts[2])
{
    parts[0] = gb_tiny("llama");
    parts[1] = gb_new();
    const size_t all = parts[0]->n_tensors;
    for (size_t i = 0; i < 2; i++) {
        set_split(parts[i], "split.no", i);
        set_split(parts[i], "split.count", 2);
        set_split(parts[i], "split.tensors.count", all);
    }
    for (size_t i = 0; i < 9; i++) {
        const gb_tensor *t = &parts[0]->tensors[parts[0]->n_tensors - 1];
        gb_add_f32(parts[1], t->name, t->n[0], t->n_dims == 1 ? 0 : t->n[1]);
        gb_remove_tensor(parts[0], t->name);
    }
}

static void no_second(gb_file *parts[2], const char *first, const char *second)
{
    (void)second;
    gb_save(parts[0], first);
}

static void second_is_a_link(gb_file *parts[2], const char *first, const char *second)
{
    char other[160];
    snprintf(other, sizeof other, "%s.other", second);
    save_both(parts, first, other);
    assert_int_equal(symlink(other, second), 0);
}

static void second_is_a_fifo(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[0], first);
    assert_int_equal(mkfifo(second, 0600), 0);
}

static void second_is_a_folder(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[0], first);
    assert_int_equal(mkdir(second, 0700), 0);
}

static void second_is_anybodys(gb_file *parts[2], const char *first, const char *second)
{
    save_both(parts, first, second);
    assert_int_equal(chmod(second, 0666), 0);
}

static void second_is_the_first(gb_file *parts[2], const char *first, const char *second)
{
    parts[1] = (gb_free(parts[1]), gb_tiny("llama"));
    set_split(parts[1], "split.no", 0);
    set_split(parts[1], "split.count", 2);
    save_both(parts, first, second);
}

static void second_is_of_three(gb_file *parts[2], const char *first, const char *second)
{
    set_split(parts[1], "split.count", 3);
    save_both(parts, first, second);
}

static void second_is_no_part(gb_file *parts[2], const char *first, const char *second)
{
    gb_remove(parts[1], "split.count");
    save_both(parts, first, second);
}

static void second_has_a_name_twice(gb_file *parts[2], const char *first, const char *second)
{
    snprintf(parts[1]->tensors[0].name, sizeof parts[1]->tensors[0].name, "output_norm.weight");
    save_both(parts, first, second);
}

static void one_tensor_less(gb_file *parts[2], const char *first, const char *second)
{
    gb_remove_tensor(parts[1], parts[1]->tensors[0].name);
    save_both(parts, first, second);
}

static void three_by_its_metadata(gb_file *parts[2], const char *first, const char *second)
{
    set_split(parts[0], "split.count", 3);
    save_both(parts, first, second);
}

static void no_end_of_parts(gb_file *parts[2], const char *first, const char *second)
{
    set_split(parts[0], "split.count", UINT64_MAX);
    save_both(parts, first, second);
}

static void a_part_behind_the_last(gb_file *parts[2], const char *first, const char *second)
{
    set_split(parts[0], "split.no", 2);
    save_both(parts, first, second);
}

static void first_is_anybodys(gb_file *parts[2], const char *first, const char *second)
{
    save_both(parts, first, second);
    assert_int_equal(chmod(first, 0646), 0);
}

static void first_is_the_groups(gb_file *parts[2], const char *first, const char *second)
{
    save_both(parts, first, second);
    /* Where no other group can be given, others stand in for it. */
    assert_int_equal(chmod(first, gb_give_to_others(first) ? 0664 : 0646), 0);
}

static void folder_is_anybodys(gb_file *parts[2], const char *first, const char *second)
{
    char folder[160];
    save_both(parts, first, second);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(first, '/') - first), first);
    assert_int_equal(chmod(folder, 0777), 0);
}

static void first_is_a_fifo(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[1], second);
    assert_int_equal(mkfifo(first, 0600), 0);
}

static void first_is_a_device(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[1], second);
    assert_int_equal(symlink("/dev/zero", first), 0);
}

static void first_is_empty(gb_file *parts[2], const char *first, const char *second)
{
    gb_save(parts[1], second);
    gb_write(first, NULL, 0);
}

static void test_files_and_their_neighbours(void **state)
{
    fixture *f = *state;
    static const place_case cases[] = {
        {"sound", save_both, false, NULL},
        {"no second part", no_second, false, "00002-of-00002"},
        {"a link in its place", second_is_a_link, false, "00002-of-00002"},
        {"a FIFO in its place", second_is_a_fifo, false, "00002-of-00002"},
        {"a folder in its place", second_is_a_folder, false, "00002-of-00002"},
        {"a part that others may write", second_is_anybodys, false, "chmod go-w"},
        {"the first part again", second_is_the_first, false, "split.no"},
        {"a part of three", second_is_of_three, false, "split.count"},
        {"a part that is none", second_is_no_part, false, "split.count"},
        {"a tensor in both", second_has_a_name_twice, false, "output_norm.weight"},
        {"a tensor less than said", one_tensor_less, false, "split.tensors.count"},
        {"two files of three parts", three_by_its_metadata, false, "-00001-of-00003.gguf"},
        {"2^64 - 1 parts", no_end_of_parts, false, "split.count"},
        {"part 3 of 2", a_part_behind_the_last, false, "split.no"},
        {"the second part named", save_both, true, "name the first"},
        {"others may write", first_is_anybodys, false, "chmod go-w"},
        {"the group may write", first_is_the_groups, false, "chmod go-w"},
        {"others may write the folder", folder_is_anybodys, false, "its folder"},
        {"a FIFO", first_is_a_fifo, false, "a file is wanted"},
        {"a device", first_is_a_device, false, "a file is wanted"},
        {"an empty file", first_is_empty, false, "is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[96], first[128], second[128];
        gb_file *parts[2];
        snprintf(folder, sizeof folder, "%s/%zu", f->folder, i);
        assert_int_equal(mkdir(folder, 0700), 0);
        snprintf(first, sizeof first, "%s/m-00001-of-00002.gguf", folder);
        snprintf(second, sizeof second, "%s/m-00002-of-00002.gguf", folder);
        make_parts(parts);
        cases[i].make(parts, first, second);
        gb_free(parts[0]);
        gb_free(parts[1]);
        const pewter_status status = mf_load_limited(cases[i].second ? second : first, &f->err);
        const bool wanted = cases[i].says == NULL;
        if ((status == PEWTER_OK) != wanted ||
            (!wanted && strstr(f->err.message, cases[i].says) == NULL))
            fail_msg("%s: status %d, '%s', wanted '%s'", cases[i].name, (int)status, f->err.message,
                     wanted ? "" : cases[i].says);
    }
}

/* Cut while it is mapped, at several places: what is read behind the end is zeros, and is told. */
static void test_files_that_become_shorter(void **state)
{
    fixture *f = *state;
    static const off_t lengths[] = {0, 1, 4096, 30000, 65536, 100000};
    const gb_bytes made = mf_sound("llama");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        gb_write(f->path, made.data, made.bytes);
        pw_gguf *file = fixture_open(f, f->path);
        size_t count;
        const pw_gguf_tensor *tensors = pw_gguf_tensors(file, &count);
        assert_int_equal(truncate(f->path, lengths[i]), 0);
        unsigned char all = 0;
        for (size_t k = 0; k < tensors[count - 1].bytes; k++)
            all |= ((const unsigned char *)tensors[count - 1].data)[k];
        assert_int_equal(all, 0);
        assert_true(pw_gguf_faulted(file));
        pw_hparams h;
        const pewter_status status = pw_hparams_read(file, &h, &f->err);
        assert_true(status <= PEWTER_OK && (lengths[i] > 1 || status != PEWTER_OK));
        pw_gguf_close(file);
    }
    free(made.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_files_and_their_neighbours),
        FIXTURE_TEST(test_files_that_become_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
