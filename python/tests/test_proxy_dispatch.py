"""pegaflow-proxy over HTTP: real sockets; the engines are small servers that the tests steer."""

from __future__ import annotations

import asyncio
import json

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
pytest.importorskip("pegaflow.proxy", reason="pegaflow is not installed")
from aiohttp import web  # noqa: E402
from aiohttp.test_utils import TestServer  # noqa: E402
from pegaflow.proxy import engines as engines_module  # noqa: E402
from pegaflow.proxy.app import Proxy  # noqa: E402

PATH = "/v1/completions"
DEADLINE = 20.0


class Upstream:
    """An engine that records requests and answers as the test says."""

    def __init__(self, name):
        self.name = name
        self.bodies = []
        self.answer = self.complete
        self.healthy = True
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        app = web.Application()
        app.router.add_post(PATH, self.post)
        app.router.add_get("/health", self.health)
        app.router.add_get("/v1/models", self.models)
        self.server = TestServer(app)

    async def start(self):
        await self.server.start_server()
        self.url = str(self.server.make_url("")).rstrip("/")

    async def health(self, request):
        return web.Response(status=200 if self.healthy else 503)

    async def models(self, request):
        return web.json_response({"data": [self.name]})

    async def post(self, request):
        self.bodies.append(await request.read())
        self.arrived.set()
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.gone.set()
            raise

    async def complete(self, request):
        params = {"do_remote_prefill": True} if self.name.startswith("p") else None
        return web.json_response({"from": self.name, "kv_transfer_params": params})

    async def hand_nothing_over(self, request):
        return web.json_response({"from": self.name, "kv_transfer_params": None})

    async def fail(self, request):
        return web.json_response({"error": "broken"}, status=500)

    async def hang(self, request):
        await asyncio.Event().wait()

    async def stream(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
        return response

    async def stream_and_die(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 0\n\n")
        request.transport.close()
        return response

    async def stream_an_error(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"error": {"message": "KV load failed"}}\n\n')
        return response


class World:
    """Two prefill engines, two decode engines, the proxy, a client."""

    async def __aenter__(self):
        self.upstreams = {name: Upstream(name) for name in ("p0", "p1", "d0", "d1")}
        for upstream in self.upstreams.values():
            await upstream.start()
        roles = {"p": "prefill", "d": "decode"}
        topology = {
            "nodes": [{"name": name, "role": roles[name[0]]} for name in self.upstreams],
            "links": [{"from": p, "to": d} for p in ("p0", "p1") for d in ("d0", "d1")],
        }
        urls = {name: upstream.url for name, upstream in self.upstreams.items()}
        self.proxy = Proxy(engines_module.Engines.of_topology(topology, urls), DEADLINE)
        self.server = TestServer(self.proxy.application())
        await self.server.start_server()
        self.client = aiohttp.ClientSession(self.server.make_url("/"))
        return self

    async def __aexit__(self, *unused):
        await self.client.close()
        await self.server.close()
        for upstream in self.upstreams.values():
            await upstream.server.close()

    def of(self, role):
        return [u for name, u in self.upstreams.items() if name.startswith(role)]

    def bodies(self, role):
        return [json.loads(body) for upstream in self.of(role) for body in upstream.bodies]

    async def post(self, **body):
        async with self.client.post(PATH, json={"prompt": [1, 2], **body}) as answer:
            return answer.status, await answer.read()


def run(test):
    async def inside():
        async with World() as world:
            await asyncio.wait_for(test(world), DEADLINE)

    asyncio.run(inside())


def test_both_legs_go_out_at_once():
    async def test(world):
        for upstream in world.of("p"):
            upstream.answer = upstream.hang
        status, body = await world.post(max_tokens=5)
        assert status == 200 and json.loads(body)["from"] in ("d0", "d1")
        (produce,), (fetch,) = world.bodies("p"), world.bodies("d")
        keys = [leg["kv_transfer_params"]["pegaflow"]["key"] for leg in (produce, fetch)]
        assert keys[0] == keys[1]
        assert fetch["kv_transfer_params"]["pegaflow"]["instance"] in ("p0", "p1")
        assert (produce["max_tokens"], fetch["max_tokens"]) == (1, 5)

    run(test)


def test_streams_go_through_byte_by_byte():
    async def test(world):
        for upstream in world.of("d"):
            upstream.answer = upstream.stream
        status, body = await world.post(stream=True)
        assert (status, body) == (200, b"data: 0\n\ndata: 1\n\ndata: 2\n\n")

    run(test)


@pytest.mark.parametrize(
    "role, how",
    [("p", "fail"), ("p", "down"), ("p", "hand_nothing_over"), ("d", "fail"), ("d", "down")],
)
def test_another_engine_is_tried_before_the_client_saw_anything(role, how):
    async def test(world):
        first, second = world.of(role)
        if role == "p":
            for upstream in world.of("d"):
                # Decode waits for the KV, unless prefill works.
                async def wait_for_prefill(request, upstream=upstream):
                    await second.arrived.wait()
                    return await upstream.complete(request)

                upstream.answer = wait_for_prefill
        if how == "down":
            await first.server.close()
        else:
            first.answer = getattr(first, how)
        for _ in range(2):
            status, _ = await world.post()
            assert status == 200
            second.arrived.clear()
        assert len(second.bodies) == 2

    run(test)


def test_an_error_event_at_the_start_of_a_stream_is_tried_again():
    async def test(world):
        first, second = world.of("d")
        first.answer, second.answer = first.stream_an_error, second.stream
        for _ in range(2):
            status, body = await world.post(stream=True)
            assert (status, body) == (200, b"data: 0\n\ndata: 1\n\ndata: 2\n\n")

    run(test)


def test_nothing_is_sent_twice_when_decode_dies_within_its_answer():
    async def test(world):
        for upstream in world.of("d"):
            upstream.answer = upstream.stream_and_die
        received = b""
        async with world.client.post(PATH, json={"prompt": [1], "stream": True}) as answer:
            with pytest.raises(aiohttp.ClientError):
                while True:
                    chunk = await answer.content.readany()
                    assert chunk, "the stream ended well"
                    received += chunk
        assert received.startswith(b"data: 0\n\n")
        assert received.count(b"data: 0") == 1
        assert len(world.bodies("d")) == 1

    run(test)


def test_every_engine_fails():
    async def test(world):
        for upstream in world.of("d"):
            upstream.answer = upstream.fail
        status, body = await world.post()
        assert status == 502
        assert "decode answered 500" in json.loads(body)["error"]["message"]

    run(test)


def test_the_clients_mistakes_are_its_own():
    async def test(world):
        async def refuse(request):
            return web.json_response({"error": "bad"}, status=400)

        for upstream in world.upstreams.values():
            upstream.answer = refuse
        assert await world.post() == (400, b'{"error": "bad"}')
        assert len(world.bodies("d")) == 1

    run(test)


def test_a_client_that_leaves_ends_both_legs():
    async def test(world):
        for upstream in world.upstreams.values():
            upstream.answer = upstream.hang
        call = asyncio.create_task(world.post())
        for role in ("p", "d"):
            await asyncio.wait(
                [asyncio.create_task(u.arrived.wait()) for u in world.of(role)],
                return_when=asyncio.FIRST_COMPLETED,
            )
        call.cancel()
        for role in ("p", "d"):
            (reached,) = [u for u in world.of(role) if u.arrived.is_set()]
            await reached.gone.wait()

    run(test)


def test_several_samples_go_to_decode_alone():
    async def test(world):
        assert (await world.post(n=2))[0] == 200
        assert not world.bodies("p")
        assert world.bodies("d") == [{"prompt": [1, 2], "n": 2}]

    run(test)


def test_health_metrics_and_models():
    async def test(world):
        async def health():
            async with world.client.get("/health") as answer:
                return answer.status, (await answer.json())["engines"]

        assert await health() == (200, dict.fromkeys(world.upstreams, True))
        for upstream in world.of("d"):
            upstream.healthy = False
        while (await health())[0] != 503:
            await asyncio.sleep(0.01)
        assert (await world.post())[0] == 503
        world.of("d")[0].healthy = True
        while (await health())[0] != 200:
            await asyncio.sleep(0.01)
        assert (await world.post())[0] == 200
        async with world.client.get("/v1/models") as answer:
            assert await answer.json() == {"data": ["d0"]}
        async with world.client.get("/metrics") as answer:
            text = await answer.text()
        assert 'pegaflow_proxy_requests_total{how="served"} 1' in text
        assert 'pegaflow_proxy_engine_up{engine="d1"} 0' in text

    run(test)
