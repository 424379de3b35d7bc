/* pw_fail and PW_TRY: report in one line, pass on in one line. */
#ifndef PW_STATUS_H
#define PW_STATUS_H

#include <stdarg.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

/* Writes the sentence to `err` (NULL is allowed) and returns `status`. Text that does not fit ends
 * in "..." so that a cut is seen. */
PW_PRINTF(3, 4)
static inline pewter_status pw_fail(pewter_error *err, pewter_status status, const char *format,
                                    ...)
{
    if (err == NULL) return status;

    va_list args;
    va_start(args, format);
    const int length = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (length >= (int)sizeof err->message)
        snprintf(err->message + sizeof err->message - 4, 4, "...");
    return status;
}

/* Passes a failure on to the caller. */
#define PW_TRY(call)                                                                               \
    do {                                                                                           \
        const pewter_status pw_try_status = (call);                                                \
        if (pw_try_status != PEWTER_OK) return pw_try_status;                                      \
    } while (0)

#endif
