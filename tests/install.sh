#!/bin/bash
# Installs into an empty folder, builds the examples against what was installed by pkg-config, shared
# and static, runs them on a model that `pewter synth` writes, and uninstalls without a trace.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build/release}
CC=${CC:-gcc}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make="make --no-print-directory -s MODE=${MODE:-release} B=$B CC=$CC"

fail() {
    echo "install: $*"
    exit 1
}

# A staged installation, as packagers make it: the paths inside name PREFIX, not DESTDIR.
$make install DESTDIR="$root/stage" PREFIX=/opt/pewter >/dev/null
(cd "$root/stage" && find . ! -type d | sort) >"$root/found"
cat >"$root/wanted" <<END
./opt/pewter/bin/pewter
./opt/pewter/include/pewter.h
./opt/pewter/lib/libpewter.a
./opt/pewter/lib/libpewter.so
./opt/pewter/lib/libpewter.so.0
./opt/pewter/lib/libpewter.so.$VERSION
./opt/pewter/lib/pkgconfig/pewter.pc
./opt/pewter/share/doc/pewter/LICENSE
./opt/pewter/share/doc/pewter/NOTICE
./opt/pewter/share/doc/pewter/README.md
END
for doc in docs/*.md docs/examples/*; do echo "./opt/pewter/share/doc/pewter/$doc"; done >>"$root/wanted"
LC_ALL=C sort -o "$root/wanted" "$root/wanted"
LC_ALL=C sort -o "$root/found" "$root/found"
diff "$root/wanted" "$root/found" || fail "these files are not the ones wanted"
grep -q '^prefix=/opt/pewter$' "$root/stage/opt/pewter/lib/pkgconfig/pewter.pc" ||
    fail "pewter.pc does not name the prefix"
$make uninstall DESTDIR="$root/stage" PREFIX=/opt/pewter >/dev/null
[ -z "$(find "$root/stage" ! -type d)" ] || fail "uninstall leaves files"

# A place of one's own, and a program against it.
$make install PREFIX="$root/own" >/dev/null
export PKG_CONFIG_PATH=$root/own/lib/pkgconfig
[ "$(pkg-config --modversion pewter)" = "$VERSION" ] || fail "pewter.pc has another version"
"$root/own/bin/pewter" --version | grep -qF "$VERSION" || fail "pewter --version is not $VERSION"
"$root/own/bin/pewter" synth "$root/tiny.gguf" --shape tiny --type Q8_0 --seed 1 >/dev/null

for source in docs/examples/*.c; do
    program=$root/$(basename "$source" .c)
    # shellcheck disable=SC2046  # words, as pkg-config means them
    "$CC" -std=c11 -Wall -Wextra -Werror -o "$program" "$source" $(pkg-config --cflags --libs pewter)
    readelf -d "$program" | grep -q 'NEEDED.*libpewter\.so\.0' || fail "$program is not linked with the soname"
    LD_LIBRARY_PATH=$root/own/lib "$program" "$root/tiny.gguf" >"$root/shared.out"
    [ -s "$root/shared.out" ] || fail "$program says nothing"

    # Ours static, the libraries below it shared: `--static` would ask for those that these are made of.
    # shellcheck disable=SC2046
    "$CC" -std=c11 -o "$program-static" "$source" $(pkg-config --cflags pewter) \
        "$root/own/lib/libpewter.a" $(pkg-config --libs $(pkg-config --print-requires-private pewter)) -lm -pthread
    "$program-static" "$root/tiny.gguf" >"$root/static.out"
    cmp "$root/shared.out" "$root/static.out" || fail "$program differs when linked statically"
done
$make uninstall PREFIX="$root/own" >/dev/null
