"""The front end of peers that are awaited: bare ASGI on granian, as Flask does not fit a loop. See front_end.py."""

import importlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from benchmarks.peers import records

peer: Any = importlib.import_module(os.environ["PEERS_MODULE"])

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _life(receive, send)
        return
    status, body = 200, b'{"status":"ok"}'
    match scope["method"], scope["path"].strip("/").split("/"):
        case "POST", ["tasks", task]:
            status, body = 202, await _accept(task, scope, receive)
        case "GET", ["runs", run, "records"]:
            after = parse_qs(scope["query_string"].decode()).get("after", ["0"])[0]
            body = records.page(run, int(after))
        case "GET", ["readyz"]:
            pass
        case _:
            status, body = 404, b'{"detail":"there is nothing here"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _accept(task: str, scope: dict[str, Any], receive: Receive) -> bytes:
    data, more = b"", True
    while more:
        message = await receive()
        data, more = data + message.get("body", b""), message.get("more_body", False)
    body = json.loads(data)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    await peer.send(task, body.get("args") or [], records.mark(body["id"], headers))
    return json.dumps({"id": body["id"], "task": task, "state": "accepted"}).encode()


async def _life(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await peer.broker.startup()
            await send({"type": "lifespan.startup.complete"})
        else:
            await peer.broker.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
