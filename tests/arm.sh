#!/bin/bash
# Cross-builds for aarch64 and runs it under qemu: the reference rows' tests, and a small model.
# Installed beforehand by tools/setup.sh arm.
set -u
cd "$(dirname "$0")/.." || exit 1
B=build/arm
export PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
make=(env -u MAKEFLAGS make --no-print-directory "-j$(nproc)" MODE=release "B=$B"
    CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar OBJCOPY=aarch64-linux-gnu-objcopy)
units=(quant dtype num half math act tokenizer template_expr pool)
"${make[@]}" -s all "$B/pwcheck" "${units[@]/#/$B/tests/unit/test_}" || { echo "0 passed, 1 failed" && exit 1; }

passed=0 failed=0 skipped=0
check() { # check NAME COMMAND...
    local name=$1
    shift
    if timeout 900 "$@" </dev/null >"$B/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        tail -n 30 "$B/log" | sed 's/^/     | /'
    fi
}
emulated=(qemu-aarch64 "$B/pewter")
export PEWTER_QUICK=1

check "runs" "${emulated[@]}" --version
check "sees the processor" "${emulated[@]}" devices
check "writes a model" "${emulated[@]}" synth "$B/tiny.gguf" --shape tiny --type F32 --seed 1
check "runs that model" "${emulated[@]}" run "$B/tiny.gguf" -p Hello -n 4 --temp 0
for unit in "${units[@]}"; do
    check "test_$unit" qemu-aarch64 "$B/tests/unit/test_$unit"
done
check "pwcheck" qemu-aarch64 "$B/pwcheck" --rounds 4

# The golden greedy text of stories260K, as aarch64 makes it and as this machine does.
stories=${PEWTER_SHARED:-/nowhere}/models/stories260K
if [ -e "$stories/stories260K-f32.gguf" ]; then
    prompt=(run "$stories/stories260K-f32.gguf" -p "Once upon a time" -n 32 --temp 0 --exact)
    check "runs stories260K" "${emulated[@]}" "${prompt[@]}"
    env -u PKG_CONFIG_LIBDIR -u MAKEFLAGS make -s "-j$(nproc)" MODE=release B=build/release all
    here=$(build/release/pewter "${prompt[@]}" --cpu-features scalar </dev/null 2>/dev/null)
    there=$("${emulated[@]}" "${prompt[@]}" </dev/null 2>/dev/null)
    check "the same text as here" test -n "$here" -a "$here" = "$there"
else
    echo "skipped: stories260K (PEWTER_SHARED names no folder with it)"
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
