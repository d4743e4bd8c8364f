"""Our templates, rendered and parsed once; each caller gets a copy of its own to break."""

from __future__ import annotations

import json
from functools import cache

from infra.aws.rendering import render_templates
from infra.aws.template import Template, parse

Templates = dict[str, Template]


@cache
def texts() -> dict[str, str]:
    """The templates as text, by their name; the parts lie at https://example.org/NAME.yaml."""
    csp = "default-src 'none'; style-src 'self' 'sha256-abc='"
    return dict(render_templates(csp=csp, template_url=lambda name: f"https://example.org/{name}.yaml"))


@cache
def _parsed() -> str:
    return json.dumps({name: parse(text) for name, text in texts().items()})


def templates() -> Templates:
    """The templates as data."""
    return dict(json.loads(_parsed()))
