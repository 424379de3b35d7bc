#!/bin/bash
# Builds a base revision beside this tree and compares the two programs in turns: see docs/BENCHMARKS.md.
#   bench/check.sh BASE [pewter-bench option...]
# Environment: B (build folder of this tree), BENCH_SECONDS (of the comparison).
set -eu
cd "$(dirname "$0")/.."
base=${1:-}
[ -n "$base" ] || { echo "usage: make bench-check BASE=revision" >&2 && exit 2; }
shift
self=${B:-build/release}/pewter-bench
say() { printf 'bench-check: %s\n' "$*" >&2; }

if ! sha=$(git rev-parse --verify --quiet "$base^{commit}"); then
    say "no such revision: $base"
    exit 2
fi
if ! git cat-file -e "$sha:bench/serve.c" 2>/dev/null; then
    say "$base has no bench that answers questions: the oldest that can be compared has bench/serve.c"
    exit 2
fi

# One folder a revision; a build that is there is not made again.
tree=$PWD/build/bench-base/${sha:0:12}
if [ ! -x "$tree/build/release/pewter-bench" ]; then
    rm -rf "$tree" "$tree.new"
    mkdir -p "$tree.new"
    git archive "$sha" | tar -x -C "$tree.new"
    # The results name the revision that they are of.
    mkdir -p "$tree.new/build/release"
    echo "${sha:0:9}" >"$tree.new/build/release/revision.given"
    mv "$tree.new" "$tree"
    say "building $base (${sha:0:9})"
    if ! (cd "$tree" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u B -u MODE \
        make -j"$(nproc)" build/release/pewter-bench) >"$tree/build.log" 2>&1; then
        tail -n 20 "$tree/build.log" >&2
        say "$base could not be built: see $tree/build.log"
        exit 2
    fi
fi

class=$("$self" --class)
refs=()
if [ -f "bench/refs/$class.json" ]; then
    refs=(--refs "bench/refs/$class.json")
else
    say "nothing was agreed for machines of the class $class: only the base is compared with"
fi
exec "$self" --gate "$tree/build/release/pewter-bench" --seconds "${BENCH_SECONDS:-720}" "${refs[@]}" "$@"
