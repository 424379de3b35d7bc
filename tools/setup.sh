#!/bin/sh
# Installs, through apt, what a purpose needs and this machine lacks.
#   tools/setup.sh PURPOSE...   of: build (the compiler and libraries), model (to fetch the demo
#                               model), demo (both), bench, rivals, check (tests), lint, ci (all), arm
# NO_INSTALL=1 installs nothing, lists what is missing, and fails if anything is.
# What is there is found by looking for the thing itself, not for a package: a machine that has it
# all is left alone, whatever its distribution.
set -eu

has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { has_command pkg-config && pkg-config --exists "$1" 2>/dev/null; }
has_pip() { python3 -m pip --version >/dev/null 2>&1 || has_command pip3; }

# A C library to compile against, not only a compiler.
has_libc() { printf '#include <stdio.h>\n' | "${CC:-gcc}" -E -o /dev/null -xc - 2>/dev/null; }

# The sanitizers' and libFuzzer's runtime for clang are a package of their own.
has_clang_runtime() {
    has_command clang || return 1
    set -- "$(clang -print-runtime-dir)"/libclang_rt.fuzzer*.a \
        "$(clang -print-resource-dir)"/lib/linux/libclang_rt.fuzzer*.a
    for archive; do [ ! -e "$archive" ] || return 0; done
    return 1
}

has_arm_library() { [ -e "/usr/lib/aarch64-linux-gnu/$1" ]; }

missing=
need() { # need PACKAGE TEST...
    package=$1
    shift
    "$@" || case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
}

need_build() {
    need "${CC:-gcc}" has_command "${CC:-gcc}"
    need libc6-dev has_libc
    need make has_command make
    need pkg-config has_command pkg-config
    need libhwloc-dev has_library hwloc
    need libpcre2-dev has_library libpcre2-8
    need libutf8proc-dev has_library libutf8proc
    need libjansson-dev has_library jansson
    need libedit-dev has_library libedit
    need libmicrohttpd-dev has_library libmicrohttpd
    need libgnutls28-dev has_library gnutls
    need libvulkan-dev has_library vulkan
    need glslc has_command "${GLSLC:-glslc}"
}

need_model() {
    need python3 has_command python3
    need python3-pip has_pip
    need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
}

need_check() {
    need_bench
    need gcc has_command gcc
    need libcmocka-dev has_library cmocka
    need curl has_command curl
    need python3-jsonschema has_jsonschema
    need strace has_command strace
    need mesa-vulkan-drivers has_lavapipe
    need vulkan-validationlayers test -e /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json
}

has_lavapipe() {
    for file in /usr/share/vulkan/icd.d/lvp_icd*.json; do [ ! -e "$file" ] || return 0; done
    return 1
}

has_cxx_header() { printf '#include <%s>\n' "$1" | "${CXX:-g++}" -E -o /dev/null -xc++ - 2>/dev/null; }

has_jsonschema() { /usr/bin/python3 -c 'import jsonschema' 2>/dev/null; }

has_chart() {
    for file in /usr/share/javascript/chart.js/*.min.js /usr/share/nodejs/chart.js/dist/chart*.js; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

need_bench() {
    need_build
    need "${CXX:-g++}" has_command "${CXX:-g++}"
    need libbenchmark-dev has_cxx_header benchmark/benchmark.h
    need libjs-chart.js has_chart
}

has_shared() { ldconfig -p 2>/dev/null | grep -q "$1" || /sbin/ldconfig -p 2>/dev/null | grep -q "$1"; }
has_venv() { python3 -c 'import venv, ensurepip' 2>/dev/null; }

need_rivals() {
    need_bench
    need libopenblas0-pthread has_shared libopenblas.so.0
    need libblis4-pthread has_shared libblis.so.4
    need python3 has_command python3
    need python3-venv has_venv
}

need_lint() {
    need_check
    need clang has_command clang
    need clang-format has_command clang-format
    need clang-tidy has_command clang-tidy
    need g++ has_command g++
    need shellcheck has_command shellcheck
}

need_arm() {
    need_build
    need gcc-aarch64-linux-gnu has_command aarch64-linux-gnu-gcc
    need qemu-user has_command qemu-aarch64
    need libc6-dev:arm64 has_arm_library libc.so
    need libhwloc-dev:arm64 has_arm_library libhwloc.so
    need libpcre2-dev:arm64 has_arm_library libpcre2-8.so
    need libutf8proc-dev:arm64 has_arm_library libutf8proc.so
    need libjansson-dev:arm64 has_arm_library libjansson.so
    need libedit-dev:arm64 has_arm_library libedit.so
    need libmicrohttpd-dev:arm64 has_arm_library libmicrohttpd.so
    need libgnutls28-dev:arm64 has_arm_library libgnutls.so
    need libcmocka-dev:arm64 has_arm_library libcmocka.so
}

say() { printf 'setup: %s\n' "$*" >&2; }

# Runs apt-get as root, quietly unless it fails, and never asks anything.
apt() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null
    else
        sudo env DEBIAN_FRONTEND=noninteractive apt-get "$@"
    fi
}

root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

install_missing() {
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    case "$missing" in
    *:arm64*)
        if ! dpkg --print-foreign-architectures | grep -qx arm64; then
            say "adding the architecture arm64 to dpkg"
            root dpkg --add-architecture arm64
            apt update >"$log" 2>&1 || true
        fi
        ;;
    esac
    # A list of packages that is old or absent is noticed by the first attempt.
    # shellcheck disable=SC2086  # one word a package
    if ! apt install -y --no-install-recommends $missing >"$log" 2>&1; then
        apt update >"$log" 2>&1 || true
        if ! apt install -y --no-install-recommends $missing >"$log" 2>&1; then
            tail -n 15 "$log" >&2
            if grep -qiE 'temporary failure|could not resolve|failed to fetch|unable to connect' "$log"; then
                say "apt could not reach its package archive: is there a network?"
            else
                say "apt could not install:$missing"
            fi
            exit 1
        fi
    fi
}

for purpose in "$@"; do
    case $purpose in
    build) need_build ;;
    model) need_model ;;
    demo) need_build && need_model ;;
    bench) need_bench ;;
    rivals) need_rivals ;;
    check) need_check ;;
    lint) need_lint ;;
    ci) need_lint && need libclang-rt-dev has_clang_runtime ;;
    arm) need_arm ;;
    *)
        say "unknown purpose '$purpose'; known are: build model demo bench rivals check lint ci arm"
        exit 2
        ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "${NO_INSTALL:-}" = 1 ]; then
    say "missing, and not installed because NO_INSTALL=1:$missing"
    exit 1
fi
if ! has_command apt-get; then
    say "this is not a Debian or Ubuntu system, so please install what these Debian packages hold by" \
        "your package manager and try again:$missing"
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! has_command sudo; then
    say "not root, and sudo is not there; as root: apt-get install$missing"
    exit 1
fi
say "installing by apt:$missing"
install_missing
