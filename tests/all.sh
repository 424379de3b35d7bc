#!/bin/bash
# Everything: the tests with the long ones, lint, the tests with clang and under the sanitizers, the
# fuzz targets. Each part ends in a line of counts; the last line is their sum.
#   tests/all.sh [PART...]   of: check lint clang asan tsan fuzz arm; the first six by default
# FUZZ_SECONDS (60) is the time of each fuzz target, PEWTER_LONG (1) takes the long tests in.
set -u
cd "$(dirname "$0")/.." || exit 1
export FUZZ_SECONDS=${FUZZ_SECONDS:-60}
long=${PEWTER_LONG-1}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
run() { make --no-print-directory "$@"; }

part_check() { run check PEWTER_LONG="$long"; }
part_lint() { tests/lint.sh; }
part_clang() { run "-j$(nproc)" check-run CC=clang MODE=release B=build/clang PEWTER_QUICK=1; }
part_asan() { run asan PEWTER_LONG="$long"; }
part_tsan() { run tsan PEWTER_QUICK=1; }
part_fuzz() { run fuzz FUZZ_SECONDS="$FUZZ_SECONDS"; }
part_arm() { run check-arm; }

parts=("$@")
[ $# -gt 0 ] || parts=(check lint clang asan tsan fuzz)
for part in "${parts[@]}"; do
    echo "==== $part"
    began=$SECONDS
    "part_$part" 2>&1 | tee "$logs/$part"
    status=${PIPESTATUS[0]}
    echo "==== $part: $((SECONDS - began)) s, exit $status"
    grep -E '^[0-9]+ passed, [0-9]+ failed' "$logs/$part" | tail -n 1 >"$logs/$part.line"
    if [ ! -s "$logs/$part.line" ] || { [ "$status" -ne 0 ] && grep -q ' 0 failed' "$logs/$part.line"; }; then
        echo "0 passed, 1 failed" >>"$logs/$part.line"
    fi
done

cat "$logs"/*.line | awk '
    { p += $1; f += $3; s += $5 }
    END { printf "%d passed, %d failed%s\n", p, f, (s > 0 ? ", " s " skipped" : ""); exit (f > 0 || p == 0) }'
