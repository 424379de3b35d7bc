"""instructor: its usual mode, one named tool, and JSON schema."""
import instructor
import openai
from pydantic import BaseModel, Field

from common import BASE, KEY, MODEL, check, finish


class Person(BaseModel):
    name: str = Field(max_length=8)
    age: int = Field(ge=0, le=120)


def client(mode):
    return instructor.from_openai(openai.OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0), mode=mode)


@check("a named tool")
def _():
    r = client(instructor.Mode.TOOLS).chat.completions.create(
        model=MODEL, response_model=Person, messages=[{"role": "user", "content": "Hello"}], max_retries=0)
    assert isinstance(r, Person)


@check("JSON schema")
def _():
    r = client(instructor.Mode.JSON_SCHEMA).chat.completions.create(
        model=MODEL, response_model=Person, messages=[{"role": "user", "content": "Hello"}], max_retries=0)
    assert isinstance(r, Person)


finish()
