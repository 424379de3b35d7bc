#!/bin/bash
# pewter info, devices, plan and synth: what they show, as text and as JSON, and what they refuse.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
make_model

# ---- info ----------------------------------------------------------------------------------------
fine "info" '^file .*GGUF version 3' '^  vocabulary +512' '^  layers +3' '^bytes per type' '^  Q8_0 +[0-9]+ in' \
    'tokenizer.ggml.model +llama' '^chat template' -- info model.gguf
says "$(LC_ALL=C grep -c 'for message in' out | awk '{ print $1 != 1 }')" "the chat template is shown once"
fine "info --tensors" '^tensors' 'token_embd.weight +Q8_0 +\[256, 512\]' -- info model.gguf --tensors
json "info --json" '"hyperparameters":' '"tensors":' '"types":' '"template":' -- info model.gguf --json
cp model.gguf cut.gguf && truncate -s 1000 cut.gguf
refused 1 cut.gguf info cut.gguf
printf 'a\033]0;b' >escape.txt
patch_value odd.gguf general.name '\x0e\x00\x00\x00\x00\x00\x00\x00\x1b]0;hacked\x07\xc2\x9b'
pw info odd.gguf
[ "$status" -eq 0 ] && grep -q '\\x1b]0;hacked\\x07\\xc2\\x9b' out && ! LC_ALL=C grep -q $'\033\|\xc2\x9b' out
says $? "a name in a file cannot steer the terminal"
for command in info plan; do
    refused 1 "no-such.gguf: No such file" $command no-such.gguf
    refused 1 "is a folder, a file is wanted" $command .
    refused 1 "is no GGUF file" $command escape.txt
    refused 1 "a file is wanted" $command /dev/null
done

# ---- devices -------------------------------------------------------------------------------------
fine "devices" '^cpu ' '^features ' '^cores ' '^caches ' '^memory ' '^nodes ' '^cpu0 .*workers' -- devices
json "devices --json" '"machine":\{' '"features":' '"caches":' '"nodes":' '"memory":' '"cpu_quota":' \
    '"memory_limit":' '"devices":\[\{"name":"cpu0"' -- devices --json
fine "devices --measure" '^read +[0-9.]+ GB/s measured' -- devices --measure
json "devices --measure --json" '"read_bandwidth":[1-9]' -- devices --measure --json
fine "devices of another machine" '^nodes +2:' '^cores +8 of 8' -- devices --topology 'pack:2 numa:1 core:4 pu:1'
fine "devices --cpu-devices" '^cpu0' '^cpu1' -- devices --cpu-devices 2 --topology 'pack:2 numa:1 core:4 pu:1'
fine "devices --cpu-features" '^cpu0.*workers' -- devices --cpu-features scalar
fine "devices --threads" '^cpu0 +1 workers' -- devices --threads 1

# ---- plan ----------------------------------------------------------------------------------------
fine "plan" '^plan [0-9a-f]{16}: ' 'reads [0-9.]+ [kMG]B of weights' 'weights .*keys and values .*activations .*scratch' \
    'attn_q +matmul_q8_0' 'attention' -- plan model.gguf
json "plan --json" '"hash":"[0-9a-f]{16}"' '"weight_bytes":[1-9]' '"kv_bytes":[1-9]' '"scratch_bytes":[1-9]' \
    '"kernel":"matmul_' -- plan model.gguf --json
pw plan model.gguf
cp out first
pw plan model.gguf
cmp -s out first
says $? "the same plan twice"
fine "plan --cpu-features scalar says why" 'matmul_.*ref' -- plan model.gguf --cpu-features scalar
fine "plan --kv" 'Q8_0 keys and values' -- plan model.gguf --kv q8_0
json "plan --exact" '"exact":true' -- plan model.gguf --exact --json
fine "plan -c -b" 'up to 32 tokens a step' ' 128 positions' -- plan model.gguf -c 128 -b 32
fine "plan for two devices" 'on cpu0' 'on cpu1' -- plan model.gguf --cpu-devices 2 --topology 'pack:2 numa:1 core:4 pu:1'
refused 2 "--kv: auto" plan model.gguf --kv no

# ---- synth ---------------------------------------------------------------------------------------
fine "synth says what it wrote" '^new.gguf: [0-9]+ bytes' -- synth new.gguf
json "synth --json" '"file":"new.gguf"' '"bytes":[0-9]' -- synth new.gguf --json --force
refused 1 "new.gguf is there already: --force replaces it" synth new.gguf
pw synth one.gguf --seed 7 && pw synth two.gguf --seed 7 && cmp -s one.gguf two.gguf
says $? "the same seed writes the same bytes"
pw synth two.gguf --force --seed 8 && ! cmp -s one.gguf two.gguf
says $? "another seed writes others"
for type in F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q6_K; do
    fine "synth --type $type" bytes -- synth type.gguf --force --type $type --shape tiny,layers=1
    fine "info shows $type" "^  $type " -- info type.gguf
    fine "a model of $type runs" . -- run type.gguf -p Hi -n 2
done
fine "synth --shape" bytes -- synth shape.gguf --shape tiny,layers=2,ffn=768,vocab=300,tied=0
fine "the shape is that" '^  layers +2$' '^  ffn +768$' '^  vocabulary +300$' -- info shape.gguf
refused 2 "shape 'huge' is not known: tiny" synth no.gguf --shape huge
refused 2 "layers is 0, 1 to" synth no.gguf --shape tiny,layers=0
refused 2 "layers=-1: a number is wanted" synth no.gguf --shape tiny,layers=-1
refused 2 "layers is 99999999999" synth no.gguf --shape tiny,layers=99999999999
refused 2 "key 'colour' is not known: arch" synth no.gguf --shape tiny,colour=1
refused 2 "'layers' is no key=value pair" synth no.gguf --shape tiny,layers
refused 2 "type 'Q9' cannot be written" synth no.gguf --type Q9
refused 1 "cannot be written: No such file" synth no/such/folder.gguf
refused 2 "is no regular file" synth .
refused 2 "is no regular file" synth /dev/full
[ "$(echo no*)" = 'no*' ]
says $? "what was refused left nothing behind"

# Two at once to one path: one of the two files is there, whole, and nothing else.
mkdir both
for _ in 1 2 3 4; do
    "$pewter" synth both/model.gguf --force --seed 7 >/dev/null 2>err &
    "$pewter" synth both/model.gguf --force --seed 8 >/dev/null 2>err
    wait $!
    cmp -s both/model.gguf one.gguf || cmp -s both/model.gguf two.gguf
    says $? "two synth at once to one path"
done
[ "$(ls -A both)" = model.gguf ]
says $? "two synth at once leave one file"
finish
