"""OpenVINO GenAI's continuous batching behind the one route that load.py asks, as a rival of it. Runs in the environment
that tools/rivals.sh made:
  build/rivals/venv/bin/python bench/serve/openvino_service.py MODEL.gguf --port N --tokens URL,MODEL [--context N]
GenAI reads few vocabularies out of GGUF, so prompts become tokens by the /tokenize of another service (ours), and the
pieces that it sends are numbers of tokens: it measures, and is no service. No schema, no prompt but of messages."""
import argparse
import asyncio
import importlib.machinery
import importlib.util
import json
import queue
import threading
import urllib.request
from pathlib import Path

BLOCK = 32  # tokens of a block of keys and values on the CPU


def converted(genai, model):
    """The folder with the converted model, as the bench's other peer makes it."""
    path = Path(__file__).resolve().parents[2] / "build/rivals/bin/openvino-peer"
    loader = importlib.machinery.SourceFileLoader("openvino_peer", str(path))
    peer = importlib.util.module_from_spec(importlib.util.spec_from_loader("openvino_peer", loader))
    loader.exec_module(peer)
    return peer.converted(genai, model)


class Engine(threading.Thread):
    """The one thread that steps the pipeline; add() hands it a request, whose tokens come by a call of `tell`."""

    def __init__(self, options):
        super().__init__(daemon=True)
        import numpy
        import openvino
        import openvino_genai
        self.np, self.ov, self.genai = numpy, openvino, openvino_genai
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.dynamic_split_fuse = True
        scheduler.num_kv_blocks = options.context // BLOCK + 2
        home = converted(openvino_genai, Path(options.model).resolve())
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(str(home), scheduler, "CPU", {
            "PERFORMANCE_HINT": "THROUGHPUT" if options.throughput else "LATENCY",
            "INFERENCE_NUM_THREADS": options.threads, "KV_CACHE_PRECISION": "f16"})
        self.asked, self.under_way, self.count = queue.Queue(), [], 0

    def add(self, tokens, count, tell):
        self.asked.put((tokens, count, tell))

    def take(self, wait):
        while True:
            try:
                tokens, count, tell = self.asked.get(block=wait)
            except queue.Empty:
                return
            config = self.genai.GenerationConfig()
            config.max_new_tokens, config.do_sample, config.ignore_eos = count, False, True
            config.set_eos_token_id(0)
            ids = self.ov.Tensor(self.np.array([tokens], dtype=self.np.int64))
            self.under_way.append((self.pipeline.add_request(self.count, ids, config), tell))
            self.count += 1
            wait = False

    def run(self):
        while True:
            self.take(wait=not self.under_way)
            self.pipeline.step()
            left = []
            for handle, tell in self.under_way:
                while handle.can_read():
                    for output in handle.read().values():
                        for token in output.generated_ids:
                            tell(token)
                if handle.get_status() == self.genai.GenerationStatus.RUNNING:
                    left.append((handle, tell))
                else:
                    tell(None)
            self.under_way = left


def tokens_of(place, messages):
    url, model = place.rsplit(",", 1)
    body = json.dumps({"model": model, "messages": messages}).encode()
    request = urllib.request.Request(url + "/tokenize", body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))["tokens"]


async def serve(engine, options):
    loop = asyncio.get_running_loop()

    async def client(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        body = json.loads(await reader.readexactly(size))
        tokens = await loop.run_in_executor(None, tokens_of, options.tokens, body["messages"])
        pieces = asyncio.Queue()
        engine.add(tokens, body["max_tokens"], lambda token: loop.call_soon_threadsafe(pieces.put_nowait, token))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        count = 0
        while (token := await pieces.get()) is not None:
            count += 1
            writer.write(b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": str(token)}}]}).encode())
            await writer.drain()
        usage = {"choices": [], "usage": {"completion_tokens": count, "prompt_tokens": len(tokens)}}
        writer.write(b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(usage).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", options.port, limit=1 << 22)
    print(f"listening on {options.port}", flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", required=True, metavar="URL,MODEL")
    parser.add_argument("--context", type=int, default=65536)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--throughput", action="store_true", help="OpenVINO's hint of that name, not that of latency")
    options = parser.parse_args()
    engine = Engine(options)
    engine.start()
    asyncio.run(serve(engine, options))


main()
