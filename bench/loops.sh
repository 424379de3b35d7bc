#!/bin/bash
# What the inner loops of the kernels issue: the loop of each function with the most multiply-adds, its
# instructions by kind, and the time that LLVM's model of a CPU gives it, as a Markdown table.
#   bench/loops.sh [CPU]      default: sapphirerapids, as llvm-mca names it
#   bench/loops.sh --publish  puts the table into docs/KERNELS.md, in place of the one before
# Of its models sapphirerapids has one vpdpbusd of 512 bits a cycle, as measured on Zen 4; its znver4 has
# half of that.
# Environment: B (build folder), MCA (llvm-mca-19).
set -eu
cd "$(dirname "$0")/.."
publish=
[ "${1:-}" != --publish ] || { publish=1 && shift; }
case ${1:-} in
-*)
    sed -n '2,/^# Environment/s/^# \?//p' bench/loops.sh
    [ "$1" = -h ] || [ "$1" = --help ] || exit 2
    exit 0
    ;;
esac
cpu=${1:-sapphirerapids} b=${B:-build/release} mca=${MCA:-llvm-mca-19}
for tool in objdump "$mca"; do
    command -v "$tool" >/dev/null && continue
    echo "bench-loops: $tool is not there: install binutils and llvm-19" >&2
    exit 1
done
# OBJECT FUNCTION PRODUCT: what counts as a useful multiply-add, as an expression for awk.
loops='
matmul_int8_avx512vnni plain_unpacked vpdpbusd
matmul_int8_avx512vnni plain_nibbles vpdpbusd
matmul_int8_avx512vnni minima_unpacked vpdpbusd
matmul_int8_avx512vnni minima_nibbles vpdpbusd
matmul_int8_avx512vnni halves_unpacked vpdpbusd
matmul_int8_few_avx512vnni few_q4_0 vpdpbusd
matmul_int8_few_avx512vnni few_q8_0 vpdpbusd
matmul_int8_few_avx512vnni few_q4_k vpdpbusd
matmul_int8_few_avx512vnni few_q6_k vpdpbusd
matmul_bf16_avx512bf16 pw_matmul_bf16_avx512bf16 vdpbf16ps
matmul_f32_avx512 pw_f32_tile_sized vfmadd
matmul_int8_avx2 tile_bits4 vpmaddubsw
matmul_int8_avx2 tile_words vpmaddwd
matmul_int8_avx2 tile_halves vpmaddubsw
matmul_int8_few_avx2 pw_few_q4_0_256 vpmaddubsw
matmul_int8_few_avx2 pw_few_q6_k_256 vpmaddubsw
matmul_f32_avx2 pw_f32_tile_sized vfmadd
attention_avx512bf16 score vdpbf16ps
attention_avx512bf16 gather vdpbf16ps
attention_avx512 pw_f32_score vfmadd
attention_avx512 pw_f32_gather vfmadd
attention_avx512 pw_stream_score vfmadd
attention_avx512 pw_stream_gather vfmadd'

# The body of the loop with the most products that has no other loop with products inside it.
body_of() { # body_of OBJECT FUNCTION PRODUCT
    objdump -d --no-show-raw-insn --disassemble="$2" "$1" | awk -v product="$3" '
        function number(hex,   i, n) {
            for (i = 1; i <= length(hex); i++) n = 16 * n + index("0123456789abcdef", substr(hex, i, 1)) - 1
            return n
        }
        /^ *[0-9a-f]+:\t/ {
            split($0, part, "\t"); sub(/ /, "", part[1]); gsub(/[ :]/, "", part[1])
            at[++n] = number(part[1]); text[n] = part[2]; line[at[n]] = n
            sum[n] = sum[n - 1] + (part[2] ~ "^" product)
        }
        END {
            for (i = 1; i <= n; i++) {
                if (text[i] !~ /^j/) continue
                split(text[i], word, /[ \t]+/); first = line[number(word[2])]
                products = sum[i] - sum[first - 1]
                if (first == "" || first > i || products == 0) continue
                m++; from[m] = first; to[m] = i; of[m] = products
            }
            for (i = 1; i <= m; i++) {
                inner = 1
                for (k = 1; k <= m; k++) if (k != i && from[k] >= from[i] && to[k] <= to[i]) inner = 0
                if (inner && of[i] > of[best]) best = i
            }
            for (i = from[best]; best && i <= to[best]; i++) print text[i]
        }'
}

table() {
printf '| loop | products | other multiplies | loads | stores | other | instructions | products of multiplies | cycles (%s) | multiplies a cycle |\n' "$cpu"
printf '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n'
while read -r object function product; do
    [ -n "$object" ] || continue
    file=$b/kernels/cpu/x86/$object.o
    body=$(body_of "$file" "$function" "$product")
    if [ -z "$body" ]; then
        echo "bench-loops: no loop with $product in $function of $file" >&2
        exit 1
    fi
    cycles=$(grep -v '^j' <<<"$body" | sed 's/<.*>//' | "$mca" -mcpu="$cpu" -iterations=200 2>/dev/null |
        awk '/^Total Cycles/ {printf "%.1f", $3 / 200}')
    awk -v product="$product" -v name="$object: $function" -v cycles="$cycles" '
        { all++; operands = $0; sub(/^[^ \t]+[ \t]*/, "", operands) }
        $1 ~ "^" product { products++ }
        $1 !~ "^" product && $1 ~ /^v(pdp|dpbf|fmadd|fnmadd|mulps|pmadd|pmull)/ { multiplies++ }
        $1 ~ /^prefetch/ { fetches++ }
        $1 !~ /^(prefetch|lea|nop)/ && operands ~ /\)/ { if (operands ~ /\)$/ && $1 ~ /^v?mov/) stores++; else loads++ }
        END {
            printf "| %s | %d | %d | %d | %d | %d | %d | %.0f %% | %s | %.2f |\n", name, products,
                multiplies, loads, stores, all - products - multiplies, all,
                100 * products / (products + multiplies), cycles, (products + multiplies) / cycles
        }' <<<"$body"
done <<<"$loops"
}

if [ -z "$publish" ]; then
    table
    exit
fi
made=$(mktemp)
trap 'rm -f "$made"' EXIT
{
    sed '/^## Inner loops$/,$ {/^|/,$d}' docs/KERNELS.md
    table
} >"$made"
cat "$made" >docs/KERNELS.md
