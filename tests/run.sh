#!/bin/bash
# Runs tests, several at a time, and ends in one line: `N passed, N failed` (`, N skipped`).
#   tests/run.sh TEST...   cmocka programs, libFuzzer programs (fuzz_*), pwcheck, shell tests
# A shell test, and any program that is no cmocka one, passes by exit 0 and is skipped by exit 77,
# or counts for itself by a last line of the form above. What is skipped is said in words: lines
# with "skip" in them. The output of what failed is shown whole.
# Environment: B (build folder), PEWTER_SHARED (more test data), PEWTER_QUICK, PEWTER_LONG, JOBS.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
export B=${B:-build/release}
export PEWTER_BUILD=$PWD/$B
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.supp:print_suppressions=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}
unset MAKEFLAGS MFLAGS MAKELEVEL
for name in QUICK LONG SHARED; do
    variable=PEWTER_$name
    if [ -n "${!variable:-}" ]; then export "${variable?}"; else unset "$variable"; fi
done

# One test: its output and what came of it into files of $2.
one() {
    local test=$1 base status began took
    base=$2/${1//\//_}
    local command=("$test")
    case $test in
    */fuzz_*) command=(tests/fuzz.sh "$test") ;;
    *.sh) ;;
    *) [[ $B == *tsan* ]] && command=(setarch -R "$test") ;;
    esac
    began=$EPOCHREALTIME
    timeout --kill-after=10 "${TEST_SECONDS:-900}" "${command[@]}" </dev/null >"$base.out" 2>&1
    status=$?
    took=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    summarise "$test" "$status" "$took" "$base.out" >"$base.sum"
    cat "$base.sum"
}

# "ok TEST  N passed, N failed, N skipped (S s)", the skips in words, and a failure's output.
summarise() {
    local test=$1 status=$2 took=$3 out=$4 passed failed skipped counts
    read -r passed failed skipped < <(awk '
        /^\[  PASSED  \] [0-9]+ test/ { p += $4; cm = 1 }
        /^\[  FAILED  \] [0-9]+ test/ { f += $4; cm = 1 }
        /^\[  SKIPPED \] [0-9]+ test/ { s += $4; cm = 1 }
        /^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$/ { lp = $1; lf = $3; ls = $5 + 0; line = 1 }
        END { if (line) print lp, lf, ls; else if (cm) print p + 0, f + 0, s + 0; else print "- - -" }
    ' "$out")
    if [ "$passed" = - ]; then
        passed=0 failed=0 skipped=0
        case $status in
        0) passed=1 ;;
        77) skipped=1 ;;
        *) failed=1 ;;
        esac
    elif [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ "$failed" -eq 0 ]; then
        failed=1
    fi
    counts="$passed passed, $failed failed, $skipped skipped"
    if [ "$failed" -gt 0 ]; then
        printf 'FAIL %s  %s (%s s, exit %s)\n' "$test" "$counts" "$took" "$status"
        [ "$status" -ne 124 ] || printf '     stopped after %s s\n' "${TEST_SECONDS:-900}"
        tail -c 20000 "$out" | sed 's/^/     | /'
    else
        printf 'ok   %s  %s (%s s)\n' "$test" "$counts" "$took"
        grep -iE 'skip' "$out" | grep -vE '^\[|^ *[0-9]+ (passed|SKIPPED)' | sort -u | head -n 40 | sed 's/^/     /'
    fi
    printf '%s %s %s\n' "$passed" "$failed" "$skipped" >"${out%.out}.count"
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit 0
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
printf '%s\0' "$@" | xargs -0 -r -P "${JOBS:-$(nproc)}" -I{} "$0" --one {} "$results"

missing=0
for test; do
    [ -e "$results/${test//\//_}.count" ] || { echo "FAIL $test  did not run" && missing=$((missing + 1)); }
done
cat "$results"/*.count 2>/dev/null | awk -v missing="$missing" '
    { p += $1; f += $2; s += $3 }
    END {
        f += missing
        printf "%d passed, %d failed%s\n", p, f, (s > 0 ? ", " s " skipped" : "")
        exit (f > 0 || p == 0)
    }'
