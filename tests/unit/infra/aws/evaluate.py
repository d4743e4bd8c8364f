"""What CloudFormation makes of our templates for some parameters: conditions decided, nested stacks laid flat.

Ref of a parameter, Fn::If, Equals, And, Or, Not and Condition are carried out; what only AWS knows (an ARN, another
stack's output) stays as it is written. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.template import Template

NESTED = "AWS::CloudFormation::Stack"
_NOTHING = object()


class Evaluation:
    """One template with its parameters; `resources` and `outputs` are what is there."""

    def __init__(self, template: Template, parameters: Mapping[str, Any]) -> None:
        declared = template.get("Parameters", {})
        unknown = set(parameters) - set(declared)
        assert not unknown, f"parameters that the template does not have: {unknown}"
        self._values = {name: each["Default"] for name, each in declared.items() if "Default" in each} | dict(
            parameters
        )
        missing = set(declared) - set(self._values)
        assert not missing, f"parameters without a value: {missing}"
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self.absent = {name for name, each in template["Resources"].items() if not self._there(each)}
        self.resources = {
            name: self.resolve({key: value for key, value in each.items() if key != "Condition"})
            for name, each in template["Resources"].items()
            if name not in self.absent
        }
        self.outputs = {
            name: self.resolve(each["Value"]) for name, each in template.get("Outputs", {}).items() if self._there(each)
        }

    def resolve(self, value: Any) -> Any:
        """A value with everything decided that can be."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return _NOTHING
            case {"Ref": str(name)} if name in self._values:
                return self._values[name]
            case {"Fn::If": [str(condition), yes, no]}:
                return self.resolve(yes if self._holds({"Condition": condition}) else no)
            case dict():
                resolved = {key: self.resolve(inner) for key, inner in value.items()}
                return {key: inner for key, inner in resolved.items() if inner is not _NOTHING}
            case list():
                return [inner for inner in map(self.resolve, value) if inner is not _NOTHING]
            case _:
                return value

    def dangling(self) -> set[str]:
        """Resources that are referred to and are not there: CloudFormation refuses such a template."""
        return self.absent & set(_referred([self.resources, self.outputs]))

    def _there(self, declared: Mapping[str, Any]) -> bool:
        return "Condition" not in declared or self._holds({"Condition": declared["Condition"]})

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self._holds(self._conditions[name])
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left)) == str(self.resolve(right))
            case {"Fn::And": list(parts)}:
                return all(map(self._holds, parts))
            case {"Fn::Or": list(parts)}:
                return any(map(self._holds, parts))
            case {"Fn::Not": [part]}:
                return not self._holds(part)
            case _:
                raise AssertionError(f"a condition that is not known here: {condition}")


def _referred(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)", text)
        case {"DependsOn": str(name), **rest}:
            yield name
            yield from _referred(rest)
        case dict():
            for inner in value.values():
                yield from _referred(inner)
        case list():
            for inner in value:
                yield from _referred(inner)


def stack(templates: Mapping[str, Template], parameters: Mapping[str, Any]) -> dict[str, Evaluation]:
    """The main template as "", and every part that is there by the name of its nested stack. The parts' URLs are
    https://…/PART.yaml."""
    main = Evaluation(templates["main"], parameters)
    parts = {"": main}
    for name, resource in main.resources.items():
        if resource["Type"] == NESTED:
            part = resource["Properties"]["TemplateURL"].rsplit("/", 1)[1].removesuffix(".yaml")
            parts[name] = Evaluation(templates[part], resource["Properties"].get("Parameters", {}))
    return parts


def resources(parts: Mapping[str, Evaluation]) -> dict[str, dict[str, Any]]:
    """Everything that is there, by `Stack/Resource`; nested stacks themselves are left out."""
    return {
        f"{name}/{key}".removeprefix("/"): resource
        for name, part in parts.items()
        for key, resource in part.resources.items()
        if resource["Type"] != NESTED
    }
