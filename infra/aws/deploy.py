"""Brings a stack to what is wanted: artifacts up, secret in, change set through, player in place. Safe to interrupt and
to repeat: it looks at what is there and goes on from it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from edge.page import qr_code
from infra.aws.account import Account
from infra.aws.artifact_bucket import ensure_bucket, upload, upload_player
from infra.aws.artifacts import Artifacts, templates_prefix
from infra.aws.explain import mend_of
from infra.aws.parameters import Parameters
from infra.aws.rendering import MAIN, render_templates
from infra.aws.rules import violations
from infra.aws.ssm import ensure_parameters
from infra.aws.stack import Change, Event, Stack, Way, way_on
from infra.aws.template import parse
from panocast.aws import error_code
from panocast.errors import PanocastError, UsageError
from panocast.headers import cache_control, media_type
from panocast.layout import CATALOG, VOD

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack is to become; `vcpu_hour_price` is what the dashboard reckons with."""

    stack: Parameters
    artifacts: Artifacts
    csp: str
    vcpu_hour_price: float


def prefix_list(ec2: Any) -> str:
    """The region's list of CloudFront's addresses; raises PanocastError where the region has none."""
    filters = [{"Name": "prefix-list-name", "Values": [CLOUDFRONT]}]
    found = ec2.describe_managed_prefix_lists(Filters=filters)["PrefixLists"]
    if not found:
        raise PanocastError(f"the region has no prefix list {CLOUDFRONT}: choose another region")
    return str(found[0]["PrefixListId"])


def prepare(account: Account, wanted: Wanted, stack: Stack, say: Say) -> tuple[str, list[Change]] | None:
    """Upload what is needed and propose the change; None when nothing would change. Raises UsageError for a new stack
    that is to be asleep: it could not be seen to work."""
    deployment, artifacts = wanted.stack.deployment, wanted.artifacts
    if not wanted.stack.awake and way_on(stack.status()) is Way.CREATE:
        raise UsageError(f"awake = no: {stack.name} is new, and begins awake; `panocast aws sleep` comes later")
    s3, bucket = account.client("s3"), account.artifact_bucket
    ensure_bucket(s3, bucket, account.region)
    sent = upload(s3, bucket, artifacts.prefix, artifacts.files)

    def address(name: str) -> str:
        return f"https://{bucket}.s3.{account.region}.amazonaws.com/{where}/{name}.yaml"

    where = templates_prefix(wanted.csp)
    texts = render_templates(csp=wanted.csp, template_url=address)
    if weak := violations({name: parse(text) for name, text in texts.items()}):
        raise PanocastError(f"the templates were changed and are weaker than they may be: {'; '.join(weak)}")
    sent += upload(s3, bucket, where, {f"{name}.yaml": text.encode() for name, text in texts.items()})
    say(f"{sent} files uploaded to {bucket}" if sent else f"everything is in {bucket} already")
    ensure_parameters(account.client("ssm"), deployment)
    before = stack.parameters()
    parameters = wanted.stack.for_stack() | {
        "Suffix": before.get("Suffix") or secrets.token_hex(4),
        "CloudFrontPrefixList": prefix_list(account.client("ec2")),
        "ArtifactBucket": bucket,
        "ArtifactPrefix": artifacts.prefix,
        "VcpuHourPrice": f"{wanted.vcpu_hour_price:.5f}",
    }
    return stack.propose(address(MAIN), parameters)


def settle(stack: Stack, say: Say, follow: Callable[[datetime], None]) -> None:
    """Bring a stack into a state from which it can be deployed, whatever happened before. Raises UsageError when it is
    somebody else's."""
    stack.check_ours()
    while True:
        status = stack.status()
        match way_on(status):
            case Way.CREATE | Way.UPDATE:
                return
            case Way.WAIT:
                say(f"{stack.name} is {status}: waiting for what is under way (begun by an earlier command?)")
                follow(now() - timedelta(minutes=1))
            case Way.FINISH_ROLLBACK:
                say(f"{stack.name} is {status}: finishing the rollback of the last update")
                begun = now()
                stack.finish_rollback()
                follow(begun)
                if stack.status() == status:
                    raise PanocastError(
                        f"the rollback of {stack.name} cannot be finished: look at what failed above, mend it in the "
                        "console, then deploy again; or `panocast aws destroy` (recordings are kept)"
                    )
            case Way.DELETE_FIRST:
                if status == "DELETE_FAILED":
                    raise PanocastError(
                        f"{stack.name} could not be deleted completely: run `panocast aws destroy` again, then deploy"
                    )
                say(f"{stack.name} is {status}: it never came up, and is removed before the next try")
                begun = now()
                stack.delete()
                follow(begun)
                if (left := stack.status()) is not None:
                    raise PanocastError(f"{stack.name} is {left}: run `panocast aws destroy`, then deploy again")


def finish(account: Account, wanted: Wanted, stack: Stack, failures: list[Event]) -> dict[str, str]:
    """After a change: put the player in place and give the outputs. Raises PanocastError with the first reason, and
    what to do, when the change failed."""
    status = stack.status()
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise PanocastError(failure(stack.name, status, failures))
    outputs = stack.outputs()
    s3, egress = account.client("s3"), outputs["EgressBucket"]
    upload_player(s3, egress, {**wanted.artifacts.player, **site_files(outputs["Player"])})
    ensure_catalog(s3, egress)
    return outputs


def site_files(url: str) -> dict[str, bytes]:
    """What the page is told of its server, as an edge would tell it: where it is, and that reports are welcome."""
    told = {"origins": [], "url": url, "beacons": True, "views": False}
    return {"player.json": json.dumps(told).encode(), "qr.svg": qr_code(url)}


def ensure_catalog(s3: Any, bucket: str) -> None:
    """Put an empty catalog where there are no assets yet, so that the library of a new stack is no error. One that is
    there, or that a worker writes at this moment, stays; one that was lost is made from the assets by a worker."""
    if s3.list_objects_v2(Bucket=bucket, Prefix=VOD, MaxKeys=1)["KeyCount"]:
        return
    try:
        s3.put_object(
            Bucket=bucket,
            Key=CATALOG,
            Body=b'{"vod": []}\n',
            ContentType=media_type(CATALOG),
            CacheControl=cache_control(CATALOG),
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise


def failure(name: str, status: str | None, failures: list[Event]) -> str:
    """Why a stack did not come up, in one line with the mend."""
    # A nested stack fails because of what is in it, and everything else because of that: the first reason counts.
    first = next((e for e in failures if "Embedded stack" not in e.reason and e.reason), None)
    if first is None:
        return f"{name} is {status}: see its events in CloudFormation, then deploy again"
    mend = mend_of(first.reason) or "mend that, then deploy again"
    back = "what was there before runs on" if (status or "").startswith("UPDATE") else "nothing of it runs"
    return f"{name} is {status} ({back}): {first.resource}: {first.reason}: {mend}"


def events(stack: Stack, since: datetime, show: Callable[[Event], None]) -> Iterator[Event]:
    """Follow a change, show each event, and give those that failed."""
    for event in stack.follow(since):
        show(event)
        if event.failed:
            yield event


def now() -> datetime:
    """The time, as CloudFormation tells it."""
    return datetime.now(UTC)
