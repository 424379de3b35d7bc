#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/quant.h"
#include "pw/rng.h"

enum { HEADER = 12, MAGIC = 0x514C4447 };

static void *need(size_t bytes)
{
    void *data = malloc(bytes == 0 ? 1 : bytes);
    assert_non_null(data);
    return data;
}

static char *read_file(const char *folder, const char *name, size_t *bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *data = need(*bytes);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

/* The first value whose bits differ is named. */
static void same_floats(const char *what, const float *got, const float *want, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) == 0) continue;
        fail_msg("%s: value %lld is %a, wanted %a", what, (long long)i, (double)got[i],
                 (double)want[i]);
    }
}

/* ---- Vectors of others ------------------------------------------------------------------------ */

/* A file of blocks and their values; the header is said in the folder's README. */
static void check_vectors(const char *name, const char *data, size_t bytes)
{
    uint32_t header[HEADER];
    memcpy(header, data, sizeof header);
    const pw_dtype dtype = pw_dtype_from_ggml(header[2]);
    if (dtype == PW_DTYPE_COUNT) fail_msg("%s: type number %u is not known", name, header[2]);
    const pw_dtype_info *info = pw_dtype_get(dtype);
    const int64_t values = header[6];
    const size_t raw = header[10], at = sizeof header + (raw + 3) / 4 * 4;
    assert_int_equal(header[1], 1);
    assert_int_equal(info->block, header[3]);
    assert_int_equal(info->block_bytes, header[4]);
    assert_int_equal((int64_t)(raw / info->block_bytes) * info->block, values);
    assert_true(at + (size_t)values * sizeof(float) <= bytes);

    /* Blocks may lie at any address. */
    char *blocks = need(raw + 1);
    float *got = need((size_t)values * sizeof *got), *want = need((size_t)values * sizeof *want);
    memcpy(want, data + at, (size_t)values * sizeof *want);
    for (size_t shift = 0; shift < 2; shift++) {
        memcpy(blocks + shift, data + sizeof header, raw);
        pw_dequantize(dtype, blocks + shift, got, values);
        same_floats(name, got, want, values);
    }
    free(want);
    free(got);
    free(blocks);
}

static const char *shared_folder(char *path, size_t cap)
{
    const char *shared = getenv("PEWTER_SHARED");
    DIR *folder = NULL;
    if (shared != NULL) {
        snprintf(path, cap, "%s/quants", shared);
        folder = opendir(path);
    }
    if (folder == NULL) {
        printf("skipped: blocks decoded and encoded by others, PEWTER_SHARED has no quants\n");
        return NULL;
    }
    closedir(folder);
    return path;
}

static void blocks_decode_as_elsewhere(void **state)
{
    (void)state;
    char path[400];
    if (shared_folder(path, sizeof path) == NULL) skip();
    DIR *folder = opendir(path);
    assert_non_null(folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const char *end = strrchr(entry->d_name, '.');
        if (end == NULL || strcmp(end, ".bin") != 0) continue;
        size_t bytes;
        char *data = read_file(path, entry->d_name, &bytes);
        uint32_t magic = 0;
        if (bytes > HEADER * sizeof(uint32_t)) memcpy(&magic, data, sizeof magic);
        if (magic == MAGIC) {
            check_vectors(entry->d_name, data, bytes);
            files++;
        }
        free(data);
    }
    closedir(folder);
    assert_true(files > 0);
}

static void blocks_encode_as_elsewhere(void **state)
{
    (void)state;
    static const char prefix[] = "quantize_";
    char path[400];
    if (shared_folder(path, sizeof path) == NULL) skip();
    size_t input_bytes;
    char *input = read_file(path, "quantize_input.f32", &input_bytes);
    const int64_t values = (int64_t)(input_bytes / sizeof(float));
    float *x = need(input_bytes);
    memcpy(x, input, input_bytes);

    DIR *folder = opendir(path);
    assert_non_null(folder);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char type[16];
        const char *end = strrchr(entry->d_name, '.');
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0) continue;
        if (end == NULL || strcmp(end, ".bin") != 0) continue;
        const char *begin = entry->d_name + sizeof prefix - 1;
        snprintf(type, sizeof type, "%.*s", (int)(end - begin), begin);
        const pw_dtype dtype = pw_dtype_from_name(type);
        assert_true(dtype != PW_DTYPE_COUNT && pw_can_quantize(dtype));

        size_t bytes, row;
        char *want = read_file(path, entry->d_name, &bytes), *got = need(bytes);
        assert_true(pw_dtype_row_bytes(dtype, values, &row));
        assert_int_equal(row, bytes);
        pw_quantize(dtype, x, got, values);
        for (size_t i = 0; i < bytes; i++) {
            if (got[i] != want[i])
                fail_msg("%s: byte %zu is %02x, wanted %02x", entry->d_name, i,
                         (unsigned char)got[i], (unsigned char)want[i]);
        }
        free(got);
        free(want);
        files++;
    }
    closedir(folder);
    free(x);
    free(input);
    assert_true(files > 0);
}

/* ---- Always there ----------------------------------------------------------------------------- */

/* Decoded values of random bytes, as a hash; not-a-number counts as one value, as its sign is left
 * open. The sums are those of code that passed the vectors above. */
static uint64_t hash_of(pw_dtype dtype)
{
    enum { BLOCKS = 64, LONGEST = 256 };
    const pw_dtype_info *info = pw_dtype_get(dtype);
    pw_rng rng = {(uint64_t)info->ggml_type};
    uint64_t hash = 14695981039346656037u;
    for (int b = 0; b < BLOCKS; b++) {
        unsigned char block[LONGEST];
        float y[LONGEST];
        for (size_t i = 0; i < info->block_bytes; i++) block[i] = (unsigned char)pw_rng_u64(&rng);
        pw_dequantize(dtype, block, y, info->block);
        for (int64_t i = 0; i < info->block; i++) {
            uint32_t bits;
            memcpy(&bits, &y[i], sizeof bits);
            if (isnan(y[i])) bits = 0x7fc00000;
            hash = (hash ^ bits) * 1099511628211u;
        }
    }
    return hash;
}

static void decoded_bits_stay(void **state)
{
    (void)state;
    static const uint64_t hashes[PW_DTYPE_COUNT] = {
        // clang-format off
        [PW_F32] = 0x0571633deb98fcdb,
        [PW_F16] = 0xbebb083f350fc825,
        [PW_BF16] = 0xc660b45a56370825,
        [PW_Q4_0] = 0xeb58310acbe33325,
        [PW_Q4_1] = 0xc71d86aca186b687,
        [PW_Q5_0] = 0xd350f60c9f272d25,
        [PW_Q5_1] = 0x7cc2304459d94df0,
        [PW_Q8_0] = 0xa1547ae0517c01e5,
        [PW_Q2_K] = 0x829389f47e4a94b9,
        [PW_Q3_K] = 0xc3e30f8f947ca7e5,
        [PW_Q4_K] = 0xff8c3f977963e889,
        [PW_Q5_K] = 0x05db272f2ab19a3b,
        [PW_Q6_K] = 0xda6be5e0f3d813f3,
        [PW_IQ1_S] = 0x952c0dcc0eb55b85,
        [PW_IQ1_M] = 0xe675dd1638041645,
        [PW_IQ2_XXS] = 0xb17c5e6701615445,
        [PW_IQ2_XS] = 0x47a2570c40c36465,
        [PW_IQ2_S] = 0x76b4d43250b993f1,
        [PW_IQ3_XXS] = 0x9bb5039fa8add4b5,
        [PW_IQ3_S] = 0x2a808befa1315945,
        [PW_IQ4_NL] = 0x7dfcdc1f16eb2a25,
        [PW_IQ4_XS] = 0x0626d679b71cf3a9,
        [PW_MXFP4] = 0xe410d94ad06ec325,
        [PW_TQ1_0] = 0x9fa4611a430d4325,
        [PW_TQ2_0] = 0x817979fcf36f4325,
        // clang-format on
    };
    for (int d = 0; d < PW_DTYPE_COUNT; d++) {
        if (pw_dtype_get((pw_dtype)d)->ggml_type < 0) continue;
        if (hash_of((pw_dtype)d) != hashes[d])
            fail_msg("%s decodes to %#llx", pw_dtype_get((pw_dtype)d)->name,
                     (unsigned long long)hash_of((pw_dtype)d));
    }
}

/* Root of the mean squared error, as a share of the root of the mean square. */
static double round_trip(pw_dtype dtype, const float *x, int64_t k)
{
    size_t bytes;
    assert_true(pw_dtype_row_bytes(dtype, k, &bytes));
    char *blocks = need(bytes);
    float *y = need((size_t)k * sizeof *y);
    pw_quantize(dtype, x, blocks, k);
    pw_dequantize(dtype, blocks, y, k);
    double error = 0.0, size = 0.0;
    for (int64_t i = 0; i < k; i++) {
        error += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
        size += (double)x[i] * (double)x[i];
    }
    free(y);
    free(blocks);
    return sqrt(error / size);
}

static void round_trips_are_near(void **state)
{
    (void)state;
    enum { K = 256 * 64 };
    static const struct {
        pw_dtype dtype;
        double normal, shifted; /* errors allowed: of normal values, of normal values plus two */
    } cases[] = {
        {PW_F32, 0.0, 0.0},      {PW_F16, 3e-4, 3e-4},    {PW_BF16, 2.5e-3, 2.5e-3},
        {PW_Q4_0, 0.09, 0.07},   {PW_Q4_1, 0.08, 0.04},   {PW_Q5_0, 0.045, 0.04},
        {PW_Q5_1, 0.04, 0.02},   {PW_Q8_0, 0.006, 0.005}, {PW_Q4_K, 0.072, 0.05},
        {PW_Q5_K, 0.037, 0.025}, {PW_Q6_K, 0.02, 0.016},  {PW_MXFP4, 0.13, 0.14},
        {PW_TQ1_0, 1.2, 0.9},    {PW_TQ2_0, 1.2, 0.9},
    };
    pw_rng rng = {9};
    float *x = need(K * sizeof *x);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int i = 0; i < K; i++) x[i] = pw_rng_normal(&rng);
        const double normal = round_trip(cases[c].dtype, x, K);
        for (int i = 0; i < K; i++) x[i] += 2.0f;
        const double shifted = round_trip(cases[c].dtype, x, K);
        if (!(normal <= cases[c].normal && shifted <= cases[c].shifted))
            fail_msg("%s: %.4f of normal values, %.4f of shifted ones",
                     pw_dtype_get(cases[c].dtype)->name, normal, shifted);
    }
    free(x);
}

/* What a format decodes to is what it encodes best: the second trip loses nothing to speak of. */
static void the_second_trip_is_free(void **state)
{
    (void)state;
    enum { K = 256 * 8 };
    static const pw_dtype formats[] = {PW_Q4_K, PW_Q5_K, PW_Q6_K};
    pw_rng rng = {10};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        char blocks[8 * 256];
        float x[K];
        for (int i = 0; i < K; i++) x[i] = pw_rng_normal(&rng);
        const double first = round_trip(formats[f], x, K);
        pw_quantize(formats[f], x, blocks, K);
        pw_dequantize(formats[f], blocks, x, K);
        assert_true(round_trip(formats[f], x, K) < first / 4.0);
    }
}

static void each_encoder(void (*check)(pw_dtype dtype))
{
    int count = 0;
    for (int d = 0; d < PW_DTYPE_COUNT; d++) {
        if (!pw_can_quantize((pw_dtype)d)) continue;
        check((pw_dtype)d);
        count++;
    }
    assert_int_equal(count, 14);
}

static void check_zero(pw_dtype dtype)
{
    float x[256], y[256];
    char blocks[256 * 4];
    for (int i = 0; i < 256; i++) x[i] = i % 2 == 0 ? 0.0f : -0.0f;
    pw_quantize(dtype, x, blocks, 256);
    pw_dequantize(dtype, blocks, y, 256);
    for (int i = 0; i < 256; i++) assert_true(y[i] == 0.0f);
}

static void zero_stays_zero(void **state)
{
    (void)state;
    each_encoder(check_zero);
}

/* Values that are not finite, and those at both ends of the range: the bytes are defined, and not-a-
 * number alone spoils nothing. */
static void check_odd(pw_dtype dtype)
{
    static const float odd[] = {NAN,       INFINITY,   -INFINITY, FLT_MAX, -FLT_MAX,
                                0x1p-149f, -0x1p-149f, 0x1p-126f, 1e-38f,  1.0f};
    enum { ODD = sizeof odd / sizeof *odd };
    float x[256], y[256];
    char one[256 * 4], two[256 * 4];
    for (int i = 0; i < ODD; i++) {
        for (int j = 0; j < 256; j++) x[j] = j % 7 == 3 ? odd[i] : 0.5f;
        memset(one, 0, sizeof one);
        memset(two, 0, sizeof two);
        pw_quantize(dtype, x, one, 256);
        pw_quantize(dtype, x, two, 256);
        assert_memory_equal(one, two, sizeof one);
        pw_dequantize(dtype, one, y, 256);
        const bool plain = dtype == PW_F32 || dtype == PW_F16 || dtype == PW_BF16;
        for (int j = 0; j < 256 && isnan(odd[i]); j++) {
            if (j % 7 != 3) assert_true(fabsf(y[j] - 0.5f) < 0.05f);
            if (j % 7 == 3) assert_true(plain ? isnan(y[j]) : fabsf(y[j]) < 0.05f);
        }
        for (int j = 0; j < 256; j++) x[j] = j % 2 == 0 ? odd[i] : -odd[i];
        pw_quantize(dtype, x, one, 256);
    }
}

static void odd_values_are_taken(void **state)
{
    (void)state;
    each_encoder(check_odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_decode_as_elsewhere), cmocka_unit_test(blocks_encode_as_elsewhere),
        cmocka_unit_test(decoded_bits_stay),          cmocka_unit_test(round_trips_are_near),
        cmocka_unit_test(the_second_trip_is_free),    cmocka_unit_test(zero_stays_zero),
        cmocka_unit_test(odd_values_are_taken),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
