/* Every vocabulary in $PEWTER_SHARED/tokenizers that has texts (.inp) and their ids (.out): the ids
 * are exact, and the bytes come back. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "runtime/model/vocab_gguf.h"
#include "tests/support/limit_alloc.h"

enum { LIMIT = 1 << 30, NAMES = 64, PATH = 512, IDS = 4096 };

typedef struct bench {
    limit_alloc counts;
    pewter_allocator alloc;
    char folder[PATH];
    char names[NAMES][PATH]; /* of vocabularies, without the folder, sorted */
    size_t n;
} bench;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->alloc = limit_allocator(&b->counts, LIMIT, UINT64_MAX);
    *state = b;
    const char *shared = getenv("PEWTER_SHARED");
    if (shared == NULL) return 0;
    snprintf(b->folder, PATH, "%s/tokenizers", shared);
    DIR *list = opendir(b->folder);
    if (list == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        const size_t bytes = strlen(entry->d_name);
        if (bytes < 6 || bytes >= PATH || strcmp(entry->d_name + bytes - 5, ".gguf") != 0) continue;
        assert_true(b->n < NAMES);
        memcpy(b->names[b->n++], entry->d_name, bytes + 1);
    }
    closedir(list);
    qsort(b->names, b->n, sizeof *b->names, by_name);
    return 0;
}

static int tear_down(void **state)
{
    bench *b = *state;
    const bool leaked = b->counts.live != 0;
    free(b);
    return leaked ? 1 : 0;
}

/* Ends the test as skipped, in words, where there is nothing to test with. */
static void need_vocabularies(const bench *b)
{
    if (b->n > 0) return;
    printf("vocabularies: skipped, there are none (PEWTER_SHARED/tokenizers)\n");
    skip();
}

/* A whole file and a NUL behind it; NULL: there is none. The caller frees it. */
static char *read_file(const bench *b, const char *name, const char *ending)
{
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s%s", b->folder, name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    fclose(file);
    text[size] = 0;
    return text;
}

/* NULL: a kind that is not there yet, which is said. */
static pw_tokenizer *open_vocabulary(bench *b, const char *name)
{
    char path[2 * PATH];
    const pw_gguf_options options = {.trust_permissions = true};
    pw_gguf *file = NULL;
    pw_tokenizer *tokenizer = NULL;
    pewter_error err = {{0}};
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    if (pw_gguf_open(path, &options, &b->alloc, &file, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    const pewter_status status = pw_tokenizer_from_gguf(file, &b->alloc, &tokenizer, &err);
    pw_gguf_close(file);
    if (status == PEWTER_E_UNSUPPORTED) {
        printf("%s: skipped: %s\n", name, err.message);
        return NULL;
    }
    if (status != PEWTER_OK) fail_msg("%s", err.message);
    return tokenizer;
}

/* The bytes of the tokens, without the space that SentencePiece puts before a text. */
static void check_back(const pw_tokenizer *t, const int32_t *ids, size_t n, const char *text,
                       size_t bytes)
{
    char *back = malloc(n * pw_tokenizer_longest_piece(t) + 1);
    assert_non_null(back);
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        const char *piece;
        const size_t more = pw_token_piece(t, ids[i], false, &piece);
        memcpy(back + size, piece, more);
        size += more;
    }
    const size_t extra = size == bytes + 1 && back[0] == ' ' ? 1 : 0;
    if (size - extra != bytes || memcmp(back + extra, text, bytes) != 0)
        fail_msg("'%.*s' came back as '%.*s'", (int)bytes, text, (int)size, back);
    free(back);
}

/* Compares one text with a line of ids. */
static void check_text(const pw_tokenizer *t, const char *name, size_t index, const char *text,
                       size_t bytes, char *line)
{
    int32_t ids[IDS];
    size_t n = 0, wanted = 0;
    pewter_error err = {{0}};
    if (pw_tokenize(t, text, bytes, false, false, ids, IDS, &n, &err) != PEWTER_OK)
        fail_msg("%s", err.message);
    assert_true(n <= IDS);
    for (char *at = line, *end;; at = end, wanted++) {
        const long id = strtol(at, &end, 10);
        if (end == at) break;
        if (wanted >= n || ids[wanted] != id)
            fail_msg("%s, text %zu '%.*s': id %zu is %d, not %ld", name, index, (int)bytes, text,
                     wanted, wanted < n ? (int)ids[wanted] : -1, id);
    }
    if (wanted != n) fail_msg("%s, text %zu: %zu ids, not %zu", name, index, n, wanted);
    check_back(t, ids, n, text, bytes);
}

static size_t check_vocabulary(const bench *b, const pw_tokenizer *t, const char *name)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    size_t n = 0;
    char *texts = read_file(b, name, ".inp"), *lines = read_file(b, name, ".out");
    if (texts != NULL && lines != NULL) {
        char *line = lines, *text = texts;
        for (char *next = text; next != NULL; n++) {
            next = strstr(text, mark);
            char *end = line + strcspn(line, "\n");
            const bool last = *end == 0;
            assert_true(!last || next == NULL);
            *end = 0;
            const size_t size = next != NULL ? (size_t)(next - text) : strlen(text);
            check_text(t, name, n, text, size, line);
            line = last ? end : end + 1;
            text += size + sizeof mark - 1;
        }
    } else {
        printf("%s: skipped, no .inp or .out beside it\n", name);
    }
    free(texts);
    free(lines);
    return n;
}

static void test_ids_are_exact_and_bytes_come_back(void **state)
{
    bench *b = *state;
    need_vocabularies(b);
    for (size_t i = 0; i < b->n; i++) {
        pw_tokenizer *t = open_vocabulary(b, b->names[i]);
        if (t == NULL) continue;
        const size_t n = check_vocabulary(b, t, b->names[i]);
        if (n > 0) printf("%s: %zu texts exact\n", b->names[i], n);
        pw_tokenizer_free(t);
    }
}

/* Text as long as a context may hold, of the kinds that make slow tokenizers slow. */
static void test_a_megabyte_takes_no_time(void **state)
{
    bench *b = *state;
    enum { BYTES = 1 << 20 };
    static const char *const units[] = {"a", " ", "\n", "7", "ab ", "\xcc\x81", "\xe6\xbc\xa2"};
    need_vocabularies(b);
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < b->n; i++) {
        pw_tokenizer *t = open_vocabulary(b, b->names[i]);
        for (size_t u = 0; t != NULL && u < sizeof units / sizeof *units; u++) {
            const size_t unit = strlen(units[u]);
            size_t bytes = 0, n = 0;
            for (; bytes + unit <= BYTES; bytes += unit) memcpy(text + bytes, units[u], unit);
            const clock_t began = clock();
            assert_int_equal(pw_tokenize(t, text, bytes, true, true, NULL, 0, &n, NULL), 0);
            const double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
            if (seconds > 10.0) fail_msg("%s, unit %zu: %.1f s", b->names[i], u, seconds);
            assert_true(n > 0);
        }
        pw_tokenizer_free(t);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids_are_exact_and_bytes_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_megabyte_takes_no_time, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
