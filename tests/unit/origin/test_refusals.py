"""What was refused lately: bounded in number and in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from origin.refusals import MOST, Refusals

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_the_same_again_is_no_news_and_keeps_its_beginning() -> None:
    refusals = Refusals()
    assert refusals.add("cam", "wrong key", NOW)
    assert not refusals.add("cam", "wrong key", NOW + timedelta(seconds=5))
    assert refusals.add("cam", "busy", NOW)
    assert {r.reason: r.since for r in refusals.latest(NOW)} == {"wrong key": NOW, "busy": NOW}


def test_it_is_forgotten_after_ten_minutes() -> None:
    refusals = Refusals()
    refusals.add("cam", "wrong key", NOW)
    refusals.add("cam", "wrong key", NOW + timedelta(minutes=9))
    assert refusals.latest(NOW + timedelta(minutes=18))
    assert not refusals.latest(NOW + timedelta(minutes=20))


def test_a_flood_of_names_does_not_grow() -> None:
    refusals = Refusals()
    for n in range(10 * MOST):
        refusals.add(f"cam{n}", "wrong key", NOW)
    assert len(refusals.latest(NOW)) == MOST
