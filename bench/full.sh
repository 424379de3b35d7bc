#!/bin/bash
# All kernels of the standard set and whole models beside the limits and every rival, as Markdown:
# the results that docs/benchmarks publishes. Fails where a rival is not set up.
#   bench/full.sh [FILE]             default: build/bench-full.md
#   bench/full.sh --publish [FILE]   also puts them into docs/benchmarks, for this class of machines
# Environment: B (build folder), PEWTER_RIVALS, RUNS (interleaved runs of a model, 7),
# MODELS ("SHAPE:FORMAT:RIVALS ..." made by pewter synth), ONLY (a filter of the kernels).
# ik_llama.cpp is there where IK_LLAMA named a checkout to make rivals.
# shellcheck disable=SC2016 # the backquotes are Markdown's
set -eu
say() { printf 'bench-full: %s\n' "$*" >&2; }
from=$PWD
cd "$(dirname "$0")/.."
publish=
[ "${1:-}" != --publish ] || { publish=1 && shift; }
case ${1:-} in
-h | --help)
    sed -n '2,/^# ik_llama/s/^# \?//p' bench/full.sh
    exit 0
    ;;
-*) set -- "$1" '' ;;
esac
if [ $# -gt 1 ]; then
    say "[--publish] [FILE] wanted, found '$*'; see bench/full.sh --help"
    exit 2
fi
out=${1:-$PWD/build/bench-full.md}
[ "${out:0:1}" = / ] || out=$from/$out
b=${B:-build/release}
rivals=${PEWTER_RIVALS:-build/rivals}
runs=${RUNS:-7}
llama=llama.cpp
[ ! -x "$rivals/bin/ik_llama.cpp-peer" ] || llama=llama.cpp,ik_llama.cpp
one='llama-1b-32k'
models=${MODELS:-$one:Q4_0:$llama,openvino $one:Q8_0:$llama,openvino $one:Q4_1:$llama $one:Q5_0:$llama $one:Q5_1:$llama $one:Q4_K:$llama $one:Q5_K:$llama $one:Q6_K:$llama $one:BF16:$llama $one:F16:$llama $one:F32:$llama}

missing=
for peer in llama.cpp llama.cpp-avx2 openvino; do
    [ -x "$rivals/bin/$peer-peer" ] || missing="$missing $peer"
done
if ! "$b/pewter-bench" --rivals "$rivals" --all-rivals --card >/dev/null || [ -n "$missing" ]; then
    say "not every rival is set up${missing:+, missing:$missing}: run make rivals"
    exit 1
fi

# What cannot be written is told before a quarter of an hour is spent.
part=$out.part
if ! mkdir -p "$(dirname "$out")" || [ -d "$out" ] || ! : >"$part"; then
    say "$out cannot be written"
    exit 1
fi
class=$("$b/pewter-bench" --class)
page=docs/benchmarks/$class.md
if [ -n "$publish" ] && { ! mkdir -p docs/benchmarks || [ ! -w docs/benchmarks ] || [ -d "$page" ]; }; then
    say "$page cannot be written"
    exit 1
fi

tmp=$(mktemp -d)
ended() {
    rm -rf "$tmp"
    [ ! -e "$part" ] || say "not ended: what was measured is in $part"
}
trap ended EXIT
trap 'exit 130' INT TERM

shown() { printf '\n`%s`\n\n' "$*"; }
kernels() {
    local options=(--rivals "$rivals" --markdown --slices 7)
    [ -z "${ONLY:-}" ] || options+=("--benchmark_filter=$ONLY")
    shown pewter-bench --markdown --slices 7
    "$b/pewter-bench" "${options[@]}" 2>"$tmp/kernels" || {
        cat "$tmp/kernels" >&2
        return 1
    }
    printf '\n'
    grep 'other processes' "$tmp/kernels" || true
}
whole() { # whole NAME RIVALS FILE OPTION...
    local name=$1 with=$2 file=$3
    shift 3
    shown pewter bench "$name" "$@" -r "$runs" --rival "$with" -o full
    PEWTER_RIVALS=$rivals "$b/pewter" bench "$file" "$@" -r "$runs" --rival "$with" -o full 2>"$tmp/whole" ||
        whole_failed $?
}
# A rival that computes something else has no figures, and the rest of the table stands: the page says so.
whole_failed() { # whole_failed CODE
    cat "$tmp/whole" >&2
    [ "$1" = 1 ] && grep 'computes something else' "$tmp/whole" || exit "$1"
}

{
    printf '# Results: %s\n\nPrinted by `make bench-full`: medians, and intervals that hold them with 95 %%.\n\n' "$class"
    "$b/pewter-bench" --rivals "$rivals" --all-rivals --card
    tools/rivals.sh --list | sed 's/^/- /'
    printf '\n## Limits\n\n```\n'
    "$b/pewter-bench" --limits --again
    printf '```\n\n## Whole models\n'
    if demo=$(tools/fetch_model.sh --have); then
        say "${demo##*/}"
        whole "${demo##*/}" "$llama" "$demo" -p 512,32 -n 64 -d 0,1024
        [[ $class == *-avx2-* ]] ||
            whole "${demo##*/}" llama.cpp-avx2 "$demo" -p 512 -n 64 --cpu-features avx2
    else
        printf '\nThe demo model was not measured: it was not fetched.\n'
    fi
    for model in $models; do
        IFS=: read -r shape format with <<<"$model"
        say "$shape $format"
        "$b/pewter" synth "$tmp/m.gguf" --force --shape "$shape" --type "$format" --seed 1 >/dev/null
        whole "$shape-$format.gguf" "$with" "$tmp/m.gguf" -p 512,128,32 -n 16
        # Batches, depth and AVX2 alone: of the format with the fewest bytes and of one of 8 bits.
        # Where there is but AVX2, llama.cpp above is compiled for it.
        case $format in Q4_0 | Q8_0) ;; *) continue ;; esac
        whole "$shape-$format.gguf" "$llama" "$tmp/m.gguf" -p 0 -n 16 -np 2-32*2
        whole "$shape-$format.gguf" "$llama" "$tmp/m.gguf" -p 128 -n 16 -d 2048
        [[ $class == *-avx2-* ]] ||
            whole "$shape-$format.gguf" llama.cpp-avx2 "$tmp/m.gguf" -p 512 -n 16 --cpu-features avx2
    done
    rm -f "$tmp/m.gguf"
    printf '\n## Kernels\n'
    say 'kernels'
    kernels
} >"$part"
mv "$part" "$out"
say "written to $out"
[ -n "$publish" ] || exit 0
cp "$out" "$page"
say "published in $page"
