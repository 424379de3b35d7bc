#!/bin/bash
# What the libraries show: the shared and the static one pewter_ names only, and all of those in
# pewter.h; the objects pw_ and pewter_ names only; no writable data that is not in the list below.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build/release}
failed=0

refuse() { # refuse TEXT: fails if there is anything on standard input
    local lines
    lines=$(cat)
    [ -z "$lines" ] && return
    printf '%s:\n%s\n' "$1" "$lines"
    failed=1
}

declared=$(grep -oE '\bpewter_[a-z0-9_]+\(' include/pewter.h | tr -d '(' | grep -v '_fn$' | sort -u)
exported=$(nm -D --defined-only "$B/libpewter.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
static=$(nm -g --defined-only "$B/libpewter.a" | awk 'NF == 3 { print $3 }' | sort -u)

grep -v '^pewter_' <<<"$exported" | refuse "libpewter.so exports names that are not pewter_"
grep -v '^pewter_' <<<"$static" | refuse "libpewter.a shows names that are not pewter_"
comm -23 <(echo "$declared") <(echo "$exported") | refuse "pewter.h declares what libpewter.so lacks"
comm -13 <(echo "$declared") <(echo "$exported") | refuse "libpewter.so exports what pewter.h does not declare"
comm -3 <(echo "$static") <(echo "$exported") | refuse "libpewter.a and libpewter.so differ"

nm -g --defined-only "$B/libpewter-all.a" | awk 'NF == 3 && $3 !~ /^(pw|pewter)_/ { print $3 }' |
    refuse "names without pw_ or pewter_ among the objects"

# Writable data is state. Allowed is the handler of faults in mapped files, which is process-wide.
nm "$B/libpewter-all.a" |
    awk '/\.o:$/ { object = $1 } NF == 3 && $2 ~ /^[BbDdGgSsC]$/ { print object, $3 }' |
    grep -v '^sigbus\.o:' | refuse "mutable globals or function-static variables"

readelf -d "$B/libpewter.so" | grep -q 'SONAME.*\[libpewter\.so\.0\]' ||
    refuse "soname" <<<"libpewter.so is not libpewter.so.0"
exit $failed
