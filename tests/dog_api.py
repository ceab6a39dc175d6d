"""A stand-in for the dog API (dog.ceo), with its address shapes and answers, and pictures of its own."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASK = re.compile(r"/api/breed/([a-z/]+)/images/random/(\d+)")
PICTURE = re.compile(r"/pictures/([a-z]+)-(\d+)\.svg")
UNKNOWN = "husky"  # a breed of our list that this API pretends not to know


class DogApi:
    """Answers at `url` until `stop`. `hold` keeps every answer back until it is set."""

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.hold.set()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if asked := ASK.fullmatch(self.path):
                    api.hold.wait(30)
                    self._answer(*api.pictures(asked[1], int(asked[2])), "application/json")
                elif shown := PICTURE.fullmatch(self.path):
                    self._answer(200, draw(shown[1], int(shown[2])), "image/svg+xml")
                else:
                    self._answer(404, "", "text/plain")

            def _answer(self, status: int, body: str, kind: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                # As a picture host of another origin has to allow.
                self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def pictures(self, breed: str, count: int) -> tuple[int, str]:
        """Status and body of the API's answer."""
        if breed == UNKNOWN:
            return 404, json.dumps({"status": "error", "message": "Breed not found (main breed does not exist)"})
        urls = [f"{self.origin}/pictures/{breed}-{number}.svg" for number in range(count)]
        return 200, json.dumps({"message": urls, "status": "success"})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def draw(breed: str, number: int) -> str:
    """A dog's head, of a colour of its own."""
    hue = (sum(map(ord, breed)) * 7 + number * 47) % 360
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="400" height="400">'
        f'<rect width="200" height="200" fill="hsl({hue} 45% 82%)"/><g fill="hsl({hue} 40% 42%)">'
        '<ellipse cx="100" cy="112" rx="54" ry="60"/>'
        f'<ellipse cx="50" cy="80" rx="18" ry="42" transform="rotate({12 + number % 5 * 4} 50 80)"/>'
        f'<ellipse cx="150" cy="80" rx="18" ry="42" transform="rotate({-12 - number % 5 * 4} 150 80)"/></g>'
        f'<ellipse cx="100" cy="140" rx="30" ry="26" fill="hsl({hue} 40% 88%)"/>'
        '<g fill="#221a14"><circle cx="80" cy="100" r="7"/><circle cx="120" cy="100" r="7"/>'
        '<ellipse cx="100" cy="128" rx="10" ry="7"/></g></svg>'
    )
