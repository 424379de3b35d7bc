"""OpenVINO GenAI as a peer of the bench: see bench/base/peer.h for the lines, docs/BENCHMARKS.md for
the questions. Runs in the environment that tools/rivals.sh made.
  openvino-peer MODEL.gguf --threads N --context C --batch B --kv f16|bf16|f32|q8_0

GenAI converts the file when it loads it. What it converted is kept, for one model, beside this
program: a second start is fast, and the same weights can be asked for logits, which its pipeline does
not give out. Two programs never convert at once."""

import argparse
import fcntl
import json
import os
import shutil
import sys
from pathlib import Path

BLOCK = 32  # tokens of a block of keys and values on the CPU
KINDS = {"f16": "f16", "bf16": "bf16", "f32": "f32", "q8_0": "u8"}


def first_line(error):
    """What a user needs of its long messages: the last line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:240]


def converted(genai, model):
    """The folder with the converted model."""
    at = model.stat()
    mark = f"{model} {at.st_size} {at.st_mtime_ns} {genai.__version__}"
    home = Path(__file__).resolve().parent.parent / "openvino-model"
    with open(home.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists() or (home / "made").read_text() != mark:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            (home / "model.gguf").symlink_to(model)
            try:
                genai.LLMPipeline(str(home / "model.gguf"), "CPU", enable_save_ov_model=True)
            except Exception:
                # It knows few vocabularies, and fails behind the weights; tokens are all that is needed.
                if not (home / "openvino_model.xml").exists():
                    raise
            (home / "made").write_text(mark)
    return home


class Peer:
    def __init__(self, options):
        import numpy
        import openvino
        import openvino_genai

        self.np, self.ov, self.genai = numpy, openvino, openvino_genai
        self.runs = 0
        self.rows = {}
        self.settings = {
            "INFERENCE_NUM_THREADS": options.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "KV_CACHE_PRECISION": KINDS.get(options.kv, "f16"),
        }
        self.home = converted(openvino_genai, Path(options.model).resolve())
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True  # how a depth is there before the clock starts
        scheduler.max_num_batched_tokens = max(options.context, BLOCK)
        scheduler.num_kv_blocks = 2 * (options.context // BLOCK + 2)
        self.pipeline = openvino_genai.LLMPipeline(
            str(self.home), "CPU", scheduler_config=scheduler, **self.settings
        )

    def hello(self, threads):
        return {"name": "openvino", "version": self.genai.__version__, "threads": threads}

    def generate(self, tokens, count):
        config = self.genai.GenerationConfig()
        config.max_new_tokens = count
        config.do_sample = False
        config.set_eos_token_id(0)  # it wants one, and is then told to pass it over
        config.ignore_eos = True
        ids = self.np.array([tokens], dtype=self.np.int64)
        ones = self.np.ones_like(ids)
        inputs = self.genai.TokenizedInputs(self.ov.Tensor(ids), self.ov.Tensor(ones))
        metrics = self.pipeline.generate(inputs, config).perf_metrics
        return metrics.get_ttft().mean, list(metrics.raw_metrics.m_new_token_times)

    def run(self, question):
        depth, prompt, gen = question["depth"], question["prompt"], question["gen"]
        if question["sequences"] != 1:
            return {"error": "openvino: sequences together are not measured"}
        if depth:
            self.generate(depth, 1)
        # The first token behind the depth differs from run to run, so that nothing of it is cached.
        self.runs += 1
        fresh = [3 + self.runs % 200] + prompt[1:]
        first_ms, times = self.generate(depth + fresh, gen + 1)
        gaps = [int(1e6 * (b - a)) for a, b in zip(times, times[1:])]
        if len(gaps) != gen:
            return {"error": f"{len(gaps)} tokens came, {gen} were asked for"}
        return {"prompt_ns": int(1e6 * first_ms), "gen_ns": sum(gaps), "gaps_ns": gaps}

    def logits(self, question):
        tokens = tuple(question["tokens"])
        if tokens not in self.rows:
            core = self.ov.Core()
            model = core.compile_model(str(self.home / "openvino_model.xml"), "CPU", self.settings)
            ids = self.np.array([tokens], dtype=self.np.int64)
            places = self.np.arange(len(tokens), dtype=self.np.int64)[None]
            inputs = {"input_ids": ids, "attention_mask": self.np.ones_like(ids), "position_ids": places,
                      "beam_idx": self.np.zeros(1, dtype=self.np.int32)}
            row = model.create_infer_request().infer(inputs)["logits"][0, -1]
            self.rows = {tokens: [float(x) for x in row]}
        return {"logits": self.rows[tokens]}

    def respond(self, line):
        try:
            question = json.loads(line)
            kinds = {"run": self.run, "logits": self.logits}
            if question.get("do") not in kinds:
                return {"error": "no such question"}
            return kinds[question["do"]](question)
        except Exception as error:
            return {"error": first_line(error)}


def main():
    # What its libraries print on stdout must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(what):
        answers.write(json.dumps(what, separators=(",", ":")) + "\n")
        answers.flush()

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--kv", default="f16")
    options = parser.parse_args()
    try:
        peer = Peer(options)
    except Exception as error:
        answer({"error": first_line(error)})
        return 1
    answer(peer.hello(options.threads))
    for line in sys.stdin:
        answer(peer.respond(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
