#include "tools/args.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pw/attr.h"

static void print_help(const arg_command *command, const arg_option *const *tables)
{
    printf("usage: pewter %s %s%s[options]\n\n%s\n\noptions:\n", command->name, command->plain,
           *command->plain != 0 ? " " : "", command->summary);
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

static bool take_whole(const arg_option *o, const char *text, long long low, long long high)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != 0 || value < low || value > high) return false;
    if (o->kind == ARG_INT)
        *(int32_t *)o->value = (int32_t)value;
    else
        *(int64_t *)o->value = value;
    return true;
}

/* Decimal, or hexadecimal behind 0x: a zero in front means nothing. */
static bool take_seed(const arg_option *o, const char *text)
{
    char *end;
    errno = 0;
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const unsigned long long value = strtoull(text, &end, hex ? 16 : 10);
    if (errno != 0 || *end != 0 || *text == '-') return false;
    *(uint64_t *)o->value = value;
    return true;
}

/* What is too small for a float becomes the nearest one; what is too large is none. */
static bool take_float(const arg_option *o, const char *text)
{
    char *end;
    const float value = strtof(text, &end);
    if (*end != 0 || !isfinite(value)) return false;
    *(float *)o->value = value;
    return true;
}

/* Text to a number of the option's kind; false where it is none, or does not fit. */
static bool take_number(const arg_option *o, const char *text)
{
    if (*text == 0 || isspace((unsigned char)*text)) return false;
    switch (o->kind) {
    case ARG_INT: return take_whole(o, text, INT32_MIN, INT32_MAX);
    case ARG_LONG: return take_whole(o, text, INT64_MIN, INT64_MAX);
    case ARG_SEED: return take_seed(o, text);
    case ARG_FLOAT: return take_float(o, text);
    case ARG_FLAG:
    case ARG_TEXT:
    case ARG_TEXTS: break;
    }
    return false;
}

static const char *number_wanted(arg_kind kind)
{
    switch (kind) {
    case ARG_INT: return "a whole number of 32 bits";
    case ARG_LONG: return "a whole number of 64 bits";
    case ARG_SEED: return "a whole number from 0 to 18446744073709551615";
    case ARG_FLOAT:
    case ARG_FLAG:
    case ARG_TEXT:
    case ARG_TEXTS: break;
    }
    return "a number";
}

static arg_result take_value(const arg_command *command, const arg_option *o, const char *text)
{
    switch (o->kind) {
    case ARG_TEXT: *(const char **)o->value = text; return ARGS_OK;
    case ARG_TEXTS: {
        arg_texts *texts = o->value;
        if (texts->count == ARG_MAX_TEXTS)
            return wrong(command, "%s may be given %d times at most", o->name, ARG_MAX_TEXTS);
        texts->text[texts->count++] = text;
        return ARGS_OK;
    }
    case ARG_FLAG:
    case ARG_INT:
    case ARG_LONG:
    case ARG_SEED:
    case ARG_FLOAT: break;
    }
    if (take_number(o, text)) return ARGS_OK;
    return wrong(command, "%s wants %s, found '%s'", o->name, number_wanted(o->kind), text);
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
static arg_result take_option(const arg_command *command, const arg_option *const *tables, int argc,
                              char **argv, int *at)
{
    const char *word = argv[*at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const arg_option *o =
        find(tables, word, equals != NULL ? (size_t)(equals - word) : strlen(word));
    if (o == NULL) return wrong(command, "unknown option '%s'", word);
    if (o->kind == ARG_FLAG) {
        if (equals != NULL)
            return wrong(command, "%s takes no value, found '%s'", o->name, equals + 1);
        *(bool *)o->value = true;
        return ARGS_OK;
    }
    if (equals != NULL) return take_value(command, o, equals + 1);
    if (*at + 1 >= argc)
        return wrong(command, "%s wants a value: %s %s", o->name, o->name, o->shown);
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
    if (count < command->plain_least) return wrong(command, "%s is wanted", command->plain);
    *n_plain = count;
    return ARGS_OK;
}
