#!/bin/bash
# What was built is hardened: position independent, read-only after relocation, no executable stack,
# no search path, no text relocations, stack protector, checked libc calls, control-flow marks.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build/release}
failed=0

must() { # must WHAT FILE PATTERN <text
    grep -qE "$3" || { echo "$2: not $1" && failed=1; }
}
must_not() {
    grep -qE "$3" && echo "$2: $1" && failed=1
}

for file in "$B/pewter" "$B/libpewter.so"; do
    header=$(readelf -hW "$file")
    segments=$(readelf -lW "$file")
    dynamic=$(readelf -dW "$file")
    symbols=$(nm -D --undefined-only "$file")
    must "position independent" "$file" 'Type: +DYN' <<<"$header"
    must "RELRO" "$file" 'GNU_RELRO' <<<"$segments"
    must "bound at start" "$file" 'BIND_NOW|NOW' <<<"$dynamic"
    must "without executable stack" "$file" 'GNU_STACK.* RW ' <<<"$segments"
    must_not "has a writable and executable segment" "$file" ' RWE ' <<<"$segments"
    must_not "has a search path" "$file" 'RPATH|RUNPATH' <<<"$dynamic"
    must_not "has text relocations" "$file" 'TEXTREL' <<<"$dynamic"
    must "protected by stack canaries" "$file" '__stack_chk_fail' <<<"$symbols"
    must "using checked libc calls" "$file" '__[a-z]+_chk' <<<"$symbols"
done
# Debian's C library starts without these marks, so that no program has them; our objects do.
if [[ $(uname -m) == x86_64 ]]; then
    must "marked for IBT and SHSTK" "$B/libpewter.o" 'IBT.*SHSTK' <<<"$(readelf -nW "$B/libpewter.o")"
fi
must "PIE" "$B/pewter" 'FLAGS_1.*PIE' <<<"$(readelf -dW "$B/pewter")"
exit $failed
