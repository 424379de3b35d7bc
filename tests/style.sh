#!/bin/bash
# Sizes and small rules of docs/STYLE.md that no compiler checks.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

mapfile -t sources < <(find include kernels backends scheduler runtime bench tools tests docs \
    \( -name '*.c' -o -name '*.h' \) | sort)

# Files under 500 lines, functions under 60 (kernel bodies 120). Tables marked as generated may be
# longer. A function begins by a brace in the first column and ends by one.
awk '
FNR == 1 { generated = 0; start = 0; lines[FILENAME] = 0 }
FNR <= 5 && /[Gg]enerated by/ { generated = 1 }
{ if (!generated) lines[FILENAME] = FNR }
/^{/ { start = FNR }
/^}/ && start {
    most = FILENAME ~ /^kernels\// ? 120 : 60
    if (FNR - start - 1 > most && !generated) {
        printf "%s:%d: a function of %d lines, %d are the most\n", FILENAME, start, FNR - start - 1, most
        bad = 1
    }
    start = 0
}
END {
    for (f in lines) if (lines[f] > 500) { printf "%s: %d lines, 500 are the most\n", f, lines[f]; bad = 1 }
    exit bad
}' "${sources[@]}" || failed=1

refuse() { # refuse WHAT PATTERN FILE...
    local what=$1 pattern=$2
    shift 2
    if grep -nE -- "$pattern" "$@"; then
        echo "style: $what"
        failed=1
    fi
}
refuse "left over" 'TODO|FIXME|XXX|^ *# *if 0' "${sources[@]}"
refuse "tabs" $'\t' "${sources[@]}"
refuse "blanks at the end of a line" ' +$' "${sources[@]}"
refuse "American spelling" \
    '\b([Cc]olor|[Bb]ehavior|[Ii]nitializ|[Nn]ormaliz|[Qq]uantiz(ed|ing|ation)|[Oo]ptimiz|[Rr]ecogniz|[Ss]erializ)[a-z]*\b[^_(]' \
    <(grep -hE '^ *(/\*|\*|//)' "${sources[@]}")

# A guard says the path: include/pw/num.h is PW_NUM_H, kernels/op.h is PW_KERNELS_OP_H.
for header in "${sources[@]}"; do
    [[ $header == *.h ]] || continue
    path=${header#include/}
    path=${path#pw/}
    guard=PW_$(tr 'a-z/.-' 'A-Z___' <<<"$path")
    [ "$header" = include/pewter.h ] && guard=PEWTER_H
    grep -qE "^#ifndef $guard\$" "$header" || { echo "$header: its guard is not $guard" && failed=1; }
done
exit $failed
