"""What rules share: how they look at resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Resource = dict[str, Any]


def of_kind(resources: Mapping[str, Resource], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of every resource of a kind, by `template/Resource`."""
    for where, resource in resources.items():
        if resource["Type"] == kind:
            yield where, resource.get("Properties", {})


def as_list(value: Any) -> list[Any]:
    """What CloudFormation takes as one or as several, as several."""
    return value if isinstance(value, list) else [value]


def branches(value: Any) -> Iterator[Any]:
    """Everything that a value may become, but nothing."""
    if isinstance(value, dict) and "Fn::If" in value:
        yield from branches(value["Fn::If"][1])
        yield from branches(value["Fn::If"][2])
    elif value != {"Ref": "AWS::NoValue"}:
        yield value
