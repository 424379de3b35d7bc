# shellcheck shell=bash
# A service with a small model of random weights, for programs that are not ours. Sourced, with the build folder in $b: its
# folder is in $room, its process in $job, its address in $address. All of it goes with the shell.
room=$(mktemp -d)
trap 'kill "$job" 2>/dev/null; rm -rf "$room"' EXIT
"$b/pewter" synth "$room/tiny.gguf" --shape tiny,context=8192 --seed 1 >/dev/null || exit 1
"$b/pewter" serve "$room/tiny.gguf" --port 0 -c 65536 >"$room/out" 2>"$room/err" &
job=$!
for _ in $(seq 100); do
    grep -q '^listening' "$room/out" && break
    sleep 0.1
done
address=$(sed -n 's/^listening on //p' "$room/out")
[ -n "$address" ] || {
    cat "$room/err" >&2
    exit 1
}
