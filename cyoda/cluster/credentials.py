"""How nodes prove to each other that they belong together: certificates under an authority made of their shared secret.

Every node computes the same authority's key from the secret, and issues a certificate for its own id with a fresh key.
Both ends of a connection between peers show one, so each knows the other's id; without the secret there is no
connection, and what passes is encrypted, whole and fresh as TLS has it (docs/adr/0017).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=3650)
"""Longer than a process lives: certificates are made at its start and are in no file."""
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cyoda cluster")])


def derived(secret: bytes, purpose: str, length: int = 32) -> bytes:
    """A key for one purpose, made of the cluster's secret."""
    return HKDF(hashes.SHA256(), length, salt=None, info=purpose.encode()).derive(secret)


def host_name(node_id: str) -> str:
    """The name that a node's certificate is for: ids may have characters that host names may not."""
    return f"{hashlib.sha256(node_id.encode()).hexdigest()[:40]}.cyoda.internal"


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """One node's part of the mutual proof, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)

    def server(self) -> grpc.ServerCredentials:
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], root_certificates=self.authority, require_client_auth=True
        )

    def channel(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)


def peer_credentials(secret: bytes, node_id: str, now: datetime | None = None) -> PeerCredentials:
    """Credentials of a node of the cluster that shares `secret`."""
    start = (now or datetime.now(UTC)) - timedelta(days=1)  # clocks differ
    number = int.from_bytes(derived(secret, "cyoda-peers-v1", 48), "big")
    authority_key = ec.derive_private_key(number % (_ORDER_OF_P256 - 1) + 1, ec.SECP256R1())
    authority = (
        _unsigned(_AUTHORITY, authority_key.public_key(), start)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)])
    certificate = (
        _unsigned(name, key.public_key(), start)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host_name(node_id))]), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PeerCredentials(authority.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.PEM), private)


def _unsigned(subject: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_AUTHORITY)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
    )
