#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/report/report.h"
#include "tests/support/fake_root.h"

/* The page as one text; freed by free(). */
static char *page(const fake_root *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/out.html", folder->path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 4 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (4 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static size_t write_page(const fake_root *folder)
{
    char path[128];
    pewter_error err;
    size_t runs = 99;
    json_t *card = json_pack("{s:s}", "cpu", "some CPU");
    snprintf(path, sizeof path, "%s/out.html", folder->path);
    if (report_write(folder->path, path, card, &runs, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    json_decref(card);
    return runs;
}

static void test_empty(void **state)
{
    (void)state;
    fake_root folder = fake_root_new();
    assert_int_equal(write_page(&folder), 0);
    char *text = page(&folder);
    assert_non_null(strstr(text, "some CPU"));
    assert_non_null(strstr(text, "default-src 'none'"));
    assert_null(strstr(text, "src=\"http"));
    free(text);
    fake_root_free(&folder);
}

static void test_results(void **state)
{
    (void)state;
    fake_root folder = fake_root_new();
    fake_root_write(&folder, "kernels-20260101T000000Z-a.json",
                    "{\"context\":{},\"benchmarks\":[{\"name\":\"matmul</script><b>\","
                    "\"real_time\":12.5,\"GOP/s\":3,\"share\":0.5}]}");
    fake_root_write(&folder, "kernels-20260102T000000Z-b.json", "{\"context\":");
    fake_root_write(&folder, "kernels-20260103T000000Z-c.json", "{\"other\":1}");
    fake_root_write(&folder, "models-20260104T000000Z-d.jsonl",
                    "{\"card\":{\"cpu\":\"own\"}}\n{\"n_prompt\":512,\"avg_ts\":9}\n{\"n_pro");
    fake_root_write(&folder, "models-20260105T000000Z-e.jsonl", "rubbish\n{}\n");
    fake_root_write(&folder, "notes.txt", "not a result");
    char pipe[160]; /* is not waited for */
    snprintf(pipe, sizeof pipe, "%s/models-20260106T000000Z-f.jsonl", folder.path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(write_page(&folder), 2);
    assert_int_equal(unlink(pipe), 0);
    char *text = page(&folder);
    assert_non_null(strstr(text, "kernels-20260102T000000Z-b.json")); /* named as not read */
    assert_non_null(strstr(text, "no benchmarks are in it"));
    assert_non_null(strstr(text, "models-20260105T000000Z-e.jsonl"));
    assert_non_null(strstr(text, "no regular file"));
    assert_null(strstr(text, "notes.txt"));
    /* A name in a file is text, in the table and in the data. */
    assert_non_null(strstr(text, "matmul&lt;/script>"));
    assert_null(strstr(text, "matmul</script>"));
    assert_non_null(strstr(text, "matmul\\u003c/script"));
    assert_non_null(strstr(text, "\"n_prompt\":512"));
    free(text);
    fake_root_free(&folder);
}

static void test_refused(void **state)
{
    (void)state;
    fake_root folder = fake_root_new();
    pewter_error err;
    size_t runs;
    assert_int_equal(report_write("/nonexistent", "/tmp/x.html", NULL, &runs, &err), PEWTER_E_IO);
    assert_non_null(strstr(err.message, "/nonexistent"));
    assert_int_equal(report_write(folder.path, "/nonexistent/x.html", NULL, &runs, &err),
                     PEWTER_E_IO);
    assert_non_null(strstr(err.message, "/nonexistent/x.html"));
    fake_root_free(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
