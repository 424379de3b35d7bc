#!/bin/bash
# The command's doors: help, version, exit codes; every option of every command with what it does not
# take.
# shellcheck source=tests/e2e/command.bash
. "$(dirname "$0")/command.bash"
commands=(run chat info devices plan tokenize perplexity logits synth)
make_model
echo "Once upon a time" >text.txt

fine "--help lists the commands" 'usage: pewter' perplexity synth -- --help
fine "help is --help" 'usage: pewter' -- help
fine "--version" '^pewter [0-9]+\.[0-9]+\.[0-9]+' -- --version
pw
[ "$status" -eq 2 ] && [ ! -s out ] && grep -q 'usage: pewter' err
says $? "no command: usage on stderr, exit 2"
refused 2 "no command 'frobnicate'" frobnicate
refused 2 "no command ''" ''
refused 2 "no command '--frobnicate'" --frobnicate

for command in "${commands[@]}"; do
    fine "$command --help" "^usage: pewter $command " '^examples:' "^  .*pewter $command " '--json' -- "$command" --help
    fine "$command -h behind other words" "^usage: pewter $command " -- "$command" --json -h
    refused 2 "unknown option '--frobnicate'.*pewter $command --help" "$command" --frobnicate
    refused 2 "unknown option '-Z'" "$command" -Z
    refused 2 "unknown option '--jso'" "$command" --jso
    refused 2 "--json takes no value, found '1'" "$command" --json=1
    [ "$command" = devices ] || refused 2 "(MODEL|FILE).* is wanted" "$command"
    refused 2 "one argument too many: '" "$command" a - c d
done

# What the command is given besides the option that is tried.
given() {
    case $1 in
    run) echo "model.gguf -p Hi -n 2" ;;
    chat | info | plan) echo model.gguf ;;
    tokenize) echo "model.gguf -p Hi" ;;
    perplexity) echo "model.gguf -f text.txt" ;;
    logits) echo "model.gguf --ids 1" ;;
    synth) echo new.gguf ;;
    esac
}

# Numbers: what is none, what does not fit, and what is out of range.
try() { # try COMMAND OPTION KIND VALUE_OUT_OF_RANGE...
    local command=$1 option=$2 kind=$3 words value
    shift 3
    read -r -a words < <(given "$command")
    local values=(x '' ' 1' 1x 1e999 nan)
    [ "$kind" = real ] || values+=(1.5 99999999999999999999999 -99999999999999999999999)
    for value in "${values[@]}"; do
        refused 2 "$option wants a.* number.*, found '$value'" "$command" "${words[@]}" "$option" "$value"
    done
    refused 2 "$option wants a.* number.*, found 'y'" "$command" "${words[@]}" "$option=y"
    refused 2 "$option wants a value" "$command" "${words[@]}" "$option"
    for value; do
        refused 2 "(wanted|wants).*, .*found" "$command" "${words[@]}" "$option" "$value"
    done
}
try run --tokens whole -1 -9223372036854775808
try run --temp real -0.1 101
try run --top-k whole -1 2147483647
try run --top-p real -0.1 1.1
try run --min-p real -0.1 1.1
try run --repeat-penalty real 0 -1 1e9
try run --presence-penalty real 1e9 -1e9
try run --frequency-penalty real 1e9 -1e9
try run --penalty-last whole -2 2147483647
try run --seed whole
try run --ctx whole -1 99999999999 9223372036854775807
try run --batch whole -1 2147483647
try run --threads whole -1 2147483647
try run --cpu-devices whole -1 2147483647
try devices --threads whole -1
try plan --ctx whole -1
try perplexity --batch whole -1
try logits --greedy whole -1
try synth --seed whole
refused 2 "--seed wants a whole number from 0" synth new.gguf --seed -1
[ ! -e new.gguf ]
says $? "a refused synth writes nothing"

# Words.
refused 2 "--kv: auto, f32, f16, bf16 or q8_0 wanted, found 'F8'" run model.gguf -p Hi --kv F8
refused 2 "'sse9' is not known; wanted scalar" run model.gguf -p Hi --cpu-features sse9
refused 2 "is not known" devices --cpu-features ''
refused 2 "topology 'nonsense' is neither" devices --topology nonsense
refused 2 "stop text 0: 1 to" run model.gguf -p Hi --stop ''
stops=()
for i in {1..17}; do stops+=(--stop "x$i"); done
refused 2 "--stop may be given 16 times" run model.gguf -p Hi "${stops[@]}"

# Both forms of an option, the last one counts, and -- ends them.
fine "--name=value" . -- tokenize --prompt=Hi --ids model.gguf
cp out first
fine "-p value" . -- tokenize model.gguf -p Ho -p Hi --ids
cmp -s out first
says $? "--prompt=Hi and -p Ho -p Hi are the same"
cp model.gguf ./-model.gguf
fine "a model behind --" . -- tokenize -p Hi --ids -- -model.gguf
cmp -s out first
says $? "a model behind -- is the same model"

finish
