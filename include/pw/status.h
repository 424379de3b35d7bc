/* pw_fail and PW_TRY: report in one line, pass on in one line. */
#ifndef PW_STATUS_H
#define PW_STATUS_H

#include <stdarg.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

/* Writes the sentence to `err` (NULL is allowed). Text that does not fit ends in "..." so that a cut is
 * seen. Returns 0. */
PW_PRINTF(2, 3)
static inline int pw_reason(pewter_error *err, const char *format, ...)
{
    if (err == NULL) return 0;

    va_list args;
    va_start(args, format);
    const int length = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (length >= (int)sizeof err->message)
        snprintf(err->message + sizeof err->message - 4, 4, "...");
    return 0;
}

static inline pewter_status pw_failed(pewter_status status, int said)
{
    (void)said;
    return status;
}

/* pw_fail(err, status, format, ...): says why, and is `status`. A macro, because compilers and
 * analysers do not look into functions with variable arguments, and so would not know that what
 * follows a failure is not reached. */
#define pw_fail(err, status, ...) pw_failed(status, pw_reason(err, __VA_ARGS__))

/* Passes a failure on to the caller. */
#define PW_TRY(call)                                                                               \
    do {                                                                                           \
        const pewter_status pw_try_status = (call);                                                \
        if (pw_try_status != PEWTER_OK) return pw_try_status;                                      \
    } while (0)

#endif
