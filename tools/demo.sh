#!/bin/sh
# `make demo`: from a fresh clone to a summary, and the document as data. Each step is left out where it is already done.
# shellcheck disable=SC2086  # words, not one argument
set -eu
cd "$(dirname "$0")/.."
B=build/release

model=${MODEL:-}
if [ -n "$model" ] && [ ! -r "$model" ]; then
    echo "demo: MODEL=$model cannot be read" >&2
    exit 1
fi
needs=build
if [ -z "$model" ] && ! model=$(tools/fetch_model.sh --have); then
    needs="build model"
fi
tools/setup.sh $needs
${MAKE:-make} --no-print-directory ${PEWTER_JOBS-"-j$(nproc)"} MODE=release "B=$B" "$B/pewter"
[ "$needs" = build ] || model=$(tools/fetch_model.sh)

"$B/pewter" run "$model" --plan --figures -n 250 --temp 0.3 --top-k 10 --repeat-penalty 1.05 --seed 6 \
    -f docs/sample/consultation.txt \
    -p 'Summarise this document in a few sentences: what is planned, what people said, and what was decided.'
echo "the same document as data, by docs/sample/consultation.schema.json:" >&2
"$B/pewter" run "$model" --temp 0 -f docs/sample/consultation.txt --schema docs/sample/consultation.schema.json \
    -p 'Fill in a record of this document: place, number of homes, written replies, replies in favour, the matter raised most, and the date of the meeting.'
[ -n "${MODEL:-}" ] ||
    echo "(The demo's model has 135 million parameters: small to fetch, too small to be trusted.)" >&2
echo "next: $B/pewter chat '$model'" >&2
