#!/bin/bash
# The tarball: the same bytes twice; unpacked elsewhere it builds and runs, without git or network.
set -eu
cd "$(dirname "$0")/.."
if ! git rev-parse --verify -q HEAD >/dev/null 2>&1; then
    echo "skipped: the tarball (this is no git repository with a commit)"
    exit 77
fi
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
tarball=build/pewter-$VERSION.tar.gz
tools/dist.sh "$VERSION" && cp "$tarball" "$room/first.tar.gz"
sleep 1
tools/dist.sh "$VERSION" && cmp "$tarball" "$room/first.tar.gz"

tar -C "$room" -xzf "$tarball"
cd "$room/pewter-$VERSION"
make=(env -u MAKEFLAGS -u MAKELEVEL make -s "-j$(nproc)")
"${make[@]}" NO_INSTALL=1
build/release/pewter synth "$room/tiny.gguf" --shape tiny --type F32 --seed 1 >/dev/null
build/release/pewter run "$room/tiny.gguf" -p Hello -n 8 --temp 0 </dev/null >"$room/text"
[ -s "$room/text" ]
