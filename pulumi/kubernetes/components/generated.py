"""Passwords and certificates that are made once, at the first `pulumi up`, and kept encrypted in the stack's state.

Dynamic resources: Pulumi runs these classes itself, so no provider plugin has to be fetched for them.
"""

import datetime
import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

LENGTH = 32
AUTHORITY_DAYS, CERTIFICATE_DAYS = 3650, 365
# A certificate is made anew by an `up` in its last days.
RENEW_DAYS = 60


class PasswordProvider(ResourceProvider):
    # Nothing secret is in the code that Pulumi stores.
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        value = secrets.token_urlsafe(LENGTH)[:LENGTH]
        return CreateResult(secrets.token_hex(8), {"generation": props["generation"], "value": value})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        changed = _olds.get("generation") != _news.get("generation")
        return DiffResult(changes=changed, replaces=["generation"] if changed else [])


class Password(Resource, module="warren", name="Password"):
    """32 random letters, digits, - and _. Another one for each `generation`."""

    value: pulumi.Output[str]

    def __init__(self, name: str, generation: int, opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(
            PasswordProvider(),
            name,
            {"generation": generation, "value": None},
            pulumi.ResourceOptions.merge(opts, own),
        )


class CertificateProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), _issue(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        keys = ("generation", "names", "authority", "authority_key")
        changed = any(_olds.get(key) != _news.get(key) for key in keys)
        return DiffResult(changes=changed or _ends_soon(_olds["certificate"]))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_issue(_news))


class Certificate(Resource, module="warren", name="Certificate"):
    """A certificate and its key, as PEM. With an `authority`: a server's of these `names`; without: an authority."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        generation: int,
        names: pulumi.Input[list[str]],
        authority: "Certificate | None" = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {
            "generation": generation,
            "names": names,
            "authority": authority.certificate if authority else None,
            "authority_key": authority.key if authority else None,
            "certificate": None,
            "key": None,
        }
        own = pulumi.ResourceOptions(additional_secret_outputs=["key", "authority_key"])
        super().__init__(CertificateProvider(), name, props, pulumi.ResourceOptions.merge(opts, own))


def _ends_soon(pem: str) -> bool:
    from cryptography import x509

    left = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left < datetime.timedelta(days=RENEW_DAYS)


def _issue(props: dict[str, Any]) -> dict[str, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    names, signed = props["names"], bool(props.get("authority"))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    signer: Any = key
    if signed:
        issuer = x509.load_pem_x509_certificate(props["authority"].encode()).subject
        signer = serialization.load_pem_private_key(props["authority_key"].encode(), None)
    now = datetime.datetime.now(datetime.UTC)
    days = CERTIFICATE_DAYS if signed else AUTHORITY_DAYS
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of nodes differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=not signed, path_length=None if signed else 0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=signed, key_cert_sign=not signed, crl_sign=not signed, decipher_only=False, **usage
            ),
            critical=True,
        )
    )
    if signed:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        ).add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
    pem = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    given = {name: props.get(name) for name in ("generation", "names", "authority", "authority_key")}
    return {**given, "certificate": pem, "key": secret}
