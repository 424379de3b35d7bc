#!/bin/bash
# JSON Schema's own tests, from the source package of `jsonschema` at PyPI, which is fetched into the build folder:
# `make check-schema`. Prints the table of docs/STRUCTURED.md.
set -eu
cd "$(dirname "$0")/.."
b=${B:-build/release}
folder=${SCHEMA_SUITE:-build/schema-suite}
version=4.26.0
if [ ! -d "$folder" ]; then
    command -v pip3 >/dev/null || { echo "schema: pip3 is wanted, to fetch the tests" >&2; exit 1; }
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    pip3 download --quiet --no-deps --no-binary :all: -d "$tmp" "jsonschema==$version" >&2
    mkdir -p "$tmp/suite"
    tar -xzf "$tmp"/jsonschema-*.tar.gz -C "$tmp/suite" --strip-components=4 "jsonschema-$version/json/tests/draft2020-12"
    mkdir -p "${folder%/*}"
    mv "$tmp/suite" "$folder"
fi
exec python3 tests/schema/suite.py "$b/fits" "$folder" "$@"
