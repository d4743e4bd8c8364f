"""When Batch tries a job again: the template's rules, applied as AWS says that it applies them.

https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
"""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest

from panocast.errors import PanocastError, SetupError, TemporaryError
from tests.unit.infra.aws.rendered import templates

EXITED = "Essential container in task exited"


def action(rules: list[dict[str, Any]], *, status_reason: str, reason: str = "", exit_code: int | None = None) -> str:
    """What Batch does after a failed attempt: the first rule of which everything fits; without one, another try."""
    told = {"OnStatusReason": status_reason, "OnReason": reason, "OnExitCode": str(exit_code or "")}
    for rule in rules:
        if all(fnmatch.fnmatchcase(told[key], pattern) for key, pattern in rule.items() if key != "Action"):
            return str(rule["Action"])
    return "RETRY"


def strategy() -> dict[str, Any]:
    return templates()["batch"]["Resources"]["JobDefinition"]["Properties"]["RetryStrategy"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("ended", "then"),
    [
        ({"status_reason": "Host EC2 (instance i-0123456789abcdef0) terminated."}, "RETRY"),
        ({"status_reason": EXITED, "exit_code": TemporaryError.exit_code}, "RETRY"),
        ({"status_reason": EXITED, "exit_code": PanocastError.exit_code}, "EXIT"),
        ({"status_reason": EXITED, "exit_code": SetupError.exit_code}, "EXIT"),
        ({"status_reason": EXITED, "exit_code": 137, "reason": "OutOfMemoryError: Container killed"}, "EXIT"),
        ({"status_reason": "Task failed to start", "reason": "CannotPullContainerError: no such image"}, "EXIT"),
    ],
)
def test_a_job_is_tried_again_when_another_machine_or_another_try_could_help(ended: dict[str, Any], then: str) -> None:
    assert action(strategy()["EvaluateOnExit"], **ended) == then
    assert 1 < strategy()["Attempts"] <= 10, "AWS takes ten at most"


def test_without_its_last_rule_everything_would_be_tried_again() -> None:
    assert action(strategy()["EvaluateOnExit"][:-1], status_reason=EXITED, exit_code=1) == "RETRY"
