"""Sealing a value so that only the trader can open it: X25519, HKDF-SHA256, Fernet. Pure."""

import base64
import binascii
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
LABEL = b"propbot sealed secret v1"


class SealingError(ValueError):
    """The sealed text or the key is not what it should be; says nothing of the value."""


def new_private_key() -> str:
    return base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(private: str) -> str:
    return base64.b64encode(_private(private).public_key().public_bytes_raw()).decode()


def _raw(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise SealingError("the key is not base64") from None
    if len(raw) != KEY_BYTES:
        raise SealingError("the key is not 32 bytes long")
    return raw


def _private(text: str) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_raw(text))


def _cipher(shared: bytes, sender: bytes, receiver: bytes) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=sender + receiver, info=LABEL).derive(shared)
    return Fernet(base64.urlsafe_b64encode(derived))


def seal(value: str, receiver_public: str) -> str:
    """``<one-time public key>.<Fernet token>``; only the holder of the private key reads it."""
    receiver = _raw(receiver_public)
    once = X25519PrivateKey.generate()
    sender = once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(receiver))
    sealed = _cipher(shared, sender, receiver).encrypt(value.encode())
    return f"{base64.b64encode(sender).decode()}.{sealed.decode()}"


def unseal(sealed: str, receiver_private: str) -> str:
    """The value. Raises SealingError when it was sealed to another key or changed."""
    head, dot, body = sealed.partition(".")
    if not dot:
        raise SealingError("the sealed value has no key part")
    sender = _raw(head)
    private = _private(receiver_private)
    shared = private.exchange(X25519PublicKey.from_public_bytes(sender))
    try:
        return _cipher(shared, sender, private.public_key().public_bytes_raw()).decrypt(body.encode()).decode()
    except InvalidToken:
        raise SealingError("the sealed value does not open with this key") from None


def fingerprint(value: str, key: str) -> str:
    """Tells two values apart without telling either: HMAC-SHA256, 16 hex digits."""
    return hmac.new(f"fingerprint:{key}".encode(), value.encode(), hashlib.sha256).hexdigest()[:16]
