/* Every allocation of an engine's life fails in turn, alone and with all behind it: a status, no crash,
 * nothing left. */
#include "pw/status.h"
#include "tests/support/engine_fixture.h"

enum { VOCAB_LEAST = 300, PROMPT = 70, ANSWER = 4 };

/* Counts, and fails what it is told to. One thread. */
typedef struct faulty {
    uint64_t calls, fail_at;
    bool once;
    size_t live;
    int64_t context; /* of the model */
} faulty;

static void *take(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    (void)kind;
    faulty *a = context;
    const uint64_t call = a->calls++;
    if (a->once ? call == a->fail_at : call >= a->fail_at) return NULL;
    void *taken;
    if (posix_memalign(&taken, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
        return NULL;
    memset(taken, 0xcd, bytes); /* nobody may count on zeros */
    a->live += bytes;
    return taken;
}

static void give(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    (void)kind;
    faulty *a = context;
    a->live -= bytes;
    memset(ptr, 0xdd, bytes);
    free(ptr);
}

/* ---- A life ------------------------------------------------------------------------------------- */

static pewter_status talk(pewter_engine *engine, pewter_model *model, pewter_session *session,
                          pewter_error *err)
{
    static const pewter_message messages[] = {{"system", "a b"}, {"user", "abc de, ea"}};
    int32_t ids[256];
    size_t count = 0, bytes = 0, need = 0;
    char text[256];
    PW_TRY(pewter_tokenize(model, "abc de ea", 9, false, true, ids, 256, &count, err));
    PW_TRY(pewter_detokenize(model, ids, count, true, text, sizeof text, &bytes, err));
    PW_TRY(pewter_explain(model, PEWTER_JSON, NULL, 0, &need, err));
    if (fixture_info(model).has_template)
        PW_TRY(pewter_chat_prompt(model, messages, 2, true, ids, 256, &count, err));
    fixture_ids(8, ids, PROMPT, VOCAB_LEAST);
    PW_TRY(pewter_prompt(session, ids, PROMPT, err));
    pewter_piece piece = {.size = sizeof piece};
    for (size_t ready = 1; ready > 0;) {
        PW_TRY(pewter_step(engine, &ready, err));
        PW_TRY(pewter_next(session, &piece, err));
    }
    pewter_session *fork = NULL;
    PW_TRY(pewter_session_fork(session, &fork, err));
    const pewter_status status =
        pewter_logits(fork, ids, 3, fixture_take_row, &(fixture_rows){.data = NULL}, err);
    pewter_session_free(fork);
    return status;
}

/* Opens, loads, talks and closes; the first failure ends it. */
static pewter_status live(faulty *counts, const char *path, int32_t devices, pewter_error *err)
{
    const pewter_allocator alloc = {.context = counts, .alloc = take, .free = give};
    static const char *const stops[] = {"zzz", "never"};
    pewter_config config = pewter_config_defaults();
    config.allocator = &alloc;
    config.threads = config.cpu_devices = devices;
    pewter_load_options load = pewter_load_defaults();
    load.context = counts->context;
    pewter_session_options options = pewter_session_defaults();
    options.max_tokens = ANSWER;
    options.ignore_eos = true;
    options.stop = stops;
    options.n_stop = 2;

    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_session *session = NULL;
    size_t need;
    pewter_status status = pewter_open(&config, &engine, err);
    if (status == PEWTER_OK) status = pewter_inspect(engine, path, NULL, 0, &need, err);
    if (status == PEWTER_OK) status = pewter_load(engine, path, &load, &model, err);
    if (status == PEWTER_OK) status = pewter_session_new(model, &options, &session, err);
    if (status == PEWTER_OK) status = talk(engine, model, session, err);
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
    return status;
}

/* `spared`: allocations that the engine can go without, such as that of compiled patterns. */
static void fail_each(fixture *f, const char *name, int32_t devices, int64_t context, int spared)
{
    faulty sound = {.fail_at = UINT64_MAX, .context = context};
    fixture_must(f, live(&sound, f->path, devices, &f->err));
    assert_int_equal(sound.live, 0);
    const uint64_t step = fixture_quick() ? 7 : 1;
    for (uint64_t at = 0; at < sound.calls; at += step) {
        for (int once = 0; once < 2; once++) {
            faulty counts = {.fail_at = at, .once = once != 0, .context = context};
            f->err.message[0] = 0;
            const pewter_status status = live(&counts, f->path, devices, &f->err);
            if (status == PEWTER_OK && once != 0 && counts.live == 0 && spared-- > 0) continue;
            if (status != PEWTER_E_MEMORY || f->err.message[0] == 0 || counts.live != 0)
                fail_msg("%s: allocation %llu of %llu fails%s: %s '%s', %zu bytes left", name,
                         (unsigned long long)at, (unsigned long long)sound.calls,
                         once != 0 ? " once" : "", pewter_status_name(status), f->err.message,
                         counts.live);
        }
    }
    printf("%s: %llu allocations, %d spared\n", name, (unsigned long long)sound.calls, spared);
}

static void test_families(void **state)
{
    fixture *f = *state;
    static const char *const families[] = {"llama", "qwen2", "qwen3"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        gb_file *made = gb_tiny(families[i]);
        gb_set_text(made, "tokenizer.chat_template",
                    "{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}");
        gb_save(made, f->path);
        gb_free(made);
        fail_each(f, families[i], 1, 256, 0);
    }
    gb_file *made = gb_tiny_bpe();
    gb_save(made, f->path);
    gb_free(made);
    fail_each(f, "byte-level BPE", 1, 256, 16);
}

static void test_formats(void **state)
{
    fixture *f = *state;
    static const char *const types[] = {"F32", "BF16", "Q8_0", "Q4_0", "Q4_K"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        fixture_synth(f, "tiny,layers=1,ffn=256,vocab=300,context=128", types[i], 4);
        fail_each(f, types[i], 1, 256, 0);
    }
}

static void test_devices_and_contexts(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=2,ffn=256,vocab=300,context=128", "Q4_0", 4);
    fail_each(f, "two devices", 2, 256, 0);
    fail_each(f, "a long context", 1, 20000, 0); /* tables of their own */
}

/* ---- Limits ------------------------------------------------------------------------------------- */

/* What does not fit is refused with numbers, before anything is loaded. */
static void test_no_room_for_the_context(void **state)
{
    fixture *f = *state;
    fixture_synth(f, "tiny,layers=1", "Q4_0", 4);
    pewter_engine *engine = fixture_engine(f, NULL, 1, 0);
    pewter_load_options options = pewter_load_defaults();
    pewter_model *model = NULL;
    options.context = INT32_MAX / 2; /* 1 TB of keys and values */
    const pewter_status status = pewter_load(engine, f->path, &options, &model, &f->err);
    assert_int_equal(status, PEWTER_E_MEMORY);
    assert_null(model);
    size_t numbers = 0;
    for (const char *c = f->err.message; *c != 0; c++)
        numbers += *c >= '0' && *c <= '9' && (c[1] < '0' || c[1] > '9') && c[1] != '.';
    if (numbers < 2) fail_msg("'%s' has not both numbers", f->err.message);
    options.context = (int64_t)INT32_MAX / 2 + 1;
    assert_int_equal(pewter_load(engine, f->path, &options, &model, &f->err), PEWTER_E_ARG);
    pewter_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_families),
        FIXTURE_TEST(test_formats),
        FIXTURE_TEST(test_devices_and_contexts),
        FIXTURE_TEST(test_no_room_for_the_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
