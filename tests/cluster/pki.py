"""Who is who in a cluster: certificates made for one cluster, gone with it."""

import base64
import datetime
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import addresses
from .ground import API
from .state import Cluster, State

KEPT_FOR = datetime.timedelta(days=30)  # nobody keeps a throw-away cluster longer
PLAIN = serialization.NoEncryption()
PEM = serialization.Encoding.PEM


@dataclass
class Authority:
    """Signs in its folder: NAME.crt and NAME.key. One that is there already goes on."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"warren-{self.name}")])
        known = self.folder / f"{self.name}.key"
        if known.exists():
            key = serialization.load_pem_private_key(known.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            self.key = key
            return
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self.subject, self.subject, self.key)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        _write(self.folder / self.name, self.key, builder.sign(self.key, hashes.SHA256()))

    def sign(self, name: str, common: str, group: str = "", served: tuple[str, ...] = ()) -> None:
        """For a client; also for a server when it says what names and addresses are `served`."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if served else [])]
        builder = _builder(subject, self.subject, key)
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if served:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(each) for each in served]), False)
        _write(self.folder / name, key, builder.sign(self.key, hashes.SHA256()))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + KEPT_FOR)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None = None) -> None:
    file = path.with_name(f"{path.name}.key")
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, PLAIN))
    if certificate:
        path.with_name(f"{path.name}.crt").write_bytes(certificate.public_bytes(PEM))


def make(cluster: Cluster, state: State) -> None:
    """Everything the parts ask for, and the administrator's kubeconfig."""
    folder = cluster.pki
    folder.mkdir(mode=0o700)
    service = "kubernetes.default.svc"
    ca, front = Authority(folder, "ca"), Authority(folder, "front-ca")
    ca.sign("apiserver", "kube-apiserver", served=(
        "127.0.0.1", addresses.API, addresses.NODE, "localhost", "kubernetes", "kubernetes.default", service,
        f"{service}.{addresses.DOMAIN}",
    ))  # fmt: skip
    ca.sign("apiserver-kubelet", "apiserver-kubelet-client", "system:masters")
    front.sign("front", "front-proxy-client")
    for user in ("controller-manager", "scheduler", "proxy"):
        ca.sign(user, f"system:kube-{user}")
    ca.sign("admin", "admin", "system:masters")
    # Served to the API by parts that run beside the pods rather than in them.
    ca.sign("extra", "extra", served=("127.0.0.1", addresses.NODE, "localhost", *EXTRA_SERVICES))
    for node in state.nodes:
        ca.sign(node, f"system:node:{node}", "system:nodes", served=("127.0.0.1", addresses.NODE, node))
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "accounts", accounts)
    public = accounts.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "accounts.pub").write_bytes(public)
    for user in ("controller-manager", "scheduler", "proxy", "admin", *state.nodes):
        _kubeconfig(folder, user, f"https://{API}", folder / f"{user}.kubeconfig")
    _kubeconfig(folder, "admin", state.server, cluster.kubeconfig)


EXTRA_SERVICES = tuple(
    f"{name}.{tail}"
    for name in ("keda-operator.keda", "keda-operator-metrics-apiserver.keda", "metrics-server.kube-system")
    for tail in ("svc", f"svc.{addresses.DOMAIN}")
)


def _kubeconfig(folder: Path, user: str, server: str, to: Path) -> None:
    login = {f"client-{what}-data": _data(folder / f"{user}.{end}") for what, end in CLIENT.items()}
    write_kubeconfig(folder / "ca.crt", user, login, to, server)


CLIENT = {"certificate": "crt", "key": "key"}


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def write_kubeconfig(ca: Path, user: str, login: dict[str, str], to: Path, server: str = f"https://{API}") -> None:
    """JSON is YAML. `server`: by default for programs inside."""
    name = "warren"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _data(ca)}}],
        "users": [{"name": user, "user": login}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }
    to.touch(mode=0o600)
    to.write_text(json.dumps(config, indent=2))
