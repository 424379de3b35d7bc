#include "runtime/text/tool_format.h"

#include <string.h>

/* A family of templates, by words that all of its templates have. */
typedef struct family {
    const char *words[2];
    pewter_tool_format format;
} family;

#define SIZE .size = sizeof(pewter_tool_format)

/* The first that fits counts. Each form is what the family's template renders for a call. */
static const family families[] = {
    {{"<|START_ACTION|>", "tool_name"}, /* Command R7B */
     {SIZE, .begin = "<|START_ACTION|>[\n    ",
      .item = "{\"tool_call_id\": \"0\", \"tool_name\": \"", .middle = "\", \"parameters\": ",
      .item_end = "}", .between = ",\n    ", .end = "\n]<|END_ACTION|>", .listed = true}},
    {{"<|tools_prefix|>", "<|tools_suffix|>"}, /* Apertus */
     {SIZE, .begin = "<|tools_prefix|>[", .item = "{\"", .middle = "\": ", .item_end = "}",
      .between = ", ", .end = "]<|tools_suffix|>", .listed = true}},
    {{"<|tool_call|>", "available_tools"}, /* Granite 3 */
     {SIZE, .begin = "<|tool_call|>[", .item = "{\"name\": \"", .middle = "\", \"arguments\": ",
      .item_end = "}", .between = ", ", .end = "]", .listed = true}},
    {{"[TOOL_CALLS]", "[AVAILABLE_TOOLS]"}, /* Mistral */
     {SIZE, .begin = "[TOOL_CALLS][", .item = "{\"name\": \"", .middle = "\", \"arguments\": ",
      .item_end = "}", .between = ", ", .end = "]", .listed = true}},
    {{"<|channel|>commentary", "functions."}, /* gpt-oss */
     {SIZE, .begin = "", .item = "<|channel|>commentary to=functions.",
      .middle = " <|constrain|>json<|message|>", .item_end = "", .between = NULL, .end = "",
      .listed = true}},
    {{"\xef\xbd\x9ctool\xe2\x96\x81"
      "calls\xe2\x96\x81"
      "begin\xef\xbd\x9c",
      ""}, /* DeepSeek */
     {SIZE,
      .begin = "<\xef\xbd\x9ctool\xe2\x96\x81"
               "calls\xe2\x96\x81"
               "begin\xef\xbd\x9c>",
      .item = "<\xef\xbd\x9ctool\xe2\x96\x81"
              "call\xe2\x96\x81"
              "begin\xef\xbd\x9c>function<"
              "\xef\xbd\x9ctool\xe2\x96\x81"
              "sep\xef\xbd\x9c>",
      .middle = "\n```json\n",
      .item_end = "\n```<\xef\xbd\x9ctool\xe2\x96\x81"
                  "call\xe2\x96\x81"
                  "end\xef\xbd\x9c>",
      .between = "\n",
      .end = "<\xef\xbd\x9ctool\xe2\x96\x81"
             "calls\xe2\x96\x81"
             "end\xef\xbd\x9c>",
      .arguments_text = true}},
    {{"<arg_key>", "<tool_call>"}, /* GLM */
     {SIZE, .begin = "", .item = "<tool_call>", .middle = "\n", .item_end = "</tool_call>",
      .between = "\n", .end = "", .listed = true, .key = "<arg_key>",
      .value = "</arg_key>\n<arg_value>", .value_end = "</arg_value>\n"}},
    {{"<tool_call>", "tools"}, /* Hermes, Qwen, SmolLM3 */
     {SIZE, .begin = "", .item = "<tool_call>\n{\"name\": \"", .middle = "\", \"arguments\": ",
      .item_end = "}\n</tool_call>", .between = "\n", .end = "", .listed = true}},
    {{"\"parameters\": ", "ipython"}, /* Llama 3 */
     {SIZE, .begin = "", .item = "{\"name\": \"", .middle = "\", \"parameters\": ", .item_end = "}",
      .between = NULL, .end = "", .listed = true, .leads = true}},
};

/* For models whose templates know of no tools. */
static const pewter_tool_format generic = {SIZE,
                                           .begin = "",
                                           .item = "{\"name\": \"",
                                           .middle = "\", \"arguments\": ",
                                           .item_end = "}",
                                           .between = NULL,
                                           .end = "",
                                           .leads = true};

static bool has(const char *text, size_t bytes, const char *word)
{
    return word[0] == 0 || memmem(text, bytes, word, strlen(word)) != NULL;
}

const pewter_tool_format *pw_tool_format(const char *template, size_t bytes)
{
    for (size_t i = 0; template != NULL && i < sizeof families / sizeof *families; i++)
        if (has(template, bytes, families[i].words[0]) &&
            has(template, bytes, families[i].words[1]))
            return &families[i].format;
    return &generic;
}
