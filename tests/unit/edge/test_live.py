from edge.live import Live, LiveStream, Refusal, merge, with_choices


def stream(name: str, origin: str) -> LiveStream:
    return LiveStream(name=name, url=f"/hls/{name}.m3u8", since="2026-11-20T10:00:00Z", origin=origin)


def test_a_stream_on_both_origins_is_told_by_the_preferred_one() -> None:
    merged = merge([Live(live=(stream("a", "primary"),)), Live(live=(stream("a", "backup"), stream("b", "backup")))])
    assert [(s.name, s.origin) for s in merged.live] == [("a", "primary"), ("b", "backup")]


def test_refusals_of_all_origins_are_listed_newest_first() -> None:
    old = Refusal(name="x", reason="wrong key", since="2026-11-20T10:00:00Z")
    new = Refusal(name="y", reason="no key", since="2026-11-20T10:00:05Z")
    assert merge([Live(refused=(old,)), Live(refused=(new,))]).refused == (new, old)


def test_what_an_origin_says_besides_is_passed_on() -> None:
    told = '{"live":[{"name":"a","url":"/hls/a.m3u8","since":"s","origin":"primary","title":"Concert"}],"more":1}'
    assert '"title":"Concert"' in merge([Live.model_validate_json(told)]).model_dump_json()


def test_what_publishes_is_known_before_it_is_playable_and_told_to_nobody() -> None:
    early = Live.model_validate_json('{"live": [], "refused": [], "publishing": ["b"]}')
    merged = merge([early, Live(live=(stream("a", "primary"),))])
    assert merged.publishing == {"a", "b"}
    assert merged.model_dump_json() == Live(live=merged.live).model_dump_json()
    assert "publishing" not in merged.model_dump_json()


def test_a_mirrored_stream_is_told_with_the_origin_that_serves_it_and_why() -> None:
    live = with_choices(Live(live=(stream("a", "primary"), stream("b", "primary"))), {"a": ("backup", "it is frozen")})
    told = [s.model_dump() for s in live.live]
    assert (told[0]["origin"], told[0]["mirrored"], told[0]["why"]) == ("backup", True, "it is frozen")
    assert told[1]["origin"] == "primary"
    assert "mirrored" not in told[1]
