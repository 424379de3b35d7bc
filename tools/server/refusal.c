#include "tools/server/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool refuse(refusal *r, int status, const char *param, const char *format, ...)
{
    *r = (refusal){.status = status};
    snprintf(r->param, sizeof r->param, "%s", param != NULL ? param : "");
    va_list args;
    va_start(args, format);
    vsnprintf(r->message, sizeof r->message, format, args);
    va_end(args);
    return false;
}

bool refuse_status(refusal *r, pewter_status status, const pewter_error *err)
{
    switch (status) {
    case PEWTER_E_ARG:
    case PEWTER_E_FORMAT:
    case PEWTER_E_LIMIT:
    case PEWTER_E_UNSUPPORTED: return refuse(r, 400, NULL, "%s", err->message);
    case PEWTER_E_MEMORY: return refuse(r, 503, NULL, "%s", err->message);
    case PEWTER_OK:
    case PEWTER_E_IO:
    case PEWTER_E_BUSY:
    case PEWTER_E_DEVICE:
    case PEWTER_E_CANCELLED:
    case PEWTER_E_TIMEOUT: break;
    }
    return refuse(r, 500, NULL, "%s", err->message);
}

static const char *type_of(int status)
{
    switch (status) {
    case 401: return "authentication_error";
    case 429: return "rate_limit_error";
    case 500: return "server_error";
    case 503: return "overloaded_error";
    default: return "invalid_request_error";
    }
}

static void member(textbuf *t, const char *name, const char *value)
{
    text_print(t, ",\"%s\":", name);
    if (value != NULL && value[0] != 0)
        text_json(t, value, strlen(value));
    else
        text_add(t, "null", 4);
}

void refusal_write(const refusal *r, textbuf *t)
{
    text_print(t, "{\"error\":{\"message\":");
    text_json(t, r->message, strlen(r->message));
    member(t, "type", type_of(r->status));
    member(t, "param", r->param);
    member(t, "code", r->code);
    text_print(t, "}}");
}
