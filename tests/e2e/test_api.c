/* The public functions by their contract: arguments that are none, sizes of structs, room for
 * results, names. */
#include <math.h>

#include <jansson.h>

#include "tests/support/engine_fixture.h"

typedef struct house {
    pewter_engine *engine;
    pewter_model *model, *words, *plan; /* whole, vocab_only, plan_only */
    pewter_session *session;
} house;

static house build(fixture *f)
{
    house h = {.engine = fixture_engine(f, NULL, 1, 0)};
    fixture_synth(f, "tiny,layers=1,ffn=256", "Q4_0", 51);
    pewter_load_options options = pewter_load_defaults();
    h.model = fixture_model(f, h.engine, NULL);
    options.vocab_only = true;
    h.words = fixture_model(f, h.engine, &options);
    options.vocab_only = false;
    options.plan_only = true;
    h.plan = fixture_model(f, h.engine, &options);
    h.session = fixture_session(f, h.model, NULL);
    return h;
}

static void tear_down(house *h)
{
    pewter_session_free(h->session);
    pewter_unload(h->model);
    pewter_unload(h->words);
    pewter_unload(h->plan);
    pewter_close(h->engine);
}

/* ---- Arguments ------------------------------------------------------------------------------------ */

enum { ARG = PEWTER_E_ARG };

static void test_null_for_engines_and_models(void **state)
{
    fixture *f = *state;
    house h = build(f);
    char buf[64];
    size_t n = 0;
    double rate;
    pewter_device_info device = {.size = sizeof device};
    pewter_model_info info = {.size = sizeof info};
    pewter_model *model;
    pewter_error *e = &f->err;
    assert_int_equal(pewter_open(NULL, NULL, e), ARG);
    assert_int_equal(pewter_device_count(NULL), 0);
    assert_int_equal(pewter_device_get(NULL, 0, &device, e), ARG);
    assert_int_equal(pewter_device_get(h.engine, 0, NULL, e), ARG);
    assert_int_equal(pewter_device_get(h.engine, 1, &device, e), ARG);
    assert_int_equal(pewter_device_get(h.engine, SIZE_MAX, &device, e), ARG);
    assert_int_equal(pewter_measure(NULL, 0.1, &rate, e), ARG);
    assert_int_equal(pewter_measure(h.engine, 0.1, NULL, e), ARG);
    const double wrong[] = {0.0, -1.0, 61.0, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(pewter_measure(h.engine, wrong[i], &rate, e), ARG);
    assert_int_equal(pewter_machine(NULL, PEWTER_TEXT, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_machine(h.engine, PEWTER_TEXT, buf, 64, NULL, e), ARG);
    assert_int_equal(pewter_machine(h.engine, PEWTER_TEXT, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_load(NULL, f->path, NULL, &model, e), ARG);
    assert_int_equal(pewter_load(h.engine, NULL, NULL, &model, e), ARG);
    assert_int_equal(pewter_load(h.engine, f->path, NULL, NULL, e), ARG);
    assert_int_equal(pewter_model_get(NULL, &info, e), ARG);
    assert_int_equal(pewter_model_get(h.model, NULL, e), ARG);
    assert_int_equal(pewter_explain(NULL, PEWTER_TEXT, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_explain(h.model, PEWTER_TEXT, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_explain(h.model, PEWTER_TEXT, buf, 64, NULL, e), ARG);
    assert_int_equal(pewter_explain(h.words, PEWTER_TEXT, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_inspect(NULL, f->path, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_inspect(h.engine, NULL, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_inspect(h.engine, f->path, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_inspect(h.engine, f->path, buf, 64, NULL, e), ARG);
    assert_int_equal(pewter_synth(NULL, NULL, e), ARG);
    assert_int_equal(pewter_step(NULL, &n, e), ARG);
    assert_int_equal(pewter_step(h.engine, NULL, e), ARG);
    pewter_close(NULL);
    pewter_unload(NULL);
    tear_down(&h);
}

static void each_row(void *context, int64_t pos, const float *logits, int64_t vocab)
{
    (void)pos;
    (void)logits;
    (void)vocab;
    ++*(int *)context;
}

static void test_null_for_text(void **state)
{
    fixture *f = *state;
    house h = build(f);
    char buf[64];
    int32_t ids[64] = {1, 2, 3};
    const int32_t low[1] = {-1}, high[1] = {512};
    const pewter_message message = {"user", "x"};
    size_t n = 0;
    pewter_error *e = &f->err;
    assert_int_equal(pewter_tokenize(NULL, "x", 1, false, false, ids, 64, &n, e), ARG);
    assert_int_equal(pewter_tokenize(h.words, NULL, 1, false, false, ids, 64, &n, e), ARG);
    assert_int_equal(pewter_tokenize(h.words, "x", 1, false, false, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_tokenize(h.words, "x", 1, false, false, ids, 64, NULL, e), ARG);
    assert_int_equal(pewter_detokenize(NULL, ids, 1, false, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_detokenize(h.words, NULL, 1, false, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_detokenize(h.words, ids, 1, false, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_detokenize(h.words, ids, 1, false, buf, 64, NULL, e), ARG);
    assert_int_equal(pewter_detokenize(h.words, low, 1, false, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_detokenize(h.words, high, 1, false, buf, 64, &n, e), ARG);
    assert_int_equal(pewter_chat_prompt(NULL, &message, 1, true, ids, 64, &n, e), ARG);
    assert_int_equal(pewter_chat_prompt(h.words, NULL, 1, true, ids, 64, &n, e), ARG);
    assert_int_equal(pewter_chat_prompt(h.words, &message, 1, true, NULL, 64, &n, e), ARG);
    assert_int_equal(pewter_chat_prompt(h.words, &message, 1, true, ids, 64, NULL, e), ARG);
    const pewter_message holes[2] = {{NULL, "x"}, {"user", NULL}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pewter_chat_prompt(h.words, &holes[i], 1, true, ids, 64, &n, e), ARG);
    tear_down(&h);
}

static void test_null_for_sessions(void **state)
{
    fixture *f = *state;
    house h = build(f);
    const int32_t ids[64] = {1, 2, 3}, low[1] = {-1}, high[1] = {512};
    double score[64];
    int rows = 0;
    pewter_session *s = h.session, *other;
    pewter_piece piece = {.size = 0};
    pewter_stats stats = {.size = 0};
    pewter_error *e = &f->err;
    assert_int_equal(pewter_session_new(NULL, NULL, &other, e), ARG);
    assert_int_equal(pewter_session_new(h.model, NULL, NULL, e), ARG);
    assert_int_equal(pewter_session_new(h.words, NULL, &other, e), ARG);
    assert_int_equal(pewter_session_new(h.plan, NULL, &other, e), ARG);
    assert_int_equal(pewter_session_reset(NULL, e), ARG);
    assert_int_equal(pewter_session_fork(NULL, &other, e), ARG);
    assert_int_equal(pewter_session_fork(s, NULL, e), ARG);
    assert_int_equal(pewter_session_rewind(NULL, 0, e), ARG);
    assert_int_equal(pewter_session_rewind(s, 1, e), ARG);
    assert_int_equal(pewter_session_rewind(s, -1, e), ARG);
    assert_int_equal(pewter_prompt(NULL, ids, 1, e), ARG);
    assert_int_equal(pewter_prompt(s, NULL, 1, e), ARG);
    assert_int_equal(pewter_prompt(s, ids, 0, e), ARG);
    assert_int_equal(pewter_prompt(s, low, 1, e), ARG);
    assert_int_equal(pewter_prompt(s, high, 1, e), ARG);
    assert_int_equal(pewter_next(NULL, &piece, e), ARG);
    assert_int_equal(pewter_next(s, NULL, e), ARG);
    assert_int_equal(pewter_next(s, &piece, e), ARG);
    assert_int_equal(pewter_stats_get(NULL, &stats, e), ARG);
    assert_int_equal(pewter_stats_get(s, NULL, e), ARG);
    assert_int_equal(pewter_stats_get(s, &stats, e), ARG);
    assert_int_equal(pewter_logits(NULL, ids, 1, each_row, &rows, e), ARG);
    assert_int_equal(pewter_logits(s, NULL, 1, each_row, &rows, e), ARG);
    assert_int_equal(pewter_logits(s, ids, 1, NULL, &rows, e), ARG);
    assert_int_equal(pewter_logits(s, high, 1, each_row, &rows, e), ARG);
    assert_int_equal(pewter_score(NULL, ids, 1, score, NULL, NULL, e), ARG);
    assert_int_equal(pewter_score(s, NULL, 1, score, NULL, NULL, e), ARG);
    assert_int_equal(pewter_score(s, ids, 1, NULL, NULL, NULL, e), ARG);
    pewter_session_free(NULL);
    pewter_cancel(NULL);
    /* Nothing given is nothing done, and errors may go nowhere. */
    fixture_must(f, pewter_logits(s, NULL, 0, each_row, &rows, e));
    fixture_must(f, pewter_score(s, NULL, 0, score, NULL, NULL, e));
    assert_int_equal(pewter_prompt(s, low, 1, NULL), ARG);
    assert_int_equal(rows, 0);
    tear_down(&h);
}

/* A member of the options, by its place: 'f' float, 'i' int32_t, 'l' int64_t. */
typedef struct wrong_member {
    size_t at;
    char kind;
    double value;
} wrong_member;

#define MEMBER(name) offsetof(pewter_session_options, name)

static void wrong_session_options(fixture *f, house *h)
{
    static const wrong_member list[] = {
        {MEMBER(context), 'l', -1},
        {MEMBER(context), 'l', 513},
        {MEMBER(context), 'l', 1e18},
        {MEMBER(max_tokens), 'l', -1},
        {MEMBER(temperature), 'f', -0.1},
        {MEMBER(temperature), 'f', (double)NAN},
        {MEMBER(temperature), 'f', (double)INFINITY},
        {MEMBER(top_k), 'i', -1},
        {MEMBER(top_p), 'f', 1.1},
        {MEMBER(top_p), 'f', (double)NAN},
        {MEMBER(min_p), 'f', -0.1},
        {MEMBER(min_p), 'f', 1.5},
        {MEMBER(repetition_penalty), 'f', 0},
        {MEMBER(presence_penalty), 'f', (double)NAN},
        {MEMBER(frequency_penalty), 'f', -(double)INFINITY},
        {MEMBER(penalty_last), 'i', -2},
    };
    pewter_session *session = NULL;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        pewter_session_options options = pewter_session_defaults();
        const float number = (float)list[i].value;
        const int32_t small = list[i].kind == 'i' ? (int32_t)list[i].value : 0;
        const int64_t large = list[i].kind == 'l' ? (int64_t)list[i].value : 0;
        char *to = (char *)&options + list[i].at;
        if (list[i].kind == 'f') memcpy(to, &number, sizeof number);
        if (list[i].kind == 'i') memcpy(to, &small, sizeof small);
        if (list[i].kind == 'l') memcpy(to, &large, sizeof large);
        if (pewter_session_new(h->model, &options, &session, &f->err) != PEWTER_E_ARG)
            fail_msg("session options %zu are taken", i);
    }
    static const char *const empty[] = {""}, *const hole[] = {NULL};
    const struct {
        const char *const *stop;
        size_t n_stop;
    } stops[] = {{NULL, 1}, {empty, 1}, {hole, 1}, {empty, 65}, {NULL, SIZE_MAX}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        pewter_session_options options = pewter_session_defaults();
        options.stop = stops[i].stop;
        options.n_stop = stops[i].n_stop;
        fixture_refused(f, pewter_session_new(h->model, &options, &session, &f->err), PEWTER_E_ARG,
                        "stop");
    }
    assert_null(session);
}

static void test_ranges_of_options(void **state)
{
    fixture *f = *state;
    house h = build(f);
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    wrong_session_options(f, &h);
    static const int32_t numbers[] = {-1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        pewter_config config = pewter_config_defaults();
        config.threads = numbers[i];
        fixture_refused(f, pewter_open(&config, &engine, &f->err), PEWTER_E_ARG, "threads");
        config.threads = 1;
        config.cpu_devices = numbers[i];
        assert_int_equal(pewter_open(&config, &engine, &f->err), PEWTER_E_ARG);
    }
    pewter_config config = pewter_config_defaults();
    config.cpu_features = "avx9000";
    fixture_refused(f, pewter_open(&config, &engine, &f->err), PEWTER_E_ARG, "avx9000");
    config.cpu_features = NULL;
    config.topology = "no such topology";
    assert_true(pewter_open(&config, &engine, &f->err) < 0);
    pewter_load_options load = pewter_load_defaults();
    load.kv = (pewter_kv)77;
    fixture_refused(f, pewter_load(h.engine, f->path, &load, &model, &f->err), PEWTER_E_ARG, "kv");
    load = pewter_load_defaults();
    load.context = -1;
    fixture_refused(f, pewter_load(h.engine, f->path, &load, &model, &f->err), PEWTER_E_ARG,
                    "context");
    pewter_synth_options synth = pewter_synth_defaults();
    synth.type = "Q9_9";
    fixture_refused(f, pewter_synth(&synth, f->path, &f->err), PEWTER_E_ARG, "Q9_9");
    synth = pewter_synth_defaults();
    synth.shape = "gigantic";
    fixture_refused(f, pewter_synth(&synth, f->path, &f->err), PEWTER_E_ARG, "gigantic");
    assert_true(engine == NULL && model == NULL);
    tear_down(&h);
}

/* ---- Sizes of structs ------------------------------------------------------------------------------- */

/* Results of callers that know less, and more: bytes past what is known stay as they were. */
static void results_of_every_size(fixture *f, house *h, int which)
{
    static const size_t known[] = {sizeof(pewter_device_info), sizeof(pewter_model_info),
                                   sizeof(pewter_stats), sizeof(pewter_piece)};
    for (size_t size = 0; size < known[which] + 200; size += 4) {
        _Alignas(16) unsigned char room[1024];
        memset(room, 0xa5, sizeof room);
        memcpy(room, &size, sizeof size);
        void *to = room;
        const pewter_status status = which == 0   ? pewter_device_get(h->engine, 0, to, &f->err)
                                     : which == 1 ? pewter_model_get(h->model, to, &f->err)
                                     : which == 2 ? pewter_stats_get(h->session, to, &f->err)
                                                  : pewter_next(h->session, to, &f->err);
        assert_int_equal(status, size < sizeof size ? PEWTER_E_ARG : PEWTER_OK);
        assert_memory_equal(room, &size, sizeof size);
        const size_t end = size < sizeof size    ? sizeof size
                           : size < known[which] ? size
                                                 : known[which];
        for (size_t i = end; i < sizeof room; i++)
            if (room[i] != 0xa5) fail_msg("result %d of %zu bytes: byte %zu", which, size, i);
    }
}

/* Options of callers that know less, and more: as if the rest had its defaults. */
static void test_structs_of_every_size(void **state)
{
    fixture *f = *state;
    house h = build(f);
    for (int which = 0; which < 4; which++) results_of_every_size(f, &h, which);

    struct {
        pewter_config options;
        char more[64];
    } config = {pewter_config_defaults(), {1, 2, 3}};
    config.options.allocator = &f->alloc;
    static const size_t config_sizes[] = {offsetof(pewter_config, log), sizeof(pewter_config),
                                          sizeof config};
    for (size_t i = 0; i < 3; i++) {
        pewter_engine *engine = NULL;
        config.options.size = config_sizes[i];
        config.options.threads = i > 0 ? 1 : -5; /* not looked at by the first */
        fixture_must(f, pewter_open(&config.options, &engine, &f->err));
        pewter_close(engine);
    }
    struct {
        pewter_session_options options;
        char more[64];
    } session = {pewter_session_defaults(), {1, 2, 3}};
    session.options.temperature = NAN;
    session.options.size = offsetof(pewter_session_options, temperature);
    pewter_session_free(fixture_session(f, h.model, &session.options));
    session.options.temperature = 0.0f;
    session.options.size = sizeof session;
    pewter_session_free(fixture_session(f, h.model, &session.options));
    static const size_t wrong[] = {0, 7, 4097, SIZE_MAX};
    for (size_t i = 0; i < 4; i++) {
        pewter_engine *engine = NULL;
        pewter_model *model = NULL;
        pewter_session *none = NULL;
        pewter_load_options load = pewter_load_defaults();
        pewter_synth_options synth = pewter_synth_defaults();
        config.options.size = load.size = synth.size = session.options.size = wrong[i];
        assert_int_equal(pewter_open(&config.options, &engine, &f->err), PEWTER_E_ARG);
        assert_int_equal(pewter_load(h.engine, f->path, &load, &model, &f->err), PEWTER_E_ARG);
        assert_int_equal(pewter_synth(&synth, f->path, &f->err), PEWTER_E_ARG);
        assert_int_equal(pewter_session_new(h.model, &session.options, &none, &f->err),
                         PEWTER_E_ARG);
    }
    tear_down(&h);
}

/* ---- Room for results --------------------------------------------------------------------------------- */

typedef pewter_status writer(house *h, const char *path, char *buf, size_t cap, size_t *need);

static pewter_status write_machine(house *h, const char *path, char *buf, size_t cap, size_t *need)
{
    (void)path;
    return pewter_machine(h->engine, PEWTER_JSON, buf, cap, need, NULL);
}

static pewter_status write_plan(house *h, const char *path, char *buf, size_t cap, size_t *need)
{
    (void)path;
    return pewter_explain(h->plan, PEWTER_JSON, buf, cap, need, NULL);
}

static pewter_status write_file(house *h, const char *path, char *buf, size_t cap, size_t *need)
{
    return pewter_inspect(h->engine, path, buf, cap, need, NULL);
}

static writer *const writers[] = {write_machine, write_plan, write_file};

static void test_texts_are_cut_to_their_room(void **state)
{
    fixture *f = *state;
    house h = build(f);
    for (size_t i = 0; i < sizeof writers / sizeof(writer *); i++) {
        size_t need = 0, again = 0;
        assert_int_equal(writers[i](&h, f->path, NULL, 0, &need), PEWTER_OK);
        char *whole = calloc(need + 1, 1), *part = calloc(need + 1, 1);
        assert_non_null(whole);
        assert_non_null(part);
        assert_int_equal(writers[i](&h, f->path, whole, need, &again), PEWTER_OK);
        if (i > 0) assert_int_equal(again, need); /* free memory of the machine changes */
        assert_true(strlen(whole) + 1 <= need);
        json_t *value = json_loads(whole, 0, NULL);
        if (i > 0 && value == NULL) fail_msg("no JSON: %s", whole);
        json_decref(value);
        for (size_t cap = 1; i > 0 && cap < need; cap += 1 + need / 50) {
            memset(part, 0x5a, need + 1);
            assert_int_equal(writers[i](&h, f->path, part, cap, &again), PEWTER_OK);
            assert_int_equal(again, need);
            assert_memory_equal(part, whole, cap - 1);
            assert_true(part[cap - 1] == 0 && part[cap] == 0x5a);
        }
        free(whole);
        free(part);
    }
    tear_down(&h);
}

static void test_tokens_are_cut_to_their_room(void **state)
{
    fixture *f = *state;
    house h = build(f);
    static const char text[] = "hello, wide world \xff\xfe and \xe2\x82\xac";
    int32_t ids[64], part[64];
    char back[64];
    size_t count = 0, again = 0, bytes = 0;
    fixture_must(
        f, pewter_tokenize(h.words, text, sizeof text - 1, false, true, ids, 64, &count, &f->err));
    assert_int_equal(ids[0], fixture_info(h.words).bos);
    for (size_t cap = 0; cap < count; cap++) {
        memset(part, 0x5a, sizeof part);
        fixture_must(f, pewter_tokenize(h.words, text, sizeof text - 1, false, true,
                                        cap > 0 ? part : NULL, cap, &again, &f->err));
        assert_int_equal(again, count);
        assert_memory_equal(part, ids, cap * sizeof *ids);
        assert_int_equal(part[cap], 0x5a5a5a5a);
    }
    fixture_must(f, pewter_detokenize(h.words, ids, count, false, NULL, 0, &bytes, &f->err));
    for (size_t cap = 0; cap <= bytes; cap++) {
        memset(back, 0x5a, sizeof back);
        fixture_must(f, pewter_detokenize(h.words, ids, count, false, back, cap, &again, &f->err));
        assert_int_equal(again, bytes);
        assert_int_equal(back[cap], 0x5a);
    }
    assert_int_equal(bytes, sizeof text); /* a space in front */
    assert_memory_equal(back + 1, text, sizeof text - 1);
    tear_down(&h);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(pewter_version(), PEWTER_VERSION);
    for (int status = 0; status >= -10; status--) {
        const char *name = pewter_status_name((pewter_status)status);
        assert_string_not_equal(name, "unknown");
        for (int other = 0; other > status; other--)
            assert_string_not_equal(name, pewter_status_name((pewter_status)other));
    }
    assert_string_equal(pewter_status_name((pewter_status)-11), "unknown");
    assert_string_equal(pewter_status_name((pewter_status)1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_null_for_engines_and_models),
        FIXTURE_TEST(test_null_for_text),
        FIXTURE_TEST(test_null_for_sessions),
        FIXTURE_TEST(test_ranges_of_options),
        FIXTURE_TEST(test_structs_of_every_size),
        FIXTURE_TEST(test_texts_are_cut_to_their_room),
        FIXTURE_TEST(test_tokens_are_cut_to_their_room),
        FIXTURE_TEST(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
