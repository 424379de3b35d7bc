#!/bin/bash
# `make demo`, the second time: nothing is installed or fetched, the plan, a summary and the figures
# are printed. Without the demo's model, only that it says what is missing.
set -u
cd "$(dirname "$0")/.." || exit 1
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
passed=0 failed=0 skipped=0

says() { # says STATUS WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "demo: $2"
    fi
}

! MODEL=$room/none.gguf NO_INSTALL=1 tools/demo.sh >"$room/out" 2>&1 </dev/null &&
    grep -q 'none\.gguf' "$room/out"
says $? "a model that is not there is not named: $(tail -n 1 "$room/out")"

if ! tools/fetch_model.sh --have >"$room/model"; then
    echo "skipped: the demo itself (its model is not there: tools/fetch_model.sh fetches it)"
    skipped=1
else
    began=$EPOCHREALTIME
    NO_INSTALL=1 tools/demo.sh 2>&1 </dev/null | while IFS= read -r line; do
        printf '%s %s\n' "$EPOCHREALTIME" "$line"
    done >"$room/out"
    says "${PIPESTATUS[0]}" "it fails: $(tail -n 3 "$room/out")"
    awk -v began="$began" 'NR == 1 { late = $1 - began > 3 } END { exit late || NR == 0 }' "$room/out"
    says $? "nothing is seen for 3 s"
    grep -qE 'tokens/s' "$room/out"
    says $? "no figures: $(tail -n 3 "$room/out")"
    grep -qE '^[0-9.]+ \{"place": ".*", "homes": [0-9]+, .*, "meeting": "[0-9]+ [A-Z][a-z]+"\}$' "$room/out"
    says $? "no data by the schema: $(tail -n 3 "$room/out")"
    [ "$(wc -w <"$room/out")" -gt 60 ]
    says $? "hardly a word: $(tail -n 3 "$room/out")"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
