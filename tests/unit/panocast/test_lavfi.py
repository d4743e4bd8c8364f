"""Text for ffmpeg's filter graphs."""

import re
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from panocast.lavfi import Canvas, escaped, lavfi


@given(st.text("ab%{}°\\':,;[]= ", min_size=1))
def test_escaped_text_comes_through_both_of_ffmpegs_parsers(text: str) -> None:
    def unescape(value: str) -> str:
        return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)

    value = escaped(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\],;']", value), "the graph's parser would stop here"
    assert not re.search(r"(?<!\\)(?:\\\\)*[:']", unescape(value)), "the option list's parser would stop here"
    assert unescape(unescape(value)) == text


def test_a_filter_stands_in_a_graph_with_its_options_escaped() -> None:
    assert lavfi("drawtext", text="12:00, noon", x=3) == r"drawtext=text=12\\:00\, noon:x=3"


def test_neighbouring_boxes_touch_and_never_overlap() -> None:
    canvas = Canvas(px_per_deg=1.7, x_px=0, y_px=100)
    edges = []
    for index in range(20):
        found = re.search(r"x=(\d+):y=\d+:w=(\d+)", canvas.box(index * 3, 0, 3, 3, "white"))
        assert found
        edges.append((int(found[1]), int(found[1]) + int(found[2])))
    assert all(right == left for (_, right), (left, _) in pairwise(edges))


def test_live_text_is_expanded_for_every_frame_and_other_text_never() -> None:
    canvas = Canvas(1, 0, 0)
    assert "expansion=none" in canvas.text(0, 0, 5, Path("f.ttf"), "100 %")
    assert "expansion=normal" in canvas.text(0, 0, 5, Path("f.ttf"), "%{n}", live=True)
