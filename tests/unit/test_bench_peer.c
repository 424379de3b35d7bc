#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/base/peer.h"
#include "pw/clock.h"

/* A peer that is a line of shell. */
static pewter_status start(const char *script, double seconds, peer **out, pewter_error *err)
{
    char sh[] = "sh", c[] = "-c", text[512];
    snprintf(text, sizeof text, "%s", script);
    char *const argv[] = {sh, c, text, NULL};
    return peer_open(argv, NULL, seconds, out, err);
}

static void test_good(void **state)
{
    (void)state;
    peer *p = NULL;
    pewter_error err;
    json_t *answer;
    assert_int_equal(start("echo '{\"name\":\"x\"}'; while read -r a; do echo \"{\\\"n\\\":$a}\"; "
                           "echo noise >&2; done",
                           10, &p, &err),
                     PEWTER_OK);
    assert_string_equal(json_string_value(json_object_get(peer_hello(p), "name")), "x");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(peer_ask(p, "41", 10, &answer, &err), PEWTER_OK);
        assert_int_equal(json_integer_value(json_object_get(answer, "n")), 41);
        json_decref(answer);
    }
    assert_true(peer_pid(p) > 0);
    peer_close(p);
}

static void test_no_start(void **state)
{
    (void)state;
    peer *p = NULL;
    pewter_error err;
    char name[] = "/nonexistent/peer";
    char *const argv[] = {name, NULL};
    assert_int_equal(peer_open(argv, NULL, 10, &p, &err), PEWTER_E_IO);
    assert_non_null(strstr(err.message, name));
    assert_int_equal(start("exit 3", 10, &p, &err), PEWTER_E_DEVICE);
    assert_non_null(strstr(err.message, "3"));
    assert_int_equal(start("kill -9 $$", 10, &p, &err), PEWTER_E_DEVICE);
    assert_non_null(strstr(err.message, "signal 9"));
    assert_int_equal(start("echo '{\"error\":\"no model\"}'; cat", 10, &p, &err), PEWTER_E_DEVICE);
    assert_non_null(strstr(err.message, "no model"));
    assert_int_equal(start("echo rubbish; cat", 10, &p, &err), PEWTER_E_FORMAT);
    assert_int_equal(start("echo '[1]'; cat", 10, &p, &err), PEWTER_E_FORMAT);
    assert_null(p);
}

static void test_silent(void **state)
{
    (void)state;
    peer *p = NULL;
    pewter_error err;
    json_t *answer;
    const int64_t begin = pw_now_ns();
    assert_int_equal(start("sleep 100", 0.3, &p, &err), PEWTER_E_TIMEOUT);
    assert_int_equal(start("echo '{}'; read -r a; exit 5", 10, &p, &err), PEWTER_OK);
    assert_int_equal(peer_ask(p, "x", 10, &answer, &err), PEWTER_E_DEVICE);
    assert_int_equal(peer_ask(p, "x", 10, &answer, &err), PEWTER_E_DEVICE);
    peer_close(p);
    p = NULL;
    assert_int_equal(start("exec <&- >&-; sleep 100", 60, &p, &err), PEWTER_E_DEVICE);
    assert_non_null(strstr(err.message, "closed its output"));
    assert_true(pw_now_ns() - begin < 30000000000);
}

static void test_endless(void **state)
{
    (void)state;
    peer *p = NULL;
    pewter_error err;
    assert_int_equal(start("yes | tr -d '\\n'", 60, &p, &err), PEWTER_E_LIMIT);
    peer_close(NULL);
}

static bool always(void)
{
    return true;
}

static void test_interrupted(void **state)
{
    (void)state;
    peer *p = NULL;
    pewter_error err;
    peer_stop_when(always);
    assert_int_equal(start("sleep 60", 60, &p, &err), PEWTER_E_CANCELLED);
    peer_stop_when(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_no_start),
        cmocka_unit_test(test_silent),      cmocka_unit_test(test_endless),
        cmocka_unit_test(test_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
