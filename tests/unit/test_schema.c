/* JSON Schema: what is taken, by keyword, and what is refused. */
#include <stdio.h>

#include "tests/support/fits.h"

static void takes(void **state, const char *schema, const char *const *good, const char *const *bad)
{
    fits_all(*state, PEWTER_GRAMMAR_SCHEMA, schema, good, bad);
}

static void test_types(void **state)
{
    takes(state, "{\"type\":\"null\"}", FITS("null"), FITS("", "nul", "true"));
    takes(state, "{\"type\":[\"boolean\",\"null\"]}", FITS("true", "false", "null"), FITS("0"));
    takes(state, "{\"type\":\"integer\"}", FITS("0", "-7", "123456789012345"),
          FITS("01", "1.5", "-", "1e3", "1234567890123456"));
    takes(state, "{\"type\":\"number\"}", FITS("0", "-0.5", "1e10", "2.5E-3"),
          FITS(".5", "1.", "e1", "1e999"));
    takes(state, "{\"type\":\"string\"}", FITS("\"\"", "\"a\\\"b\\\\\\n\\u0001\"", "\"\xd8\xb3\""),
          FITS("\"", "\"a\nb\"", "\"\\x\"", "\"\\u00e9\"", "\"\xff\""));
    takes(state, "true", FITS("null", "{\"a\": [1, {}]}", "[]", "\"x\""),
          FITS("{\"a\":1}", "[1,2]", ""));
    takes(state, "{\"type\":\"object\"}", FITS("{}", "{\"a\": 1, \"b\": {\"c\": []}}"),
          FITS("[]", "{,}"));
    fits_refused(*state, PEWTER_GRAMMAR_SCHEMA, "false", PEWTER_E_FORMAT, "nothing fits it");
}

static void test_numbers(void **state)
{
    takes(state, "{\"type\":\"integer\",\"minimum\":-3,\"maximum\":12}",
          FITS("-3", "-1", "0", "9", "10", "12"), FITS("-4", "13", "-0", "100", "00"));
    takes(state, "{\"type\":\"integer\",\"exclusiveMinimum\":0}", FITS("1", "99"), FITS("0", "-1"));
    takes(state, "{\"type\":\"integer\",\"exclusiveMinimum\":9,\"exclusiveMaximum\":100}",
          FITS("10", "99"), FITS("9", "100", "5"));
    takes(state, "{\"type\":\"number\",\"minimum\":0.25,\"maximum\":1.5}",
          FITS("0.25", "0.250", "0.3", "1", "1.49999", "1.5", "1.50"),
          FITS("0.2", "0.24999", "1.6", "1.51", "1.5000001", "0", "2"));
    takes(state, "{\"type\":\"number\",\"exclusiveMinimum\":0.25,\"exclusiveMaximum\":1.5}",
          FITS("0.2500001", "1.4"), FITS("0.25", "0.250", "1.5", "1.50"));
    takes(state, "{\"type\":\"number\",\"minimum\":-1.5,\"exclusiveMaximum\":-0.5}",
          FITS("-1.5", "-1", "-0.51"), FITS("-1.6", "-0.5", "0", "1", "-0.49"));
    takes(state, "{\"minimum\":1e20}", FITS("null", "\"a\""), FITS("1", "999999999999999"));
    takes(state, "{\"type\":\"number\",\"maximum\":1e20}", FITS("999999999999999", "-5"),
          FITS("1000000000000000000000"));
    takes(state, "{\"type\":\"integer\",\"minimum\":2.5,\"maximum\":4.5}", FITS("3", "4"),
          FITS("2", "5"));
    takes(state, "{\"type\":\"integer\",\"minimum\":5,\"exclusiveMinimum\":true}", FITS("6"),
          FITS("5"));
    takes(state, "{\"type\":\"number\",\"exclusiveMinimum\":-1000}",
          FITS("-999.99999999999", "-999.5"), FITS("-999.99999999999999996878778", "-1000"));
    takes(state, "{\"type\":\"number\",\"minimum\":1e-20}",
          FITS("0.00000000000000000001", "0.000000000000000000011"),
          FITS("0", "0.000000000000000000009"));
    fits_refused(*state, PEWTER_GRAMMAR_SCHEMA,
                 "{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", PEWTER_E_FORMAT,
                 "nothing fits it");
}

/* All whole numbers of a range, and only these, for many ranges. */
static void test_every_number(void **state)
{
    fixture *f = *state;
    static const int bounds[] = {-1001, -100, -99, -10, -9,  -1,  0,   1,
                                 9,     10,   11,  99,  100, 101, 999, 1000};
    const size_t n = sizeof bounds / sizeof *bounds;
    for (size_t a = 0; a < n; a++) {
        for (size_t b = a; b < n; b++) {
            char schema[128], text[16];
            snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}",
                     bounds[a], bounds[b]);
            pewter_grammar *g = fits_grammar(f, PEWTER_GRAMMAR_SCHEMA, schema);
            for (int i = -1100; i <= 1100; i += (i < -120 || i > 120) ? 7 : 1) {
                snprintf(text, sizeof text, "%d", i);
                assert_int_equal(fits(f, g, text, strlen(text)), i >= bounds[a] && i <= bounds[b]);
            }
            pewter_grammar_free(g);
        }
    }
}

static void test_strings(void **state)
{
    takes(state, "{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
          FITS("\"ab\"", "\"\xd8\xb3\xd9\x84\\n\""), FITS("\"a\"", "\"abcd\""));
    takes(state, "{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}[0-9]+$\"}",
          FITS("\"AB1\"", "\"XY123\""), FITS("\"ab1\"", "\"AB\"", "\"AB1x\""));
    takes(state, "{\"type\":\"string\",\"pattern\":\"b+\"}",
          FITS("\"b\"", "\"abba\"", "\"\\nb\\\"\""), FITS("\"\"", "\"a\""));
    takes(state, "{\"type\":\"string\",\"pattern\":\"^a\",\"maxLength\":3}",
          FITS("\"a\"", "\"abc\""), FITS("\"abcd\"", "\"b\""));
    takes(state, "{\"allOf\":[{\"type\":\"string\",\"pattern\":\"a\"},{\"pattern\":\"b\"}]}",
          FITS("\"ab\"", "\"xbxa\""), FITS("\"a\"", "\"b\""));
    takes(state, "{\"type\":\"string\",\"pattern\":\"^\\\\S+ \\\"x\\\"$\"}",
          FITS("\"ab \\\"x\\\"\""), FITS("\"ab x\""));
    takes(state, "{\"type\":\"string\",\"format\":\"date\"}",
          FITS("\"2026-11-28\"", "\"2024-02-28\""),
          FITS("\"2026-13-01\"", "\"2026-04-31\"", "\"x\""));
    takes(state, "{\"type\":\"string\",\"format\":\"uuid\"}",
          FITS("\"123e4567-e89b-12d3-a456-426614174000\""), FITS("\"123e4567\""));
    takes(state, "{\"type\":\"string\",\"format\":\"email\"}", FITS("\"a.b@example.org\""),
          FITS("\"a@b\"", "\"@x.y\"", "\"a..b@x.y\""));
    takes(state, "{\"type\":\"string\",\"format\":\"ipv4\"}", FITS("\"192.168.0.255\""),
          FITS("\"256.1.1.1\"", "\"1.2.3\""));
    takes(state, "{\"type\":\"string\",\"format\":\"password\"}", FITS("\"anything\""), FITS("1"));
}

static void test_arrays(void **state)
{
    takes(state, "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
          FITS("[]", "[1]", "[1, 2, 3]"), FITS("[1,2]", "[\"a\"]", "[1, ]"));
    takes(state, "{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"minItems\":2,\"maxItems\":3}",
          FITS("[null, null]", "[null, null, null]"),
          FITS("[]", "[null]", "[null, null, null, null]"));
    takes(state,
          "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
          "\"items\":false}",
          FITS("[]", "[1]", "[1, \"a\"]"), FITS("[1, \"a\", 2]", "[\"a\"]"));
    takes(state,
          "{\"type\":\"array\",\"items\":[{\"type\":\"integer\"}],\"additionalItems\":{\"type\":"
          "\"null\"},\"minItems\":3}",
          FITS("[1, null, null]", "[1, null, null, null]"), FITS("[1, null]", "[1]"));
    takes(state, "{\"type\":\"array\",\"maxItems\":0}", FITS("[]"), FITS("[1]"));
    takes(state, "{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"minItems\":1}",
          FITS("[null]", "[null, null]"), FITS("[]"));
}

static void test_objects(void **state)
{
    const char *two = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{"
                      "\"type\":\"boolean\"}},\"required\":[\"a\"]}";
    takes(state, two, FITS("{\"a\": 1}", "{\"a\": 1, \"b\": true}"),
          FITS("{}", "{\"b\": true}", "{\"a\": 1, }", "{\"a\": 1, \"c\": 2}",
               "{\"b\": true, \"a\": 1}"));
    takes(state, "{\"properties\":{\"a\":{},\"b\":{},\"c\":{}},\"type\":\"object\"}",
          FITS("{}", "{\"a\": 1, \"c\": 2}", "{\"b\": null}"), FITS("{, \"b\": 1}"));
    takes(state,
          "{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"null\"}},"
          "\"additionalProperties\":{\"type\":\"integer\"}}",
          FITS("{}", "{\"ab\": null}", "{\"ab\": null, \"x\": 1, \"abc\": 2}", "{\"a\": 1}",
               "{\"\": 3}"),
          FITS("{\"ab\": 1}", "{\"x\": null}", "{\"ab\": null, \"ab\": 1}"));
    takes(state, "{\"type\":\"object\",\"required\":[\"x\"]}",
          FITS("{\"x\": 1}", "{\"x\": 1, \"y\": 2}"), FITS("{}", "{\"y\": 2}"));
    takes(state,
          "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{},\"c\":{}},\"minProperties\":2,"
          "\"maxProperties\":2}",
          FITS("{\"a\": 1, \"c\": 2}"), FITS("{\"a\": 1}", "{\"a\": 1, \"b\": 1, \"c\": 1}"));
    takes(state, "{\"type\":\"object\",\"minProperties\":1}",
          FITS("{\"a\": 1}", "{\"a\": 1, \"b\": 2}"), FITS("{}"));
    takes(state, "{\"type\":\"object\",\"maxProperties\":1}", FITS("{}", "{\"a\": 1}"),
          FITS("{\"a\": 1, \"b\": 2}"));
    takes(state,
          "{\"type\":\"object\",\"properties\":{\"a\\\"\\n\":{\"type\":\"null\"}},\"required\":["
          "\"a\\\"\\n\"]}",
          FITS("{\"a\\\"\\n\": null}"), NULL);
    fits_refused(*state, PEWTER_GRAMMAR_SCHEMA,
                 "{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false}",
                 PEWTER_E_FORMAT, "nothing fits it");
}

static void test_constants(void **state)
{
    takes(state, "{\"enum\":[\"red\",1,null,{\"a\":[1,2]}]}",
          FITS("\"red\"", "1", "null", "{\"a\": [1, 2]}"), FITS("\"blue\"", "2", "{}"));
    takes(state, "{\"const\":\"x\\\"y\"}", FITS("\"x\\\"y\""), FITS("\"x\""));
    takes(state, "{\"enum\":[1,2,3,\"a\"],\"type\":\"integer\",\"minimum\":2}", FITS("2", "3"),
          FITS("1", "\"a\""));
    takes(state, "{\"allOf\":[{\"enum\":[1,2,3]},{\"enum\":[2,3,4]}]}", FITS("2", "3"),
          FITS("1", "4"));
    takes(state, "{\"enum\":[\"a\",1],\"type\":\"string\"}", FITS("\"a\""), FITS("1"));
    fits_refused(*state, PEWTER_GRAMMAR_SCHEMA, "{\"enum\":[1],\"type\":\"string\"}",
                 PEWTER_E_FORMAT, "nothing fits it");
    fits_refused(*state, PEWTER_GRAMMAR_SCHEMA, "{\"const\":1,\"enum\":[2]}", PEWTER_E_FORMAT,
                 "nothing fits it");
}

static void test_combinations(void **state)
{
    takes(state, "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"maximum\":5}",
          FITS("3", "\"a\""), FITS("6", "null"));
    takes(state,
          "{\"anyOf\":[{\"minimum\":3},{\"maximum\":1}],\"type\":\"integer\",\"allOf\":[{"
          "\"maximum\":4}]}",
          FITS("3", "4", "1", "-2"), FITS("2", "5"));
    takes(state, "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"integer\"}},\"minimum\":2}",
          FITS("2"), FITS("1", "null"));
    takes(state, "{\"$ref\":\"#/$defs/a~1b%25c\",\"$defs\":{\"a/b%c\":{\"type\":\"null\"}}}",
          FITS("null"), FITS("1"));
    takes(state,
          "{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":"
          "\"null\"}]}},\"required\":[\"next\"]}",
          FITS("{\"next\": null}", "{\"next\": {\"next\": {\"next\": null}}}"),
          FITS("{}", "{\"next\": 1}"));
    takes(state, "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}", FITS("1", "\"a\""),
          FITS("null"));
    takes(state,
          "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"t\":{\"const\":\"a\"},\"x\":{"
          "\"type\":\"integer\"}},\"required\":[\"t\"]},"
          "{\"type\":\"object\",\"properties\":{\"t\":{\"const\":\"b\"}},\"required\":[\"t\"]}]}",
          FITS("{\"t\": \"a\", \"x\": 1}", "{\"t\": \"b\"}"), FITS("{\"t\": \"b\", \"x\": 1}"));
    takes(state,
          "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}},{"
          "\"properties\":{\"b\":{\"type\":\"null\"}}}]}",
          FITS("{\"a\": null, \"b\": null}", "{}"),
          FITS("{\"c\": null}", "{\"b\": null, \"a\": null}"));
    takes(state,
          "{\"title\":\"T\",\"description\":\"d\",\"default\":1,\"x-unknown\":true,\"type\":"
          "\"null\"}",
          FITS("null"), FITS("1"));
}

static void test_refused(void **state)
{
    static const struct {
        const char *schema, *says;
        pewter_status status;
    } cases[] = {
        {"{", "breaks at line", PEWTER_E_FORMAT},
        {"[]", "an object, true or false wanted", PEWTER_E_FORMAT},
        {"{\"type\":\"text\"}", "type: null, boolean", PEWTER_E_FORMAT},
        {"{\"minimum\":\"1\"}", "minimum: a number wanted", PEWTER_E_FORMAT},
        {"{\"minLength\":-1}", "minLength: a whole number wanted", PEWTER_E_FORMAT},
        {"{\"pattern\":1}", "pattern: a text wanted", PEWTER_E_FORMAT},
        {"{\"pattern\":\"(\"}", "pattern '(': at byte 1", PEWTER_E_FORMAT},
        {"{\"pattern\":\"(?=a)\"}", "look-around", PEWTER_E_UNSUPPORTED},
        {"{\"format\":\"nonsense\"}", "format 'nonsense' is not known", PEWTER_E_UNSUPPORTED},
        {"{\"multipleOf\":3}", "multipleOf cannot be kept", PEWTER_E_UNSUPPORTED},
        {"{\"not\":{}}", "not cannot be kept", PEWTER_E_UNSUPPORTED},
        {"{\"if\":{}}", "if cannot be kept", PEWTER_E_UNSUPPORTED},
        {"{\"uniqueItems\":true}", "uniqueItems cannot be kept", PEWTER_E_UNSUPPORTED},
        {"{\"type\":\"object\",\"minProperties\":2}", "cannot be kept apart", PEWTER_E_UNSUPPORTED},
        {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":2}]}", "may overlap", PEWTER_E_UNSUPPORTED},
        {"{\"anyOf\":[]}", "anyOf: a list of schemas wanted", PEWTER_E_FORMAT},
        {"{\"allOf\":{}}", "allOf: a list of schemas wanted", PEWTER_E_FORMAT},
        {"{\"properties\":[]}", "properties: an object wanted", PEWTER_E_FORMAT},
        {"{\"required\":[1]}", "required: a list of names wanted", PEWTER_E_FORMAT},
        {"{\"enum\":1}", "enum: a list wanted", PEWTER_E_FORMAT},
        {"{\"$ref\":\"http://example.org/x\"}", "only references within the schema",
         PEWTER_E_UNSUPPORTED},
        {"{\"$ref\":\"#/nowhere\"}", "leads nowhere", PEWTER_E_FORMAT},
        {"{\"$ref\":\"#/~2\"}", "leads nowhere", PEWTER_E_FORMAT},
        {"{\"$ref\":1}", "$ref: a text wanted", PEWTER_E_FORMAT},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         "nothing fits it", PEWTER_E_FORMAT},
        {"{\"type\":\"string\",\"minLength\":2000000000}", "minLength: at most", PEWTER_E_LIMIT},
        {"{\"uniqueItems\":false,\"type\":\"string\",\"pattern\":\"a\",\"minLength\":6000}",
         "at most 5000 wanted, 6000 found", PEWTER_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fits_refused(*state, PEWTER_GRAMMAR_SCHEMA, cases[i].schema, cases[i].status,
                     cases[i].says);
    /* A reference to itself says nothing. */
    takes(state, "{\"$ref\":\"#\"}", FITS("1", "null"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_types),        FIXTURE_TEST(test_numbers),
        FIXTURE_TEST(test_every_number), FIXTURE_TEST(test_strings),
        FIXTURE_TEST(test_arrays),       FIXTURE_TEST(test_objects),
        FIXTURE_TEST(test_constants),    FIXTURE_TEST(test_combinations),
        FIXTURE_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
