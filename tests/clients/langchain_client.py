"""langchain-openai: invoke, stream with usage, structured output in both ways, tools, Azure."""
from typing import Literal

from langchain_openai import AzureChatOpenAI, ChatOpenAI
from pydantic import BaseModel, Field

from common import BASE, KEY, MODEL, check, finish

chat = ChatOpenAI(base_url=BASE + "/v1", api_key=KEY, model=MODEL, max_tokens=300, max_retries=0, seed=1)


class Answer(BaseModel):
    """An answer."""
    verdict: Literal["yes", "no"]
    weight: int = Field(ge=0, le=9)


@check("invoke")
def _():
    assert chat.bind(max_tokens=5).invoke("Hello").usage_metadata["output_tokens"] <= 5


@check("stream with usage")
def _():
    chunks = list(chat.bind(max_tokens=5).stream("Hello", stream_usage=True))
    assert any(c.usage_metadata for c in chunks)


@check("structured output by json_schema")
def _():
    assert isinstance(chat.with_structured_output(Answer, method="json_schema").invoke("Hello"), Answer)


@check("structured output by a named tool")
def _():
    assert isinstance(chat.with_structured_output(Answer, method="function_calling").invoke("Hello"), Answer)


@check("tools are called and streamed")
def _():
    bound = chat.bind_tools([Answer], tool_choice="any")
    assert bound.invoke("Hello").tool_calls[0]["name"] == "Answer"
    whole = None
    for chunk in bound.stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls[0]["name"] == "Answer"


@check("AzureChatOpenAI")
def _():
    azure = AzureChatOpenAI(azure_endpoint=BASE, api_key=KEY, api_version="2024-10-21", azure_deployment=MODEL,
                            max_tokens=5, max_retries=0)
    assert azure.invoke("Hello").response_metadata["finish_reason"] in ("stop", "length")


finish()
