#!/bin/sh
# Writes build/pewter-VERSION.tar.gz: the files of the last commit, the same bytes every time.
#   tools/dist.sh VERSION
set -eu
cd "$(dirname "$0")/.."
name=pewter-$1
if ! git rev-parse --verify -q HEAD >/dev/null 2>&1; then
    echo "dist: this is no git repository with a commit; a tarball has been made from one already" >&2
    exit 1
fi
git diff --quiet HEAD || echo "dist: changes that are not committed are not in the tarball" >&2
mkdir -p build
git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"build/$name.tar.gz.part"
mv "build/$name.tar.gz.part" "build/$name.tar.gz"
echo "build/$name.tar.gz"
