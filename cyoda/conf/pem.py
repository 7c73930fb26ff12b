"""Certificates and keys as PEM text, judged when they are read (contract: grpc 1)."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cyoda.conf.variables import Kind, NotAllowed


def _certificates(text: str) -> str:
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise NotAllowed from None
    return text


def _private_key(text: str) -> str:
    try:
        load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotAllowed from None
    return text


certificates: Kind[str] = Kind("certificates in PEM", _certificates)
"""One or more, the leaf first."""
private_key: Kind[str] = Kind("a private key in PEM without a password", _private_key)


def belong_together(chain: str, key: str) -> bool:
    """Whether a key is that of a chain's first certificate; both have been read before."""
    certified = x509.load_pem_x509_certificates(chain.encode())[0].public_key()
    own = load_pem_private_key(key.encode(), password=None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certified.public_bytes(*form) == own.public_bytes(*form)
