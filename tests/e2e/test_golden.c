/* Models of random weights against what another implementation computed in float32: every folder of
 * golden models, every file in it, by the rows of every level of CPU features. */
#include <dirent.h>
#include <unistd.h>

#include "tests/support/golden.h"

enum { MOST_FILES = 64 };
static const double exact_most = 1e-4, kl_most = 2e-3;

/* The names in a folder that end in `end`, sorted by scandir; the caller frees each and the list. */
static size_t list(const char *folder, const char *end, struct dirent ***names)
{
    struct dirent **all;
    const int count = scandir(folder, &all, NULL, alphasort);
    assert_true(count >= 0);
    size_t kept = 0;
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(all[i]->d_name), tail = strlen(end);
        if (all[i]->d_name[0] != '.' && length >= tail &&
            strcmp(all[i]->d_name + length - tail, end) == 0)
            all[kept++] = all[i];
        else
            free(all[i]);
    }
    *names = all;
    return kept;
}

/* A file on one level of features. */
typedef struct trial {
    fixture *f;
    char folder[1024], name[512];
    const char *features;
    pewter_engine *engine;
    pewter_model *model;
    int64_t vocab;
    bool exact;
} trial;

/* False where the architecture is not known. */
static bool set_up(trial *t)
{
    pewter_load_options options = pewter_load_defaults();
    options.trust_permissions = true;
    options.exact = t->exact;
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", t->folder, t->name);
    t->engine = fixture_engine(t->f, t->features, 2, 0);
    const pewter_status status = pewter_load(t->engine, path, &options, &t->model, &t->f->err);
    if (status == PEWTER_E_UNSUPPORTED) {
        pewter_close(t->engine);
        return false;
    }
    fixture_must(t->f, status);
    t->vocab = fixture_info(t->model).vocab;
    return true;
}

static void tear_down(trial *t)
{
    pewter_unload(t->model);
    pewter_close(t->engine);
}

static const char *words(const trial *t)
{
    return t->features != NULL ? t->features : "all";
}

static void check_distance(const trial *t, const golden_distance *d, const char *what)
{
    if (t->exact && !(d->max_abs < exact_most && d->top1 == d->rows))
        fail_msg("%s/%s, %s, %s: error %g, %zu of %zu best", t->folder, t->name, words(t), what,
                 d->max_abs, d->top1, d->rows);
    if (!(golden_kl(d) < kl_most))
        fail_msg("%s/%s, %s, %s: divergence %g", t->folder, t->name, words(t), what, golden_kl(d));
}

/* Logits at every position of `ids` against `wanted` [count][vocab]. */
static void check_logits(const trial *t, const golden_ids *ids, const float *wanted,
                         const char *what)
{
    golden_distance d = {0};
    float *found = calloc(ids->count * (size_t)t->vocab, sizeof *found);
    assert_non_null(found);
    pewter_session *session = fixture_session(t->f, t->model, NULL);
    fixture_logits(t->f, session, ids->ids, ids->count, found);
    pewter_session_free(session);
    for (size_t i = 0; i < ids->count; i++)
        golden_add_row(&d, wanted + (int64_t)i * t->vocab, found + (int64_t)i * t->vocab, t->vocab);
    free(found);
    check_distance(t, &d, what);
}

static void check_greedy(const trial *t, const golden_ids *prompt, const json_t *wanted)
{
    if (!t->exact) return;
    golden_ids tokens = golden_take_ids(wanted);
    golden_ids found = golden_greedy(t->f, t->engine, t->model, prompt, tokens.count, false);
    const size_t part = golden_part(&tokens, &found);
    if (part < tokens.count)
        fail_msg("%s/%s, %s: greedy tokens part at %zu", t->folder, t->name, words(t), part);
    free(found.ids);
    free(tokens.ids);
}

static void check_texts(const trial *t, const json_t *texts)
{
    size_t i;
    const json_t *text;
    static const char *const keys[] = {"ids_no_special", "ids"};
    assert_true(json_array_size(texts) > 0);
    json_array_foreach(texts, i, text)
    {
        for (int bos = 0; bos < 2; bos++) {
            golden_ids wanted = golden_take_ids(json_object_get(text, keys[bos]));
            const json_t *words_of = json_object_get(text, "text");
            int32_t ids[1024];
            size_t count = 0;
            fixture_must(t->f, pewter_tokenize(t->model, json_string_value(words_of),
                                               json_string_length(words_of), false, bos != 0, ids,
                                               1024, &count, &t->f->err));
            if (count != wanted.count || memcmp(ids, wanted.ids, count * sizeof *ids) != 0)
                fail_msg("%s/%s: text %zu, %s: other tokens", t->folder, t->name, i, keys[bos]);
            free(wanted.ids);
        }
    }
}

/* The cases of a golden.json: those that are for GGUF files. */
static void check_cases(const trial *t, const json_t *golden)
{
    char path[2048];
    size_t i, count, checked = 0;
    const json_t *one, *greedy = json_object_get(golden, "greedy_gguf");
    if (greedy == NULL) greedy = json_object_get(golden, "greedy");
    snprintf(path, sizeof path, "%s/%s", t->folder,
             json_string_value(json_object_get(golden, "logits_file")));
    float *logits = golden_floats(path, &count);
    assert_int_equal(json_integer_value(json_object_get(golden, "vocab_size")), t->vocab);
    json_array_foreach(json_object_get(golden, "cases"), i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        const json_t *to = json_object_get(one, "applies_to");
        golden_ids ids = golden_take_ids(json_object_get(one, "tokens"));
        const size_t at = (size_t)json_integer_value(json_object_get(one, "offset_floats"));
        assert_true(at + ids.count * (size_t)t->vocab <= count);
        if (to == NULL || strcmp(json_string_value(to), "gguf") == 0) {
            check_logits(t, &ids, logits + at, id);
            checked++;
        }
        if (strcmp(id, json_string_value(json_object_get(greedy, "prompt_case"))) == 0)
            check_greedy(t, &ids, json_object_get(greedy, "tokens"));
        free(ids.ids);
    }
    assert_true(checked > 0);
    check_texts(t, json_object_get(golden, "texts"));
    free(logits);
}

/* A folder of one model in several types. */
static void check_type(const trial *t, const json_t *golden)
{
    const char *key;
    json_t *type;
    bool found = false;
    golden_ids ids = golden_take_ids(json_object_get(golden, "tokens"));
    json_object_foreach(json_object_get(golden, "types"), key, type)
    {
        if (strcmp(json_string_value(json_object_get(type, "gguf")), t->name) != 0) continue;
        char path[2048];
        size_t count;
        snprintf(path, sizeof path, "%s/%s", t->folder,
                 json_string_value(json_object_get(type, "logits")));
        float *logits = golden_floats(path, &count);
        assert_int_equal(count, ids.count * (size_t)t->vocab);
        check_logits(t, &ids, logits, key);
        const golden_ids prompt = {.ids = ids.ids, .count = 16};
        check_greedy(t, &prompt, json_object_get(type, "greedy16_after_first16"));
        free(logits);
        found = true;
    }
    if (!found) fail_msg("%s/%s is in no golden", t->folder, t->name);
    free(ids.ids);
}

/* One file of a folder, on every level, exact and not. False where it was skipped. */
static bool check_file(fixture *f, const char *folder, const char *name, const json_t *golden)
{
    for (size_t level = 0; level < FIXTURE_FEATURES; level++) {
        for (int exact = 0; exact < 2; exact++) {
            trial t = {.f = f, .features = fixture_features[level], .exact = exact != 0};
            snprintf(t.folder, sizeof t.folder, "%s", folder);
            snprintf(t.name, sizeof t.name, "%s", name);
            if (!set_up(&t)) return false;
            if (json_object_get(golden, "types") != NULL)
                check_type(&t, golden);
            else
                check_cases(&t, golden);
            tear_down(&t);
        }
    }
    return true;
}

static void test_every_golden_model(void **state)
{
    fixture *f = *state;
    char root[512];
    if (!golden_path("models/golden", root)) skip();
    struct dirent **folders, **files;
    const size_t n_folders = list(root, "", &folders);
    size_t checked = 0;
    for (size_t i = 0; i < n_folders; i++) {
        char folder[1024], path[2048];
        snprintf(folder, sizeof folder, "%s/%s", root, folders[i]->d_name);
        snprintf(path, sizeof path, "%s/golden.json", folder);
        if (access(path, R_OK) == 0) {
            json_t *golden = golden_json(path);
            const size_t n_files = list(folder, ".gguf", &files);
            for (size_t k = 0; k < n_files; k++) {
                if (check_file(f, folder, files[k]->d_name, golden))
                    checked++;
                else
                    printf("skipped: %s: %s\n", folders[i]->d_name, f->err.message);
                free(files[k]);
            }
            free(files);
            json_decref(golden);
        }
        free(folders[i]);
    }
    free(folders);
    printf("%zu golden files\n", checked);
    assert_true(checked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_golden_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
