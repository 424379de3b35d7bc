/* Levelled log through the caller's callback. */
#ifndef PW_LOG_H
#define PW_LOG_H

#include <stdarg.h>
#include <stdio.h>

#include "pewter.h"
#include "pw/attr.h"

typedef struct pw_log {
    pewter_log_fn *write; /* NULL: silence */
    void *context;
    pewter_log_level level;
} pw_log;

PW_PRINTF(3, 4)
static inline void pw_say(const pw_log *log, pewter_log_level level, const char *format, ...)
{
    if (log == NULL || log->write == NULL || level > log->level) return;

    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log->write(log->context, level, line);
}

#endif
