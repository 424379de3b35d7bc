#!/bin/bash
# Coverage of the last `make cover`, a line a source file: lines run, of how many.
set -eu
cd "$(dirname "$0")/.."
B=build/cover
find "$B" -name '*.gcda' ! -path '*/tests/*' | sort | while IFS= read -r data; do
    source=${data#"$B"/}
    gcov -n -o "$(dirname "$data")" "${source%.gcda}.c" 2>/dev/null |
        awk -v want="${source%.gcda}.c" '
            /^File/ { file = $2; gsub(/\047/, "", file) }
            /^Lines executed/ && file == want { sub(/.*:/, ""); print want ": " $0 }'
done
