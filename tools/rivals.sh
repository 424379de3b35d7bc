#!/bin/bash
# Sets up, in build/rivals, the programs that the bench compares with; nothing here needs them.
#   tools/rivals.sh          sets up what is not there yet, one line a part
#   tools/rivals.sh --list   what is there, with versions
# Parts: openblas and blis (Debian's), onednn, llama.cpp with ggml, llama-bench and llama-server (compiled from the
# sources in PyPI's llama-cpp-python, for this machine, and once for AVX2 alone: minutes), openvino (GenAI, which reads GGUF).
# ik_llama.cpp, which no package has, is compiled where IK_LLAMA names a checkout of it.
# NO_INSTALL=1 installs no packages of the system. A part that fails is named, and the others go on.
set -u
cd "$(dirname "$0")/.." || exit 1
umask 022
root=$PWD/build/rivals
python=$root/venv/bin/python
jobs=$(nproc)

llama_python=0.3.36
onednn=2023.2.0
openvino=2026.4.1

say() { printf 'rivals: %s\n' "$*"; }

# Runs a command with its output in a log; on a terminal the log's last line is shown meanwhile.
logged() { # logged LOG COMMAND...
    local log=$1 child
    shift
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    if [ -t 1 ]; then
        while kill -0 "$child" 2>/dev/null; do
            printf '\r\033[K%.*s' "$(($(tput cols 2>/dev/null || echo 80) - 1))" \
                "$(tail -c 400 "$log" | tr '\r\t' '\n ' | tail -n 1)"
            sleep 1
        done
        printf '\r\033[K'
    fi
    wait "$child"
}

# One part: skipped where its mark has its version; its mark is written last, so that a part that was
# interrupted is made again.
part() { # part NAME VERSION FUNCTION
    local name=$1 version=$2 began=$SECONDS
    if [ "$(cat "$root/$name.done" 2>/dev/null)" = "$version" ]; then
        say "$name $version: there"
        return 0
    fi
    rm -f "$root/$name.done"
    say "$name $version: being set up, log in build/rivals/$name.log"
    if logged "$root/$name.log" "$3"; then
        echo "$version" >"$root/$name.done"
        say "$name $version: ready ($((SECONDS - began)) s)"
    else
        tail -n 5 "$root/$name.log" | sed 's/^/    /'
        say "$name $version: FAILED"
        failed="$failed $name"
    fi
}

pip() { "$python" -m pip --disable-pip-version-check "$@"; }

make_venv() {
    if [ ! -x "$python" ] || ! "$python" -m pip --version; then
        rm -rf "$root/venv" && python3 -m venv "$root/venv" || return 1
    fi
    pip install --quiet cmake==3.31.6 ninja==1.11.1.4
}

make_onednn() { pip install --no-deps "onednn-cpu-gomp==$onednn"; }

# Compiles a target of llama.cpp in a folder: llama_build SOURCE FOLDER TARGET CMAKE_OPTION...
llama_build() {
    local source=$1 folder=$2 target=$3
    shift 3
    "$root/venv/bin/cmake" -S "$source" -B "$folder" -G Ninja \
        -DCMAKE_MAKE_PROGRAM="$root/venv/bin/ninja" -DCMAKE_BUILD_TYPE=Release \
        -DBUILD_SHARED_LIBS=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
        -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TOOLS=ON "$@" &&
        "$root/venv/bin/cmake" --build "$folder" -j "$jobs" --target "$target"
}

# The sources come out of the Python package; what is compiled is their C libraries and tools.
make_llama() {
    local work=$root/llama
    rm -rf "$work" && mkdir -p "$work" || return 1
    pip download --no-deps --no-binary llama-cpp-python --dest "$work" \
        "llama-cpp-python==$llama_python" || return 1
    tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work" --strip-components=1 || return 1
    llama_build "$work/vendor/llama.cpp" "$work/build" llama-bench -DGGML_NATIVE=ON || return 1
    mkdir -p "$root/bin" "$root/lib" || return 1
    cp -a "$work"/build/bin/*.so* "$root/lib/" || return 1
    cp "$work/build/bin/llama-bench" "$root/bin/" || return 1
    echo "llama-cpp-python $llama_python" >"$root/lib/ggml.version"
}

# Its server, out of the same folder.
make_llama_server() {
    llama_build "$root/llama/vendor/llama.cpp" "$root/llama/build" llama-server -DGGML_NATIVE=ON -DLLAMA_BUILD_SERVER=ON || return 1
    cp -a "$root"/llama/build/bin/*.so* "$root/lib/" && cp "$root/llama/build/bin/llama-server" "$root/bin/"
}

# The same without AVX-512 and VNNI: what a rival does with AVX2 alone, on any machine.
make_llama_avx2() {
    llama_build "$root/llama/vendor/llama.cpp" "$root/llama/build-avx2" ggml-cpu -DGGML_NATIVE=OFF -DGGML_SSE42=ON -DGGML_AVX=ON \
        -DGGML_AVX2=ON -DGGML_BMI2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_AVX_VNNI=OFF \
        -DGGML_AVX512=OFF || return 1
    mkdir -p "$root/lib-avx2" || return 1
    cp -a "$root"/lib/*.so* "$root/lib-avx2/" || return 1
    cp -a "$root"/llama/build-avx2/bin/libggml-cpu.so* "$root/lib-avx2/"
}

make_ik() {
    rm -rf "$root/ik" "$root/lib-ik"
    llama_build "$IK_LLAMA" "$root/ik" llama -DGGML_NATIVE=ON || return 1
    mkdir -p "$root/lib-ik" && find "$root/ik" -name '*.so*' -exec cp -a {} "$root/lib-ik/" \;
}

make_openvino() {
    pip install "openvino==$openvino" "openvino-genai==$openvino.0" "openvino-tokenizers==$openvino.0"
}

# Our programs that answer the bench's questions with theirs.
make_peers() {
    mkdir -p "$root/bin" || return 1
    rm -f "$root"/bin/*-peer
    { echo "#!$python" && cat bench/rivals/openvino_peer.py; } >"$root/bin/openvino-peer" || return 1
    chmod +x "$root/bin/openvino-peer" && "$root/bin/openvino-peer" --help || return 1
    local llama=$root/llama/vendor/llama.cpp
    llama_peer llama.cpp "$llama" "$root/lib" && llama_peer llama.cpp-avx2 "$llama" "$root/lib-avx2" &&
        { [ -z "$ik_version" ] || llama_peer ik_llama.cpp "$IK_LLAMA" "$root/lib-ik" -DRIVAL_IK; }
}

llama_peer() { # llama_peer NAME SOURCE LIBRARIES CC_OPTION...
    local name=$1 source=$2 libraries=$3 version=$llama_python
    shift 3
    [ "$name" != ik_llama.cpp ] || version=$ik_version
    ${CC:-gcc} -std=c17 -D_GNU_SOURCE -O2 -Wall "$@" -DRIVAL_NAME="\"$name\"" \
        -DRIVAL_VERSION="\"$version\"" -I. -Iinclude -isystem "$source/include" \
        -isystem "$source/ggml/include" bench/rivals/llama_peer.c -o "$root/bin/$name-peer" \
        -L"$libraries" -lllama -lggml -ljansson -Wl,--disable-new-dtags,-rpath,"$libraries"
}

list() {
    local mark name
    for mark in "$root"/*.done; do
        [ -e "$mark" ] || { say "none; run make rivals" && return 1; }
        name=${mark##*/}
        printf '%-12s %s\n' "${name%.done}" "$(cat "$mark")"
    done
}

if [ "${1:-}" = --list ]; then
    list
    exit
fi
mkdir -p "$root" || exit 1
failed=
if tools/setup.sh rivals; then say "openblas, blis: Debian's"; else failed=' openblas blis'; fi
part venv 1 make_venv
part onednn "$onednn" make_onednn
part openvino "$openvino" make_openvino
part llama.cpp "$llama_python" make_llama
part llama-server "$llama_python" make_llama_server
part llama.cpp-avx2 "$llama_python" make_llama_avx2
ik_version=
if [ -n "${IK_LLAMA:-}" ]; then
    ik_version=$(git -C "$IK_LLAMA" rev-parse --short HEAD) || ik_version=unknown
    part ik_llama.cpp "$ik_version" make_ik
fi
part peers "$ik_version$(cat bench/rivals/*_peer.* | cksum | cut -d ' ' -f 1)" make_peers
[ -z "$failed" ] || { say "not set up:$failed" && exit 1; }
