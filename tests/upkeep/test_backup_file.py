"""The encrypted file: whatever is changed, moved, cut off or opened with another key does not open."""

import io
import os

import pytest

from propbot.upkeep.backup import cipher, container
from propbot.upkeep.backup.cipher import BackupError, EncryptedWriter, decrypted
from propbot.upkeep.backup.container import ContainerWriter, read_members

KEY, OTHER = b"k" * 32, b"o" * 32


def sealed(data: bytes, key: bytes = KEY) -> bytes:
    file = io.BytesIO()
    writer = EncryptedWriter(file, key, {"at": "now"})
    writer.write(data)
    writer.finish()
    return file.getvalue()


def opened(content: bytes, *keys: bytes) -> bytes:
    return b"".join(decrypted(io.BytesIO(content), list(keys or (KEY,))))


def packed(*members: tuple[str, bytes]) -> tuple[bytes, dict]:
    file = io.BytesIO()
    writer = EncryptedWriter(file, KEY, {})
    inside = ContainerWriter(writer.write)
    for name, content in members:
        inside.add(name, "file", [content])
    manifest = inside.close({"id": "1"})
    writer.finish()
    return file.getvalue(), manifest


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_what_was_sealed_opens_again(size: int) -> None:
    data = os.urandom(size)
    assert opened(sealed(data)) == data


def test_several_chunks_open_in_order(monkeypatch) -> None:
    monkeypatch.setattr(cipher, "CHUNK_BYTES", 100)
    data = os.urandom(5000)
    assert opened(sealed(data)) == data


def test_the_plain_text_is_nowhere_in_the_file() -> None:
    assert b"needle" not in sealed(b"needle" * 1000)


@pytest.mark.parametrize("place", [18, 60, -1, -17, -40])
def test_a_changed_byte_is_found(place: int) -> None:
    content = bytearray(sealed(os.urandom(300)))
    content[place] ^= 1
    with pytest.raises(BackupError):
        opened(bytes(content))


def test_a_file_cut_off_between_two_chunks_is_found(monkeypatch) -> None:
    monkeypatch.setattr(cipher, "CHUNK_BYTES", 100)
    content = sealed(os.urandom(1000))
    body = content.index(b"\n", len(cipher.MAGIC)) + 1
    step = 100 + cipher.TAG_BYTES
    with pytest.raises(BackupError, match="cut off"):
        opened(content[: body + 2 * step])


def test_two_chunks_that_changed_places_are_found(monkeypatch) -> None:
    monkeypatch.setattr(cipher, "CHUNK_BYTES", 100)
    content = sealed(os.urandom(1000))
    body = content.index(b"\n", len(cipher.MAGIC)) + 1
    step = 100 + cipher.TAG_BYTES
    first, second = content[body : body + step], content[body + step : body + 2 * step]
    with pytest.raises(BackupError, match="chunk 0"):
        opened(content[:body] + second + first + content[body + 2 * step :])


def test_another_key_is_named_and_does_not_open_it() -> None:
    with pytest.raises(BackupError, match=cipher.fingerprint(KEY)):
        opened(sealed(b"data"), OTHER)


def test_an_older_key_in_the_list_still_opens() -> None:
    assert opened(sealed(b"data"), OTHER, KEY) == b"data"


@pytest.mark.parametrize("text", ["", "short", "no fernet key at all", " , "])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match="BACKUP_ENC_KEY"):
        cipher.keys_of(text)


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(BackupError, match="no backup"):
        opened(b"PK\x03\x04 something else entirely\n")


def test_members_come_back_with_their_manifest() -> None:
    content, manifest = packed(("a", b"first"), ("b", b""), ("c", os.urandom(5000)))
    seen: dict[str, bytes] = {}
    pieces = decrypted(io.BytesIO(content), [KEY])
    assert read_members(pieces, lambda name, parts: seen.update({name: b"".join(parts)})) == manifest
    assert list(seen) == ["a", "b", "c"]
    assert [one["bytes"] for one in manifest["members"]] == [5, 0, 5000]


def test_a_manifest_that_names_other_members_is_refused() -> None:
    inside: list[bytes] = []
    writer = ContainerWriter(inside.append)
    writer.add("a", "file", [b"one"])
    writer.members[0] = container.Member("a", "file", 3, "0" * 64)
    writer.close({})
    with pytest.raises(BackupError, match="not those"):
        read_members(iter(inside), lambda name, parts: None)


def test_an_impossible_size_is_refused_before_it_is_read() -> None:
    with pytest.raises(BackupError, match="impossible"):
        read_members(iter([b"\xff\xff\xff\xff"]), lambda name, parts: None)
