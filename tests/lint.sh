#!/bin/bash
# What needs no run of the program: format, warnings with gcc and clang, analyser, floors, headers,
# style, symbols, hardening, scripts. Ends in `N passed, N failed`.
#   tests/lint.sh [STEP...]
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
make=(make --no-print-directory -s "-j$jobs")
mapfile -t sources < <(make -s list-sources)
mapfile -t library < <(printf '%s\n' "${sources[@]}" |
    grep -E '^(kernels|backends|scheduler|runtime|tools|bench)/.*\.c$' | grep -vE '_peer|/arm/|/spirv')

step_format() {
    if ! clang-format --version | grep -q 'version 14\.'; then
        echo "skipped: the format is that of clang-format 14, and this is $(clang-format --version)"
        return 77
    fi
    clang-format --dry-run -Werror "${sources[@]}"
}

step_gcc() { "${make[@]}" CC=gcc WERROR=1 MODE=release B=build/release all build-tests; }
step_clang() { "${make[@]}" CC=clang WERROR=1 MODE=release B=build/clang all build-tests; }
step_layers() { tests/layers.sh; }
step_headers() { CC=gcc tests/headers.sh && CC=clang tests/headers.sh; }
step_style() { tests/style.sh; }
step_symbols() { B=build/release tests/symbols.sh; }
step_hardening() { B=build/release tests/hardening.sh; }
step_scripts() { shellcheck -x tests/*.sh tests/e2e/*.sh tests/e2e/*.bash tools/*.sh bench/*.sh bench/serve/*.sh .ci/run; }

# Files that were found clean are not read again until they, or a header, change.
step_analyser() {
    local marks=build/tidy
    mkdir -p "$marks"
    if [ -n "$(find include kernels backends scheduler runtime bench tools .clang-tidy -name '*.h' -newer "$marks/headers" 2>&1)" ] ||
        [ .clang-tidy -nt "$marks/headers" ]; then
        rm -rf "$marks" && mkdir -p "$marks" && touch "$marks/headers"
    fi
    printf '%s\0' "${library[@]}" | xargs -0 -P "$jobs" -I{} tests/lint.sh --tidy {} "$marks"
}

tidy() { # tidy FILE MARKS
    local mark="$2/${1//\//_}.ok" flags
    [ "$mark" -nt "$1" ] && return 0
    read -r -a flags < <(make -s CC=clang flags-of FILE="$1")
    clang-tidy --quiet --warnings-as-errors='*' "$1" -- "${flags[@]}" 2>/dev/null && touch "$mark"
}

if [ "${1:-}" = --tidy ]; then
    tidy "$2" "$3"
    exit
fi

steps=("$@")
[ $# -gt 0 ] || steps=(format gcc clang layers headers style symbols hardening scripts analyser)
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for step in "${steps[@]}"; do
    began=$SECONDS
    "step_$step" >"$log" 2>&1
    status=$?
    case $status in
    0) passed=$((passed + 1)) && echo "ok   lint $step ($((SECONDS - began)) s)" ;;
    77) skipped=$((skipped + 1)) && cat "$log" ;;
    *)
        failed=$((failed + 1))
        echo "FAIL lint $step ($((SECONDS - began)) s)"
        tail -n 300 "$log" | sed 's/^/     | /'
        ;;
    esac
done
summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ]
