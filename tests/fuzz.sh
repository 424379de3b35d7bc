#!/bin/bash
# Runs one libFuzzer program over its kept corpus and then for FUZZ_SECONDS on inputs of its own.
#   tests/fuzz.sh build/fuzz/tests/fuzz/fuzz_gguf
# New inputs go to build/fuzz/corpus/NAME, what breaks it to build/fuzz/broken/NAME-*.
set -eu
cd "$(dirname "$0")/.."
program=$1
name=${program##*/fuzz_}
work=${B:-build/fuzz}/corpus/$name
broken=${B:-build/fuzz}/broken
mkdir -p "$work" "$broken"
kept=()
[ -d "tests/fuzz/corpus/$name" ] && kept=("tests/fuzz/corpus/$name")

"$program" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 \
    -malloc_limit_mb=1024 -print_final_stats=1 -verbosity=0 -artifact_prefix="$broken/$name-" \
    "$work" "${kept[@]}"
