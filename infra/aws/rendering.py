"""The CloudFormation templates as text: YAML with a few pieces that several of them share, put in by Jinja2.

`<< … >>` and `<% … %>` are Jinja2's here, for `{{resolve:…}}` is CloudFormation's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.aws.policies import transcoder_statements

FOLDER = Path(__file__).resolve().parent / "templates"
MAIN = "main"
PARTS = ("network", "storage", "origin", "edge", "transcoding", "batch", "delivery", "operations", "test-source")

# Debian's names of what a machine needs, whatever its role; scripts/install.sh asks for the same.
PACKAGES = (
    "awscli",
    "bubblewrap",
    "ca-certificates",
    "curl",
    "ffmpeg",
    "fonts-dejavu-core",
    "libnginx-mod-rtmp",
    "libnginx-mod-stream",
    "nginx",
    "python3-venv",
    "util-linux",
)


def render_templates(*, csp: str, template_url: Callable[[str], str]) -> Mapping[str, str]:
    """Every template's text by its name; `template_url` says where the part of a name will lie, `csp` is the player's
    Content-Security-Policy."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.globals |= {
        "packages": list(PACKAGES),
        "begin": environment.get_template("cloud-init/begin.sh").render(),
        "csp": csp,
        "template": lambda name: json.dumps(template_url(name)),
        "trust": _trust,
        "machine_statements": lambda: environment.get_template("policies/machine.yaml").render().strip(),
        "transcoder_statements": transcoder_statements,
        "cloud_init": lambda role: environment.get_template(f"cloud-init/{role}.yaml").render(),
        "container_start": lambda what: environment.get_template(f"container/{what}.sh").render(),
        "dashboard": lambda: environment.get_template("dashboard.json").render(),
    }
    return {name: environment.get_template(f"{name}.yaml").render() for name in (MAIN, *PARTS)}


def _trust(service: str) -> str:
    """The policy that lets a service of AWS take a role on."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
