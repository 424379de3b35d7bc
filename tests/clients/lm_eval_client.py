"""lm-eval: its local-completions model with token ids, echo and log-probabilities, its tokenizer from the service, and
a task of its own files, twice, for the same figures."""
import json
import pathlib
import tempfile

import lm_eval
from lm_eval.tasks import TaskManager

from common import BASE, MODEL, check, finish

room = pathlib.Path(tempfile.mkdtemp())
(room / "data.jsonl").write_text("\n".join(json.dumps({"q": f"Question {i}?", "a": " yes" if i % 2 else " no"}) for i in range(12)))
(room / "choice.yaml").write_text(f"""
task: choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {room}/data.jsonl}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{q}}}}"
doc_to_choice: [" yes", " no"]
doc_to_target: "{{{{[' yes', ' no'].index(a)}}}}"
metric_list: [{{metric: acc}}]
""")
(room / "until.yaml").write_text(f"""
task: until
dataset_path: json
dataset_kwargs: {{data_files: {{test: {room}/data.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{q}}}}"
doc_to_target: "{{{{a}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 8}}
metric_list: [{{metric: exact_match}}]
""")


def run(task, **more):
    r = lm_eval.simple_evaluate(
        model="local-completions", tasks=[task], task_manager=TaskManager(include_path=str(room)), bootstrap_iters=0,
        model_args=dict(model=MODEL, base_url=BASE + "/v1/completions", num_concurrent=4, tokenizer_backend="remote",
                        max_retries=1, **more))
    return r["results"][task]


@check("log-likelihoods of choices, twice the same")
def _():
    first, again = run("choice"), run("choice")
    assert first["acc,none"] == again["acc,none"] and 0 <= first["acc,none"] <= 1


@check("texts until a stop")
def _():
    assert 0 <= run("until")["exact_match,none"] <= 1


finish()
