"""The Lambdas' pure part; what they do in AWS is tested against moto."""

from __future__ import annotations

import pytest

from infra.aws.lambdas.submit import MOST_AT_ONCE, missing


@pytest.mark.parametrize(
    ("waiting", "not_begun", "submitted"),
    [(0, 0, 0), (1, 0, 1), (8, 0, 1), (9, 0, 2), (9, 2, 0), (9, 5, 0), (10_000, 0, MOST_AT_ONCE)],
)
def test_there_are_as_many_jobs_as_there_is_work_for(waiting: int, not_begun: int, submitted: int) -> None:
    assert missing(waiting, not_begun, per_worker=8) == submitted
