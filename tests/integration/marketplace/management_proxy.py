"""A proxy before RabbitMQ's management API that can refuse, be slow and be away."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class ManagementProxy:
    """`url` leads to `target`, a URL."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.refused: tuple[str, ...] = ()
        self.slowed: tuple[str, ...] = ()
        self._open(0)
        self._port = self._server.server_port
        self.url = f"http://127.0.0.1:{self._port}"

    def _open(self, port: int) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def refusing(self, *beginnings: str) -> Iterator[None]:
        """Requests that begin so, such as "PUT /api/permissions", are answered by 500 and not handed on."""
        self.refused = beginnings
        try:
            yield
        finally:
            self.refused = ()

    @contextmanager
    def slow(self, *beginnings: str) -> Iterator[None]:
        """Requests that begin so are handed on, and answered a second late."""
        self.slowed = beginnings
        try:
            yield
        finally:
            self.slowed = ()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens there."""
        self.close()
        try:
            yield
        finally:
            self._open(self._port)

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def forward(self) -> None:
                request = f"{self.command} {self.path}"
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = 500, b"{}"
                if not request.startswith(proxy.refused):
                    headers = {
                        name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]
                    }
                    answer = requests.request(
                        self.command, proxy.target + self.path, data=body, headers=headers, timeout=30
                    )
                    status, content = answer.status_code, answer.content
                if request.startswith(proxy.slowed):
                    time.sleep(1)
                self.send_response(status)
                self.end_headers()
                with suppress(BrokenPipeError):  # whoever asked has given up
                    self.wfile.write(content)

            do_GET = do_PUT = do_DELETE = forward

            def log_message(self, format: str, *args: object) -> None: ...

        return Handler
