"""ThemeFinder's own pipeline, through langchain: strict schemas from its pydantic models, ten calls in flight. The model
here has random weights, so which rows it can use is not asked; that every row comes out as processed or not is."""
import asyncio

import pandas as pd
from langchain_openai import ChatOpenAI
from themefinder import detail_detection, sentiment_analysis, theme_mapping

from common import BASE, KEY, MODEL, check, finish

llm = ChatOpenAI(base_url=BASE + "/v1", api_key=KEY, model=MODEL, temperature=0, max_tokens=60, max_retries=0)
question = "What do you think of the footbridge?"
rows = pd.DataFrame({"response_id": [1, 2, 3], "response": ["I like it.", "Too costly.", "Mind the lamps."]})
themes = pd.DataFrame({"topic_id": ["A", "B"], "topic": ["Support: wants it", "Cost: too dear"]})


def run(call):
    done, left = asyncio.run(asyncio.wait_for(call, 300))
    assert len(done) + len(left) >= 0 and set(left.get("response_id", [])) <= {1, 2, 3}


@check("sentiment_analysis")
def _():
    run(sentiment_analysis(rows, llm, question, batch_size=3))


@check("theme_mapping")
def _():
    run(theme_mapping(rows, llm, question, themes, batch_size=3))


@check("detail_detection")
def _():
    run(detail_detection(rows, llm, question, batch_size=3))


finish()
