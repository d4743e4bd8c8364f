"""From whatever a stack was left in, `deploy` finds its way to a state that it can deploy to, or says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws.account import Account
from infra.aws.artifacts import Artifacts
from infra.aws.cli import going_on_alone
from infra.aws.deploy import Wanted, prepare, settle
from infra.aws.naps import check_deployed
from infra.aws.parameters import parse_parameters
from infra.aws.stack import Stack
from panocast.errors import PanocastError, UsageError


class CloudFormation:
    """A stack that goes from state to state, one for each thing that is done to it or waited for."""

    def __init__(self, *states: str | None) -> None:
        self.states: Sequence[str | None] = states
        self.did: list[str] = []
        self.tags = [{"Key": "panocast", "Value": "panocast"}]

    def go_on(self) -> None:
        self.states = self.states[1:]

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if self.states[0] is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self.states[0], "Tags": self.tags}]}

    def delete_stack(self, **_: str) -> None:
        self.did.append("delete")

    def continue_update_rollback(self, **_: str) -> None:
        self.did.append("finish the rollback")


def settled(*states: str | None) -> tuple[list[str], list[str]]:
    """Settle a stack that takes these states; gives what was done and what was said."""
    client, said = CloudFormation(*states), list[str]()

    def follow(since: datetime) -> None:
        client.did.append("wait")
        client.go_on()

    settle(Stack(client, "panocast"), said.append, follow)
    return client.did, said


@pytest.mark.parametrize("state", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_of_somebody_elses_with_that_name_is_left_alone(state: str) -> None:
    client = CloudFormation(state)
    client.tags = [{"Key": "owner", "Value": "another team"}]
    stack = Stack(client, "panocast")
    for touch in (lambda: settle(stack, print, print), lambda: check_deployed(stack)):
        with pytest.raises(UsageError, match=r"the name is taken: .* choose another with --name"):
            touch()
    assert client.did == []


def test_whoever_does_not_wait_is_told_that_aws_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), going_on_alone():
        raise KeyboardInterrupt
    assert "AWS goes on by itself: `panocast aws status`" in capsys.readouterr().out


def test_a_new_stack_does_not_begin_asleep() -> None:
    wanted = Wanted(parse_parameters({"awake": "no"}), Artifacts("p", {}, {}), "", 0.0)
    with pytest.raises(UsageError, match="begins awake"):
        prepare(Account("eu-central-1"), wanted, Stack(CloudFormation(None), "panocast"), print)


def test_what_can_be_deployed_to_is_left_as_it_is() -> None:
    for state in (None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
        assert settled(state) == ([], [])


def test_a_deploy_that_was_interrupted_is_waited_for() -> None:
    did, said = settled("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert did == ["wait"]
    assert "begun by an earlier command" in said[0]


def test_a_stack_that_never_came_up_is_removed_first() -> None:
    did, said = settled("ROLLBACK_COMPLETE", None)
    assert did == ["delete", "wait"]
    assert "never came up" in said[0]


def test_a_rollback_that_stuck_is_finished() -> None:
    did, _ = settled("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE")
    assert did == ["finish the rollback", "wait"]


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED"), "cannot be finished"),
        (("DELETE_FAILED",), "run `panocast aws destroy` again"),
        (("ROLLBACK_COMPLETE", "DELETE_FAILED"), "run `panocast aws destroy`, then deploy again"),
    ],
)
def test_what_cannot_be_mended_here_says_what_to_do(states: tuple[str, ...], told: str) -> None:
    with pytest.raises(PanocastError, match=told):
        settled(*states)
