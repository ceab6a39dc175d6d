"""Issues tokens where a foundation has UAA: /oauth/token with password, client credentials or a refresh token.

python -m tests.foundation.tokens CLUSTER-FOLDER

A token is that of a Kubernetes service account, which Korifi takes as it is. The one user and client is `admin`; its
password is in the file `foundation/password`.
"""

import secrets
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from flask import Flask, request
from flask.typing import ResponseReturnValue

from ..cluster.api import Api
from ..cluster.ground import API
from ..cluster.state import Cluster
from . import names

ACCOUNT = f"/api/v1/namespaces/{names.ROOT_NAMESPACE}/serviceaccounts/{names.ADMIN}/token"
SHORTEST = 600  # seconds; Kubernetes issues none for less


def create_app(cluster: Cluster) -> Flask:
    app, api = Flask(__name__), Api(cluster)
    password = password_file(cluster).read_text()
    refreshing: set[str] = set()

    @app.get("/")
    @app.get("/login")
    @app.get("/info")
    def info() -> ResponseReturnValue:
        here = request.url_root.rstrip("/")
        return {"app": {"version": "0"}, "links": {"uaa": here, "login": here}}

    @app.post("/oauth/token")
    def token() -> ResponseReturnValue:
        form, login = request.form, request.authorization
        client = (login.username, login.password) if login else (form.get("client_id"), form.get("client_secret"))
        given: dict[str, Any] = {
            "password": (form.get("username"), form.get("password")) == (names.ADMIN, password),
            "client_credentials": client == (names.ADMIN, password),
            "refresh_token": form.get("refresh_token") in refreshing,
        }
        kind = form.get("grant_type", "")
        if not given.get(kind):
            return {"error": "unauthorized", "error_description": "Bad credentials"}, 401
        answer = {"access_token": _issued(api), "token_type": "bearer", "expires_in": SHORTEST - 1}
        if kind != "client_credentials":
            refresh = secrets.token_urlsafe()
            refreshing.add(refresh)
            answer["refresh_token"] = refresh
        return answer

    return app


def _issued(api: Api) -> str:
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": SHORTEST},
    }
    answer = api.session.post(f"https://{API}{ACCOUNT}", json=wanted, timeout=10)
    answer.raise_for_status()
    return str(answer.json()["status"]["token"])


def password_file(cluster: Cluster) -> Path:
    return cluster.folder / "foundation" / "password"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        print(time.strftime("%T"), self.requestline, flush=True)


def main(cluster: Cluster) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(str(cluster.pki / f"foundation.{end}") for end in ("crt", "key")))
    server: WSGIServer = make_server("127.0.0.1", names.TOKENS_PORT, create_app(cluster), handler_class=_Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(Cluster(Path(sys.argv[1])))
