"""Every rendered template is one that CloudFormation takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.aws.parameters import Parameters
from infra.aws.policies import statements
from infra.aws.rendering import MAIN, PARTS
from panocast.permissions import WORKER, Permission
from tests.unit.infra.aws.rendered import templates, texts

CLOUDFORMATION_BYTES = 1_000_000


@pytest.mark.slow  # a good part of a quarter of a minute
def test_cfn_lint_has_neither_errors_nor_warnings(tmp_path: Path) -> None:
    assert set(texts()) == {MAIN, *PARTS}
    for name, text in texts().items():
        assert len(text.encode()) < CLOUDFORMATION_BYTES
        (tmp_path / f"{name}.yaml").write_text(text)
    # In the same run, for starting it takes longer than looking at a template: one that is wrong.
    broken = texts()["test-source"].replace("NetworkMode: awsvpc", "NetworkMod: awsvpc")
    (tmp_path / "broken.yaml").write_text(broken)
    argv = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "parseable", *map(str, tmp_path.glob("*.yaml"))]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False).stdout.splitlines()
    of_broken = [line for line in said if "broken.yaml" in line]
    assert any("NetworkMod" in line for line in of_broken)
    assert [line for line in said if line not in of_broken] == []


def test_the_template_takes_what_people_can_choose_and_gives_every_part_what_it_asks_for() -> None:
    parsed = templates()
    main = parsed[MAIN]
    asked = set(main["Parameters"])
    from_deploy = {"ArtifactBucket", "ArtifactPrefix", "CloudFrontPrefixList", "Suffix", "VcpuHourPrice"}
    assert set(Parameters().for_stack()) | from_deploy == asked
    for resource in main["Resources"].values():
        if resource["Type"] != "AWS::CloudFormation::Stack":
            continue
        url = resource["Properties"]["TemplateURL"]
        part = parsed[url.rsplit("/", 1)[1].removesuffix(".yaml")]
        assert set(resource["Properties"]["Parameters"]) == set(part["Parameters"]), url


def test_what_the_parts_hand_on_is_what_the_main_template_uses() -> None:
    parsed = templates()
    outputs = {name: set(parsed[name].get("Outputs", {})) for name in PARTS}
    by_resource = {
        logical: resource["Properties"]["TemplateURL"].rsplit("/", 1)[1].removesuffix(".yaml")
        for logical, resource in parsed[MAIN]["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }
    for logical, name in _outputs_used(parsed[MAIN]):
        assert name in outputs[by_resource[logical]], f"{logical} has no output {name}"


def _outputs_used(value: object) -> list[tuple[str, str]]:
    match value:
        case {"Fn::GetAtt": [str(logical), str(attribute)]} if attribute.startswith("Outputs."):
            return [(logical, attribute.removeprefix("Outputs."))]
        case dict():
            return [found for inner in value.values() for found in _outputs_used(inner)]
        case list():
            return [found for inner in value for found in _outputs_used(inner)]
        case _:
            return []


def test_a_worker_may_do_exactly_what_its_table_says() -> None:
    role = templates()["transcoding"]["Resources"]["MachineRole"]["Properties"]
    allowed = {
        action
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert {permission.action for permission in WORKER} <= allowed
    batch = templates()["batch"]["Resources"]["JobRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    assert "autoscaling:SetInstanceProtection" not in str(batch), "a Batch machine is in no group of ours"


def test_actions_on_one_resource_are_one_statement() -> None:
    text = statements([Permission("s3:GetObject", "ingest/*", ""), Permission("s3:PutObject", "ingest/*", "")])
    assert text == (
        "- Effect: Allow\n  Action: [s3:GetObject, s3:PutObject]\n"
        "  Resource: !Sub arn:${AWS::Partition}:s3:::${IngestBucket}/*"
    )
