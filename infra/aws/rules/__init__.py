"""What every template of ours must keep to, checked before anything is sent to AWS: guarantee 19.

Plain functions over parsed templates; each finding names the template, the resource and what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from infra.aws.rules.access import permissions_are_least, topics_are_ours
from infra.aws.rules.delivery import only_cloudfront_reads, only_signed_vod_plays, viewers_come_by_https
from infra.aws.rules.machines import (
    disks_are_encrypted,
    machines_are_closed,
    metadata_needs_a_token,
    nothing_is_open,
    spot_has_a_choice,
)
from infra.aws.rules.shared import Resource
from infra.aws.rules.storage import buckets_are_private, logs_end, queues_lose_nothing, recordings_stay
from infra.aws.template import Template

Rule = Callable[[Mapping[str, Resource]], Iterator[tuple[str, str]]]

RULES: tuple[Rule, ...] = (
    metadata_needs_a_token,
    disks_are_encrypted,
    nothing_is_open,
    machines_are_closed,
    buckets_are_private,
    only_cloudfront_reads,
    viewers_come_by_https,
    only_signed_vod_plays,
    permissions_are_least,
    queues_lose_nothing,
    logs_end,
    spot_has_a_choice,
    recordings_stay,
    topics_are_ours,
)


def violations(templates: Mapping[str, Template]) -> list[str]:
    """Everything wrong with templates, by their name; empty when nothing is."""
    found = []
    everything = {
        f"{name}/{key}": r for name, template in templates.items() for key, r in template["Resources"].items()
    }
    for rule in RULES:
        found += [f"{where}: {what}" for where, what in rule(everything)]
    return found
