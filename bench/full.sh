#!/bin/bash
# All kernels of the standard set and whole models beside the limits and every rival, as Markdown:
# the results that docs/BENCHMARKS.md publishes. Fails where a rival is not set up.
#   bench/full.sh [FILE]             default: build/bench-full.md
#   bench/full.sh --publish [FILE]   also puts them into docs/BENCHMARKS.md, in place of those before
# Environment: B (build folder), PEWTER_RIVALS, RUNS (interleaved runs of a model, 7),
# MODELS ("SHAPE:FORMAT:RIVALS ..." made by pewter synth), ONLY (a filter of the kernels).
# shellcheck disable=SC2016 # the backquotes are Markdown's
set -eu
say() { printf 'bench-full: %s\n' "$*" >&2; }
from=$PWD
cd "$(dirname "$0")/.."
publish=
[ "${1:-}" != --publish ] || { publish=1 && shift; }
case ${1:-} in
-h | --help)
    sed -n '2,/^# MODELS/s/^# \?//p' bench/full.sh
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
both=llama.cpp,openvino
models=${MODELS:-llama-1b-32k:Q4_0:$both llama-1b-32k:Q8_0:$both llama-1b-32k:Q4_K:llama.cpp}

missing=
for peer in llama.cpp openvino; do
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
if [ -n "$publish" ] && [ ! -w docs/BENCHMARKS.md ]; then
    say 'docs/BENCHMARKS.md cannot be written'
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
} >"$part"
mv "$part" "$out"
say "written to $out"
[ -n "$publish" ] || exit 0
sed '/^## Results$/,$d' docs/BENCHMARKS.md >"$tmp/doc"
cat "$tmp/doc" "$out" >docs/BENCHMARKS.md
