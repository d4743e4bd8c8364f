"""What moto's CloudFormation lacks for our stack, added to it: outputs of nested stacks, attributes of resources that
it does not make, outputs and parameters after a change set, and public parameters.

What it does not make at all (policies, rules, CloudFront, hooks, ...) is checked in the templates, not here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.cloudformation import models, parsing
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ssm.models import Parameter, ssm_backends

from tests.aws import REGION, AwsServer

_plain_clean = parsing.clean_json
_plain_execute = models.CloudFormationBackend.execute_change_set
_plain_propose = models.CloudFormationBackend.create_change_set


def fill_gaps(aws: AwsServer) -> None:
    """Make moto (this process's) able to make our stack; safe to call twice."""
    lacking: Any = parsing
    lacking.clean_json = _clean_json
    backend: Any = models.CloudFormationBackend
    backend.execute_change_set = _execute
    backend.create_change_set = _propose
    # "As before" means the name of a public parameter, not what it stood for.
    stack: Any = models.Stack
    stack.stack_parameters = property(lambda made: made.parameters)
    for architecture in ("arm64", "amd64"):
        _public_parameter(f"/aws/service/debian/release/12/latest/{architecture}", _image(aws))


@cache  # looking takes seconds
def _image(aws: AwsServer) -> str:
    return str(aws.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"])


def _clean_json(said: Any, resources: Any) -> Any:
    if isinstance(said, dict) and "Fn::GetAtt" in said:
        logical, *attribute = said["Fn::GetAtt"]
        resource = resources.get(logical)
        if resource is None:
            return "-".join(said["Fn::GetAtt"]).lower()
        if attribute[0] == "Outputs":
            return resource.output_map[attribute[1]].value
    if isinstance(said, dict) and said.get("Ref", "AWS::NoValue") != "AWS::NoValue" and resources[said["Ref"]] is None:
        return str(said["Ref"]).lower()
    return _plain_clean(said, resources)


def _execute(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    _plain_execute(self, change_set_name, stack_name)
    change_set = self.change_sets[change_set_name]
    stack = change_set.stack
    stack.parameters = change_set.parameters
    stack._parse_template()
    stack.output_map = stack._create_output_map()


def _propose(self: Any, stack_name: str, *rest: Any, **more: Any) -> Any:
    """A second proposal of a new stack is for the same one, not for another of its name."""
    for made in [each for each in self.stacks.values() if each.name == stack_name]:
        if made.status == "REVIEW_IN_PROGRESS":
            del self.stacks[made.stack_id]
    return _plain_propose(self, stack_name, *rest, **more)


def leave_in(stack: str, status: str) -> None:
    """Leave a stack in a state that moto's never come into."""
    backend: Any = models.cloudformation_backends[DEFAULT_ACCOUNT_ID][REGION]
    backend.get_stack(stack).status = status


def _public_parameter(name: str, value: str) -> None:
    backend: Any = ssm_backends[DEFAULT_ACCOUNT_ID][REGION]
    parameter: Any = Parameter
    backend._parameters[name] = [
        parameter(
            account_id=DEFAULT_ACCOUNT_ID,
            name=name,
            value=value,
            parameter_type="String",
            description="",
            allowed_pattern=None,
            keyid=None,
            last_modified_date=0,
            version=1,
            data_type="text",
        )
    ]
