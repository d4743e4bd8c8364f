import re
from pathlib import Path

from pydantic import BaseModel

from panocast.settings import Settings, StreamSettings

ROOT = Path(__file__).resolve().parents[2]


def setting_keys() -> set[str]:
    keys = set()
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if name == "streams":
            keys |= {f"streams.NAME.{inner}" for inner in StreamSettings.model_fields}
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= {f"{name}.{inner}" for inner in kind.model_fields}
        else:
            keys.add(name)
    return keys


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    assert set(re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)) == setting_keys()


def test_every_test_that_the_guarantees_name_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs/guarantees.md").read_text())
    assert named
    for path, test in named:
        assert f"def {test}" in (ROOT / path).read_text(), f"{path}::{test}"


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
