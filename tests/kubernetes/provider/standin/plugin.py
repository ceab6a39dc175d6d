"""The provider's half of Pulumi's protocol."""

import hashlib
import json
import os
import signal
import threading
import time
from concurrent import futures
from typing import Any, NoReturn

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from .api import INVALID, NOT_FOUND, ApiError, Cluster, Manifest, object_id
from .drift import drifted, without_servers
from .ready import Failed, check, troubles
from .values import Path, differences, dump, has_unknown, is_secret, load, plain, seal, secret, spell

VERSION = "4.32.0"
AUTONAMED = "pulumi.com/autonamed"
SKIP, TIMEOUT = "pulumi.com/skipAwait", "pulumi.com/timeoutSeconds"
PATIENCE = 600.0  # seconds that an object is given to become ready or to go
# What the real provider answers with a replacement, though the API server would take it.
REPLACED: dict[str, tuple[Path, ...]] = {
    "ConfigMap": (("data",), ("binaryData",)),
    "Secret": (("data",), ("stringData",), ("type",)),
}
IDENTITY: tuple[Path, ...] = (("metadata", "name"), ("metadata", "namespace"), ("kind",))


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self) -> None:
        self._stop = threading.Event()
        self._cluster: Cluster | None = None
        self._unreachable = "not configured"
        self._mutable: set[str] = set()

    # What we are

    def Handshake(self, request: Any, context: Any) -> Any:
        return pb.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return pb.GetSchemaResponse(schema=json.dumps({"name": "kubernetes", "version": VERSION}))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        same = plain(load(request.olds)) == plain(load(request.news))
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE if same else pb.DiffResponse.DIFF_SOME)

    def Configure(self, request: Any, context: Any) -> Any:
        given = plain(load(request.args))
        try:
            self._cluster = Cluster(given.get("kubeconfig"), given.get("context"), given.get("namespace"))
        except Exception as error:  # a preview may come before the cluster
            self._unreachable = str(error)
        options = {"enableConfigMapMutable": "ConfigMap", "enableSecretMutable": "Secret"}
        self._mutable = {kind for option, kind in options.items() if str(given.get(option, "")).lower() == "true"}
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    # What would be

    def Check(self, request: Any, context: Any) -> Any:
        """Fill in what may be left out: a name, the namespace."""
        news, olds = load(request.news), load(request.olds)
        metadata = news.get("metadata", {})
        metadata = metadata["value"] if is_secret(metadata) else metadata
        if not isinstance(metadata, dict):  # not known yet
            return pb.CheckResponse(inputs=dump(news))
        news["metadata"] = metadata = dict(metadata)
        if "name" not in metadata and "generateName" not in metadata:
            metadata["name"] = _name(request, plain(olds).get("metadata", {}))
            metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
        if self._cluster and not metadata.get("namespace") and self._cluster.namespaced(plain(news)):
            metadata["namespace"] = self._cluster.namespace
        if news.get("kind") == "Secret":
            news |= {key: secret(news[key]) for key in ("data", "stringData") if key in news}
        return pb.CheckResponse(inputs=dump(news))

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = plain(load(request.old_inputs)), plain(load(request.news))
        found = [(path, kind) for path, kind in differences(old, new) if not _ignored(path, request.ignoreChanges)]
        if not found:
            return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        fixed = IDENTITY + (() if new.get("kind") in self._mutable else REPLACED.get(new.get("kind", ""), ()))
        replaces = [path for path, _ in found if any(path[: len(each)] == each for each in fixed)]
        if not replaces and not has_unknown(new):
            replaces = self._immutable(new, [path for path, _ in found])
        kinds = pb.PropertyDiff
        names = {
            "add": (kinds.ADD, kinds.ADD_REPLACE),
            "delete": (kinds.DELETE, kinds.DELETE_REPLACE),
            "update": (kinds.UPDATE, kinds.UPDATE_REPLACE),
        }
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME,
            hasDetailedDiff=True,
            detailedDiff={spell(p): kinds(kind=names[kind][p in replaces], inputDiff=True) for p, kind in found},
            replaces=[spell(path) for path in replaces],
            # Two objects cannot have one name.
            deleteBeforeReplace=bool(replaces) and not _autonamed(new) and object_id(old) == object_id(new),
        )

    def _immutable(self, new: Manifest, changed: list[Path]) -> list[Path]:
        """The changed paths that the API server will not change in place, though it would take a new object."""
        if self._cluster is None:
            return []
        try:
            self._cluster.apply(new, dry_run=True)
            return []
        except ApiError as error:
            if error.status != INVALID:
                return []
            fields = error.fields
        try:
            self._cluster.apply(
                {**new, "metadata": {**new["metadata"], "name": f"x{os.urandom(6).hex()}"}}, dry_run=True
            )
        except ApiError:
            return []  # wrong in itself: the update will say so
        named = [p for p in changed if any(spell(p).startswith(f) or f.startswith(spell(p)) for f in fields)]
        return named or changed

    # What is

    def Create(self, request: Any, context: Any) -> Any:
        inputs = load(request.properties)
        manifest = plain(inputs)
        if request.preview:
            return pb.CreateResponse(properties=self._preview(manifest, inputs, request.properties))
        cluster = self._need(context)
        try:
            if cluster.get(manifest):
                where = f"{manifest['kind']} {object_id(manifest)}"
                _abort(context, grpc.StatusCode.ALREADY_EXISTS, f"resource {where!r} already exists")
            live = self._settle(cluster, cluster.apply(manifest), request.timeout)
        except _InitFailed as failure:
            _partial(context, failure, inputs)
        except ApiError as error:
            _abort(context, grpc.StatusCode.UNKNOWN, str(error))
        return pb.CreateResponse(id=object_id(live), properties=dump(_outputs(live, inputs)))

    def Update(self, request: Any, context: Any) -> Any:
        inputs = load(request.news)
        manifest = plain(inputs)
        if request.preview:
            return pb.UpdateResponse(properties=self._preview(manifest, inputs, request.news))
        cluster = self._need(context)
        try:
            before = cluster.get(manifest)
            live = self._settle(cluster, cluster.apply(manifest), request.timeout, before)
        except _InitFailed as failure:
            _partial(context, failure, inputs)
        except ApiError as error:
            _abort(context, grpc.StatusCode.UNKNOWN, str(error))
        return pb.UpdateResponse(properties=dump(_outputs(live, inputs)))

    def _preview(self, manifest: Manifest, inputs: Manifest, fallback: Any) -> Any:
        """What the API server says would come of it. Its namespace or definition may not be there yet."""
        if self._cluster is None or has_unknown(manifest):
            return fallback
        try:
            live = self._cluster.apply(manifest, dry_run=True)
        except ApiError:
            return fallback
        live.pop("status", None)
        return dump(_outputs(live, inputs))

    def Read(self, request: Any, context: Any) -> Any:
        cluster, inputs = self._need(context), load(request.inputs)
        known = plain(inputs or load(request.properties))
        if "kind" not in known:  # an import, or a resource's .get()
            group, kind = request.type.split(":")[1:]
            known |= {"apiVersion": group.removeprefix("core/"), "kind": kind}
        space, _, name = request.id.rpartition("/")
        known["metadata"] = {**known.get("metadata", {}), "name": name}
        try:
            if space or cluster.namespaced(known):
                known["metadata"]["namespace"] = space or cluster.namespace
            live = cluster.get(known)
            if not live:
                return pb.ReadResponse()
            if inputs:
                inputs = seal(drifted(plain(inputs), live, cluster), inputs)
            else:
                inputs = {key: value for key, value in without_servers(live).items() if key != "status"}
        except ApiError as error:
            _abort(context, grpc.StatusCode.UNKNOWN, str(error))
        return pb.ReadResponse(id=request.id, inputs=dump(inputs), properties=dump(_outputs(live, inputs)))

    def Delete(self, request: Any, context: Any) -> Any:
        cluster, manifest = self._need(context), plain(load(request.properties))
        try:
            cluster.delete(manifest)
            self._gone(cluster, manifest, request.timeout or PATIENCE, context)
        except ApiError as error:
            if error.status != NOT_FOUND:
                _abort(context, grpc.StatusCode.UNKNOWN, str(error))
        return empty_pb2.Empty()

    def _gone(self, cluster: Cluster, manifest: Manifest, patience: float, context: Any) -> None:
        end, pause, uid = time.monotonic() + patience, 0.05, manifest["metadata"].get("uid")
        while (live := cluster.get(manifest)) and uid in (None, live["metadata"]["uid"]):
            if time.monotonic() > end or self._stop.is_set():
                held = ", ".join(live["metadata"].get("finalizers") or []) or "nothing says what holds it"
                text = f"{live['kind']} {object_id(live)} is still there after {patience:.0f} s (finalizers: {held})"
                _abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, text)
            self._stop.wait(pause)
            pause = min(pause * 1.5, 1)

    def Cancel(self, request: Any, context: Any) -> Any:
        self._stop.set()
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        if request.tok == "kubernetes:yaml:decode":
            found = [each for each in yaml.safe_load_all(load(request.args)["text"]) if each]
            return pb.InvokeResponse(**{"return": dump({"result": found})})
        return _abort(context, grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no function {request.tok}")

    def _need(self, context: Any) -> Cluster:
        if self._cluster is None:
            _abort(context, grpc.StatusCode.UNAVAILABLE, f"the cluster cannot be reached: {self._unreachable}")
        return self._cluster

    def _settle(self, cluster: Cluster, live: Manifest, timeout: float, before: Manifest | None = None) -> Manifest:
        """Wait until it is ready; the object as it then is. `before`: as it was. Raises _InitFailed."""
        notes = live["metadata"].get("annotations") or {}
        if notes.get(SKIP) == "true":
            return live
        patience = float(notes.get(TIMEOUT) or timeout or PATIENCE)
        end, pause = time.monotonic() + patience, 0.1
        while True:
            try:
                ready, why = check(live, cluster, before)
            except Failed as failure:
                raise _InitFailed(live, [str(failure), *troubles(live, cluster)]) from failure
            if ready:
                return live
            if time.monotonic() > end or self._stop.is_set():
                raise _InitFailed(live, [f"not ready after {patience:.0f} s: {why}", *troubles(live, cluster)])
            self._stop.wait(pause)
            pause = min(pause * 1.3, 1)
            live = cluster.get(live) or live


class _InitFailed(Exception):
    """It was made and did not get ready: Pulumi keeps it, and the next `up` goes on from there."""

    def __init__(self, live: Manifest, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.live, self.reasons = live, reasons


def _name(request: Any, old: Manifest) -> str:
    """A name for what has none: the one it has, or a new one."""
    if old.get("name") and (old.get("annotations") or {}).get(AUTONAMED):
        return old["name"]
    if request.autonaming.proposed_name:
        return request.autonaming.proposed_name
    digest = hashlib.sha256(request.randomSeed or os.urandom(8)).hexdigest()
    return f"{request.urn.rpartition('::')[2].lower()}-{digest[:8]}"


def _autonamed(manifest: Manifest) -> bool:
    return bool((manifest["metadata"].get("annotations") or {}).get(AUTONAMED))


def _ignored(path: Path, ignored: Any) -> bool:
    text = spell(path)
    return any(text == each or text.startswith((f"{each}.", f"{each}[")) for each in ignored)


def _outputs(live: Manifest, inputs: Manifest) -> Manifest:
    """The live object, with the same values secret as in the inputs; all data of a Secret."""
    live = {**live, "metadata": {key: value for key, value in live["metadata"].items() if key != "managedFields"}}
    live = seal(live, inputs)
    if live["kind"] == "Secret":
        live |= {"data": secret(plain(live["data"]))} if "data" in live else {}
        live |= {"stringData": secret(plain(inputs["stringData"]))} if "stringData" in inputs else {}
    return live


def _abort(context: Any, code: Any, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")


def _partial(context: Any, failure: _InitFailed, inputs: Manifest) -> NoReturn:
    detail = pb.ErrorResourceInitFailed(
        id=object_id(failure.live),
        properties=dump(_outputs(failure.live, inputs)),
        reasons=failure.reasons,
        inputs=dump(inputs),
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=failure.reasons[0])
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _abort(context, code, failure.reasons[0])


def serve() -> None:
    """Answer on a free port, whose number is the first line printed, until told to stop."""
    whole = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(32), options=whole)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop(0))
    print(port, flush=True)
    server.wait_for_termination()
