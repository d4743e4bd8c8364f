"""Stream keys: who may publish under a name.

A key is the HMAC-SHA256 of the stream's name under the deployment's secret, so that origins agree without a word. What
is kept for a stream is a number, its key's *generation*: the next one is another key, and the old one opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import PositiveInt, TypeAdapter, ValidationError

from panocast import folders
from panocast.errors import TemporaryError, UsageError
from panocast.settings import Settings

SECRET_MIN_BYTES = 16
GENERATIONS = TypeAdapter(dict[str, PositiveInt])


def stream_key(secret: bytes, name: str, generation: int = 1) -> str:
    """The key of stream `name`: 32 URL-safe characters (192 bits)."""
    # No name has a line break in it, so no two of these are the same text.
    text = name if generation == 1 else f"{name}\n{generation}"
    digest = hmac.new(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")


class StreamKeys:
    """The keys that are valid now: each of the generation that the settings say (`set_to`), or the file of what was
    renewed on this machine, whichever is later. The file is read at every question, so that nobody needs telling."""

    def __init__(self, secret: bytes, set_to: Mapping[str, int], renewed: Path) -> None:
        self.secret = secret
        self._set_to = set_to
        self._renewed = renewed

    def key(self, name: str) -> str:
        """The key of a stream. Raises TemporaryError when nobody can say which one is valid."""
        return stream_key(self.secret, name, self._generation(name))

    def matches(self, name: str, key: str) -> bool:
        """Whether `key` is the key of `name`, compared in constant time. Raises TemporaryError as `key` does."""
        return hmac.compare_digest(self.key(name).encode(), key.encode("utf-8", "surrogatepass"))

    def renew(self, name: str) -> str:
        """Make the key of a stream invalid for good, and give the one that is valid from now on. Raises UsageError, and
        TemporaryError as `key` does."""
        try:
            with folders.locked(self._renewed.with_suffix(".lock")):
                generations = {**self._read(), name: self._generation(name) + 1}
                folders.replace_file(self._renewed, json.dumps(generations, indent=1) + "\n")
        except OSError as error:
            raise UsageError(f"cannot write {self._renewed}: {error.strerror}") from error
        return self.key(name)

    def _generation(self, name: str) -> int:
        return max(self._set_to.get(name, 1), self._read().get(name, 1))

    def _read(self) -> dict[str, int]:
        try:
            return GENERATIONS.validate_json(self._renewed.read_bytes(), strict=True)
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise TemporaryError(
                f"{self._renewed} cannot be read: without it nobody can say which keys are valid. Restore it, or "
                "remove it: then every key is of the first generation again, or of its streams.NAME.key_generation"
            ) from error


def open_keys(settings: Settings) -> StreamKeys:
    """The keys of a deployment, whose secret is made where there is none yet. Raises UsageError."""
    set_to = {name: stream.key_generation for name, stream in settings.streams.items()}
    return StreamKeys(load_secret(settings.secret_path), set_to, settings.state / "keys.json")


def load_secret(path: Path) -> bytes:
    """Read the deployment's secret, or make one (readable by its owner only) where there is none yet."""
    try:
        if not path.exists():
            _make_secret(path)
    except OSError as error:
        raise UsageError(f"cannot write the secret {path}: {error.strerror}") from error
    return _read_secret(path)


def _make_secret(path: Path) -> None:
    """Whole from its first moment, on the disk when this returns; where another process was faster, its own stays."""
    with tempfile.NamedTemporaryFile("w", prefix=f".{path.name}-", dir=path.parent) as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
    folders.sync(path.parent)


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"cannot read the secret {path}: {error.strerror}") from error
    if len(secret) < SECRET_MIN_BYTES:
        raise UsageError(
            f"the secret in {path} is shorter than {SECRET_MIN_BYTES} bytes: remove the file to get a new one"
        )
    return secret
