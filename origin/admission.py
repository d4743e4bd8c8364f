"""Who may publish: nginx asks at every publish, and this is the answer as a value.

The form nginx posts ends with the query of the stream key as the client wrote it, and holds more that a client wrote.
So nginx's own fields must come in their order and each once, however well or badly the rest is quoted: one that a
client slipped in is a forgery.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from panocast.errors import RefusedError
from panocast.keys import StreamKeys
from panocast.layout import STREAM_NAME, is_stream_name

RUNG_NAME = re.compile(rf"(?P<name>{STREAM_NAME.pattern})_(?P<width>[1-9]\d{{0,4}})")
# What nginx-rtmp 1.2 writes, in this order; the query of the stream key follows (ngx_rtmp_notify_module.c).
_FIELDS = ["app", "flashver", "swfurl", "tcurl", "pageurl", "addr", "clientid", "call", "name", "type"]
_FIELDS_OF_ALL = _FIELDS[:-1]  # `type` is a publish's alone
_MOST_FIELDS = 40


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A client that wants to publish under a name of an application; `pushed` if it is the other origin, which hands on
    what an encoder publishes there."""

    app: str
    name: str
    client: int
    key: str
    pushed: bool = False


def parse_publish(body: bytes) -> PublishRequest:
    """Read the form of an `on_publish`. Raises RefusedError for one that a client has tampered with."""
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        own, query = dict(pairs[: len(_FIELDS)]), pairs[len(_FIELDS) :]
        client = int(own.get("clientid", ""))
    except ValueError as error:
        raise RefusedError("the publish request makes no sense") from error
    if list(own) != _FIELDS or own["call"] != "publish" or any(field in own for field, _ in query):
        raise RefusedError("the publish request carries fields that it must not carry")
    keys = [value for field, value in query if field == "key"]
    key = keys[0] if len(keys) == 1 else ""
    return PublishRequest(own["app"], own["name"], client, key, pushed=("push", "1") in query)


def parse_done(body: bytes) -> PublishRequest | None:
    """Who left, as an `on_publish_done` tells it, or None when it makes no sense. Its key is of no interest."""
    try:
        own = _named_in(body)
        return PublishRequest(own["app"], own["name"], int(own["clientid"]), "")
    except (KeyError, ValueError):
        return None


def parse_play(body: bytes) -> str | None:
    """The stream that a program on this machine is about to read, as an `on_play` tells it; None for anybody else."""
    own = _named_in(body)
    ours = list(own) == _FIELDS_OF_ALL and (own["call"], own["addr"]) == ("play", "127.0.0.1")
    return own["name"] if ours else None


def _named_in(body: bytes) -> dict[str, str]:
    """What nginx itself tells in any hook's form, up to the stream's name."""
    return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True)[: len(_FIELDS_OF_ALL)])


def check_publish(request: PublishRequest, keys: StreamKeys, publishing: Mapping[str, int]) -> None:
    """Whether this client may publish; `publishing` maps the application's busy names to their clients.

    Raises RefusedError with the reason, in words for the owner of the encoder, never with a key; TemporaryError when
    nobody can say which keys are valid.
    """
    name = request.name
    if request.app == "show":
        if not RUNG_NAME.fullmatch(name):
            raise RefusedError("not the name of a rung")
    elif request.app not in ("live", "qa"):
        raise RefusedError("there is no such application: publish to live or qa")
    elif not is_stream_name(name):
        raise RefusedError("illegal stream name: use 1 to 64 of a-z, 0-9 and '-', not starting with '-'")
    if not request.key:
        raise RefusedError(f"no key: the stream key must be what `panocast stream-key {name}` prints")
    if not keys.matches(name, request.key):
        raise RefusedError(f"wrong key: use what `panocast stream-key {name}` prints")
    if publishing.get(name, request.client) != request.client:
        raise RefusedError("the name is busy: somebody publishes under it already")


def shown_name(name: str) -> str:
    """A refused name as it may stand in a log or a page: printable, and not long."""
    text = name if name.isascii() and name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."
