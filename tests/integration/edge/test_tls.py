"""HTTPS beside HTTP, and the address that phones are shown."""

from __future__ import annotations

import asyncio
import json
import ssl
import warnings
from pathlib import Path

import pytest

from infra.local.certificate import own_certificate
from tests.integration.edge.running import running_edge
from tests.ports import free_ports

pytestmark = pytest.mark.slow


async def test_the_page_comes_by_https_and_phones_are_shown_where(tmp_path: Path) -> None:
    files = own_certificate(tmp_path / "tls")
    (port,) = free_ports(1)
    url = f"https://localhost:{port}/"
    tls: dict[str, str | int | float] = {"https_port": port, "public_url": url}
    tls |= {"tls_cert": str(files.certificate), "tls_key": str(files.key)}
    async with running_edge(tmp_path, edge=tls) as edge:
        trusting = ssl.create_default_context(cafile=str(files.certificate))
        async with edge.session.get(url, ssl=trusting) as answer:
            assert answer.status == 200
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        status, _, _ = await edge.get("/")
        assert status == 200, "HTTP goes on"
        _, script, headers = await edge.get("/src/main.js")
        assert (headers["Content-Type"], headers["Content-Encoding"]) == ("text/javascript; charset=utf-8", "gzip")
        assert b"/**" not in script, "what explains the page to us need not travel"
        _, told, _ = await edge.get("/player.json")
        assert json.loads(told)["url"] == url
        status, picture, headers = await edge.get("/qr.svg")
        assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
        assert picture.startswith(b"<svg")
        assert await speaks(trusting, port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await speaks(trusting, port, ssl.TLSVersion.TLSv1_1)


async def speaks(trusting: ssl.SSLContext, port: int, version: ssl.TLSVersion) -> str:
    """What a client that knows this version alone agrees on with the server; raises SSLError where that is nothing."""
    trusting.set_ciphers("DEFAULT@SECLEVEL=0")  # OpenSSL's own limit would keep old clients from asking at all.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trusting.minimum_version = trusting.maximum_version = version
    _, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    agreed = writer.get_extra_info("ssl_object").version()
    writer.close()
    return str(agreed)
