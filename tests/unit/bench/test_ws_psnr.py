"""WS-PSNR: rows count as much as they cover of the sphere."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.ws_psnr import IDENTICAL_DB, Luma, ws_psnr_db

HEIGHT = 180


def grey() -> Luma:
    return np.full((HEIGHT, 2 * HEIGHT), 100, np.uint8)


def with_error(rows: slice) -> Luma:
    picture = grey()
    picture[rows] += 10
    return picture


def test_an_error_everywhere_is_plain_psnr() -> None:
    assert ws_psnr_db(with_error(slice(None)), grey()) == pytest.approx(10 * np.log10(255**2 / 100))
    assert ws_psnr_db(grey(), grey()) == IDENTICAL_DB


def test_the_same_error_weighs_more_at_the_horizon_than_at_a_pole() -> None:
    pole, horizon = slice(0, 10), slice(HEIGHT // 2 - 5, HEIGHT // 2 + 5)
    assert ws_psnr_db(with_error(pole), grey()) > ws_psnr_db(with_error(horizon), grey()) + 10


def test_a_cap_counts_as_much_as_its_area_of_the_sphere() -> None:
    """Above 30° of latitude lies a quarter of the sphere, in a third of the rows."""
    cap = ws_psnr_db(with_error(slice(0, HEIGHT // 3)), grey())
    assert cap == pytest.approx(10 * np.log10(255**2 / (100 * 0.25)), abs=0.01)
