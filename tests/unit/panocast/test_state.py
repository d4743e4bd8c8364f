from pathlib import Path

import pytest

from panocast.errors import UsageError
from panocast.state import VERSION, open_state, sole_use


def test_a_missing_directory_is_made_with_its_version(tmp_path: Path) -> None:
    state = open_state(tmp_path / "a" / "b")
    assert (state / "version").read_text().strip() == str(VERSION)


def test_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    open_state(tmp_path)
    (tmp_path / "version").write_text("99\n")
    with pytest.raises(UsageError, match=r"version 99.*upgrade panocast"):
        open_state(tmp_path)


def test_a_directory_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("v1.2 of something else")
    with pytest.raises(UsageError, match=r"is .* a state directory of panocast"):
        open_state(tmp_path)


def test_a_file_in_its_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    with pytest.raises(UsageError, match="cannot use the state directory"):
        open_state(tmp_path / "var")


def test_only_one_process_uses_it_at_a_time(tmp_path: Path) -> None:
    first, second = sole_use(tmp_path, "`panocast up`"), sole_use(tmp_path, "`panocast up`")
    with first, pytest.raises(UsageError, match="already runs"), second:
        pass
    with sole_use(tmp_path, "`panocast up`"):
        pass
