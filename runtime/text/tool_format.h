/* How models write calls of tools, by their chat templates. */
#ifndef PW_RUNTIME_TEXT_TOOL_FORMAT_H
#define PW_RUNTIME_TEXT_TOOL_FORMAT_H

#include "pewter.h"

/* The format that goes with a template (any text; NULL: none). Never NULL; lives as long as the program. */
const pewter_tool_format *pw_tool_format(const char *template, size_t bytes);

#endif
