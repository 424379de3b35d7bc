#include "bench/base/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "kernels/features.h"
#include "pewter.h"

/* The Makefile says both; a reader of this file alone does not know them. */
#ifndef PW_REVISION
#define PW_REVISION    "unknown"
#define PW_BUILD_FLAGS "unknown"
#endif

/* The first line of a file below the root; false where there is none. */
static bool line_of(const char *root, const char *name, char *buf, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s", strcmp(root, "/") == 0 ? "" : root, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    const bool got = fgets(buf, (int)cap, file) != NULL;
    fclose(file);
    if (got) buf[strcspn(buf, "\n")] = 0;
    return got && buf[0] != 0;
}

/* The value behind a key of /proc/cpuinfo or /proc/meminfo: "microcode : 0x1". */
static bool value_of(const char *root, const char *name, const char *key, char *buf, size_t cap)
{
    char path[512], line[8192]; /* of many flags */
    snprintf(path, sizeof path, "%s%s", strcmp(root, "/") == 0 ? "" : root, name);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        const size_t length = strlen(key);
        if (colon == NULL || strncmp(line, key, length) != 0) continue;
        if (strspn(line + length, " \t") != (size_t)(colon - line) - length) continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = 0;
        snprintf(buf, cap, "%s", colon);
        found = buf[0] != 0;
    }
    if (file != NULL) fclose(file);
    return found;
}

static void set_line(json_t *card, const char *key, const char *root, const char *name)
{
    char text[256];
    if (line_of(root, name, text, sizeof text)) json_object_set_new(card, key, json_string(text));
}

static void set_value(json_t *card, const char *key, const char *root, const char *name,
                      const char *of)
{
    char text[256];
    if (value_of(root, name, of, text, sizeof text))
        json_object_set_new(card, key, json_string(text));
}

static void set_caches(json_t *card, const char *root)
{
    for (int i = 0; i < 8; i++) {
        char path[128], level[16], type[32], size[32], key[24];
        const char *const base = "/sys/devices/system/cpu/cpu0/cache/index%d/%s";
        snprintf(path, sizeof path, base, i, "level");
        if (!line_of(root, path, level, sizeof level)) return;
        snprintf(path, sizeof path, base, i, "type");
        if (!line_of(root, path, type, sizeof type) || strcmp(type, "Instruction") == 0) continue;
        snprintf(path, sizeof path, base, i, "size");
        if (!line_of(root, path, size, sizeof size)) continue;
        char *unit;
        const long n = strtol(size, &unit, 10);
        snprintf(key, sizeof key, "l%.4s_bytes", level);
        json_object_set_new(card, key,
                            json_integer(n << (*unit == 'M'   ? 20
                                               : *unit == 'K' ? 10
                                                              : 0)));
    }
}

static void set_system(json_t *card, const char *root)
{
    char text[8192];
    set_value(card, "microcode", root, "/proc/cpuinfo", "microcode");
    if (value_of(root, "/proc/meminfo", "MemTotal", text, sizeof text))
        json_object_set_new(card, "memory_bytes", json_integer(1024 * strtoll(text, NULL, 10)));
    if (value_of(root, "/proc/cpuinfo", "flags", text, sizeof text))
        json_object_set_new(card, "hypervisor", json_boolean(strstr(text, "hypervisor") != NULL));
    set_line(card, "governor", root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    set_line(card, "boost", root, "/sys/devices/system/cpu/cpufreq/boost");
    set_line(card, "no_turbo", root, "/sys/devices/system/cpu/intel_pstate/no_turbo");
    set_line(card, "numa_nodes", root, "/sys/devices/system/node/online");
    set_line(card, "huge_pages", root, "/sys/kernel/mm/transparent_hugepage/enabled");
    set_line(card, "load", root, "/proc/loadavg");
    set_caches(card, root);
}

json_t *card_json(const char *root)
{
    char cpu[64], features[160], date[32];
    json_t *card = json_object();
    if (card == NULL) return NULL;
    pw_cpu_name(cpu, sizeof cpu);
    pw_cpu_words(pw_cpu_detect(), features, sizeof features);
    json_object_set_new(card, "cpu", json_string(cpu));
    json_object_set_new(card, "features", json_string(features));
    json_object_set_new(card, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    set_system(card, root);
    struct utsname name;
    if (uname(&name) == 0) json_object_set_new(card, "kernel", json_string(name.release));
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL && strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0)
        json_object_set_new(card, "date", json_string(date));
    json_object_set_new(card, "version", json_string(pewter_version()));
    json_object_set_new(card, "commit", json_string(PW_REVISION));
    json_object_set_new(card, "flags", json_string(PW_BUILD_FLAGS));
#if defined(__clang__)
    json_object_set_new(card, "compiler", json_string("clang " __clang_version__));
#else
    json_object_set_new(card, "compiler", json_string("gcc " __VERSION__));
#endif
    return card;
}

void card_class(char *buf, size_t cap)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } levels[] = {{PW_CPU_AVX512BF16, "avx512bf16"},
                  {PW_CPU_AVX512VNNI, "avx512vnni"},
                  {PW_CPU_AVX512, "avx512"},
                  {PW_CPU_AVXVNNI, "avxvnni"},
                  {PW_CPU_AVX2, "avx2"},
                  {PW_CPU_I8MM, "i8mm"},
                  {PW_CPU_DOTPROD, "dotprod"},
                  {PW_CPU_NEON, "neon"}};
    const uint64_t has = pw_cpu_detect();
    const char *level = "plain";
    for (size_t i = sizeof levels / sizeof *levels; i-- > 0;)
        if ((has & levels[i].bit) != 0) level = levels[i].name;
    char vendor[32] = "cpu", family[16] = "0";
    (void)value_of("/", "/proc/cpuinfo", "vendor_id", vendor, sizeof vendor);
    (void)value_of("/", "/proc/cpuinfo", "cpu family", family, sizeof family);
    for (char *at = vendor; *at != 0; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
    snprintf(buf, cap, "%s-%s-%s-%ldc", vendor, family, level, sysconf(_SC_NPROCESSORS_ONLN));
}
