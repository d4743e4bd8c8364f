"""`sleep` and `wake` are one parameter; here its two values are carried out on the templates, which moto cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from infra.aws.parameters import parse_parameters
from tests.unit.infra.aws.evaluate import Evaluation, resources, stack
from tests.unit.infra.aws.rendered import Templates, templates

FROM_DEPLOY = {"Suffix": "0123abcd", "CloudFrontPrefixList": "pl-1", "ArtifactBucket": "a", "ArtifactPrefix": "p"}
GROUP = "AWS::AutoScaling::AutoScalingGroup"
DISTRIBUTION = "Delivery/Distribution"
# What a sleeping stack does without; whatever else there is stays.
ONLY_AWAKE = {"Edge/Balancer", "Edge/Listener", "Edge/Scaling", "Fleet/Scaling"}
LIVE_PATHS = {"/hls/*", "/testhls/*", "/s/*", "/live.json", "/healthz", "/beacon"}


def made(found: Templates, **said: object) -> dict[str, Evaluation]:
    """What there is of a stack with these parameters."""
    return stack(found, parse_parameters(said).for_stack() | FROM_DEPLOY)


def costs_by_the_hour(parts: dict[str, Evaluation]) -> Iterator[str]:
    """What of a sleeping stack runs, or waits for what does not."""
    for where, resource in resources(parts).items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::AutoScaling::AutoScalingGroup":
                for size in ("MinSize", "DesiredCapacity"):
                    if str(properties.get(size)) != "0":
                        yield f"{where} has {size} {properties.get(size)}"
            case "AWS::ElasticLoadBalancingV2::LoadBalancer" | "AWS::ElasticLoadBalancingV2::Listener":
                yield f"{where} is there"
            case "AWS::AutoScaling::ScalingPolicy":
                yield f"{where} could start machines"
            case "AWS::ECS::Service":
                yield f"{where} runs tasks"
            case "AWS::Batch::ComputeEnvironment" | "AWS::Batch::JobQueue" if properties["State"] != "DISABLED":
                yield f"{where} could start machines"
            case "AWS::Events::Rule" if where.startswith("Batch/") and properties["State"] != "DISABLED":
                yield f"{where} could submit jobs"
            case "AWS::CloudFront::Distribution":
                yield from _live_paths(where, properties["DistributionConfig"])
    for where, part in parts.items():
        for missing in part.dangling():
            yield f"{where or 'main'} refers to {missing}, which is not there"


def _live_paths(where: str, config: dict[str, Any]) -> Iterator[str]:
    origins = {origin["Id"] for origin in config["Origins"]}
    if "live" in origins:
        yield f"{where} has an origin without edges behind it"
    for behavior in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        if behavior["TargetOriginId"] not in origins - {"live"}:
            yield f"{where} sends {behavior.get('PathPattern')} to the origin {behavior['TargetOriginId']}"


@pytest.mark.parametrize("engine", ["fleet", "batch"])
@pytest.mark.parametrize("signed", ["yes", "no"])
def test_asleep_nothing_costs_by_the_hour_but_the_addresses(engine: str, signed: str) -> None:
    said = {"transcode_engine": engine, "signed_playback": signed, "test_source": "yes", "edge_min": "3"}
    asleep = made(templates(), awake="no", **said)
    assert list(costs_by_the_hour(asleep)) == []
    awake = resources(made(templates(), **said))
    gone = {where for where in awake.keys() - resources(asleep).keys() if not where.startswith("TestCard/")}
    assert gone == {where for where in ONLY_AWAKE if engine == "fleet" or not where.startswith("Fleet/")}
    kept = [resource["Type"] for resource in resources(asleep).values()]
    assert (kept.count("AWS::EC2::EIP"), kept.count("AWS::S3::Bucket"), kept.count("AWS::SQS::Queue")) == (
        2,
        2,
        3 + (engine == "batch"),
    )
    # Nothing that stays is replaced by waking up: names and whatever else makes AWS replace it are the same.
    for where in ("PrimaryOrigin/Address", "BackupOrigin/Address", "Storage/IngestBucket", "Storage/EgressBucket"):
        assert resources(asleep)[where] == awake[where]


def test_awake_there_is_what_was_asked_for() -> None:
    parts = made(templates(), edge_min="2", edge_max="6", worker_max="5", test_source="yes")
    found = resources(parts)
    sizes = {
        where: (str(each["Properties"]["MinSize"]), str(each["Properties"]["MaxSize"]))
        for where, each in found.items()
        if each["Type"] == GROUP
    }
    assert sizes == {
        "PrimaryOrigin/Group": ("1", "2"),
        "BackupOrigin/Group": ("1", "2"),
        "Edge/Group": ("2", "6"),
        "Fleet/Group": ("0", "5"),
    }
    assert found.keys() >= ONLY_AWAKE | {"TestCard/Service"}
    config = found[DISTRIBUTION]["Properties"]["DistributionConfig"]
    live = {each["PathPattern"] for each in config["CacheBehaviors"] if each["TargetOriginId"] == "live"}
    assert live == LIVE_PATHS


@pytest.mark.parametrize("awake", ["yes", "no"])
def test_signed_assets_come_from_the_edges_alone(awake: str) -> None:
    found = resources(made(templates(), signed_playback="yes", awake=awake))
    config = found[DISTRIBUTION]["Properties"]["DistributionConfig"]
    goes = {each["PathPattern"]: each["TargetOriginId"] for each in config["CacheBehaviors"]}
    assert goes["/vod/catalog.json"] == "vod", "the library is public"
    assert goes["/vod/*"] == ("live" if awake == "yes" else "player")
    readable = str(found["Delivery/BucketPolicy"])
    assert "/vod/catalog.json" in readable
    assert "/vod/*" not in readable
    order = list(goes)
    assert order.index("/vod/catalog.json") < order.index("/vod/*"), "the first that fits counts"


def test_whatever_is_chosen_nothing_refers_to_what_is_not_there() -> None:
    choices = product(("yes", "no"), ("yes", "no"), ("fleet", "batch"), ("yes", "no"), ("", "me@example.org"))
    for awake, test_source, engine, signed, mail in choices:
        said = {"awake": awake, "test_source": test_source, "transcode_engine": engine}
        parts = made(templates(), **said, signed_playback=signed, notify_email=mail)
        assert not {f"{where}: {missing}" for where, part in parts.items() for missing in part.dangling()}


def properties(found: Templates, where: str) -> dict[str, Any]:
    part, key = where.split("/")
    return found[part]["Resources"][key]["Properties"]  # type: ignore[no-any-return]


def unconditional(part: str, key: str) -> Callable[[Templates], object]:
    return lambda found: found[part]["Resources"][key].pop("Condition")


@pytest.mark.parametrize(
    ("mutation", "told"),
    [
        (lambda t: properties(t, "origin/Group").update(MinSize="1"), "Origin/Group has MinSize 1"),
        (lambda t: properties(t, "edge/Group").update(DesiredCapacity={"Ref": "MinSize"}), "has DesiredCapacity 3"),
        (lambda t: properties(t, "transcoding/Group").pop("DesiredCapacity"), "has DesiredCapacity None"),
        (unconditional("edge", "Balancer"), "Edge/Balancer is there"),
        (unconditional("edge", "Scaling"), "Edge refers to Balancer, which is not there"),
        (unconditional("transcoding", "Scaling"), "could start machines"),
        (lambda t: t["main"]["Conditions"].update(WithTestSource={"Fn::Equals": ["a", "a"]}), "runs tasks"),
        (
            lambda t: t["edge"]["Outputs"]["BalancerDomain"].update(Value={"Fn::GetAtt": ["Balancer", "DNSName"]}),
            "Edge refers to Balancer",
        ),
        (
            lambda t: properties(t, "delivery/Distribution")["DistributionConfig"].update(Origins=[{"Id": "live"}]),
            "without edges behind it",
        ),
        (
            lambda t: properties(t, "delivery/Distribution")["DistributionConfig"]["CacheBehaviors"].append(
                {"PathPattern": "/more/*", "TargetOriginId": "live"}
            ),
            "sends /more/* to the origin live",
        ),
        (lambda t: properties(t, "batch/Machines").update(State="ENABLED"), "could start machines"),
        (lambda t: properties(t, "batch/LookAgain").update(State="ENABLED"), "could submit jobs"),
    ],
)
def test_what_would_go_on_costing_is_noticed(mutation: Callable[[Templates], object], told: str) -> None:
    found = templates()
    mutation(found)
    faults = [
        fault
        for engine in ("fleet", "batch")
        for fault in costs_by_the_hour(
            made(found, awake="no", transcode_engine=engine, test_source="yes", edge_min="3")
        )
    ]
    assert any(told in fault for fault in faults), faults
