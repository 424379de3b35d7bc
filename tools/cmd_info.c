#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/text/json.h"
#include "tools/commands.h"
#include "tools/common.h"

static const arg_command command = {
    .name = "info",
    .plain = "MODEL",
    .summary = "What a model file holds: hyperparameters, tensors, bytes per type, tokenizer, chat "
               "template.",
    .examples = "pewter info model.gguf\npewter info model.gguf --tensors\n"
                "pewter info model.gguf --json",
    .plain_least = 1,
    .plain_most = 1,
};

typedef struct inspected {
    pewter_engine *engine;
    const char *path;
} inspected;

static pewter_status inspect(void *context, char *buf, size_t cap, size_t *need, pewter_error *err)
{
    const inspected *i = context;
    return pewter_inspect(i->engine, i->path, buf, cap, need, err);
}

/* What a file's texts hold may steer a terminal. */
static void print_safe(const char *text)
{
    common_print_safe(stdout, text, strlen(text));
}

static void print_scalar(const json_t *value)
{
    if (json_is_string(value)) {
        print_safe(json_string_value(value));
    } else if (json_is_object(value)) {
        const json_t *text = json_object_get(value, "text");
        if (text != NULL)
            printf("(text of %lld bytes)", (long long)json_integer_value(text));
        else
            printf("(%lld x %s)", (long long)json_integer_value(json_object_get(value, "count")),
                   json_string_value(json_object_get(value, "array")));
    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? "true" : "false");
    } else if (json_is_integer(value)) {
        printf("%lld", (long long)json_integer_value(value));
    } else {
        printf("%.7g", json_number_value(value));
    }
}

/* Blanks up to the column where values stand. */
static void print_name(const char *name, int column)
{
    const size_t length = strlen(name);
    printf("  ");
    print_safe(name);
    printf("%*s", length < (size_t)column ? column - (int)length : 1, "");
}

/* The chat template is long and has its own place. */
static void print_pairs(const json_t *object, const char *title)
{
    printf("%s\n", title);
    const char *key;
    json_t *value;
    /* The iteration reads only; jansson's macro wants a pointer without const. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (strcmp(key, "tokenizer.chat_template") == 0) continue;
        print_name(key, 47);
        print_scalar(value);
        putchar('\n');
    }
}

static void print_tensors(const json_t *tensors)
{
    printf("tensors\n");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *t = json_array_get(tensors, i), *shape = json_object_get(t, "shape");
        print_name(json_string_value(json_object_get(t, "name")), 47);
        printf("%-8s [", json_string_value(json_object_get(t, "type")));
        for (size_t d = 0; d < json_array_size(shape); d++)
            printf("%s%lld", d > 0 ? ", " : "",
                   (long long)json_integer_value(json_array_get(shape, d)));
        printf("]\n");
    }
}

static void print_info(const json_t *root, bool tensors)
{
    printf("file      ");
    print_safe(json_string_value(json_object_get(root, "file")));
    printf(" (GGUF version %lld, %lld bytes, %lld part%s)\n",
           (long long)json_integer_value(json_object_get(root, "version")),
           (long long)json_integer_value(json_object_get(root, "bytes")),
           (long long)json_integer_value(json_object_get(root, "parts")),
           json_integer_value(json_object_get(root, "parts")) == 1 ? "" : "s");
    const json_t *problem = json_object_get(root, "problem");
    if (problem != NULL) {
        printf("problem   ");
        print_safe(json_string_value(problem));
        putchar('\n');
    } else {
        print_pairs(json_object_get(root, "hyperparameters"), "hyperparameters");
    }
    print_pairs(json_object_get(root, "metadata"), "metadata");
    printf("bytes per type\n");
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(root, "types"), key, value)
    {
        printf("  %-8s %14lld in %lld tensors\n", key,
               (long long)json_integer_value(json_object_get(value, "bytes")),
               (long long)json_integer_value(json_object_get(value, "tensors")));
    }
    const json_t *template = json_object_get(root, "template");
    if (json_is_string(template)) {
        printf("chat template\n");
        print_safe(json_string_value(template));
        putchar('\n');
    }
    if (tensors) print_tensors(json_object_get(root, "tensors"));
}

static int show(const inspected *i, bool json, bool tensors)
{
    pewter_status status;
    pewter_error err;
    char *text = common_text(inspect, (void *)(uintptr_t)i, &status, &err);
    if (text == NULL) return common_failed(status, &err);
    json_t *root = NULL;
    if (json) {
        printf("%s\n", text);
    } else {
        status = pw_json_parse("info", text, strlen(text), SIZE_MAX / 2, &root, &err);
        if (status == PEWTER_OK) print_info(root, tensors);
    }
    json_decref(root);
    free(text);
    return status == PEWTER_OK ? EXIT_FINE : common_failed(status, &err);
}

int cmd_info(int argc, char **argv)
{
    common c = {0};
    bool json = false, tensors = false;
    common_options(&c);
    const arg_option own[] = {
        {"--tensors", NULL, ARG_FLAG, &tensors, NULL, "list every tensor"},
        {"--json", NULL, ARG_FLAG, &json, NULL, "as JSON, with all tensors"},
        {NULL, NULL, ARG_FLAG, NULL, NULL, NULL},
    };
    const arg_option *const tables[] = {own, c.engine_table, NULL};
    const char *plain[ARG_MAX_PLAIN];
    int n_plain;
    const arg_result result = args_parse(&command, tables, argc, argv, plain, &n_plain);
    if (result != ARGS_OK) return result == ARGS_HELP ? EXIT_FINE : EXIT_USAGE;
    inspected i = {.path = plain[0]};
    int code = common_open(&c, &i.engine);
    if (code == EXIT_FINE) code = show(&i, json, tensors);
    pewter_close(i.engine);
    return code;
}
