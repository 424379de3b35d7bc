"""llm, the command: chats, streams with usage, schemas, legacy completions with log-probabilities."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from common import BASE, KEY, MODEL, check, finish

home = tempfile.mkdtemp()
pathlib.Path(home, "extra-openai-models.yaml").write_text(f"""
- model_id: chat
  model_name: {MODEL}
  api_base: {BASE}/v1
  supports_schema: true
  supports_tools: true
- model_id: legacy
  model_name: {MODEL}
  api_base: {BASE}/v1
  completion: true
""")


def llm(*arguments):
    r = subprocess.run([sys.executable, "-m", "llm", *arguments], env=os.environ | {"LLM_USER_PATH": home},
                       capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stderr
    return r.stdout


@check("a chat")
def _():
    llm("-m", "chat", "--key", KEY, "-o", "max_tokens", "5", "Hello")


@check("a chat without a stream")
def _():
    llm("-m", "chat", "--key", KEY, "-o", "max_tokens", "5", "--no-stream", "Hello")


@check("a schema")
def _():
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["n"],
              "additionalProperties": False}
    assert 1 <= json.loads(llm("-m", "chat", "--key", KEY, "--schema", json.dumps(schema), "Hello"))["n"] <= 9


@check("a legacy completion with log-probabilities")
def _():
    llm("-m", "legacy", "--key", KEY, "-o", "max_tokens", "4", "-o", "logprobs", "2", "Hello")


finish()
