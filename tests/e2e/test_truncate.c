/* Model files that are cut while they are in use, and files that are none. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/support/engine_fixture.h"

enum { VOCAB = 512, SECONDS = 300 };

static off_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

/* ---- Cut while it is loaded ----------------------------------------------------------------------- */

/* An allocator that cuts a file at the allocation of choice. */
typedef struct cutter {
    const pewter_allocator *below;
    const char *path;
    off_t bytes;
    uint64_t calls, at;
} cutter;

static void *cut_and_take(void *context, size_t bytes, size_t align, pewter_memory kind)
{
    cutter *c = context;
    if (c->calls++ == c->at && truncate(c->path, c->bytes) != 0) return NULL;
    return c->below->alloc(c->below->context, bytes, align, kind);
}

static void pass_back(void *context, void *ptr, size_t bytes, pewter_memory kind)
{
    const cutter *c = context;
    c->below->free(c->below->context, ptr, bytes, kind);
}

static pewter_status load_and_step(const pewter_allocator *alloc, const char *path, bool vocab_only,
                                   pewter_error *err)
{
    pewter_config config = pewter_config_defaults();
    config.allocator = alloc;
    config.threads = 2;
    pewter_load_options options = pewter_load_defaults();
    options.vocab_only = vocab_only;
    pewter_engine *engine = NULL;
    pewter_model *model = NULL;
    pewter_session *session = NULL;
    const int32_t ids[4] = {1, 500, 270, 271};
    size_t ready, count;
    pewter_status status = pewter_open(&config, &engine, err);
    if (status == PEWTER_OK) status = pewter_load(engine, path, &options, &model, err);
    if (status == PEWTER_OK)
        status = pewter_tokenize(model, "abc", 3, false, true, NULL, 0, &count, err);
    if (status == PEWTER_OK && !vocab_only) {
        status = pewter_session_new(model, NULL, &session, err);
        if (status == PEWTER_OK) status = pewter_prompt(session, ids, 4, err);
        for (int i = 0; i < 3 && status == PEWTER_OK; i++)
            status = pewter_step(engine, &ready, err);
    }
    pewter_session_free(session);
    pewter_unload(model);
    pewter_close(engine);
    return status;
}

/* The file loses its end at every allocation of a load in turn: never a signal, and an I/O error, or
 * a format error of what was found, wherever something was read that is no more. */
static void test_cut_at_every_moment_of_a_load(void **state)
{
    fixture *f = *state;
    static const off_t lengths[] = {1, 4096, 20000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int vocab_only = 0; vocab_only < 2; vocab_only++) {
            bool done = false;
            int refused = 0;
            for (uint64_t at = 0; !done; at += fixture_quick() ? 7 : 1) {
                fixture_synth(f, "tiny,layers=1,ffn=256", "F32", 1);
                cutter c = {.below = &f->alloc, .path = f->path, .bytes = lengths[i], .at = at};
                const pewter_allocator alloc = {&c, cut_and_take, pass_back};
                f->err.message[0] = 0;
                const pewter_status status =
                    load_and_step(&alloc, f->path, vocab_only != 0, &f->err);
                done = c.calls <= at;
                if (done) assert_int_equal(status, PEWTER_OK);
                refused += status != PEWTER_OK;
                if (status != PEWTER_OK && status != PEWTER_E_IO && status != PEWTER_E_FORMAT)
                    fail_msg("cut to %lld bytes at allocation %llu: %s '%s'", (long long)lengths[i],
                             (unsigned long long)at, pewter_status_name(status), f->err.message);
                if (status != PEWTER_OK) assert_true(f->err.message[0] != 0);
            }
            assert_true(refused > 0);
        }
    }
}

static bool cut_at_first_call(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    assert_true(done <= total);
    assert_int_equal(truncate(context, size_of(context) / 2), 0);
    return true;
}

static void test_cut_before_the_weights_are_read(void **state)
{
    fixture *f = *state;
    static const char *const types[] = {"F32", "Q4_0", "Q4_K"};
    pewter_engine *engine = fixture_engine(f, NULL, 2, 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        fixture_synth(f, "tiny,layers=8", types[i], 1);
        pewter_load_options options = pewter_load_defaults();
        options.progress = cut_at_first_call;
        options.progress_context = f->path;
        pewter_model *model = NULL;
        const pewter_status status = pewter_load(engine, f->path, &options, &model, &f->err);
        fixture_refused(f, status, PEWTER_E_IO, "");
        assert_null(model);
    }
    pewter_close(engine);
}

/* ---- Cut while it is used ------------------------------------------------------------------------- */

/* A model whose embedding stays mapped, behind a prompt. */
static pewter_session *begin(fixture *f, pewter_engine *engine, pewter_model **model)
{
    fixture_synth(f, "tiny,layers=1", "F32", 1);
    *model = fixture_model(f, engine, NULL);
    pewter_session_options options = pewter_session_defaults();
    options.ignore_eos = true;
    options.temperature = 0.0f;
    pewter_session *session = fixture_session(f, *model, &options);
    int32_t ids[8];
    fixture_ids(1, ids, 8, VOCAB);
    fixture_must(f, pewter_prompt(session, ids, 8, &f->err));
    size_t ready;
    for (int i = 0; i < 3; i++) fixture_must(f, pewter_step(engine, &ready, &f->err));
    return session;
}

static void test_cut_between_steps(void **state)
{
    fixture *f = *state;
    struct sigaction before, after;
    assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
    for (int32_t threads = 1; threads < 4; threads++) {
        pewter_engine *engine = fixture_engine(f, NULL, threads, 0);
        pewter_model *model = NULL;
        pewter_session *session = begin(f, engine, &model);
        assert_int_equal(truncate(f->path, 4096), 0);
        size_t ready;
        pewter_status status = PEWTER_OK;
        for (int i = 0; i < 4 && status == PEWTER_OK; i++)
            status = pewter_step(engine, &ready, &f->err);
        fixture_refused(f, status, PEWTER_E_IO, "load it again");
        fixture_refused(f, pewter_step(engine, &ready, &f->err), PEWTER_E_IO, "load it again");
        int32_t ids[300];
        fixture_ids(2, ids, 300, VOCAB);
        fixture_must(f, pewter_session_rewind(session, 0, &f->err));
        fixture_rows rows = {.data = NULL};
        status = pewter_logits(session, ids, 300, fixture_take_row, &rows, &f->err);
        fixture_refused(f, status, PEWTER_E_IO, "load it again");
        assert_int_equal(rows.count, 0);
        pewter_session_free(session);
        pewter_unload(model);

        /* The engine serves other files. */
        session = begin(f, engine, &model);
        pewter_session_free(session);
        pewter_unload(model);
        pewter_close(engine);
    }
    assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
    assert_true(before.sa_handler == after.sa_handler);
}

/* What becomes of a child whose model is cut; 0: its next steps say PEWTER_E_IO. */
static int cut_in_child(fixture *f, bool keep_sigbus)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGBUS, SIG_DFL);
        pewter_config config = pewter_config_defaults();
        config.threads = 1;
        config.keep_sigbus = keep_sigbus;
        pewter_engine *engine = NULL;
        pewter_model *model = NULL;
        if (pewter_open(&config, &engine, &f->err) != PEWTER_OK) _exit(90);
        pewter_session *session = begin(f, engine, &model);
        if (truncate(f->path, 4096) != 0) _exit(91);
        size_t ready;
        pewter_status status = PEWTER_OK;
        for (int i = 0; i < 4 && status == PEWTER_OK; i++)
            status = pewter_step(engine, &ready, &f->err);
        pewter_session_free(session);
        _exit(status == PEWTER_E_IO ? 0 : 92);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_keep_sigbus(void **state)
{
    fixture *f = *state;
    int status = cut_in_child(f, false);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = cut_in_child(f, true);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS
                                    : WEXITSTATUS(status) != 0); /* sanitizers catch it and exit */
}

/* ---- Files that are none -------------------------------------------------------------------------- */

static void refuse(fixture *f, pewter_engine *engine, const char *path, const char *says)
{
    pewter_model *model = NULL;
    size_t need;
    fixture_refused(f, pewter_load(engine, path, NULL, &model, &f->err), PEWTER_E_IO, says);
    assert_null(model);
    if (strstr(says, "chmod") == NULL) /* looking into a file is no harm */
        fixture_refused(f, pewter_inspect(engine, path, NULL, 0, &need, &f->err), PEWTER_E_IO,
                        says);
}

static void test_files_that_are_none(void **state)
{
    fixture *f = *state;
    pewter_engine *engine = fixture_engine(f, NULL, 1, 0);
    char path[160];
    refuse(f, engine, "/dev/zero", "a file is wanted");
    refuse(f, engine, f->folder, "is a folder");
    refuse(f, engine, f->path, "No such file");
    refuse(f, engine, "", "No such file");
    snprintf(path, sizeof path, "%s/fifo", f->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse(f, engine, path, "a file is wanted");

    fixture_synth(f, "tiny,layers=1", "Q4_0", 1);
    assert_int_equal(chmod(f->path, 0646), 0);
    refuse(f, engine, f->path, "chmod go-w");
    pewter_load_options options = pewter_load_defaults();
    options.trust_permissions = true;
    pewter_unload(fixture_model(f, engine, &options));
    assert_int_equal(chmod(f->path, 0), 0);
    if (geteuid() == 0)
        printf("skipped: a file that may not be read, which root may\n");
    else
        refuse(f, engine, f->path, "Permission denied");
    assert_int_equal(chmod(f->path, 0400), 0);
    pewter_unload(fixture_model(f, engine, NULL));
    pewter_close(engine);
}

static void test_names_that_are_not_utf8(void **state)
{
    fixture *f = *state;
    char path[160];
    static char text[1 << 20];
    size_t need;
    pewter_engine *engine = fixture_engine(f, NULL, 1, 0);
    fixture_synth(f, "tiny,layers=1", "Q4_0", 1);
    snprintf(path, sizeof path, "%s/a \xff\xc3(\"\n.gguf", f->folder);
    assert_int_equal(rename(f->path, path), 0);
    pewter_model *model = NULL;
    fixture_must(f, pewter_load(engine, path, NULL, &model, &f->err));
    fixture_must(f, pewter_inspect(engine, path, text, sizeof text, &need, &f->err));
    assert_int_equal(need, strlen(text) + 1);
    json_error_t why;
    json_t *value = json_loads(text, 0, &why);
    if (value == NULL) fail_msg("%s at column %d", why.text, why.column);
    json_decref(value);
    pewter_unload(model);
    pewter_close(engine);
}

int main(void)
{
    alarm(SECONDS); /* a hang is a failure */
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_cut_at_every_moment_of_a_load),
        FIXTURE_TEST(test_cut_before_the_weights_are_read),
        FIXTURE_TEST(test_cut_between_steps),
        FIXTURE_TEST(test_keep_sigbus),
        FIXTURE_TEST(test_files_that_are_none),
        FIXTURE_TEST(test_names_that_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
