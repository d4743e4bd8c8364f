"""What a machine of each role is told at its first boot: the templates' user data, with values for its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.aws.rendering import render_templates
from infra.aws.template import parse

ROLES = {"origin": "origin", "edge": "edge", "worker": "transcoding"}
VALUES = {
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "panocast-Part-1ABC",
    "Address.AllocationId": "eipalloc-0123",
    "ArtifactBucket": "artifacts",
    "ArtifactPrefix": "panocast/0123",
    "Deployment": "panocast",
    "EgressBucket": "egress",
    "FleetSlots": "32",
    "IngestBucket": "ingest",
    "LogGroup": "/panocast/panocast",
    "Peer": "backup",
    "PrivateZone": "Z0123",
    "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/queue",
    "Role": "primary",
    "SignedPlayback": "no",
    "Targets": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/t/1",
    "VcpuHourPrice": "0.01523",
}


def user_data(role: str, values: Mapping[str, str] = VALUES) -> str:
    """A role's user data; raises KeyError for a parameter without a value."""
    texts = render_templates(csp="default-src 'none'", template_url=lambda name: name)
    data = parse(texts[ROLES[role]])["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["UserData"]
    text = str(data["Fn::Base64"]["Fn::Sub"])
    return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text)


def written_files(text: str) -> dict[str, str]:
    """The files that user data writes, by their path."""
    return {each["path"]: each["content"] for each in yaml.safe_load(text)["write_files"]}


def write_files(text: str, folder: Path) -> dict[str, Path]:
    """Write them below a folder, by their name."""
    found = {}
    for path, content in written_files(text).items():
        found[Path(path).name] = folder / Path(path).name
        found[Path(path).name].write_text(content)
    return found
