/* A small trained model, in F32, Q8_0 and Q4_0: texts, perplexity and logits as others computed them. */
#include "tests/support/golden.h"

enum { VOCAB = 512, ROWS = 64 };

typedef struct story {
    fixture *f;
    json_t *golden;
    pewter_engine *engine;
    pewter_model *model;
    char folder[512];
} story;

/* False, said in words, where the model is not at hand. */
static bool set_up(story *s, fixture *f, const char *file, const char *features, bool exact)
{
    *s = (story){.f = f};
    if (!golden_path("models/stories260K", s->folder)) return false;
    char path[1024];
    pewter_load_options options = pewter_load_defaults();
    options.exact = exact;
    options.trust_permissions = true;
    snprintf(path, sizeof path, "%s/golden.json", s->folder);
    s->golden = golden_json(path);
    s->engine = fixture_engine(f, features, 2, 0);
    snprintf(path, sizeof path, "%s/%s", s->folder, file);
    fixture_must(f, pewter_load(s->engine, path, &options, &s->model, &f->err));
    assert_int_equal(fixture_info(s->model).vocab, VOCAB);
    return true;
}

static void tear_down(story *s)
{
    pewter_unload(s->model);
    pewter_close(s->engine);
    json_decref(s->golden);
}

/* ---- Texts -------------------------------------------------------------------------------------------- */

/* The text behind `ids` is the one recorded, and so are its tokens. */
static void tells(story *s, const json_t *ids, const json_t *tokens, const char *text)
{
    golden_ids prompt = golden_take_ids(ids), wanted = golden_take_ids(tokens);
    golden_ids found = golden_greedy(s->f, s->engine, s->model, &prompt, wanted.count, false);
    const size_t part = golden_part(&wanted, &found);
    if (part < wanted.count) fail_msg("greedy tokens part at %zu of '%s'", part, text);
    char said[4096];
    size_t bytes = 0;
    fixture_must(s->f, pewter_detokenize(s->model, found.ids, found.count, false, said,
                                         sizeof said - 1, &bytes, &s->f->err));
    assert_true(bytes < sizeof said);
    said[bytes] = 0;
    /* A story that goes on begins with a space where one is wanted. */
    const char *from = said[0] == ' ' && text[0] != ' ' ? said + 1 : said;
    assert_string_equal(from, text);
    free(prompt.ids);
    free(wanted.ids);
    free(found.ids);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    story s;
    for (size_t level = 0; level < FIXTURE_FEATURES; level++) {
        if (!set_up(&s, f, "stories260K-f32.gguf", fixture_features[level], true)) skip();
        size_t i;
        const json_t *prompt, *from_bos = json_object_get(s.golden, "from_bos");
        json_array_foreach(json_object_get(s.golden, "prompts"), i, prompt)
        {
            const json_t *ids = json_object_get(prompt, "ids");
            const json_t *text = json_object_get(prompt, "prompt");
            golden_ids wanted = golden_take_ids(ids);
            int32_t found[256];
            size_t count = 0;
            fixture_must(f,
                         pewter_tokenize(s.model, json_string_value(text), json_string_length(text),
                                         false, true, found, 256, &count, &f->err));
            assert_int_equal(count, wanted.count);
            assert_memory_equal(found, wanted.ids, count * sizeof *found);
            free(wanted.ids);
            tells(&s, ids, json_object_get(prompt, "greedy_tokens"),
                  json_string_value(json_object_get(prompt, "greedy_text")));
        }
        assert_true(i >= 3);
        tells(&s, json_object_get(from_bos, "ids"), json_object_get(from_bos, "greedy_tokens"),
              json_string_value(json_object_get(from_bos, "text")));
        tear_down(&s);
    }
}

/* Quantised weights with quantised activations: llama.cpp's tokens to begin with. */
static void test_texts_of_quantised_weights(void **state)
{
    fixture *f = *state;
    static const char *const files[][2] = {
        {"stories260K-q8_0.gguf", "q8_0_llama_cpp_greedy_tokens"},
        {"stories260K-q4_0.gguf", "q4_0_llama_cpp_greedy_tokens"},
    };
    story s;
    for (size_t i = 0; i < 2; i++) {
        if (!set_up(&s, f, files[i][0], NULL, false)) skip();
        const json_t *first = json_array_get(json_object_get(s.golden, "prompts"), 0);
        golden_ids prompt = golden_take_ids(json_object_get(first, "ids"));
        golden_ids wanted = golden_take_ids(json_object_get(first, files[i][1]));
        golden_ids found = golden_greedy(f, s.engine, s.model, &prompt, wanted.count, false);
        const size_t part = golden_part(&wanted, &found);
        printf("%s: the same tokens to %zu of %zu\n", files[i][0], part, wanted.count);
        assert_true(part >= 20);
        free(prompt.ids);
        free(wanted.ids);
        free(found.ids);
        tear_down(&s);
    }
}

/* ---- Perplexity ------------------------------------------------------------------------------------- */

static double perplexity(story *s)
{
    golden_ids ids =
        golden_take_ids(json_object_get(json_object_get(s->golden, "perplexity"), "ids"));
    double *scores = calloc(ids.count, sizeof *scores), sum = 0.0;
    assert_non_null(scores);
    pewter_session *session = fixture_session(s->f, s->model, NULL);
    fixture_must(s->f, pewter_score(session, ids.ids, ids.count, scores, NULL, NULL, &s->f->err));
    assert_true(scores[0] == 0.0);
    for (size_t i = 1; i < ids.count; i++) sum -= scores[i];
    const double whole = exp(sum / (double)(ids.count - 1));

    /* The same in pieces, the last token of one giving the score of the next one's first. */
    fixture_must(s->f, pewter_session_reset(session, &s->f->err));
    sum = 0.0;
    for (size_t at = 0; at < ids.count; at += 37) {
        const size_t count = at + 37 < ids.count ? 37 : ids.count - at;
        fixture_must(s->f,
                     pewter_score(session, ids.ids + at, count, scores, NULL, NULL, &s->f->err));
        for (size_t i = 0; i < count; i++) sum -= scores[i];
    }
    const double pieces = exp(sum / (double)(ids.count - 1));
    assert_true(fabs(whole - pieces) < 1e-12);
    pewter_session_free(session);
    free(scores);
    free(ids.ids);
    return whole;
}

static void test_perplexity(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *file, *key;
        bool exact;
        double most;
    } cases[] = {
        {"stories260K-f32.gguf", "hf_f32", true, 0.0005},
        {"stories260K-f32.gguf", "hf_f32", false, 0.01},
        {"stories260K-q8_0.gguf", "llama_cpp_q8_0", true, 0.02},
        {"stories260K-q8_0.gguf", "llama_cpp_q8_0", false, 0.02},
        {"stories260K-q4_0.gguf", "llama_cpp_q4_0", true, 0.05},
        {"stories260K-q4_0.gguf", "llama_cpp_q4_0", false, 0.05},
    };
    story s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!set_up(&s, f, cases[i].file, NULL, cases[i].exact)) skip();
        const json_t *values = json_object_get(json_object_get(s.golden, "perplexity"), "values");
        const double wanted = json_real_value(json_object_get(values, cases[i].key));
        const double found = perplexity(&s);
        printf("%s%s: perplexity %.5f, %.5f wanted\n", cases[i].file,
               cases[i].exact ? ", exact" : "", found, wanted);
        assert_true(fabs(found - wanted) <= cases[i].most);
        tear_down(&s);
    }
}

static void test_logits(void **state)
{
    fixture *f = *state;
    story s;
    for (size_t level = 0; level < FIXTURE_FEATURES; level++) {
        if (!set_up(&s, f, "stories260K-f32.gguf", fixture_features[level], true)) skip();
        const json_t *perplexity_of = json_object_get(s.golden, "perplexity");
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", s.folder,
                 json_string_value(json_object_get(perplexity_of, "logits_file")));
        size_t count;
        float *wanted = golden_floats(path, &count);
        assert_int_equal(count, ROWS * VOCAB);
        float *found = calloc(count, sizeof *found);
        assert_non_null(found);
        golden_ids ids = golden_take_ids(json_object_get(perplexity_of, "ids"));
        pewter_session *session = fixture_session(f, s.model, NULL);
        fixture_logits(f, session, ids.ids, ROWS, found);
        pewter_session_free(session);
        golden_distance d = {0};
        for (size_t i = 0; i < ROWS; i++)
            golden_add_row(&d, wanted + i * VOCAB, found + i * VOCAB, VOCAB);
        printf("error %g, divergence %g\n", d.max_abs, golden_kl(&d));
        assert_true(d.max_abs < 2e-4); /* logits to 40 */
        assert_true(golden_kl(&d) < 1e-9);
        assert_int_equal(d.top1, ROWS);
        free(ids.ids);
        free(wanted);
        free(found);
        tear_down(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_texts),
        FIXTURE_TEST(test_texts_of_quantised_weights),
        FIXTURE_TEST(test_perplexity),
        FIXTURE_TEST(test_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
