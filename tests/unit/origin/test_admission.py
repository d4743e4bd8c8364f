"""Who may publish, decided on values alone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from origin.admission import PublishRequest, check_publish, parse_done, parse_play, parse_publish, shown_name
from panocast.errors import RefusedError
from panocast.keys import StreamKeys, stream_key
from panocast.layout import is_stream_name

SECRET = b"0123456789abcdef"
KEYS = StreamKeys(SECRET, {}, Path("no-such-file"))


def form(name: str, query: str = "", app: str = "live", tcurl: str = "rtmp://h/live", client: str = "7") -> bytes:
    """What nginx-rtmp 1.2 posts; only `name` is quoted there."""
    own = f"app={app}&flashver=FM&swfurl=&tcurl={tcurl}&pageurl=&addr=127.0.0.1&clientid={client}"
    return f"{own}&call=publish&name={name}&type=live{'&' + query if query else ''}".encode()


def admit(body: bytes, busy: dict[str, int] | None = None) -> PublishRequest:
    request = parse_publish(body)
    check_publish(request, KEYS, busy or {})
    return request


def key_of(name: str) -> str:
    return f"key={stream_key(SECRET, name)}"


def test_the_right_key_opens() -> None:
    assert admit(form("cam", key_of("cam"))) == PublishRequest("live", "cam", 7, stream_key(SECRET, "cam"))
    assert admit(form("cam", key_of("cam"), app="qa")).app == "qa"
    assert admit(form("cam_1920", key_of("cam_1920"), app="show")).name == "cam_1920"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (form("cam"), "no key"),
        (form("cam", "key="), "no key"),
        (form("cam", key_of("cam") + "&" + key_of("cam")), "no key"),
        (form("cam", key_of("cat")), "wrong key"),
        (form("cam", key_of("cam") + "x"), "wrong key"),
        (form("cam", key_of("cam"), app="vod"), "no such application"),
        (form("cam_1920", key_of("cam_1920")), "illegal"),
        (form("cam", key_of("cam"), app="show"), "rung"),
        (form("cam_0", key_of("cam_0"), app="show"), "rung"),
        (form("cam&" + key_of("cam")), "must not carry"),
        (form("x", tcurl="rtmp://h/live&clientid=1&call=publish&name=cam&" + key_of("cam")), "must not carry"),
        (
            form("x", tcurl=f"t&pageurl=&addr=1&clientid=1&call=publish&name=cam&type=live&{key_of('cam')}"),
            "must not carry",
        ),
        (form("cam", f"name=other&{key_of('cam')}"), "must not carry"),
        (form("cam", key_of("cam"), client="x"), "no sense"),
        (b"", "no sense"),
        (b"&".join([b"a=b"] * 100), "no sense"),
    ],
)
def test_everybody_else_is_refused_in_words(body: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as caught:
        admit(body)
    assert stream_key(SECRET, "cam") not in str(caught.value)


def test_a_query_may_carry_what_else_it_likes() -> None:
    assert admit(form("cam", f"user=me&{key_of('cam')}&x")).name == "cam"


def test_a_busy_name_is_refused_to_others_only() -> None:
    body = form("cam", key_of("cam"))
    admit(body, {"cam": 7, "other": 8})
    with pytest.raises(RefusedError, match="busy"):
        admit(body, {"cam": 8})


@given(st.text(max_size=300) | st.from_regex(r"[a-z0-9-]{0,70}", fullmatch=True))
@example("..%2f..%2fevil")
@example("-y")
@example("a" * 65)
@example("cam\n")
def test_only_legal_names_pass_even_with_their_key(name: str) -> None:
    body = form(quote(name, safe=""), f"key={stream_key(SECRET, name)}")
    if is_stream_name(name):
        assert admit(body).name == name
    else:
        with pytest.raises(RefusedError):
            admit(body)


def test_who_left_is_read_whatever_follows() -> None:
    body = (
        form("cam", "clientid=1&name=other").replace(b"&type=live", b"").replace(b"call=publish", b"call=publish_done")
    )
    assert parse_done(body) == PublishRequest("live", "cam", 7, "")
    assert parse_done(b"") is None


@given(st.binary(max_size=200))
def test_nonsense_is_refused_not_a_crash(body: bytes) -> None:
    with pytest.raises(RefusedError):
        admit(body)


@given(st.text())
def test_a_refused_name_is_shown_printable_and_short(name: str) -> None:
    shown = shown_name(name)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 80


def test_only_what_reads_on_this_machine_is_told_as_a_reader() -> None:
    ours = form("cam").replace(b"call=publish", b"call=play")
    assert parse_play(ours + b"&start=0") == "cam"
    assert parse_play(ours.replace(b"addr=127.0.0.1", b"addr=127.0.0.2")) is None
    assert parse_play(form("cam", tcurl="t&pageurl=&addr=127.0.0.1").replace(b"call=publish", b"call=play")) is None
    assert parse_play(form("cam")) is None
    assert parse_play(b"\xff") is None
