/* Malformed model files: for each row of what has gone wrong in runtimes of this kind, files of one
 * defect, made from sound ones; truncations; flipped bits. Each is refused with a message that names
 * the field, or loads; none crashes, hangs, or takes memory out of proportion. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pw/rng.h"
#include "tests/support/gguf_fixture.h"
#include "tests/support/malformed.h"

enum { SECONDS = 600, LEAST_OF_A_ROW = 5 };

/* Loads the file of the fixture. A refusal has a message, and is not for want of memory: the limit has
 * room for a sound file many times over. */
static pewter_status load(fixture *f)
{
    const pewter_status status = mf_load_limited(f->path, &f->err);
    assert_true(status != PEWTER_E_MEMORY);
    if (status != PEWTER_OK && f->err.message[0] == 0)
        fail_msg("status %d without a message", (int)status);
    return status;
}

/* ---- One defect each --------------------------------------------------------------------------- */

static int try_cases(fixture *f, const mf_case *cases, size_t count)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const mf_case *c = &cases[i];
        const gb_bytes made = mf_make(c);
        gb_write(f->path, made.data, made.bytes);
        free(made.data);
        const pewter_status status = load(f);
        if (status == PEWTER_OK || strstr(f->err.message, c->says) == NULL ||
            strstr(f->err.message, f->path) == NULL) {
            printf("%s: %s: status %d, '%s', wanted '%s'\n", c->row, c->name, (int)status,
                   f->err.message, c->says);
            wrong++;
        }
    }
    return wrong;
}

static void test_sound_files_load(void **state)
{
    fixture *f = *state;
    static const char *const bases[] = {"llama", "qwen2", "qwen3", "bpe"};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const gb_bytes made = mf_sound(bases[i]);
        gb_write(f->path, made.data, made.bytes);
        free(made.data);
        if (load(f) != PEWTER_OK) fail_msg("%s: %s", bases[i], f->err.message);
    }
}

static void test_each_defect_is_refused_by_name(void **state)
{
    fixture *f = *state;
    int wrong = try_cases(f, mf_layout_cases, mf_layout_count);
    wrong += try_cases(f, mf_model_cases, mf_model_count);
    wrong += try_cases(f, mf_vocab_cases, mf_vocab_count);
    assert_int_equal(wrong, 0);
}

static size_t count_row(const char *row)
{
    size_t count = 0;
    for (size_t i = 0; i < mf_layout_count; i++) count += strcmp(mf_layout_cases[i].row, row) == 0;
    for (size_t i = 0; i < mf_model_count; i++) count += strcmp(mf_model_cases[i].row, row) == 0;
    for (size_t i = 0; i < mf_vocab_count; i++) count += strcmp(mf_vocab_cases[i].row, row) == 0;
    return count;
}

static void test_each_row_has_its_defects(void **state)
{
    (void)state;
    static const char *const rows[] = {"size arithmetic wraps",
                                       "string and array lengths",
                                       "counts",
                                       "array nesting",
                                       "alignment",
                                       "tensor infos",
                                       "data ranges",
                                       "vocabulary",
                                       "special ids >= vocab",
                                       "hyper-parameters",
                                       "crash with 4-byte file",
                                       "weights NaN/inf"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (count_row(rows[i]) < LEAST_OF_A_ROW)
            fail_msg("%s: %zu defects", rows[i], count_row(rows[i]));
}

/* ---- Sizes that only a sparse file has ---------------------------------------------------------- */

/* A file that goes on as zeros for `bytes`, after a beginning of `made`. */
static void save_sparse(const fixture *f, const gb_bytes *made, off_t bytes)
{
    gb_write(f->path, made->data, made->bytes);
    assert_int_equal(truncate(f->path, bytes), 0);
}

static void test_long_files_of_zeros_take_no_memory(void **state)
{
    fixture *f = *state;
    const uint64_t counts[] = {70 << 20, UINT64_C(1) << 33, UINT64_C(1) << 36};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        gb_file *file = gb_new();
        gb_entry *entry = gb_set(file, "long", PW_GGUF_TEXT, NULL, 0);
        gb_put_u64(&entry->value, counts[i]);
        gb_bytes made = gb_make(file);
        save_sparse(f, &made, (off_t)counts[i] + 4096);
        free(made.data);
        assert_int_equal(load(f), PEWTER_E_FORMAT);
        assert_non_null(strstr(f->err.message, "long: a text of"));

        file->n_tensors_said = (int64_t)(counts[i] / 64);
        file->n_entries = 0;
        made = gb_make(file);
        save_sparse(f, &made, (off_t)counts[i] + 4096);
        free(made.data);
        assert_int_equal(load(f), PEWTER_E_FORMAT);
        assert_non_null(strstr(f->err.message, "tensor"));

        file->n_tensors_said = GB_HONEST;
        file->n_entries_said = (int64_t)(counts[i] / 64);
        made = gb_make(file);
        save_sparse(f, &made, (off_t)counts[i] + 4096);
        free(made.data);
        assert_int_equal(load(f), PEWTER_E_FORMAT);
        assert_non_null(strstr(f->err.message, "keys"));
        file->n_entries = 1;
        gb_free(file);
    }
}

/* ---- Truncations and bits ----------------------------------------------------------------------- */

/* Where the header of the sound file ends, more or less: the data are the last 112,768 bytes. */
static size_t header_bytes(const gb_bytes *made)
{
    return made->bytes - 112768;
}

static void test_no_truncation_loads(void **state)
{
    fixture *f = *state;
    const gb_bytes made = mf_sound("llama");
    const size_t header = header_bytes(&made);
    gb_write(f->path, made.data, made.bytes);
    for (size_t length = made.bytes - 1;; length = length > 1999 + header ? length - 1999
                                                   : length > 300         ? length - 7
                                                                          : length - 1) {
        assert_int_equal(truncate(f->path, (off_t)length), 0);
        if (load(f) == PEWTER_OK) fail_msg("the first %zu bytes load", length);
        if (length == 0) break;
    }
    free(made.data);
}

/* One byte of the file, in place. */
static void poke(int fd, size_t at, unsigned char byte)
{
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static void test_flipped_bits_are_refused_or_load(void **state)
{
    fixture *f = *state;
    static const char *const bases[] = {"llama", "bpe"};
    enum { FLIPS = 3000 };
    pw_rng rng = {.state = 20};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const gb_bytes made = mf_sound(bases[i]);
        gb_write(f->path, made.data, made.bytes);
        const int fd = open(f->path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        int refused = 0;
        for (int flip = 0; flip < FLIPS; flip++) {
            /* All bits of the first bytes, then bits of the header, now and then of the data. */
            const size_t end = flip % 16 == 0 ? made.bytes : header_bytes(&made);
            const size_t bit =
                flip < 64 * 8 ? (size_t)flip : (size_t)pw_rng_range(&rng, 0, 8 * (int64_t)end - 1);
            const unsigned char byte = made.data[bit / 8];
            poke(fd, bit / 8, byte ^ (unsigned char)(1u << bit % 8));
            refused += load(f) != PEWTER_OK;
            poke(fd, bit / 8, byte);
        }
        printf("%s: %d flips, %d refused\n", bases[i], FLIPS, refused);
        assert_true(refused > FLIPS / 10);
        assert_int_equal(load(f), PEWTER_OK);
        close(fd);
        free(made.data);
    }
}

static void test_random_bytes_are_refused_or_load(void **state)
{
    fixture *f = *state;
    enum { FILES = 1000, WRONG = 4 };
    const gb_bytes made = mf_sound("llama");
    pw_rng rng = {.state = 30};
    gb_write(f->path, made.data, made.bytes);
    const int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (int i = 0; i < FILES; i++) {
        size_t at[WRONG];
        for (int k = 0; k < WRONG; k++) {
            at[k] = (size_t)pw_rng_range(&rng, 8, (int64_t)header_bytes(&made) - 1);
            poke(fd, at[k], (unsigned char)pw_rng_range(&rng, 0, 255));
        }
        load(f);
        for (int k = 0; k < WRONG; k++) poke(fd, at[k], made.data[at[k]]);
    }
    assert_int_equal(load(f), PEWTER_OK);
    close(fd);
    free(made.data);
}

int main(void)
{
    alarm(SECONDS); /* a hang is a failure */
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sound_files_load),
        FIXTURE_TEST(test_each_row_has_its_defects),
        FIXTURE_TEST(test_each_defect_is_refused_by_name),
        FIXTURE_TEST(test_long_files_of_zeros_take_no_memory),
        FIXTURE_TEST(test_no_truncation_loads),
        FIXTURE_TEST(test_flipped_bits_are_refused_or_load),
        FIXTURE_TEST(test_random_bytes_are_refused_or_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
