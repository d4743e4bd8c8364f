"""Between events: everything that costs by the hour away, everything that would be missed kept."""

from __future__ import annotations

from infra.aws.stack import Change, Stack, Way, way_on
from panocast.errors import UsageError

UP = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


def check_deployed(stack: Stack) -> str:
    """The stack's status; raises UsageError when there is none, or it is not ours."""
    stack.check_ours()
    status = stack.status()
    if status is None or way_on(status) is Way.CREATE:
        raise UsageError(
            f"there is no deployment {stack.name} in this account and region: `panocast aws deploy` makes one"
        )
    return status


def propose_nap(stack: Stack, *, awake: bool) -> tuple[str, list[Change]] | None:
    """Propose to wake it up or to put it to sleep; None when it is as wanted. Raises UsageError for a stack that is not
    up."""
    status = check_deployed(stack)
    if status not in UP:
        raise UsageError(f"{stack.name} is {status}: `panocast aws deploy` finishes or mends what is under way")
    said = "yes" if awake else "no"
    if stack.parameters().get("Awake") == said:
        return None
    return stack.propose(None, {"Awake": said})
