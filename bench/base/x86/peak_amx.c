/* Tiles of Intel's AMX: four sums, two operands of each side. */
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/base/peak_loop.h"

enum {
    REQUEST_STATE = 0x1023, /* ARCH_REQ_XCOMP_PERM of asm/prctl.h */
    TILE_DATA = 18,         /* of the state components */
    TILE_BYTES = 1024,
    /* Sums that a turn adds to, and multiply-adds of one: 16 rows, 16 columns, 64 bytes deep. */
    SUMS = 4
};

static bool has(unsigned bit)
{
    unsigned a, b, c, d;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
    const unsigned tile = 24;
    if ((d >> tile & 1u) == 0 || (d >> bit & 1u) == 0) return false;
    return syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
}

bool peak_amx_int8(void)
{
    return has(25);
}

bool peak_amx_bf16(void)
{
    return has(22);
}

void peak_amx_begin(void)
{
    /* Palette 1: tiles of 16 rows of 64 bytes. */
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    uint8_t zeros[TILE_BYTES];
    memset(zeros, 0, sizeof zeros);
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, zeros, 64);
    _tile_loadd(5, zeros, 64);
    _tile_loadd(6, zeros, 64);
    _tile_loadd(7, zeros, 64);
}

void peak_amx_end(void)
{
    _tile_release();
}

double peak_int8_amx(int64_t turns)
{
    for (int64_t t = 0; t < turns; t++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    return (double)turns * SUMS * 16.0 * 16.0 * 64.0 * 2.0;
}

double peak_bf16_amx(int64_t turns)
{
    for (int64_t t = 0; t < turns; t++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    return (double)turns * SUMS * 16.0 * 16.0 * 32.0 * 2.0;
}
