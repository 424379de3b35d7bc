#include <string.h>

#include "runtime/text/split.h"

/* Every pre-tokenizer that llama.cpp's converter names (conversion/base.py, get_vocab_base_pre, and
 * the older names that llama-vocab.cpp takes), with the patterns that the models' tokenizer.json
 * files give under "pre_tokenizer". Differences of notation only:
 *   - white space is \p{Wspace}: PCRE2's \s also takes U+180E, Oniguruma's and Rust's do not;
 *   - `&&` of classes is written out, as PCRE2 has none: A minus Han is all but (not A, or Han);
 *   - repeats that no later item could use are possessive, so that long runs need no stack;
 *   - jais-2 looks for the end of a line once in a run of blanks, not before each piece of it. */

// clang-format off
#define S    "\\p{Wspace}"
#define NS   "\\P{Wspace}"
#define CASE "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

/* Shared alternatives. */
#define WORD   "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define SIGNS  " ?[^" S "\\p{L}\\p{N}]+[\\r\\n]*"
#define SPACES S "*[\\r\\n]+|" S "+(?!" NS ")|" S "+"
#define GPT2   "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" S "\\p{L}\\p{N}]+|" S "+(?!" NS ")|" S "+"
#define CL100K(digits) CASE "|" WORD "|" digits "|" SIGNS "|" SPACES

/* Words of o200k: capitals, then small letters; marks and letters without case are both. */
#define UPPER  "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define LEAD   "[^\\r\\n\\p{L}\\p{N}]?"
#define O200K(end, digits) \
    LEAD UPPER "*" LOWER "+" end "|" LEAD UPPER "+" LOWER "*" end "|" digits \
    "| ?[^" S "\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES

/* The same without Han: not (other categories, or Han). */
#define K2_UPPER "[^\\p{Ll}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}\\p{sc:Han}]"
#define K2_LOWER "[^\\p{Lu}\\p{Lt}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{C}\\p{sc:Han}]"

#define CJK "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+"
#define PUNCT_WORD "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"

static const pw_stage gpt2[] = {{PW_STAGE_MATCH, GPT2}, {PW_STAGE_END, NULL}};

static const pw_stage gpt2_digits[] = {
    {PW_STAGE_MATCH, "\\p{N}"}, {PW_STAGE_MATCH, GPT2}, {PW_STAGE_END, NULL}};

static const pw_stage plain_default[] = {
    {PW_STAGE_MATCH, "[\\p{P}\\$\\+<=>\\^~\\|]+"},
    {PW_STAGE_MATCH, GPT2},
    {PW_STAGE_MATCH, "\\p{N}+"},
    {PW_STAGE_MATCH, "[0-9][0-9][0-9]"},
    {PW_STAGE_END, NULL}};

static const pw_stage falcon[] = {
    {PW_STAGE_MATCH, "[\\p{P}\\$\\+<=>\\^~\\|`]+"},
    {PW_STAGE_MATCH, GPT2},
    {PW_STAGE_MATCH, "[0-9][0-9][0-9]"},
    {PW_STAGE_END, NULL}};

static const pw_stage llama3[] = {{PW_STAGE_MATCH, CL100K("\\p{N}{1,3}")}, {PW_STAGE_END, NULL}};
static const pw_stage qwen2[] = {{PW_STAGE_MATCH, CL100K("\\p{N}")}, {PW_STAGE_END, NULL}};

static const pw_stage qwen35[] = {
    {PW_STAGE_MATCH, CASE "|" LEAD "[\\p{L}\\p{M}]+|\\p{N}| ?[^" S "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES},
    {PW_STAGE_END, NULL}};

static const pw_stage minicpm5[] = {
    {PW_STAGE_MATCH, "\\p{N}{1,3}"}, {PW_STAGE_MATCH, CL100K("\\p{N}+")}, {PW_STAGE_END, NULL}};

static const pw_stage laguna[] = {
    {PW_STAGE_MATCH, "[^\\n]+|\\n+"}, {PW_STAGE_MATCH, CL100K("\\p{N}")}, {PW_STAGE_END, NULL}};

static const pw_stage ufakzeka[] = {
    {PW_STAGE_MATCH, WORD "|\\p{N}|" SIGNS "|" SPACES}, {PW_STAGE_END, NULL}};

static const pw_stage jais2[] = {
    {PW_STAGE_MATCH, CASE "|" WORD "|\\p{N}{1,3}|" SIGNS "|(?<![^" NS "\\r\\n])" S "*[\\r\\n]+"
     "|" S "{512}(?!" NS ")|" S "{256}(?!" NS ")|" S "{128}(?!" NS ")|" S "{64}(?!" NS ")"
     "|" S "{32}(?!" NS ")|" S "{16}(?!" NS ")|" S "{8}(?!" NS ")|" S "{4}(?!" NS ")"
     "|" S "{1,2}(?!" NS ")|" S},
    {PW_STAGE_END, NULL}};

static const pw_stage seed_coder[] = {
    {PW_STAGE_MATCH, CASE "|" WORD "|\\p{N}| ?[^" S "\\p{L}\\p{N}\\r\\n]+|" SPACES},
    {PW_STAGE_END, NULL}};

static const pw_stage bailing[] = {
    {PW_STAGE_MATCH, "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}"
     "| ?[^" S "\\p{L}\\p{N}]++[\\r\\n]*|" S "*[\\r\\n]|" S "+(?!" NS ")|" S "+"},
    {PW_STAGE_END, NULL}};

static const pw_stage exaone_moe[] = {
    {PW_STAGE_MATCH, CASE "|" LEAD "\\p{L}\\p{M}*+(?: ?\\p{L}\\p{M}*+)*+|\\p{N}"
     "| ?[^" S "\\p{L}\\p{N}]+[\\r\\n/]?|" S "*[\\r\\n]|" S "+(?!" NS ")|" S "+"},
    {PW_STAGE_END, NULL}};

static const pw_stage tekken[] = {{PW_STAGE_MATCH, O200K("", "\\p{N}")}, {PW_STAGE_END, NULL}};
static const pw_stage o200k[] = {
    {PW_STAGE_MATCH, O200K(CASE "?", "\\p{N}{1,3}")}, {PW_STAGE_END, NULL}};

static const pw_stage youtu[] = {
    {PW_STAGE_MATCH, "[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+"
     "|[\\x{ff01}\\x{2026}\\x{201c}\\x{201d}\\x{2018}\\x{2019}\\x{2014}\\x{ff1a}\\x{ff1b}\\x{ff0c}"
     "\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|" CJK},
    {PW_STAGE_MATCH, O200K(CASE "?", "\\p{N}")},
    {PW_STAGE_END, NULL}};

static const pw_stage aya[] = {
    {PW_STAGE_THREES_WORDS, NULL},
    {PW_STAGE_MATCH, O200K(CASE "?", "\\p{N}{1,3}")},
    {PW_STAGE_END, NULL}};

static const pw_stage kimi[] = {
    {PW_STAGE_MATCH, "\\p{sc:Han}+"
     "|" LEAD K2_UPPER "*" K2_LOWER "+" CASE "?|" LEAD K2_UPPER "+" K2_LOWER "*" CASE "?"
     "|\\p{N}{1,3}|" SIGNS "|" SPACES},
    {PW_STAGE_END, NULL}};

static const pw_stage deepseek_llm[] = {
    {PW_STAGE_MATCH, "[\\r\\n]"},
    {PW_STAGE_MATCH, S "?[A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}"
     "\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}\\x{37f}"
     "\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}\\x{3f7}-\\x{481}"
     "\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}"
     "\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}"
     "\\x{1e00}-\\x{1f15}\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}"
     "\\x{1f59}\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"
     "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}\\x{1fe0}-\\x{1fec}"
     "\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}\\x{210a}-\\x{2113}\\x{2115}"
     "\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}"
     "\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}"
     "\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}"
     "\\x{a722}-\\x{a76f}\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}"
     "\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}"
     "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}"
     "\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}]+"},
    {PW_STAGE_MATCH, S "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}"
     "\\x{3000}-\\x{3002}]+"},
    {PW_STAGE_MATCH, "(?<!" S ")" S "++\\z"},
    {PW_STAGE_MATCH, "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"},
    {PW_STAGE_MATCH, "\\p{N}"},
    {PW_STAGE_END, NULL}};

static const pw_stage deepseek_coder[] = {
    {PW_STAGE_MATCH, "[\\r\\n]"},
    {PW_STAGE_MATCH, S "?\\p{L}+"},
    {PW_STAGE_MATCH, S "?\\p{P}+"},
    {PW_STAGE_MATCH, "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"},
    {PW_STAGE_MATCH, "\\p{N}"},
    {PW_STAGE_END, NULL}};

static const pw_stage deepseek_v3[] = {
    {PW_STAGE_MATCH, "\\p{N}{1,3}"},
    {PW_STAGE_MATCH, CJK},
    {PW_STAGE_MATCH, PUNCT_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES},
    {PW_STAGE_END, NULL}};

static const pw_stage spark[] = {
    {PW_STAGE_MATCH, "\\p{N}{1,3}"},
    {PW_STAGE_MATCH, CJK},
    {PW_STAGE_MATCH, PUNCT_WORD "| ?[\\p{P}\\p{S}]+|[\\r\\n]|" S "+(?!" NS ")|" S "+"},
    {PW_STAGE_MATCH, "\\p{N}"},
    {PW_STAGE_END, NULL}};

static const pw_stage afmoe[] = {
    {PW_STAGE_THREES, NULL},
    {PW_STAGE_MATCH, "[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{309f}"
     "\\x{30a0}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{e40}-\\x{e7f}\\x{e80}-\\x{eff}"
     "\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}"
     "\\x{1100}-\\x{11ff}]+"},
    {PW_STAGE_MATCH, PUNCT_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES},
    {PW_STAGE_END, NULL}};

#define BLOOM " ?[^(" S "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"
static const pw_stage bloom[] = {{PW_STAGE_MATCH, BLOOM}, {PW_STAGE_END, NULL}};
static const pw_stage viking[] = {
    {PW_STAGE_MATCH, BLOOM}, {PW_STAGE_MATCH, "\\p{N}"}, {PW_STAGE_END, NULL}};

static const pw_stage chameleon[] = {
    {PW_STAGE_MATCH, "<sentinel:[0-9]+>"},
    {PW_STAGE_MATCH, "IMGIMG[A-I]{1,4}Z"},
    {PW_STAGE_MATCH, "[\\t\\n]|    |  "},
    {PW_STAGE_MATCH, "\\p{N}"},
    {PW_STAGE_MATCH, "[\\p{P}!-/:-@\\[-`{-~]"},
    {PW_STAGE_MATCH, GPT2},
    {PW_STAGE_END, NULL}};

static const pw_stage superbpe[] = {
    {PW_STAGE_MATCH, "\\p{N}+"}, {PW_STAGE_THREES_BEFORE, NULL}, {PW_STAGE_END, NULL}};
static const pw_stage lines[] = {{PW_STAGE_MATCH, "[^\\n]+|\\n+"}, {PW_STAGE_END, NULL}};
static const pw_stage words[] = {{PW_STAGE_KEEP, NS "+"}, {PW_STAGE_END, NULL}};

#define NFC   PW_PRE_NFC
#define WHOLE PW_PRE_WHOLE
#define BOS   PW_PRE_BOS

static const pw_pre table[] = {
    {"default",          plain_default, 0, "files without a name; llama.cpp's choice"},

    {"gpt-2",            gpt2, 0, "openai-community/gpt2"},
    {"phi-2",            gpt2, 0, "microsoft/phi-2"},
    {"mpt",              gpt2, NFC, "mosaicml/mpt-7b, EleutherAI/gpt-neox-20b"},
    {"olmo",             gpt2, NFC, "allenai/OLMo-1.7-7B-hf"},
    {"modern-bert",      gpt2, NFC, "answerdotai/ModernBERT-base"},
    {"jais",             gpt2, 0, "core42/jais-13b"},
    {"jina-es",          gpt2, 0, "older name of jina-v2-es"},
    {"jina-de",          gpt2, 0, "older name of jina-v2-de"},
    {"jina-v1-en",       gpt2, 0, "jinaai/jina-reranker-v1-tiny-en"},
    {"jina-v2-es",       gpt2, 0, "jinaai/jina-embeddings-v2-base-es"},
    {"jina-v2-de",       gpt2, 0, "jinaai/jina-embeddings-v2-base-de"},
    {"jina-v2-code",     gpt2, 0, "jinaai/jina-embeddings-v2-base-code"},
    {"roberta-bpe",      gpt2, 0, "sentence-transformers/stsb-roberta-base"},
    {"gigachat",         gpt2, 0, "ai-sage/GigaChat-20B-A3B-instruct"},
    {"a.x-4.0",          gpt2, 0, "skt/A.X-4.0"},
    {"mellum",           gpt2, 0, "JetBrains/Mellum-4b-base"},
    {"exaone4",          gpt2, 0, "LGAI-EXAONE/EXAONE-4.0-32B"},
    {"trillion",         gpt2, 0, "trillionlabs/Trillion-7B-preview"},
    {"granite-docling",  gpt2, 0, "ibm-granite/granite-docling-258M"},

    {"starcoder",        gpt2_digits, 0, "bigcode/starcoder2-3b"},
    {"refact",           gpt2_digits, 0, "smallcloudai/Refact-1_6-base"},
    {"command-r",        gpt2_digits, NFC, "CohereForAI/c4ai-command-r-v01"},
    {"smollm",           gpt2_digits, 0, "HuggingFaceTB/SmolLM-135M"},
    {"codeshell",        gpt2_digits, 0, "WisdomShell/CodeShell-7B"},
    {"exaone",           gpt2_digits, 0, "LGAI-EXAONE/EXAONE-3.0-7.8B-Instruct"},
    {"minerva-7b",       gpt2_digits, 0, "sapienzanlp/Minerva-7B-base-v1.0"},
    {"mellum2",          gpt2_digits, 0, "JetBrains/Mellum2-12B-A2.5B-Base"},

    {"llama-bpe",        llama3, WHOLE | BOS, "meta-llama/Meta-Llama-3-8B"},
    {"llama3",           llama3, WHOLE | BOS, "older name of llama-bpe"},
    {"llama-v3",         llama3, WHOLE | BOS, "older name of llama-bpe"},
    {"falcon3",          llama3, WHOLE | BOS, "tiiuae/Falcon3-7B-Base"},
    {"falcon-h1",        llama3, WHOLE | BOS, "tiiuae/Falcon-H1-7B-Base"},
    {"pixtral",          llama3, WHOLE | BOS, "mistral-community/pixtral-12b"},
    {"midm-2.0",         llama3, WHOLE | BOS, "K-intelligence/Midm-2.0-Base-Instruct"},
    {"lfm2",             llama3, WHOLE | BOS, "LiquidAI/LFM2.5-350M"},
    {"jina-v5-nano",     llama3, WHOLE | BOS, "jinaai/jina-embeddings-v5-text-nano"},
    {"dbrx",             llama3, 0, "databricks/dbrx-base"},
    {"smaug-bpe",        llama3, 0, "abacusai/Smaug-Llama-3-70B-Instruct"},
    {"chatglm-bpe",      llama3, 0, "THUDM/glm-4-9b-chat"},
    {"glm4",             llama3, WHOLE, "THUDM/glm-4-9b-hf"},
    {"glm5",             llama3, WHOLE, "later name of glm4"},
    {"minicpm5",         minicpm5, WHOLE, "openbmb/MiniCPM5-1B"},
    {"jais-2",           jais2, 0, "inceptionai/Jais-2-8B-Chat"},

    {"qwen2",            qwen2, NFC, "Qwen/Qwen1.5-7B"},
    {"deepseek-r1-qwen", qwen2, NFC, "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"},
    {"f2llmv2",          qwen2, NFC, "codefuse-ai/F2LLM-v2-4B"},
    {"stablelm2",        qwen2, NFC, "stabilityai/stablelm-2-zephyr-1_6b"},
    {"hunyuan",          qwen2, NFC, "tencent/Hunyuan-A13B-Instruct"},
    {"kormo",            qwen2, 0, "KORMo-Team/KORMo-tokenizer"},
    {"megrez",           qwen2, 0, "Infinigence/Megrez-3B-Instruct"},
    {"solar-open",       qwen2, 0, "upstage/Solar-Open-100B"},
    {"grok-2",           qwen2, 0, "alvarobartt/grok-2-tokenizer"},
    {"qwen35",           qwen35, NFC, "Qwen/Qwen3.5-9B-Instruct"},
    {"laguna",           laguna, 0, "poolside/Laguna-XS.2"},
    {"ufakzeka",         ufakzeka, 0, "ufakai/ufakzeka-1"},
    {"seed-coder",       seed_coder, 0, "ByteDance-Seed/Seed-Coder-8B-Base"},
    {"bailingmoe",       bailing, 0, "inclusionAI/Ling-lite"},
    {"bailingmoe2",      bailing, 0, "inclusionAI/Ling-mini-base-2.0"},
    {"llada-moe",        bailing, 0, "inclusionAI/LLaDA-MoE-7B-A1B-Base"},
    {"exaone-moe",       exaone_moe, 0, "LGAI-EXAONE/K-EXAONE-236B-A23B"},

    {"tekken",           tekken, WHOLE | BOS, "mistralai/Mistral-Nemo-Base-2407"},
    {"gpt-4o",           o200k, 0, "Xenova/gpt-4o"},
    {"llama4",           o200k, 0, "meta-llama/Llama-4-Scout-17B-16E-Instruct"},
    {"kanana2",          o200k, 0, "kakaocorp/kanana-2-30b-a3b-instruct-2601"},
    {"talkie",           o200k, 0, "lewtun/talkie-1930-13b-it-hf"},
    {"minimax-m2",       o200k, 0, "MiniMaxAI/MiniMax-M2"},
    {"granite-embed-multi-97m", o200k, WHOLE, "ibm-granite/granite-embedding-97m-multilingual-r2"},
    {"youtu",            youtu, WHOLE, "tencent/Youtu-LLM-2B"},
    {"tiny_aya",         aya, NFC, "CohereLabs/tiny-aya-base"},
    {"cohere2moe",       aya, NFC, "CohereLabs/North-Mini-Code-1.0"},
    {"kimi-k2",          kimi, 0, "moonshotai/Kimi-K2-Base"},
    {"kimi-k25",         kimi, 0, "moonshotai/Kimi-K2.5"},

    {"deepseek-llm",     deepseek_llm, 0, "deepseek-ai/deepseek-llm-7b-base"},
    {"deepseek-coder",   deepseek_coder, 0, "deepseek-ai/deepseek-coder-6.7b-base"},
    {"deepseek-v3",      deepseek_v3, 0, "deepseek-ai/DeepSeek-V3"},
    {"hunyuan-dense",    deepseek_v3, 0, "tencent/Hunyuan-4B-Instruct"},
    {"hy_v4",            deepseek_v3, 0, "tencent/Hy4-preview"},
    {"joyai-llm",        deepseek_v3, 0, "jdopensource/JoyAI-LLM-Flash"},
    {"spark2_5",         spark, 0, "XHToken/Spark-X2.5-1.7B"},
    {"afmoe",            afmoe, 0, "arcee-ai/Trinity-Tokenizer"},

    {"falcon",           falcon, 0, "tiiuae/falcon-7b"},
    {"bloom",            bloom, 0, "bigscience/bloom"},
    {"poro-chat",        bloom, 0, "LumiOpen/Poro-34B-chat"},
    {"gpt3-finnish",     bloom, 0, "TurkuNLP/gpt3-finnish-small"},
    {"viking",           viking, 0, "LumiOpen/Viking-7B"},
    {"chameleon",        chameleon, BOS, "facebook/chameleon-7b"},
    {"superbpe",         superbpe, 0, "UW/OLMo2-8B-SuperBPE-t180k"},

    {"gemma4",           lines, PW_PRE_SPACES | PW_PRE_LINES | BOS, "google/gemma-4-E2B"},
    {"granite-embed-multi-311m", lines, PW_PRE_SPACES | PW_PRE_LINES | BOS,
     "ibm-granite/granite-embedding-311m-multilingual-r2"},
    {"sarvam-moe",       lines, PW_PRE_SPACES, "sarvamai/sarvam-30b"},
    {"whitespace",       words, PW_PRE_PLAIN, "jinaai/jina-embeddings-v2-base-zh"},

    {"bert-bge",         NULL, PW_PRE_OTHER, "BAAI/bge-small-en-v1.5 (WordPiece)"},
    {"bert-bge-large",   NULL, PW_PRE_OTHER, "BAAI/bge-large-zh-v1.5 (WordPiece)"},
    {"jina-v2-en",       NULL, PW_PRE_OTHER, "jinaai/jina-embeddings-v2-base-en (WordPiece)"},
    {"chatglm-spm",      NULL, PW_PRE_OTHER, "THUDM/chatglm3-6b (SentencePiece)"},
};
// clang-format on

const pw_pre *pw_pre_at(size_t index)
{
    return index < sizeof table / sizeof *table ? &table[index] : NULL;
}

const pw_pre *pw_pre_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}
