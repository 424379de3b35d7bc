#include "tools/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/attr.h"

static void print_help(const arg_command *command, const arg_option *const *tables)
{
    printf("usage: pewter %s %s [options]\n\n%s\n\noptions:\n", command->name, command->plain,
           command->summary);
    for (; *tables != NULL; tables++) {
        for (const arg_option *o = *tables; o->name != NULL; o++) {
            char left[64];
            snprintf(left, sizeof left, "%s%s%s%s%s", o->brief != NULL ? o->brief : "",
                     o->brief != NULL ? ", " : "", o->name, o->shown != NULL ? " " : "",
                     o->shown != NULL ? o->shown : "");
            printf("  %-26s %s\n", left, o->help);
        }
    }
    printf("  %-26s %s\n\nexamples:\n", "-h, --help", "this text");
    for (const char *line = command->examples; *line != 0;) {
        const size_t length = strcspn(line, "\n");
        printf("  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

PW_PRINTF(2, 3)
static arg_result wrong(const arg_command *command, const char *format, ...)
{
    fprintf(stderr, "pewter %s: ", command->name);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see pewter %s --help\n", command->name);
    return ARGS_WRONG;
}

/* Text to a number of the option's kind; false where it is none, or does not fit. */
static bool take_number(const arg_option *o, const char *text)
{
    char *end;
    errno = 0;
    switch (o->kind) {
    case ARG_INT: {
        const long value = strtol(text, &end, 10);
        if (value < INT32_MIN || value > INT32_MAX) return false;
        *(int32_t *)o->value = (int32_t)value;
        break;
    }
    case ARG_LONG: *(int64_t *)o->value = strtoll(text, &end, 10); break;
    case ARG_SEED: *(uint64_t *)o->value = strtoull(text, &end, 0); break;
    case ARG_FLOAT: *(float *)o->value = strtof(text, &end); break;
    case ARG_FLAG:
    case ARG_TEXT:
    case ARG_TEXTS:
    default: return false;
    }
    return errno == 0 && end != text && *end == 0;
}

static arg_result take_value(const arg_command *command, const arg_option *o, const char *text)
{
    switch (o->kind) {
    case ARG_TEXT: *(const char **)o->value = text; return ARGS_OK;
    case ARG_TEXTS: {
        arg_texts *texts = o->value;
        if (texts->count == ARG_MAX_TEXTS)
            return wrong(command, "%s may be given %d times", o->name, ARG_MAX_TEXTS);
        texts->text[texts->count++] = text;
        return ARGS_OK;
    }
    case ARG_FLAG:
    case ARG_INT:
    case ARG_LONG:
    case ARG_SEED:
    case ARG_FLOAT: break;
    }
    return take_number(o, text) ? ARGS_OK : wrong(command, "%s wants a number, found '%s'", o->name, text);
}

static const arg_option *find(const arg_option *const *tables, const char *name, size_t length)
{
    for (; *tables != NULL; tables++)
        for (const arg_option *o = *tables; o->name != NULL; o++)
            if ((strlen(o->name) == length && strncmp(o->name, name, length) == 0) ||
                (o->brief != NULL && strlen(o->brief) == length &&
                 strncmp(o->brief, name, length) == 0))
                return o;
    return NULL;
}

/* One option at argv[*at]; moves on past its value. */
static arg_result take_option(const arg_command *command, const arg_option *const *tables,
                              int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const arg_option *o =
        find(tables, word, equals != NULL ? (size_t)(equals - word) : strlen(word));
    if (o == NULL) return wrong(command, "unknown option '%s'", word);
    if (o->kind == ARG_FLAG) {
        if (equals != NULL) return wrong(command, "%s takes no value, found '%s'", o->name, equals + 1);
        *(bool *)o->value = true;
        return ARGS_OK;
    }
    if (equals != NULL) return take_value(command, o, equals + 1);
    if (*at + 1 >= argc) return wrong(command, "%s wants a value", o->name);
    return take_value(command, o, argv[++*at]);
}

arg_result args_parse(const arg_command *command, const arg_option *const *tables, int argc,
                      char **argv, const char *plain[ARG_MAX_PLAIN], int *n_plain)
{
    bool options = true;
    int count = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(command, tables);
            return ARGS_HELP;
        } else if (options && word[0] == '-' && word[1] != 0) {
            const arg_result result = take_option(command, tables, argc, argv, &i);
            if (result != ARGS_OK) return result;
        } else if (count == command->plain_most) {
            return wrong(command, "one argument too many: '%s'", word);
        } else {
            plain[count++] = word;
        }
    }
    if (count < command->plain_least)
        return wrong(command, "%s is wanted", command->plain);
    *n_plain = count;
    return ARGS_OK;
}
