#!/bin/bash
# Models on GPUs by Vulkan, of which software devices stand in for hardware: every row against the truth, under the
# validation layer where it is installed; answers of every format equal to the CPU's; several at once; what is refused.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"

build=$(dirname "$(readlink "$pewter")")
# What the driver keeps to its end counts as lost once the loader has unloaded it: LeakSanitizer wants it to stay.
driver=$(sed -n 's/.*"library_path": *"\(.*\)".*/\1/p' /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1)
unset VK_ICD_FILENAMES
if [ -n "$driver" ] && [ -n "$sanitized" ]; then
    # shellcheck disable=SC2016 # the script's own
    printf '#!/bin/sh\nASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=%s exec "${0%%/*}/../${0##*/}.real" "$@"\n' \
        "$driver" >stay && chmod +x stay
    for name in pewter pwcheck; do
        mkdir -p bin && cp stay bin/$name && ln -s "$build/$name" $name.real
    done
    pewter=$PWD/bin/pewter build=$PWD/bin
fi
make_model
device=vulkan:llvmpipe
pw devices
if ! grep -q '^vulkan[0-9].*in software' out; then
    skip "what a GPU computes ($(grep -q vulkan out && echo 'no software device' || echo 'no Vulkan device, or a build without it'))"
    refused 1 "no device 'vulkan:0'|Vulkan" run model.gguf -p a --device vulkan:0
    finish
fi
grep -q 'not used: --device names it' out
says $? "devices: software devices are found, and not used unasked"
pw devices --json
is_json out && grep -q '"backend":"vulkan".*"in_use":false,"software":true' out
says $? "devices --json: the same"

# ---- Rows ------------------------------------------------------------------------------------------
# A sanitizer's own work would take most of an hour in code that the driver makes.
rounds=2
[ -z "${PEWTER_QUICK:-}" ] || rounds=1
validation=''
if [ -e bin ]; then
    skip "the validation layer (it keeps memory that LeakSanitizer counts)"
elif [ -e /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json ]; then
    validation=VK_LAYER_KHRONOS_validation
else
    skip "the validation layer (it is not installed)"
fi
VK_INSTANCE_LAYERS=$validation VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT \
    timeout 900 "$build/pwcheck" --device $device --rounds $rounds >out 2>err
says $? "pwcheck --device $device"
! grep -iE 'validation|VUID|SYNC-HAZARD' out err
says $? "no message of the validation layer"

# ---- Models ----------------------------------------------------------------------------------------
for type in F32 F16 BF16 Q4_0 Q4_1 Q8_0 Q4_K Q5_K Q6_K; do
    pw synth m.gguf --shape tiny,layers=2,embedding=256,ffn=512 --type $type --seed 3
    pw run m.gguf -p "Hello there, how" -n 16 --temp 0 --ignore-eos --exact
    mv out cpu
    VK_INSTANCE_LAYERS=$validation pw run m.gguf -p "Hello there, how" -n 16 --temp 0 --ignore-eos --exact --device $device
    [ "$status" -eq 0 ] && [ ! -s err ] && cmp -s out cpu
    says $? "$type on $device: the CPU's text"
done
for kv in f32 f16 bf16; do
    pw run model.gguf -p "Hello there" -n 16 --temp 0 --ignore-eos --kv $kv
    mv out cpu
    pw run model.gguf -p "Hello there" -n 16 --temp 0 --ignore-eos --kv $kv --device $device
    [ "$status" -eq 0 ] && cmp -s out cpu
    says $? "keys and values as $kv: the CPU's text"
done
fine "a long prompt, in parts" "" -- run model.gguf -p "$(printf 'words and more %.0s' $(seq 30))" -n 8 --temp 0 --ignore-eos -b 32 --device $device
mv out parts
fine "and at once" "" -- run model.gguf -p "$(printf 'words and more %.0s' $(seq 30))" -n 8 --temp 0 --ignore-eos -b 512 --device $device
cmp -s out parts
says $? "the same bits however a prompt is cut"
fine "several sequences, timed" "vulkan.*pp16 x4" -- bench model.gguf -p 16 -n 2 -np 4 -r 1 --no-save --device $device
pw bench model.gguf -p 16 -n 0 -r 1 --no-save --profile --device $device
grep -q 'attention_bf16_vulkan' err && grep -q 'matmul_q8_0_vulkan' err
says $? "bench --profile: a time for each op"
fine "the plan names its rows" "matmul_q8_0_vulkan" "attention_bf16_vulkan" -- plan model.gguf --device $device

# ---- Refused ---------------------------------------------------------------------------------------
refused 1 "no device 'vulkan:99'.*found: vulkan0" run model.gguf -p a --device vulkan:99
refused 1 "software devices by number or name only" run model.gguf -p a --device vulkan
refused 1 "no device 'abacus'" run model.gguf -p a --device abacus
pw synth five.gguf --shape tiny --type Q5_0 --seed 1
refused 1 "no row of vulkan0 computes embed of Q5_0" run five.gguf -p a --device $device
mkdir none && echo >none/libvulkan.so.1
LD_LIBRARY_PATH=$PWD/none refused 1 "no Vulkan loader on this machine" run model.gguf -p a --device vulkan:0
finish
