"""openai-python: whole and streamed chats, strict schemas, tools, log-probabilities, legacy completions, errors."""
import asyncio
from typing import Literal

import openai
from pydantic import BaseModel, Field

from common import BASE, KEY, MODEL, check, finish

client = openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0)
hello = [{"role": "user", "content": "Hello"}]


class Theme(BaseModel):
    label: Literal["A", "B", "C"]
    score: int = Field(gt=0, le=9)


class Themes(BaseModel):
    themes: list[Theme] = Field(min_length=1, max_length=3)


@check("models are listed and shown")
def _():
    assert MODEL in [m.id for m in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


@check("a whole chat, with two system messages and fields that are not known")
def _():
    r = client.chat.completions.create(
        model=MODEL, max_tokens=5, messages=[{"role": "system", "content": "a"}, {"role": "system", "content": "b"}] + hello,
        extra_body={"some_field": 1}, user="u", metadata={"a": "b"})
    assert r.choices[0].message.role == "assistant" and r.usage.completion_tokens <= 5


@check("a stream with usage says what the whole answer says")
def _():
    whole = client.chat.completions.create(model=MODEL, messages=hello, max_tokens=8, temperature=0)
    text, usage = "", None
    for chunk in client.chat.completions.create(model=MODEL, messages=hello, max_tokens=8, temperature=0, stream=True,
                                                stream_options={"include_usage": True}):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert text == whole.choices[0].message.content and usage.completion_tokens == whole.usage.completion_tokens


@check("parse: a pydantic model as a strict schema, at once and many together")
def _():
    r = client.chat.completions.parse(model=MODEL, messages=hello, response_format=Themes, max_tokens=400)
    assert isinstance(r.choices[0].message.parsed, Themes)

    async def many():
        a = openai.AsyncOpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0)
        return await asyncio.gather(*[a.chat.completions.parse(model=MODEL, messages=hello, response_format=Themes,
                                                               max_tokens=400, seed=i) for i in range(10)])
    assert all(isinstance(r.choices[0].message.parsed, Themes) for r in asyncio.run(many()))


@check("an answer cut by max_tokens is a LengthFinishReasonError")
def _():
    try:
        client.chat.completions.parse(model=MODEL, messages=hello, response_format=Themes, max_tokens=2)
    except openai.LengthFinishReasonError:
        return
    raise AssertionError("no error")


@check("tools: required, named, streamed, and their results")
def _():
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {
        "type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["n"]}}}]
    r = client.chat.completions.create(model=MODEL, messages=hello, tools=tools, tool_choice="required")
    call = r.choices[0].message.tool_calls[0]
    assert call.function.name == "look_up" and r.choices[0].finish_reason == "tool_calls"
    follow = hello + [r.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "42"}]
    client.chat.completions.create(model=MODEL, messages=follow, tools=tools, max_tokens=5)
    name, arguments = "", ""
    for chunk in client.chat.completions.create(model=MODEL, messages=hello, tools=tools, stream=True,
                                                tool_choice={"type": "function", "function": {"name": "look_up"}}):
        for t in chunk.choices[0].delta.tool_calls or []:
            name += t.function.name or ""
            arguments += t.function.arguments or ""
    assert name == "look_up" and arguments.startswith('{"n": ')


@check("log-probabilities, n and seed")
def _():
    r = client.chat.completions.create(model=MODEL, messages=hello, max_tokens=3, logprobs=True, top_logprobs=3, n=2, seed=1)
    assert len(r.choices) == 2 and len(r.choices[0].logprobs.content[0].top_logprobs) == 3
    again = client.chat.completions.create(model=MODEL, messages=hello, max_tokens=3, n=2, seed=1)
    assert [c.message.content for c in again.choices] == [c.message.content for c in r.choices]


@check("legacy completions with echo and logprobs")
def _():
    r = client.completions.create(model=MODEL, prompt=[[41, 42, 43]], max_tokens=1, echo=True, logprobs=1, temperature=0)
    assert len(r.choices[0].logprobs.tokens) == 4 and r.choices[0].logprobs.token_logprobs[0] is None


@check("max_tokens beyond the context is clipped")
def _():
    client.chat.completions.create(model=MODEL, messages=hello, max_tokens=10**9, stop=["e", "a"])


@check("errors are the classes that programs catch")
def _():
    for wanted, call in [
        (openai.NotFoundError, dict(model="gpt-unknown", messages=hello)),
        (openai.BadRequestError, dict(model=MODEL, messages=[{"role": "user", "content": "x " * 200000}])),
        (openai.BadRequestError, dict(model=MODEL, messages=hello, temperature=9)),
        (openai.BadRequestError, dict(model=MODEL, messages=[])),
    ]:
        try:
            client.chat.completions.create(**call)
        except wanted:
            continue
        raise AssertionError(f"{wanted} wanted")


@check("Azure's client")
def _():
    azure = openai.AzureOpenAI(azure_endpoint=BASE, api_key=KEY, api_version="2024-10-21", max_retries=0)
    r = azure.chat.completions.create(model=MODEL, messages=hello, max_tokens=16384, stop=["e", "a"], temperature=0)
    assert r.choices[0].finish_reason in ("stop", "length")
    assert azure.beta.chat.completions.parse(model=MODEL, messages=hello, response_format=Themes,
                                             max_tokens=400).choices[0].message.parsed


finish()
