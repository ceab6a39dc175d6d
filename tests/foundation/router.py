"""Leads requests to the app of the route that they name, as a foundation's router does.

python -m tests.foundation.router CLUSTER-FOLDER

Korifi writes an HTTPRoute for each route. On this machine no name of an app's domain can be resolved: a request that
names none of them (by an address, say) goes to the route that `python -m tests.foundation publish` chose.
"""

import asyncio
import contextlib
import re
import sys
import threading
from pathlib import Path
from typing import Any

from ..cluster.api import Api
from ..cluster.state import Cluster
from . import names

ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
SERVICES = "/api/v1/services"
MOST = 64 * 1024  # bytes of a request's head
CONNECT_WITHIN = 5.0


class Routes:
    """What leads where: told by the cluster, in threads of their own."""

    def __init__(self, cluster: Cluster) -> None:
        self._chosen = cluster.folder / "foundation" / "route"
        self._routes: dict[tuple[str, str], dict[str, Any]] = {}
        self._addresses: dict[tuple[str, str], str] = {}
        for path, take in ((ROUTES, self._route), (SERVICES, self._service)):
            threading.Thread(target=self._follow, args=(Api(cluster), path, take), daemon=True).start()

    def _follow(self, api: Api, path: str, take: Any) -> None:
        for event, what in api.watch(path):
            if event != "RESTART":
                take((what["metadata"]["namespace"], what["metadata"]["name"]), event == "DELETED", what["spec"])

    def _route(self, key: tuple[str, str], gone: bool, spec: dict[str, Any]) -> None:
        self._routes.pop(key, None) if gone else self._routes.__setitem__(key, spec)

    def _service(self, key: tuple[str, str], gone: bool, spec: dict[str, Any]) -> None:
        self._addresses.pop(key, None) if gone else self._addresses.__setitem__(key, spec.get("clusterIP", ""))

    def find(self, host: str, path: str) -> tuple[str, int] | None:
        """Address and port of the backend whose path is the longest that fits."""
        routes = [(key[0], spec) for key, spec in list(self._routes.items()) if host in spec.get("hostnames", [])]
        if not routes and self._chosen.exists() and host != (chosen := self._chosen.read_text().strip()):
            return self.find(chosen, path)
        best: tuple[int, tuple[str, int]] | None = None
        for namespace, spec in routes:
            for rule in spec.get("rules", []):
                prefix = (rule.get("matches") or [{}])[0].get("path", {}).get("value", "/")
                for backend in rule.get("backendRefs", []):
                    address = self._addresses.get((namespace, backend["name"]))
                    if address and path.startswith(prefix) and (best is None or len(prefix) > best[0]):
                        best = len(prefix), (address, backend["port"])
        return best and best[1]


async def serve(routes: Routes) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _carry(routes, reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", names.ROUTER_PORT, limit=MOST)
    await server.serve_forever()


async def _carry(routes: Routes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The first request of a connection says where all of it goes."""
    head = await reader.readuntil(b"\r\n\r\n")
    host = re.search(rb"^host:\s*([^\s:]+)", head, re.IGNORECASE | re.MULTILINE)
    path = head.split(b" ", 2)[1].decode(errors="replace")
    target = routes.find(host[1].decode().lower() if host else "", path)
    if target is None:
        await _refuse(writer, "404 Not Found", "there is no such route, or no app behind it")
        return
    try:
        backend = await asyncio.wait_for(asyncio.open_connection(*target), CONNECT_WITHIN)
    except (OSError, TimeoutError):
        await _refuse(writer, "502 Bad Gateway", "the app behind this route does not answer")
        return
    backend[1].write(head)
    await asyncio.gather(_copy(reader, backend[1]), _copy(backend[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(MOST):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()


async def _refuse(writer: asyncio.StreamWriter, status: str, why: str) -> None:
    body = f"{status}: {why}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


if __name__ == "__main__":
    asyncio.run(serve(Routes(Cluster(Path(sys.argv[1])))))
