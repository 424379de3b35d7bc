#include <unistd.h>

#include "tests/support/gguf_fixture.h"

/* ---- Contents ---------------------------------------------------------------------------------- */

static void test_reads_versions_2_and_3(void **state)
{
    fixture *f = *state;
    for (uint32_t version = 2; version <= 3; version++) {
        gb_file *made = gb_tiny("llama");
        made->version = version;
        gb_save(made, f->path);
        pw_gguf *file = fixture_open(f, f->path);
        size_t n_values, n_tensors;
        const pw_gguf_value *values = pw_gguf_values(file, &n_values);
        const pw_gguf_tensor *tensors = pw_gguf_tensors(file, &n_tensors);
        assert_int_equal(pw_gguf_version(file), version);
        assert_int_equal(pw_gguf_parts(file), 1);
        assert_int_equal(n_values, made->n_entries);
        assert_int_equal(n_tensors, made->n_tensors);
        for (size_t i = 0; i < n_values; i++) {
            assert_string_equal(values[i].key, made->entries[i].key);
            assert_ptr_equal(pw_gguf_find(file, values[i].key), &values[i]);
        }
        for (size_t i = 0; i < n_tensors; i++) {
            const gb_tensor *t = &made->tensors[i];
            assert_string_equal(tensors[i].name, t->name);
            assert_ptr_equal(pw_gguf_tensor_named(file, t->name), &tensors[i]);
            assert_int_equal(tensors[i].bytes, t->data.bytes);
            assert_int_equal(tensors[i].row_bytes, t->n[0] * 4);
            assert_memory_equal(tensors[i].data, t->data.data, t->data.bytes);
            unsigned char first[4];
            assert_int_equal(pread(tensors[i].fd, first, 4, (off_t)tensors[i].offset), 4);
            assert_memory_equal(first, t->data.data, 4);
        }
        assert_null(pw_gguf_find(file, "general.nothing"));
        assert_null(pw_gguf_tensor_named(file, "nothing"));
        assert_false(pw_gguf_faulted(file));
        pw_gguf_close(file);
        gb_free(made);
    }
}

static void test_an_empty_file_of_no_keys_and_no_tensors_opens(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_new();
    gb_save(made, f->path);
    pw_gguf *file = fixture_open(f, f->path);
    size_t count = 1;
    pw_gguf_tensors(file, &count);
    assert_int_equal(count, 0);
    assert_null(pw_gguf_find(file, "a"));
    pw_gguf_close(file);
    gb_free(made);
}

static void test_gives_tensors_64_bit_and_odd_alignments(void **state)
{
    fixture *f = *state;
    static const uint32_t alignments[] = {1, 4, 8, 64, 4096, 1 << 20};
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        gb_file *made = gb_new();
        made->alignment = alignments[i];
        gb_set_u32(made, "general.alignment", alignments[i]);
        /* So that with an alignment of 1 the data begin at a multiple of 4. */
        gb_set_text(made, "a", "xyz");
        gb_add_f32(made, "four", 8, 2);
        gb_add_f32(made, "name", 3, 0);
        gb_bytes bytes = gb_make(made);
        const size_t data = bytes.bytes;
        free(bytes.data);
        static const char *const padded[] = {"xyz", "xyz...", "xyz..", "xyz."};
        gb_set_text(made, "a", padded[data % 4]);
        gb_save(made, f->path);
        pw_gguf *file = fixture_open(f, f->path);
        const pw_gguf_tensor *t = pw_gguf_tensor_named(file, "name");
        assert_memory_equal(t->data, made->tensors[1].data.data, 12);
        pw_gguf_close(file);
        gb_free(made);
    }
}

/* ---- Getters ----------------------------------------------------------------------------------- */

static void add_values(gb_file *made)
{
    const int8_t i8 = -3;
    const int16_t i16 = -300;
    const int32_t i32 = -70000;
    const int64_t i64 = INT64_MIN;
    const uint8_t u8 = 250;
    const uint16_t u16 = 65000;
    const uint64_t u64 = UINT64_MAX;
    const double f64 = 0.1;
    gb_set(made, "i8", PW_GGUF_I8, &i8, 1);
    gb_set(made, "i16", PW_GGUF_I16, &i16, 2);
    gb_set(made, "i32", PW_GGUF_I32, &i32, 4);
    gb_set(made, "i64", PW_GGUF_I64, &i64, 8);
    gb_set(made, "u8", PW_GGUF_U8, &u8, 1);
    gb_set(made, "u16", PW_GGUF_U16, &u16, 2);
    gb_set_u32(made, "u32", 4000000000u);
    gb_set(made, "u64", PW_GGUF_U64, &u64, 8);
    gb_set_f32(made, "f32", 0.25f);
    gb_set(made, "f64", PW_GGUF_F64, &f64, 8);
    gb_set_bool(made, "yes", true);
    gb_set_text(made, "text", "hello");
    gb_bytes texts = {0};
    gb_put_text(&texts, "", 0);
    gb_put_text(&texts, "a\0b", 3);
    gb_put_text(&texts, "end", 3);
    gb_set_array(made, "texts", PW_GGUF_TEXT, 3, texts.data, texts.bytes);
    free(texts.data);
    const int16_t ints[] = {-1, 2, 3};
    const double floats[] = {0.5, -1.0};
    gb_set_array(made, "ints", PW_GGUF_I16, 3, ints, sizeof ints);
    gb_set_array(made, "floats", PW_GGUF_F64, 2, floats, sizeof floats);
    gb_set_array(made, "huge", PW_GGUF_U64, 1, &u64, 8);
    gb_set_array(made, "none", PW_GGUF_U32, 0, NULL, 0);
}

static void check_int(const pw_gguf *file, const char *key, int64_t wanted)
{
    int64_t value = 7;
    bool found = false;
    assert_int_equal(pw_gguf_get_int(file, key, &value, &found, NULL), PEWTER_OK);
    assert_true(found);
    assert_int_equal(value, wanted);
    uint64_t whole = 9;
    const pewter_status status = pw_gguf_get_uint(file, key, &whole, NULL, NULL);
    assert_int_equal(status, wanted < 0 ? PEWTER_E_FORMAT : PEWTER_OK);
    assert_int_equal(whole, wanted < 0 ? 9 : (uint64_t)wanted);
}

static void check_getters(const pw_gguf *file, pewter_error *err)
{
    check_int(file, "i8", -3);
    check_int(file, "i16", -300);
    check_int(file, "i32", -70000);
    check_int(file, "i64", INT64_MIN);
    check_int(file, "u8", 250);
    check_int(file, "u16", 65000);
    check_int(file, "u32", 4000000000);
    uint64_t whole = 0;
    int64_t number = 0;
    assert_int_equal(pw_gguf_get_uint(file, "u64", &whole, NULL, err), PEWTER_OK);
    assert_true(whole == UINT64_MAX);
    assert_int_equal(pw_gguf_get_int(file, "u64", &number, NULL, err), PEWTER_E_FORMAT);
    double real = 0.0;
    assert_int_equal(pw_gguf_get_float(file, "f32", &real, NULL, err), PEWTER_OK);
    assert_true(real == 0.25);
    assert_int_equal(pw_gguf_get_float(file, "f64", &real, NULL, err), PEWTER_OK);
    assert_true(real == 0.1);
    bool yes = false, found = true;
    assert_int_equal(pw_gguf_get_bool(file, "yes", &yes, NULL, err), PEWTER_OK);
    assert_true(yes);
    const char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(pw_gguf_get_text(file, "text", &text, &bytes, NULL, err), PEWTER_OK);
    assert_int_equal(bytes, 5);
    assert_memory_equal(text, "hello", 5);

    assert_int_equal(pw_gguf_get_uint(file, "absent", &whole, &found, err), PEWTER_OK);
    assert_false(found);
    assert_true(whole == UINT64_MAX);
    assert_int_equal(pw_gguf_get_uint(file, "text", &whole, NULL, err), PEWTER_E_FORMAT);
    assert_non_null(strstr(err->message, "text is of type text, a whole number is wanted"));
    assert_int_equal(pw_gguf_get_uint(file, "f32", &whole, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_uint(file, "yes", &whole, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_int(file, "ints", &number, NULL, err), PEWTER_E_FORMAT);
    assert_non_null(strstr(err->message, "ints is an array of i16"));
    assert_int_equal(pw_gguf_get_float(file, "u32", &real, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_bool(file, "u8", &yes, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_text(file, "texts", &text, &bytes, NULL, err), PEWTER_E_FORMAT);
}

static void check_arrays(const pw_gguf *file, pewter_error *err)
{
    pw_gguf_texts texts;
    pw_gguf_numbers numbers;
    const char *text;
    size_t bytes;
    bool found = true;
    assert_int_equal(pw_gguf_get_texts(file, "texts", &texts, NULL, err), PEWTER_OK);
    assert_int_equal(texts.count, 3);
    assert_true(pw_gguf_next_text(&texts, &text, &bytes));
    assert_int_equal(bytes, 0);
    assert_true(pw_gguf_next_text(&texts, &text, &bytes));
    assert_int_equal(bytes, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_true(pw_gguf_next_text(&texts, &text, &bytes));
    assert_false(pw_gguf_next_text(&texts, &text, &bytes));
    assert_int_equal(pw_gguf_get_texts(file, "ints", &texts, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_texts(file, "absent", &texts, &found, err), PEWTER_OK);
    assert_false(found);

    assert_int_equal(pw_gguf_get_ints(file, "ints", &numbers, NULL, err), PEWTER_OK);
    assert_int_equal(numbers.count, 3);
    assert_int_equal(pw_gguf_int_at(&numbers, 0), -1);
    assert_int_equal(pw_gguf_int_at(&numbers, 2), 3);
    assert_int_equal(pw_gguf_get_ints(file, "huge", &numbers, NULL, err), PEWTER_OK);
    assert_true(pw_gguf_int_at(&numbers, 0) == INT64_MAX);
    assert_int_equal(pw_gguf_get_floats(file, "floats", &numbers, NULL, err), PEWTER_OK);
    assert_true(pw_gguf_float_at(&numbers, 1) == -1.0);
    assert_int_equal(pw_gguf_get_ints(file, "none", &numbers, NULL, err), PEWTER_OK);
    assert_int_equal(numbers.count, 0);
    assert_int_equal(pw_gguf_get_ints(file, "floats", &numbers, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_floats(file, "ints", &numbers, NULL, err), PEWTER_E_FORMAT);
    assert_int_equal(pw_gguf_get_floats(file, "f32", &numbers, NULL, err), PEWTER_E_FORMAT);
}

static void check_print(const pw_gguf *file)
{
    static const char *const pairs[][2] = {{"i8", "-3"},
                                           {"i64", "-9223372036854775808"},
                                           {"u64", "18446744073709551615"},
                                           {"f32", "0.25"},
                                           {"yes", "true"},
                                           {"text", ""},
                                           {"ints", ""}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char shown[32];
        pw_gguf_print(pw_gguf_find(file, pairs[i][0]), shown, sizeof shown);
        assert_string_equal(shown, pairs[i][1]);
    }
}

static void test_typed_getters(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_new();
    add_values(made);
    gb_save(made, f->path);
    pw_gguf *file = fixture_open(f, f->path);
    check_getters(file, &f->err);
    check_arrays(file, &f->err);
    check_print(file);
    pw_gguf_close(file);
    gb_free(made);
}

static void test_show_makes_text_of_anything(void **state)
{
    (void)state;
    char out[8];
    pw_gguf_show("a\n\xff\xc3\xa9", 5, out, sizeof out);
    assert_string_equal(out, "a??\xc3\xa9");
    pw_gguf_show("abcdef\xc3\xa9", 8, out, sizeof out); /* the last character does not fit */
    assert_string_equal(out, "abcdef");
    pw_gguf_show("\xed\xa0\x80", 3, out, sizeof out); /* a surrogate */
    assert_string_equal(out, "???");
    pw_gguf_show("", 0, out, 1);
    assert_string_equal(out, "");
    assert_string_equal(pw_gguf_type_name(PW_GGUF_TYPE_COUNT), "unknown");
}

/* ---- Memory ------------------------------------------------------------------------------------ */

static void test_every_allocation_may_fail(void **state)
{
    fixture *f = *state;
    gb_file *made = gb_tiny("llama");
    gb_save(made, f->path);
    gb_free(made);
    pewter_status status = PEWTER_E_MEMORY;
    for (uint64_t at = 0; status != PEWTER_OK; at++) {
        limit_alloc counts;
        const pewter_allocator alloc = limit_allocator(&counts, FIXTURE_LIMIT, at);
        pw_gguf *file = NULL;
        status = pw_gguf_open(f->path, NULL, &alloc, &file, &f->err);
        pw_gguf_close(file);
        assert_int_equal(counts.live, 0);
        assert_true(at < 1000 && (status == PEWTER_OK || status == PEWTER_E_MEMORY));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_reads_versions_2_and_3),
        FIXTURE_TEST(test_an_empty_file_of_no_keys_and_no_tensors_opens),
        FIXTURE_TEST(test_gives_tensors_64_bit_and_odd_alignments),
        FIXTURE_TEST(test_typed_getters),
        FIXTURE_TEST(test_show_makes_text_of_anything),
        FIXTURE_TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
