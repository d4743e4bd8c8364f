"""Takes a deployment away: what must be emptied is emptied, and recordings stay unless they are to go, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from infra.aws.account import Account
from infra.aws.artifact_bucket import remove
from infra.aws.deploy import Say, now
from infra.aws.ssm import forget_parameters
from infra.aws.stack import Event, Stack, Way, way_on
from panocast.errors import PanocastError, TemporaryError


@dataclass(frozen=True, slots=True)
class Kept:
    """The buckets of a deployment, as far as they are there."""

    ingest: str | None
    egress: str | None


def buckets(account: Account, stack: Stack) -> Kept:
    """Where its recordings and its VOD are; found by their names, so that it works for a stack that never came up."""
    suffix = stack.parameters().get("Suffix")
    if not suffix:
        return Kept(None, None)
    deployment = stack.parameters()["Deployment"]
    ingest, egress = (_if_there(account, f"{deployment}-{suffix}-{which}") for which in ("ingest", "egress"))
    return Kept(ingest, egress)


def _if_there(account: Account, bucket: str) -> str | None:
    try:
        account.client("s3").head_bucket(Bucket=bucket)
    except ClientError:
        return None
    return bucket


def destroy(
    account: Account, stack: Stack, deployment: str, say: Say, show: Callable[[Event], None], *, recordings: bool
) -> Kept:
    """Delete the stack and what belongs to it; gives the buckets that stay. With `recordings` none does.

    Raises PanocastError that names what would not go; a second call goes on from there.
    """
    status = stack.status()
    if status is not None and way_on(status) is Way.WAIT and status != "DELETE_IN_PROGRESS":
        raise TemporaryError(f"{stack.name} is {status}: wait until that is over, then destroy it")
    kept = buckets(account, stack)
    if status is not None:
        begun = now()
        if status != "DELETE_IN_PROGRESS":
            stack.delete()
        failures = []
        for event in stack.follow(begun):
            show(event)
            failures += [event] if event.failed else []
        if (left := stack.status()) not in (None, "DELETE_COMPLETE"):
            why = "; ".join(f"{event.resource}: {event.reason}" for event in failures[:3])
            raise PanocastError(
                f"{stack.name} is {left}: {why or 'see its events'}. Run `panocast aws destroy` again; what still does "
                "not go can be deleted in the console"
            )
    if recordings:
        for bucket in filter(None, (kept.ingest, kept.egress)):
            say(f"{remove(account.client('s3'), bucket)} objects deleted with {bucket}")
        kept = Kept(None, None)
    forget_parameters(account.client("ssm"), deployment)
    return kept
