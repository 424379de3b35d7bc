#!/bin/bash
# All kernels of the standard set and whole models beside the limits and every rival, as Markdown:
# the results that docs/benchmarks publishes. Fails where a rival is not set up.
#   bench/full.sh [FILE]             default: build/bench-full.md
#   bench/full.sh --publish [FILE]   also puts them into docs/benchmarks, for this class of machines
#   bench/full.sh --resume ...       measures what a run that was ended had not, or what MODELS and
#                                    ONLY name newly; each part says its commit and its time
# Environment: B (build folder), PEWTER_RIVALS, RUNS (interleaved runs of a model, 7),
# MODELS ("SHAPE:FORMAT:RIVALS ..." made by pewter synth), ONLY (a filter of the kernels).
# ik_llama.cpp is there where IK_LLAMA named a checkout to make rivals.
# shellcheck disable=SC2016 # the backquotes are Markdown's
set -eu
say() { printf 'bench-full: %s\n' "$*" >&2; }
from=$PWD
cd "$(dirname "$0")/.."
publish='' resume=''
while :; do
    case ${1:-} in
    --publish) publish=1 ;;
    --resume) resume=1 ;;
    *) break ;;
    esac
    shift
done
case ${1:-} in
-h | --help)
    sed -n '2,/^# ik_llama/s/^# \?//p' bench/full.sh
    exit 0
    ;;
-*) set -- "$1" '' ;;
esac
if [ $# -gt 1 ]; then
    say "[--publish] [--resume] [FILE] wanted, found '$*'; see bench/full.sh --help"
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
parts=$out.parts
[ -n "$resume" ] || rm -rf "$parts"
if ! mkdir -p "$parts" || [ -d "$out" ] || ! : >>"$out"; then
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
    [ -n "${written:-}" ] || say "not ended: what was measured is in $parts; --resume goes on"
}
trap ended EXIT
trap 'exit 130' INT TERM

shown() { printf '\n`%s`\n\n' "$*"; }
# part NAME FUNCTION ARGUMENT...: one part of the page, unless a run before this one measured it.
part() {
    local to=$parts/$1.md
    shift
    [ ! -e "$to" ] || return 0
    say "$*"
    "$@" >"$tmp/part"
    mv "$tmp/part" "$to"
}
at() { printf '\nMeasured at commit %s, %s.\n' "$commit" "$(date -u +%FT%TZ)"; }
kernels() {
    local options=(--rivals "$rivals" --markdown --slices 7)
    printf '\n## Kernels\n'
    at
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

head() {
    printf '# Results: %s\n\nPrinted by `make bench-full`: medians, and intervals that hold them with 95 %%.\n\n' "$class"
    "$b/pewter-bench" --rivals "$rivals" --all-rivals --card
    tools/rivals.sh --list | sed 's/^/- /'
    printf '\n## Limits\n\n```\n'
    "$b/pewter-bench" --limits --again
    printf '```\n\n## Whole models\n'
}
demo() { # demo FILE
    at
    whole "${1##*/}" "$llama" "$1" -p 512,32 -n 64 -d 0,1024
    [[ $class == *-avx2-* ]] ||
        whole "${1##*/}" llama.cpp-avx2 "$1" -p 512 -n 64 --cpu-features avx2
}
model() { # model SHAPE FORMAT RIVALS
    local name=$1-$2.gguf file=$tmp/m.gguf
    "$b/pewter" synth "$file" --force --shape "$1" --type "$2" --seed 1 >/dev/null
    at
    whole "$name" "$3" "$file" -p 512,128,32 -n 16
    # Batches, depth and AVX2 alone: of the format with the fewest bytes and of one of 8 bits.
    # Where there is but AVX2, llama.cpp above is compiled for it.
    case $2 in Q4_0 | Q8_0) ;; *) return 0 ;; esac
    whole "$name" "$llama" "$file" -p 0 -n 16 -np 2-32*2
    whole "$name" "$llama" "$file" -p 128 -n 16 -d 2048
    [[ $class == *-avx2-* ]] ||
        whole "$name" llama.cpp-avx2 "$file" -p 512 -n 16 --cpu-features avx2
}

commit=$("$b/pewter-bench" --card --no-rivals | sed -n 's/^- commit: //p')
part 0-head head
if demo=$(tools/fetch_model.sh --have); then
    part 1-demo demo "$demo"
else
    say 'The demo model is not measured: it was not fetched.'
fi
for name in $models; do
    IFS=: read -r shape format with <<<"$name"
    part "2-$shape-$format" model "$shape" "$format" "$with"
done
rm -f "$tmp/m.gguf"
part 3-kernels kernels
cat "$parts"/*.md >"$out"
written=1
say "written to $out"
[ -n "$publish" ] || exit 0
cp "$out" "$page"
say "published in $page"
