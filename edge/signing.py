"""Signed playback: URLs that play until a time, and that nobody makes who does not have the secret.

    /s/EXPIRES-TOKEN/hls/NAME.m3u8
    /s/EXPIRES-TOKEN/vod/NAME/SESSION/master.m3u8

The token opens one stream, or one asset, with all its rungs: playlists name their files relatively, so every player
keeps the prefix without knowing of it, and a CDN caches by path as ever. The same expiry gives everybody the same
URL: give many viewers one, and a CDN fetches a segment once for all of them. nginx checks it by itself
(https://nginx.org/en/docs/http/ngx_http_secure_link_module.html, which is why the digest is MD5; the secret stands
before and after what is signed).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from panocast.errors import UsageError
from panocast.keys import load_secret
from panocast.layout import SESSION_ID, STREAM_NAME, inner

ROUND_S = 300
_ASSET = f"{STREAM_NAME.pattern}/{inner(SESSION_ID)}"
_SIGNABLE = re.compile(rf"/(?P<what>hls/{STREAM_NAME.pattern}(?=\.m3u8$)|vod/{_ASSET}(?=/)).*")


def playback_secret(state: Path) -> str:
    """What edges and `panocast sign` share: 64 hexadecimal digits, from a file of the state directory that is made
    where there is none yet. It is another one than that of the stream keys, which edges have no need to know."""
    return signing_key(load_secret(state / "playback-secret"))


def signing_key(secret: bytes) -> str:
    """The same from the file's content."""
    return hmac.new(secret, b"playback", hashlib.sha256).hexdigest()


def sign(url: str, secret: str, *, valid_s: float, now: float | None = None) -> str:
    """A URL or path of the edge, signed for `valid_s` seconds or a little more: the expiry is rounded up, so that the
    same URL comes out for a while. Raises UsageError for one that is no live stream's or asset's."""
    split = urlsplit(url)
    match = _SIGNABLE.fullmatch(split.path)
    if match is None:
        raise UsageError(
            f"{url[:200]!r} is neither a live stream (/hls/NAME.m3u8) nor an asset (/vod/NAME/SESSION/master.m3u8)"
        )
    until = (time.time() if now is None else now) + valid_s
    expires = math.ceil(until / ROUND_S) * ROUND_S
    path = f"/s/{expires}-{token(match['what'], expires, secret)}{split.path}"
    return split._replace(path=path).geturl()


def token(what: str, expires: int, secret: str) -> str:
    """The token that opens `what` (`hls/NAME` or `vod/NAME/SESSION`) until `expires` (Unix time), as nginx computes
    it."""
    digest = hashlib.md5(f"{secret} {expires} {what} {secret}".encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
