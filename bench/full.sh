#!/bin/bash
# All kernels of the standard set and whole models beside the limits and every rival, as Markdown:
# the results that docs/BENCHMARKS.md publishes. Fails where a rival is not set up.
#   bench/full.sh [FILE]      default: build/bench-full.md
#   bench/full.sh --publish   also puts them into docs/BENCHMARKS.md, in place of those before
# Environment: B (build folder), PEWTER_RIVALS, RUNS (interleaved runs of a model, 7),
# MODELS ("SHAPE:FORMAT:RIVALS ..." made by pewter synth), ONLY (a filter of the kernels).
# shellcheck disable=SC2016 # the backquotes are Markdown's
set -eu
cd "$(dirname "$0")/.."
publish=
[ "${1:-}" != --publish ] || { publish=1 && shift; }
out=${1:-build/bench-full.md}
b=${B:-build/release}
rivals=${PEWTER_RIVALS:-build/rivals}
runs=${RUNS:-7}
both=llama.cpp,openvino
models=${MODELS:-llama-1b-32k:Q4_0:$both llama-1b-32k:Q8_0:$both llama-1b-32k:Q4_K:llama.cpp}
say() { printf 'bench-full: %s\n' "$*" >&2; }

missing=
for peer in llama.cpp openvino; do
    [ -x "$rivals/bin/$peer-peer" ] || missing="$missing $peer"
done
if ! "$b/pewter-bench" --rivals "$rivals" --all-rivals --card >/dev/null || [ -n "$missing" ]; then
    say "not every rival is set up${missing:+, missing:$missing}: run make rivals"
    exit 1
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

shown() { printf '\n`%s`\n\n' "$*"; }
kernels() {
    local options=(--rivals "$rivals" --markdown --slices 7)
    [ -z "${ONLY:-}" ] || options+=("--benchmark_filter=$ONLY")
    shown pewter-bench --markdown --slices 7
    "$b/pewter-bench" "${options[@]}" 2>"$tmp/kernels"
    printf '\n'
    grep 'other processes' "$tmp/kernels" || true
}
whole() { # whole NAME RIVALS FILE OPTION...
    local name=$1 with=$2 file=$3
    shift 3
    shown pewter bench "$name" "$@" -r "$runs" --rival "$with" -o full
    PEWTER_RIVALS=$rivals "$b/pewter" bench "$file" "$@" -r "$runs" --rival "$with" -o full
}

{
    printf '## Results\n\nPrinted by `make bench-full`: medians, and intervals that hold them with 95 %%.\n\n'
    "$b/pewter-bench" --rivals "$rivals" --all-rivals --card
    tools/rivals.sh --list | sed 's/^/- /'
    printf '\n### Limits\n\n```\n'
    "$b/pewter-bench" --limits --again
    printf '```\n\n### Whole models\n'
    if demo=$(tools/fetch_model.sh --have); then
        say "${demo##*/}"
        whole "${demo##*/}" llama.cpp "$demo" -p 512 -n 64 -d 0,1024
    else
        printf '\nThe demo model was not measured: it was not fetched.\n'
    fi
    for model in $models; do
        IFS=: read -r shape format with <<<"$model"
        say "$shape $format"
        "$b/pewter" synth "$tmp/m.gguf" --force --shape "$shape" --type "$format" --seed 1 >/dev/null
        whole "$shape-$format.gguf" "$with" "$tmp/m.gguf" -p 512 -n 64
    done
    rm -f "$tmp/m.gguf"
    printf '\n### Kernels\n'
    say 'kernels'
    kernels
} >"$tmp/out"
mkdir -p "$(dirname "$out")"
mv "$tmp/out" "$out"
say "written to $out"
[ -n "$publish" ] || exit 0
sed '/^## Results$/,$d' docs/BENCHMARKS.md >"$tmp/doc"
cat "$tmp/doc" "$out" >docs/BENCHMARKS.md
