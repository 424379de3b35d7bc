#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kernels/quant.h"
#include "runtime/model/synth.h"
#include "tests/support/gguf_fixture.h"

static pewter_synth_options options_of(const char *shape, const char *type, uint64_t seed)
{
    return (pewter_synth_options){
        .size = sizeof(pewter_synth_options), .shape = shape, .type = type, .seed = seed};
}

static void write_sound(fixture *f, const char *shape, const char *type, uint64_t seed)
{
    const pewter_synth_options options = options_of(shape, type, seed);
    if (pw_synth_write(&options, f->path, &f->err) != PEWTER_OK) fail_msg("%s", f->err.message);
}

static void write_refused(fixture *f, const char *shape, const char *type, pewter_status wanted,
                          const char *says)
{
    const pewter_synth_options options = options_of(shape, type, 1);
    assert_int_equal(pw_synth_write(&options, f->path, &f->err), wanted);
    if (strstr(f->err.message, says) == NULL) fail_msg("'%s' is not in '%s'", says, f->err.message);
}

/* Opens what was written and checks it as a model. */
static pw_gguf *open_model(fixture *f, pw_hparams *h)
{
    pw_gguf *file = fixture_open(f, f->path);
    pewter_status status = pw_hparams_read(file, h, &f->err);
    if (status == PEWTER_OK) status = pw_hparams_check(file, h, &f->err);
    if (status != PEWTER_OK) fail_msg("%s", f->err.message);
    return file;
}

static int entries_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void check_type(fixture *f, const char *type)
{
    pw_hparams h;
    write_sound(f, "tiny,layers=1", type, 5);
    pw_gguf *file = open_model(f, &h);
    const pw_gguf_tensor *t = pw_gguf_tensor_named(file, "blk.0.ffn_up.weight");
    assert_int_equal(t->dtype, pw_dtype_from_name(type));
    assert_int_equal(pw_gguf_tensor_named(file, "token_embd.weight")->dtype, t->dtype);
    assert_int_equal(pw_gguf_tensor_named(file, "output_norm.weight")->dtype, PW_F32);
    uint64_t file_type = 99;
    bool found = false;
    assert_int_equal(pw_gguf_get_uint(file, "general.file_type", &file_type, &found, &f->err),
                     PEWTER_OK);
    assert_true(found && (file_type != 0 || t->dtype == PW_F32)); /* 0 says F32 */
    double sum = 0.0, squares = 0.0;
    float row[256];
    for (int64_t i = 0; i < t->n[1]; i++) {
        pw_dequantize(t->dtype, (const char *)t->data + (size_t)i * t->row_bytes, row, t->n[0]);
        for (int64_t k = 0; k < t->n[0]; k++) {
            sum += (double)row[k];
            squares += (double)row[k] * (double)row[k];
        }
    }
    const double count = (double)(t->n[0] * t->n[1]);
    const double deviation = sqrt(squares / count);
    if (fabs(sum / count) > 0.01 || deviation < 0.8 / 16.0 || deviation > 1.3 / 16.0)
        fail_msg("%s: mean %g, deviation %g", type, sum / count, deviation);
    pw_gguf_close(file);
}

static void test_writes_every_type(void **state)
{
    fixture *f = *state;
    int types = 0;
    for (int d = 0; d < PW_DTYPE_COUNT; d++) {
        if (!pw_can_quantize((pw_dtype)d)) continue;
        check_type(f, pw_dtype_get((pw_dtype)d)->name);
        types++;
    }
    assert_true(types >= 3);
    assert_int_equal(entries_in(f->folder), 1); /* no file on its way is left */
}

static void test_falls_back_where_rows_are_no_whole_blocks(void **state)
{
    fixture *f = *state;
    pw_hparams h;
    write_sound(f, "tiny,embedding=64,heads=2,kv_heads=1,head_dim=32,ffn=100", "Q8_0", 5);
    pw_gguf *file = open_model(f, &h);
    assert_int_equal(pw_gguf_tensor_named(file, "blk.0.ffn_up.weight")->dtype, PW_Q8_0);
    assert_int_equal(pw_gguf_tensor_named(file, "blk.0.ffn_down.weight")->dtype, PW_F16);
    pw_gguf_close(file);
    if (!pw_can_quantize(PW_Q4_K)) return;
    write_sound(f, "tiny,ffn=96", "Q4_K", 5);
    file = open_model(f, &h);
    assert_int_equal(pw_gguf_tensor_named(file, "blk.0.ffn_up.weight")->dtype, PW_Q4_K);
    assert_int_equal(pw_gguf_tensor_named(file, "blk.0.ffn_down.weight")->dtype, PW_Q8_0);
    pw_gguf_close(file);
}

static void test_takes_shapes_in_words(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *words;
        int64_t layers, embedding, heads, kv_heads, head_dim, ffn, vocab;
        bool tied;
    } shapes[] = {{"llama-1b-32k", 16, 2048, 32, 8, 64, 8192, 32000, true},
                  {"llama-3.2-1b", 16, 2048, 32, 8, 64, 8192, 128256, true},
                  {"llama-8b", 32, 4096, 32, 8, 128, 14336, 128256, false},
                  {"smollm2-135m", 30, 576, 9, 3, 64, 1536, 49152, true},
                  {"llama-8b,layers=2,tied=1,vocab=1000", 2, 4096, 32, 8, 128, 14336, 1000, true},
                  {"layers=1,ffn=64", 1, 256, 4, 2, 64, 64, 512, true},
                  {"", 3, 256, 4, 2, 64, 512, 512, true}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        pw_hparams h;
        if (pw_synth_shape(shapes[i].words, &h, &f->err) != PEWTER_OK)
            fail_msg("%s", f->err.message);
        assert_int_equal(h.layers, shapes[i].layers);
        assert_int_equal(h.embedding, shapes[i].embedding);
        assert_int_equal(h.heads, shapes[i].heads);
        assert_int_equal(h.kv_heads, shapes[i].kv_heads);
        assert_int_equal(h.head_dim, shapes[i].head_dim);
        assert_int_equal(h.ffn, shapes[i].ffn);
        assert_int_equal(h.vocab, shapes[i].vocab);
        assert_int_equal(h.tied, shapes[i].tied);
    }
}

static void test_refuses_other_words(void **state)
{
    fixture *f = *state;
    static const char *const words[][2] = {{"huge", "'huge'"},
                                           {"tiny,tiny", "'tiny'"},
                                           {"layers=0", "layers is 0"},
                                           {"layers=-1", "a number"},
                                           {"layers=", "a number"},
                                           {"layers=99999999999999999999", "a number"},
                                           {"depth=3", "'depth'"},
                                           {"heads=5", "kv_heads 2 does not divide heads 5"},
                                           {"head_dim=7", "head_dim"},
                                           {"arch=bert", "'bert'"},
                                           {"vocab=100", "vocab is 100"},
                                           {",", "no name"},
                                           {"tied=2", "tied is 2"},
                                           {"rope_base=1", "rope_base"},
                                           {"rope_base=1.x", "a number"},
                                           {"arch=qwen2,window=8", "window"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        write_refused(f, words[i][0], "F32", PEWTER_E_ARG, words[i][1]);
    write_refused(f, "tiny", "Q9_9", PEWTER_E_ARG, "'Q9_9'");
    write_refused(f, "tiny", "IQ2_XS", PEWTER_E_ARG, "'IQ2_XS'");
    write_refused(f, "tiny", "Q8X", PEWTER_E_ARG, "'Q8X'");
    write_refused(f, "layers=4096,embedding=1048576,ffn=16777216,heads=65536,kv_heads=65536", "F32",
                  PEWTER_E_IO, "are free");
    assert_int_equal(entries_in(f->folder), 0);
}

static void test_writes_the_families(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"llama", "qwen2", "qwen3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[64];
        pw_hparams h;
        snprintf(words, sizeof words, "tiny,arch=%s,layers=1,tied=0,context=99", names[i]);
        write_sound(f, words, "F32", 5);
        pw_gguf *file = open_model(f, &h);
        assert_string_equal(h.architecture, names[i]);
        assert_int_equal(h.context_trained, 99);
        assert_false(h.tied);
        pw_gguf_close(file);
    }
    pw_hparams h;
    write_sound(f, "window=17,rope_base=500000", "F32", 5);
    pw_gguf *file = open_model(f, &h);
    assert_int_equal(h.window, 17);
    assert_true(h.rope.base == 500000.0);
    pw_gguf_close(file);
}

/* The bytes of a file, in memory of the test's. */
static unsigned char *bytes_of(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

static void test_same_seed_same_bytes(void **state)
{
    fixture *f = *state;
    size_t n[3];
    unsigned char *data[3];
    for (int i = 0; i < 3; i++) {
        write_sound(f, "tiny,embedding=1024,layers=1", "Q8_0", i == 2 ? 8 : 7);
        data[i] = bytes_of(f->path, &n[i]);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(data[0], data[1], n[0]);
    assert_int_equal(n[0], n[2]);
    assert_memory_not_equal(data[0], data[2], n[0]);
    for (int i = 0; i < 3; i++) free(data[i]);
}

static int by_row(const void *a, const void *b)
{
    return memcmp(*(const unsigned char *const *)a, *(const unsigned char *const *)b, 64);
}

/* Rows from a pool, and rows made number by number: none twice. */
static void test_no_two_rows_are_equal(void **state)
{
    fixture *f = *state;
    static const char *const shapes[] = {"tiny,embedding=1024,layers=1,vocab=30000",
                                         "tiny,embedding=128,layers=1,vocab=30000"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        pw_hparams h;
        write_sound(f, shapes[i], "Q4_0", 3);
        pw_gguf *file = open_model(f, &h);
        const pw_gguf_tensor *t = pw_gguf_tensor_named(file, "token_embd.weight");
        const unsigned char **rows = malloc((size_t)t->n[1] * sizeof *rows);
        assert_non_null(rows);
        assert_true(t->row_bytes >= 64);
        for (int64_t k = 0; k < t->n[1]; k++)
            rows[k] = (const unsigned char *)t->data + (size_t)k * t->row_bytes;
        qsort(rows, (size_t)t->n[1], sizeof *rows, by_row);
        int twice = 0;
        for (int64_t k = 1; k < t->n[1]; k++)
            twice += memcmp(rows[k], rows[k - 1], t->row_bytes) == 0;
        assert_int_equal(twice, 0);
        free(rows);
        pw_gguf_close(file);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_the_vocabulary_has_no_text_twice(void **state)
{
    fixture *f = *state;
    enum { VOCAB = 60000 };
    char **texts = calloc(VOCAB, sizeof *texts);
    assert_non_null(texts);
    write_sound(f, "tiny,layers=1,embedding=32,ffn=32,vocab=60000", "F32", 1);
    pw_gguf *file = fixture_open(f, f->path);
    pw_gguf_texts tokens;
    const char *text;
    size_t bytes;
    assert_int_equal(pw_gguf_get_texts(file, "tokenizer.ggml.tokens", &tokens, NULL, NULL),
                     PEWTER_OK);
    assert_int_equal(tokens.count, VOCAB);
    for (size_t i = 0; pw_gguf_next_text(&tokens, &text, &bytes); i++) {
        assert_true(bytes > 0);
        texts[i] = strndup(text, bytes);
    }
    qsort(texts, VOCAB, sizeof *texts, by_text);
    for (size_t i = 1; i < VOCAB; i++) assert_string_not_equal(texts[i], texts[i - 1]);
    for (size_t i = 0; i < VOCAB; i++) free(texts[i]);
    free(texts);
    pw_gguf_close(file);
}

/* ---- Ends before the end ----------------------------------------------------------------------- */

typedef struct watch {
    uint64_t calls, last, total, stop_at;
} watch;

static bool watch_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    watch *w = context;
    assert_non_null(what);
    assert_true(done >= w->last && done <= total);
    w->last = done;
    w->total = total;
    return ++w->calls != w->stop_at;
}

static void test_tells_how_far_it_is_and_stops(void **state)
{
    fixture *f = *state;
    watch w = {0};
    pewter_synth_options options = options_of("tiny,embedding=1024,ffn=2048", "F32", 1);
    options.progress = watch_progress;
    options.progress_context = &w;
    assert_int_equal(pw_synth_write(&options, f->path, &f->err), PEWTER_OK);
    assert_true(w.calls > 2);
    assert_int_equal(w.last, w.total);
    w = (watch){.stop_at = 2};
    char other[160];
    snprintf(other, sizeof other, "%s.other", f->path);
    assert_int_equal(pw_synth_write(&options, other, &f->err), PEWTER_E_CANCELLED);
    assert_int_equal(entries_in(f->folder), 1);
}

static void test_a_full_disk_leaves_nothing(void **state)
{
    fixture *f = *state;
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    write_sound(f, "tiny,layers=1,ffn=32", "Q8_0", 1); /* what is there already stays */
    struct stat st, after;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const pewter_synth_options options = options_of("tiny", "F32", 1);
    const pewter_status status = pw_synth_write(&options, f->path, &f->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, PEWTER_E_IO);
    assert_non_null(strstr(f->err.message, "cannot be written"));
    assert_int_equal(stat(f->path, &after), 0);
    assert_true(st.st_ino == after.st_ino && st.st_size == after.st_size);
    assert_int_equal(entries_in(f->folder), 1);
}

static void test_refuses_places_that_are_no_files(void **state)
{
    fixture *f = *state;
    const pewter_synth_options options = options_of("tiny", "F32", 1);
    char path[160];
    assert_int_equal(pw_synth_write(&options, f->folder, &f->err), PEWTER_E_ARG);
    assert_int_equal(pw_synth_write(&options, "/dev/full", &f->err), PEWTER_E_ARG);
    snprintf(path, sizeof path, "%s/absent/model.gguf", f->folder);
    assert_int_equal(pw_synth_write(&options, path, &f->err), PEWTER_E_IO);
    assert_non_null(strstr(f->err.message, "No such file"));
    assert_int_equal(entries_in(f->folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_writes_every_type),
        FIXTURE_TEST(test_falls_back_where_rows_are_no_whole_blocks),
        FIXTURE_TEST(test_takes_shapes_in_words),
        FIXTURE_TEST(test_refuses_other_words),
        FIXTURE_TEST(test_writes_the_families),
        FIXTURE_TEST(test_same_seed_same_bytes),
        FIXTURE_TEST(test_no_two_rows_are_equal),
        FIXTURE_TEST(test_the_vocabulary_has_no_text_twice),
        FIXTURE_TEST(test_tells_how_far_it_is_and_stops),
        FIXTURE_TEST(test_a_full_disk_leaves_nothing),
        FIXTURE_TEST(test_refuses_places_that_are_no_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
