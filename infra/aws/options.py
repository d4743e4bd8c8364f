"""What every command about a stack is told: which one, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.aws.account import Account, explained
from infra.aws.stack import Stack

NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="Which deployment.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="Default: as boto3's environment says.")]


def open_stack(account: Account, name: str) -> Stack:
    """The stack of that name, whether it is there or not."""
    with explained():
        return Stack(account.client("cloudformation"), name)
