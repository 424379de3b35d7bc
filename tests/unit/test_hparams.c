#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "runtime/model/hparams.h"
#include "tests/support/gguf_fixture.h"

/* Reads and checks a file that was made; `says` NULL: it must be taken. */
static void read_made(fixture *f, const gb_file *made, pewter_status wanted, const char *says,
                      pw_hparams *out)
{
    gb_save(made, f->path);
    pw_gguf *file = fixture_open(f, f->path);
    f->err.message[0] = 0;
    pewter_status status = pw_hparams_read(file, out, &f->err);
    if (status == PEWTER_OK) status = pw_hparams_check(file, out, &f->err);
    pw_gguf_close(file);
    if (status != wanted) fail_msg("status %d: %s", (int)status, f->err.message);
    if (says != NULL && strstr(f->err.message, says) == NULL)
        fail_msg("'%s' is not in '%s'", says, f->err.message);
}

static void take(fixture *f, const gb_file *made, pw_hparams *out)
{
    read_made(f, made, PEWTER_OK, NULL, out);
}

static void test_reads_the_families(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        bool neox, bias, norm;
    } families[] = {{"llama", false, false, false},
                    {"mistral3", false, false, false},
                    {"qwen2", true, true, false},
                    {"qwen3", true, false, true}};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        gb_file *made = gb_tiny(families[i].name);
        pw_hparams h;
        take(f, made, &h);
        assert_string_equal(h.architecture, families[i].name);
        assert_string_equal(h.name, "tiny test model");
        assert_int_equal(h.rope_neox, families[i].neox);
        assert_int_equal(h.qkv_bias, families[i].bias);
        assert_int_equal(h.qk_norm, families[i].norm);
        assert_int_equal(h.vocab, GB_TINY_VOCAB);
        assert_int_equal(h.context_trained, 128);
        assert_int_equal(h.embedding, 32);
        assert_int_equal(h.layers, 2);
        assert_int_equal(h.ffn, 64);
        assert_int_equal(h.heads, 4);
        assert_int_equal(h.kv_heads, 2);
        assert_int_equal(h.head_dim, 8);
        assert_int_equal(h.window, 0);
        assert_int_equal(h.rope_dims, 8);
        assert_true(h.eps == 1e-5f);
        assert_true(h.tied);
        assert_int_equal(h.rope.scaling, PW_ROPE_NONE);
        assert_true(h.rope.base == 10000.0 && h.rope.factor == 1.0);
        assert_null(pw_hparams_rope(&h).factors);
        gb_free(made);
    }
}

static void test_fills_in_what_files_leave_out(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    static const char *const keys[] = {"llama.attention.key_length", "llama.attention.value_length",
                                       "llama.rope.dimension_count", "llama.vocab_size",
                                       "llama.rope.freq_base",       "general.name"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) gb_remove(made, keys[i]);
    pw_hparams h;
    take(f, made, &h);
    assert_int_equal(h.head_dim, 8);
    assert_int_equal(h.rope_dims, 8);
    assert_int_equal(h.vocab, GB_TINY_VOCAB);
    assert_true(h.rope.base == 10000.0);
    assert_string_equal(h.name, "");
    gb_remove(made, "llama.attention.head_count_kv"); /* then as many as heads: other shapes */
    read_made(f, made, PEWTER_E_FORMAT, "blk.0.attn_k.weight", &h);
    gb_remove(made, "tokenizer.ggml.tokens");
    gb_set_u32(made, "llama.attention.head_count_kv", 2);
    take(f, made, &h);
    assert_int_equal(h.vocab, GB_TINY_VOCAB);
    gb_free(made);
}

static void test_takes_integers_of_any_width(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    const uint16_t narrow = 32;
    const int64_t wide = 2;
    gb_set(made, "llama.embedding_length", PW_GGUF_U16, &narrow, sizeof narrow);
    gb_set(made, "llama.block_count", PW_GGUF_I64, &wide, sizeof wide);
    pw_hparams h;
    take(f, made, &h);
    assert_int_equal(h.embedding, 32);
    gb_free(made);
}

static void test_reads_windows(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    pw_hparams h;
    gb_set_u32(made, "llama.attention.sliding_window", 16);
    take(f, made, &h);
    assert_int_equal(h.window, 16);
    gb_set_u32(made, "llama.attention.sliding_window", 128); /* never shorter than the context */
    take(f, made, &h);
    assert_int_equal(h.window, 0);
    gb_set_u32(made, "llama.attention.sliding_window", 16);
    gb_set_u32(made, "llama.attention.sliding_window_pattern", 2);
    read_made(f, made, PEWTER_E_UNSUPPORTED, "attention.sliding_window", &h);
    gb_free(made);
    made = gb_tiny("qwen2");
    gb_set_u32(made, "qwen2.attention.sliding_window", 16);
    read_made(f, made, PEWTER_E_UNSUPPORTED, "attention.sliding_window", &h);
    gb_free(made);
}

static void test_reads_scalings_of_positions(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    pw_hparams h;
    gb_set_f32(made, "llama.rope.scaling.factor", 4.0f); /* without a type: linear */
    take(f, made, &h);
    assert_int_equal(h.rope.scaling, PW_ROPE_LINEAR);
    assert_true(h.rope.factor == 4.0);
    gb_set_text(made, "llama.rope.scaling.type", "none");
    take(f, made, &h);
    assert_int_equal(h.rope.scaling, PW_ROPE_NONE);
    gb_set_text(made, "llama.rope.scaling.type", "yarn");
    gb_set_u32(made, "llama.rope.scaling.original_context_length", 32);
    gb_set_f32(made, "llama.rope.scaling.yarn_beta_fast", 16.0f);
    gb_set_f32(made, "llama.rope.scaling.attn_factor", 0.5f);
    gb_set_f32(made, "llama.rope.scaling.yarn_attn_factor", 0.5f);
    take(f, made, &h);
    assert_int_equal(h.rope.scaling, PW_ROPE_YARN);
    assert_int_equal(h.rope.original_context, 32);
    assert_true(h.rope.factor == 4.0 && h.rope.beta_fast == 16.0 && h.rope.beta_slow == 1.0);
    assert_true(h.rope.attention_factor == 0.25);
    gb_set_f32(made, "llama.rope.scaling.yarn_ext_factor", 0.5f);
    read_made(f, made, PEWTER_E_UNSUPPORTED, "yarn_ext_factor", &h);
    gb_set_text(made, "llama.rope.scaling.type", "longrope");
    read_made(f, made, PEWTER_E_UNSUPPORTED, "longrope", &h);
    gb_set_text(made, "llama.rope.scaling.type", "linear");
    read_made(f, made, PEWTER_E_UNSUPPORTED, "attn_factor", &h);
    gb_free(made);

    made = gb_tiny("llama");
    gb_set_f32(made, "llama.rope.scale_linear", 2.0f); /* an older name */
    take(f, made, &h);
    assert_true(h.rope.scaling == PW_ROPE_LINEAR && h.rope.factor == 2.0);
    gb_set_f32(made, "llama.rope.scale_linear", 0.0f);
    take(f, made, &h);
    assert_int_equal(h.rope.scaling, PW_ROPE_NONE);
    gb_free(made);
    made = gb_tiny("mistral3");
    gb_set_text(made, "mistral3.rope.scaling.type", "yarn");
    read_made(f, made, PEWTER_E_UNSUPPORTED, "yarn", &h);
    gb_free(made);
}

static void test_reads_factors_of_positions(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    const float factors[] = {1.0f, 1.5f, 8.0f, 32.0f};
    pw_hparams h;
    gb_tensor *t = gb_add_f32(made, "rope_freqs.weight", 4, 0);
    memcpy(t->data.data, factors, sizeof factors);
    take(f, made, &h);
    assert_true(h.has_rope_factors);
    assert_memory_equal(pw_hparams_rope(&h).factors, factors, sizeof factors);
    static const float wrong[] = {0.0f, -1.0f, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(gb_tensor_named(made, "rope_freqs.weight")->data.data + 8, &wrong[i], 4);
        read_made(f, made, PEWTER_E_FORMAT, "rope_freqs.weight", &h);
    }
    gb_free(made);
    made = gb_tiny("qwen2"); /* a family that does not look at them */
    t = gb_add_f32(made, "rope_freqs.weight", 4, 0);
    memcpy(t->data.data, factors, sizeof factors);
    read_made(f, made, PEWTER_E_UNSUPPORTED, "rope_freqs.weight", &h);
    gb_free(made);
}

static void test_takes_what_a_family_may_have(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    pw_hparams h;
    gb_add_f32(made, "output.weight", 32, GB_TINY_VOCAB);
    gb_add_f32(made, "blk.0.attn_q.bias", 32, 0);
    gb_add_f32(made, "blk.1.attn_output.bias", 32, 0);
    gb_add_f32(made, "blk.1.ffn_up.bias", 64, 0);
    gb_add_f32(made, "blk.0.attn_rot_embd.weight", 4, 0);
    gb_set_f32(made, "llama.logit_scale", 1.0f);
    gb_set_u32(made, "llama.expert_count", 0);
    gb_set_bool(made, "llama.attention.causal", true);
    gb_set_f32(made, "llama.attention.scale", 0.35355339f); /* 1 / sqrt(8) */
    gb_set_text(made, "general.type", "model");
    take(f, made, &h);
    assert_false(h.tied);
    gb_free(made);
}

/* The list of tensors that a file must have is the list that a check wants. */
static void test_lists_the_tensors_that_are_needed(void **state)
{
    fixture *f = *state;
    static const char *const families[] = {"llama", "qwen2", "qwen3"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        gb_file *made = gb_tiny(families[i]);
        pw_hparams h;
        pw_hparams_tensor t;
        take(f, made, &h);
        int64_t count = 0;
        while (pw_hparams_tensor_at(&h, count, &t)) {
            const gb_tensor *there = gb_tensor_named(made, t.name);
            assert_non_null(there);
            assert_int_equal(t.n[0], there->n[0]);
            assert_int_equal(t.n[1], there->n[1]);
            assert_int_equal(t.small, there->n_dims == 1);
            count++;
        }
        assert_int_equal(count, made->n_tensors);
        for (int64_t k = 0; pw_hparams_tensor_at(&h, k, &t); k++) {
            gb_file *less = gb_tiny(families[i]);
            gb_remove_tensor(less, t.name);
            pw_hparams other;
            read_made(f, less, PEWTER_E_FORMAT, t.name, &other);
            gb_free(less);
        }
        gb_free(made);
    }
}

/* ---- Files of others --------------------------------------------------------------------------- */

/* Every GGUF file below `folder`: taken, or of an architecture that is refused by name. */
static void try_folder(fixture *f, const char *folder, int depth, int *taken)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[512];
        struct stat st;
        const size_t length = strlen(entry->d_name);
        snprintf(path, sizeof path, "%s/%.200s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &st) != 0) continue;
        if (S_ISDIR(st.st_mode) && depth > 0) try_folder(f, path, depth - 1, taken);
        if (!S_ISREG(st.st_mode) || length < 5 || strcmp(entry->d_name + length - 5, ".gguf") != 0)
            continue;
        const pw_gguf_options options = {.trust_permissions = true};
        pw_gguf *file = NULL;
        pw_hparams h;
        if (pw_gguf_open(path, &options, &f->alloc, &file, &f->err) != PEWTER_OK)
            fail_msg("%s", f->err.message);
        pewter_status status = pw_hparams_read(file, &h, &f->err);
        if (status == PEWTER_OK) status = pw_hparams_check(file, &h, &f->err);
        pw_gguf_close(file);
        if (status == PEWTER_E_UNSUPPORTED && strstr(f->err.message, "architecture '") != NULL)
            printf("skipped: %s\n", f->err.message);
        else if (status != PEWTER_OK)
            fail_msg("%s", f->err.message);
        *taken += status == PEWTER_OK;
    }
    closedir(dir);
}

static void test_takes_the_files_of_others(void **state)
{
    fixture *f = *state;
    const char *shared = getenv("PEWTER_SHARED");
    if (shared == NULL) {
        printf("skipped: models of others, PEWTER_SHARED is not set\n");
        skip();
    }
    char folder[256];
    int taken = 0;
    snprintf(folder, sizeof folder, "%.200s/models", shared);
    try_folder(f, folder, 3, &taken);
    assert_true(taken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_reads_the_families),
        FIXTURE_TEST(test_fills_in_what_files_leave_out),
        FIXTURE_TEST(test_takes_integers_of_any_width),
        FIXTURE_TEST(test_reads_windows),
        FIXTURE_TEST(test_reads_scalings_of_positions),
        FIXTURE_TEST(test_reads_factors_of_positions),
        FIXTURE_TEST(test_takes_what_a_family_may_have),
        FIXTURE_TEST(test_lists_the_tensors_that_are_needed),
        FIXTURE_TEST(test_takes_the_files_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
