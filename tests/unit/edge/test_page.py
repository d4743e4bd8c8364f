"""The player without its comments."""

from __future__ import annotations

from pathlib import Path

from edge.page import lean, publish_page

SCRIPT = """\
/** What this is for. */
import { a } from './a.js';

// Why.
const url = 'https://example.org/*'; // goes
/** @type {number} */ let b = a / 1;
const glsl = `
  // direction to place
  float x = 1.0; /* stays */
`;
"""
GLSL = SCRIPT[SCRIPT.index("`") : SCRIPT.rindex("`")]


def test_comments_go_and_code_and_strings_stay(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(SCRIPT)
    (tmp_path / "a.css").write_text("/* The library */\n.card > a {\n  color: red;\n}\n")
    script = lean(tmp_path / "a.js").decode()
    assert "import{a}from'./a.js';" in script
    assert "const url='https://example.org/*';let b=a/1;" in script
    assert GLSL in script
    assert not any(word in script for word in ("What", "Why", "goes", "@type"))
    assert lean(tmp_path / "a.css") == b".card>a{color:red}"


def test_the_page_is_published_whole_and_anew(tmp_path: Path) -> None:
    player, page = tmp_path / "player", tmp_path / "page"
    (player / "src").mkdir(parents=True)
    for name in ("index.html", "icon.svg", "style.css", "src/main.js"):
        (player / name).write_text(f"/* {name} */")
    page.mkdir()
    (page / "old.js").touch()
    publish_page(player, page)
    assert sorted(str(path.relative_to(page)) for path in page.rglob("*.*")) == [
        "icon.svg", "index.html", "src/main.js", "style.css",
    ]  # fmt: skip
    assert (page / "index.html").read_text() == "/* index.html */"
    assert (page / "src/main.js").read_text() == ""
