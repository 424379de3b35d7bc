#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/model/file.h"
#include "tests/support/gguf_fixture.h"

/* ---- Files that are refused --------------------------------------------------------------------- */

static void test_refuses_what_is_no_regular_file(void **state)
{
    fixture *f = *state;
    char path[128];
    fixture_refuse(f, f->folder, PEWTER_E_IO, "is a folder");
    fixture_refuse(f, "/dev/zero", PEWTER_E_IO, "a file is wanted");
    snprintf(path, sizeof path, "%s/fifo", f->folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10); /* opening a FIFO must not wait for a writer */
    fixture_refuse(f, path, PEWTER_E_IO, "a file is wanted");
    alarm(0);
    snprintf(path, sizeof path, "%s/absent/model.gguf", f->folder);
    fixture_refuse(f, path, PEWTER_E_IO, "No such file");
    gb_write(f->path, NULL, 0);
    fixture_refuse(f, f->path, PEWTER_E_FORMAT, "is empty");
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = 0;
    fixture_refuse(f, longer, PEWTER_E_IO, "...");
}

static void test_refuses_what_others_may_write(void **state)
{
    fixture *f = *state;
    const pw_gguf_options trusting = {.trust_permissions = true};
    gb_file *made = gb_tiny("llama");
    gb_save(made, f->path);
    gb_free(made);
    static const mode_t modes[] = {0646, 0666, 0664};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (modes[i] == 0664 && !gb_give_to_others(f->path)) {
            print_message("skipped: a file of another group, which only root may make\n");
            break;
        }
        assert_int_equal(chmod(f->path, modes[i]), 0);
        fixture_refuse(f, f->path, PEWTER_E_IO, "chmod go-w");
        pw_gguf *file = NULL;
        assert_int_equal(pw_gguf_open(f->path, &trusting, &f->alloc, &file, &f->err), PEWTER_OK);
        pw_gguf_close(file);
    }
    /* A group that has the owner's number is the owner's own. */
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    if (chown(f->path, (uid_t)-1, (gid_t)st.st_uid) == 0) {
        assert_int_equal(chmod(f->path, 0664), 0);
        pw_gguf_close(fixture_open(f, f->path));
    }
    assert_int_equal(chmod(f->path, 0644), 0);
    assert_int_equal(chmod(f->folder, 0777), 0);
    fixture_refuse(f, f->path, PEWTER_E_IO, "its folder");
    assert_int_equal(chmod(f->folder, 01777), 0); /* sticky: only owners exchange files */
    pw_gguf_close(fixture_open(f, f->path));
    assert_int_equal(chmod(f->folder, 0700), 0);
}

static void test_follows_a_link_that_the_caller_names(void **state)
{
    fixture *f = *state;
    char link[128];
    gb_file *made = gb_tiny("llama");
    gb_save(made, f->path);
    gb_free(made);
    snprintf(link, sizeof link, "%s/link", f->folder);
    assert_int_equal(symlink("model.gguf", link), 0);
    pw_gguf_close(fixture_open(f, link));
}

/* ---- Mapped files that become shorter ------------------------------------------------------------ */

static float sum_of(const pw_gguf_tensor *t)
{
    float sum = 0.0f;
    for (size_t i = 0; i < t->bytes / 4; i++) {
        float x;
        memcpy(&x, (const char *)t->data + 4 * i, sizeof x);
        sum += x;
    }
    return sum;
}

/* A file of many pages. */
static void save_long(const char *path)
{
    gb_file *made = gb_new();
    gb_add_f32(made, "long", 1024, 64);
    gb_add_f32(made, "last", 1024, 64);
    gb_save(made, path);
    gb_free(made);
}

static void test_survives_truncation_under_the_map(void **state)
{
    fixture *f = *state;
    struct sigaction before, after;
    assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
    save_long(f->path);
    pw_gguf *file = fixture_open(f, f->path), *other = fixture_open(f, f->path);
    pw_gguf_close(other);
    const pw_gguf_tensor *last = pw_gguf_tensor_named(file, "last");
    assert_true(sum_of(last) != 0.0f);
    assert_false(pw_gguf_faulted(file));
    assert_int_equal(truncate(f->path, 4096), 0);
    assert_true(sum_of(last) == 0.0f);
    assert_true(pw_gguf_faulted(file));
    assert_true(sum_of(last) == 0.0f);
    pw_gguf_close(file);

    assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
    assert_true(before.sa_handler == after.sa_handler);
}

/* What becomes of a child that reads a file after it was cut, while another file is guarded. */
static int cut_in_child(fixture *f, bool guard, void (*handler)(int))
{
    char path[160];
    snprintf(path, sizeof path, "%s.other", f->path);
    save_long(f->path);
    save_long(path);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGBUS, handler);
        const pw_gguf_options options = {.guard = guard}, guarded = {.guard = true};
        pw_gguf *file = NULL, *other = NULL;
        if (pw_gguf_open(f->path, &options, &f->alloc, &file, NULL) != PEWTER_OK) _exit(90);
        if (pw_gguf_open(path, &guarded, &f->alloc, &other, NULL) != PEWTER_OK) _exit(91);
        const pw_gguf_tensor *last = pw_gguf_tensor_named(file, "last");
        if (truncate(f->path, 4096) != 0) _exit(92);
        const bool zeros = sum_of(last) == 0.0f;
        _exit(zeros && pw_gguf_faulted(file) && !pw_gguf_faulted(other) ? 0 : 93);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void leave_with_42(int number)
{
    (void)number;
    _exit(42);
}

static void test_passes_on_faults_of_others(void **state)
{
    fixture *f = *state;
    int status = cut_in_child(f, true, SIG_DFL);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = cut_in_child(f, false, leave_with_42);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    status = cut_in_child(f, false, SIG_DFL);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static atomic_int told;

static void count_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    told++;
}

/* A handler that others put over ours stays; a signal that was sent reaches whoever was there. */
static void test_lives_with_handlers_of_others(void **state)
{
    fixture *f = *state;
    struct sigaction mine = {.sa_flags = SA_SIGINFO}, before, now;
    mine.sa_sigaction = count_signal;
    save_long(f->path);
    assert_int_equal(sigaction(SIGBUS, &mine, &before), 0);
    pw_gguf *file = fixture_open(f, f->path);
    told = 0;
    raise(SIGBUS);
    assert_int_equal(told, 1);
    assert_int_equal(sigaction(SIGBUS, &mine, NULL), 0);
    pw_gguf_close(file);
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    assert_true(now.sa_sigaction == count_signal);
    pw_gguf_close(fixture_open(f, f->path));
    assert_int_equal(sigaction(SIGBUS, NULL, &now), 0);
    assert_true(now.sa_sigaction == count_signal);

    signal(SIGBUS, SIG_IGN);
    file = fixture_open(f, f->path);
    raise(SIGBUS); /* sent, not a fault: ignored as before */
    assert_int_equal(truncate(f->path, 4096), 0);
    assert_true(sum_of(pw_gguf_tensor_named(file, "last")) == 0.0f);
    assert_true(pw_gguf_faulted(file));
    pw_gguf_close(file);
    assert_int_equal(sigaction(SIGBUS, &before, NULL), 0);
}

static void test_shows_the_end_of_long_names(void **state)
{
    (void)state;
    char out[8];
    pw_file_name("1234567", out, sizeof out);
    assert_string_equal(out, "1234567");
    pw_file_name("12345678", out, sizeof out);
    assert_string_equal(out, "...5678");
    assert_string_equal(pw_file_base("a/b/c.gguf"), "c.gguf");
    assert_string_equal(pw_file_base("c.gguf"), "c.gguf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_refuses_what_is_no_regular_file),
        FIXTURE_TEST(test_refuses_what_others_may_write),
        FIXTURE_TEST(test_follows_a_link_that_the_caller_names),
        FIXTURE_TEST(test_survives_truncation_under_the_map),
        FIXTURE_TEST(test_passes_on_faults_of_others),
        FIXTURE_TEST(test_lives_with_handlers_of_others),
        FIXTURE_TEST(test_shows_the_end_of_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
