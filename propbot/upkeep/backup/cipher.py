"""An encrypted stream: AES-256-GCM in numbered chunks, the last one marked. Pure but for the file it is given.

A chunk that is changed, moved, left out or cut off does not open. The key is derived with HKDF from a Fernet key of
BACKUP_ENC_KEY and the file's own salt, so no two files share a key; the header is authenticated with each chunk.
"""

import base64
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"PROPBOT-BACKUP-1\n"
CHUNK_BYTES = 1 << 20
TAG_BYTES = 16
LONGEST_HEADER = 4096
KEY_BYTES = 32
PURPOSE = b"propbot backup"


class BackupError(Exception):
    """The backup cannot be made, opened or restored; the text says why and never holds a secret."""


def keys_of(text: str) -> list[bytes]:
    """The keys of BACKUP_ENC_KEY (Fernet keys, comma separated, newest first)."""
    keys = [_key_of(part.strip()) for part in text.split(",") if part.strip()]
    if not keys:
        raise BackupError("set BACKUP_ENC_KEY (manage.py secrets new-key makes one) and keep it away from the backups")
    return keys


def _key_of(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BackupError("BACKUP_ENC_KEY holds something that is no Fernet key")
    return key


def fingerprint(key: bytes) -> str:
    """Says which key a file needs, without telling the key."""
    return hashlib.sha256(b"propbot backup key " + key).hexdigest()[:16]


def _derived(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=PURPOSE).derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return struct.pack(">IIB3x", 0, number, int(last))


class EncryptedWriter:
    """Compresses and encrypts what is written; ``finish`` marks the end, without which nothing opens."""

    def __init__(self, file: IO[bytes], key: bytes, header: Mapping[str, Any]) -> None:
        salt = os.urandom(16)
        self._file, self._cipher, self._number = file, _derived(key, salt), 0
        self._squeezer = zlib.compressobj(6)
        self._waiting = bytearray()
        document = {**header, "key": fingerprint(key), "salt": salt.hex()}
        self._header = MAGIC + json.dumps(document, sort_keys=True).encode() + b"\n"
        file.write(self._header)

    def write(self, data: bytes) -> None:
        self._waiting += self._squeezer.compress(data)
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> None:
        self.write(b"")
        self._waiting += self._squeezer.flush()
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), plain, self._header))
        self._number += 1


def read_header(file: IO[bytes]) -> tuple[bytes, dict[str, Any]]:
    """The header's bytes and what they say; it is authenticated only when the first chunk opens."""
    magic = file.read(len(MAGIC))
    line = file.readline(LONGEST_HEADER)
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if magic != MAGIC or not isinstance(document, dict):
        raise BackupError("this file is no backup of PropBot")
    return magic + line, document


def _opener(keys: list[bytes], document: Mapping[str, Any]) -> AESGCM:
    wanted = str(document.get("key"))
    for key in keys:
        if fingerprint(key) == wanted:
            return _derived(key, bytes.fromhex(str(document.get("salt", ""))))
    raise BackupError(f"no key of BACKUP_ENC_KEY opens it: it was made under the key {wanted}")


def decrypted(file: IO[bytes], keys: list[bytes]) -> Iterator[bytes]:
    """The plain bytes of a whole backup, piece by piece. Raises BackupError at the first piece that is not genuine."""
    header, document = read_header(file)
    cipher, squeezer, number = _opener(keys, document), zlib.decompressobj(), 0
    piece = file.read(CHUNK_BYTES + TAG_BYTES)
    while piece:
        following = file.read(CHUNK_BYTES + TAG_BYTES)
        try:
            plain = cipher.decrypt(_nonce(number, not following), piece, header)
        except InvalidTag:
            raise BackupError(f"chunk {number} of the backup was changed, or the file was cut off") from None
        yield squeezer.decompress(plain)
        piece, number = following, number + 1
    yield squeezer.flush()
    if not squeezer.eof:
        raise BackupError("the backup ends before its data does")
