"""The stack as CloudFormation has it: what may be done to it, change sets, its events as they come, its outputs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from infra.aws.explain import mend_of
from panocast.errors import PanocastError, TemporaryError, UsageError

# On the stack and what is in it: whose it is, and what its costs are told by.
TAG = "panocast"
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Way(Enum):
    """What has to come next for a stack in some state to be deployed."""

    CREATE = auto()
    UPDATE = auto()
    DELETE_FIRST = auto()
    FINISH_ROLLBACK = auto()
    WAIT = auto()


def way_on(status: str | None) -> Way:
    """The way on from a stack's status (None: there is no stack). Every state has one."""
    if status is None or status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return Way.CREATE
    if status.endswith("_IN_PROGRESS"):
        return Way.WAIT
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        return Way.DELETE_FIRST
    if status == "UPDATE_ROLLBACK_FAILED":
        return Way.FINISH_ROLLBACK
    return Way.UPDATE


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one resource; `reason` is AWS's own words for a failure."""

    at: datetime
    resource: str
    kind: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether this is where something went wrong, and not only what was undone because of it."""
        return self.status.endswith("FAILED") and "cancelled" not in self.reason.lower()


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set: what happens to which resource; `replaces` where a new one takes its place."""

    action: str
    resource: str
    kind: str
    replaces: bool


class Stack:
    """One stack by its name. `client` is boto3's for CloudFormation; everything blocks."""

    def __init__(
        self, client: Any, name: str, *, sleep: Callable[[float], None] = time.sleep, poll_s: float = 3.0
    ) -> None:
        self.name = name
        self._client = client
        self._sleep = sleep
        self._poll_s = poll_s

    def status(self) -> str | None:
        """Its status, None where there is no such stack."""
        described = self._describe()
        return str(described["StackStatus"]) if described else None

    def outputs(self) -> dict[str, str]:
        """What it says about itself."""
        described = self._describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """What it was deployed with."""
        described = self._describe() or {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}

    def propose(self, template_url: str | None, parameters: Mapping[str, str]) -> tuple[str, list[Change]] | None:
        """Make a change set: its id and what it would change, or None when nothing changes. Without a template it is
        the one before, and so is every parameter that is not given.

        Raises PanocastError with AWS's reason when the template or its parameters are refused.
        """
        kind = "CREATE" if way_on(self.status()) is Way.CREATE else "UPDATE"
        given: list[dict[str, Any]] = [
            {"ParameterKey": key, "ParameterValue": text} for key, text in parameters.items()
        ]
        if template_url is None:
            kept = self.parameters().keys() - parameters.keys()
            given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept)]
        made = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"panocast-{uuid.uuid4().hex[:12]}",
            ChangeSetType=kind,
            **({"TemplateURL": template_url} if template_url else {"UsePreviousTemplate": True}),
            Parameters=given,
            Tags=[{"Key": TAG, "Value": self.name}],
            Capabilities=list(CAPABILITIES),
            # With them, AWS marks for replacement whatever takes an output of another nested stack, and refuses some:
            # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/759
            IncludeNestedStacks=False,
        )["Id"]
        try:
            self._client.get_waiter("change_set_create_complete").wait(
                StackName=self.name, ChangeSetName=made, WaiterConfig={"Delay": 3, "MaxAttempts": 200}
            )
        except WaiterError as error:
            reason = str(self._client.describe_change_set(StackName=self.name, ChangeSetName=made)["StatusReason"])
            self._client.delete_change_set(StackName=self.name, ChangeSetName=made)
            if any(words in reason for words in _NO_CHANGES):
                return None
            mend = mend_of(reason)
            raise PanocastError(f"CloudFormation refuses the change: {reason}{f': {mend}' if mend else ''}") from error
        return made, self._changes(made)

    def execute(self, change_set: str) -> None:
        """Begin a change; `follow` tells how it goes."""
        self._client.execute_change_set(StackName=self.name, ChangeSetName=change_set)

    def discard(self, change_set: str) -> None:
        """Leave a change undone, and nothing of it behind."""
        self._client.delete_change_set(StackName=self.name, ChangeSetName=change_set)
        if self.status() == "REVIEW_IN_PROGRESS":  # a stack of nothing but that change
            self._client.delete_stack(StackName=self.name)

    def follow(self, since: datetime, *, within_s: float = 3600.0) -> Iterator[Event]:
        """The events since a moment, nested stacks' too, as they come, until nothing is in progress any more.

        Raises TemporaryError when that takes longer than `within_s`: the stack goes on without us.
        """
        seen: set[str] = set()
        stacks = {self.name}
        deadline = time.monotonic() + within_s
        while True:
            status = self.status()
            for stack in list(stacks):
                yield from self._fresh(stack, since, seen, stacks)
            if status is None or way_on(status) is not Way.WAIT:
                return
            if time.monotonic() > deadline:
                raise TemporaryError(f"{self.name} is still {status}; look again with `panocast aws status`")
            self._sleep(self._poll_s)

    def delete(self, *, keep: Sequence[str] = ()) -> None:
        """Begin to delete it; `keep` names resources that would not go (a stack whose deletion failed)."""
        self._client.delete_stack(StackName=self.name, **({"RetainResources": list(keep)} if keep else {}))

    def finish_rollback(self) -> None:
        """Go on with a rollback that stopped half-way."""
        self._client.continue_update_rollback(StackName=self.name)

    def check_ours(self) -> None:
        """Raises UsageError for a stack that only has the same name: nothing may be done to it."""
        described = self._describe() or {}
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        # One that has never been more than a proposal has no tags yet, and nothing in it.
        if described and described["StackStatus"] != "REVIEW_IN_PROGRESS" and tags.get(TAG) != self.name:
            raise UsageError(
                f"the name is taken: the stack {self.name} in this account and region is not panocast's; choose "
                "another with --name"
            )

    def resources(self) -> dict[str, str]:
        """Physical ids by LOGICAL id, of nested stacks by `Part/Logical`."""
        found: dict[str, str] = {}
        self._collect(self.name, "", found)
        return found

    def _collect(self, stack: str, prefix: str, found: dict[str, str]) -> None:
        for page in self._client.get_paginator("list_stack_resources").paginate(StackName=stack):
            for resource in page["StackResourceSummaries"]:
                logical, physical = resource["LogicalResourceId"], resource.get("PhysicalResourceId", "")
                found[prefix + logical] = physical
                if resource["ResourceType"] == "AWS::CloudFormation::Stack" and physical:
                    self._collect(physical, f"{prefix}{logical}/", found)

    def _describe(self) -> dict[str, Any] | None:
        try:
            described: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return described

    def _changes(self, change_set: str) -> list[Change]:
        described = self._client.describe_change_set(StackName=self.name, ChangeSetName=change_set)
        return [
            Change(
                change["Action"],
                change["LogicalResourceId"],
                change["ResourceType"],
                change.get("Replacement") in ("True", "Conditional"),
            )
            for change in (each["ResourceChange"] for each in described.get("Changes", []))
        ]

    def _fresh(self, stack: str, since: datetime, seen: set[str], stacks: set[str]) -> Iterator[Event]:
        try:
            told = self._client.describe_stack_events(StackName=stack)["StackEvents"]
        except ClientError as error:
            if "does not exist" in str(error):
                return
            raise
        for event in reversed(told):
            at = event["Timestamp"].astimezone(UTC)
            if event["EventId"] in seen or at < since:
                continue
            seen.add(event["EventId"])
            physical = event.get("PhysicalResourceId", "")
            if event["ResourceType"] == "AWS::CloudFormation::Stack" and physical and physical != event["StackId"]:
                stacks.add(physical)
            yield Event(
                at,
                event["LogicalResourceId"],
                event["ResourceType"],
                event["ResourceStatus"],
                event.get("ResourceStatusReason", ""),
            )
