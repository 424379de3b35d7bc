"""litellm: its providers that speak this API, streams, and how it names errors."""
import litellm

from common import BASE, KEY, MODEL, check, finish

litellm.suppress_debug_info = True
hello = [{"role": "user", "content": "Hello"}]


@check("openai, hosted_vllm and litellm_proxy")
def _():
    for provider in ("openai", "hosted_vllm", "litellm_proxy"):
        r = litellm.completion(model=f"{provider}/{MODEL}", api_base=BASE + "/v1", api_key=KEY, messages=hello,
                               max_tokens=5, temperature=0.5, timeout=30)
        assert r.usage.completion_tokens <= 5


@check("azure")
def _():
    r = litellm.completion(model=f"azure/{MODEL}", api_base=BASE, api_key=KEY, api_version="2024-10-21",
                           messages=hello, max_tokens=5)
    assert r.choices[0].finish_reason in ("stop", "length")


@check("a stream")
def _():
    chunks = list(litellm.completion(model=f"openai/{MODEL}", api_base=BASE + "/v1", api_key=KEY, messages=hello,
                                     max_tokens=5, stream=True))
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


@check("a prompt beyond the context is a ContextWindowExceededError")
def _():
    try:
        litellm.completion(model=f"openai/{MODEL}", api_base=BASE + "/v1", api_key=KEY, max_retries=0,
                           messages=[{"role": "user", "content": "x " * 200000}])
    except litellm.ContextWindowExceededError:
        return
    raise AssertionError("no error")


finish()
