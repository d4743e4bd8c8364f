"""What a user chooses for a stack, checked before anything is sent to AWS, and its CloudFormation parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from panocast.errors import UsageError

Size = Literal["large", "xlarge", "2xlarge", "4xlarge"]
Percent = Annotated[int, Field(ge=0, le=100)]
VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
_IMAGE = "/aws/service/debian/release/12/latest/"
_BOOLEANS = {"yes": True, "no": False}


class Parameters(BaseModel):
    """One stack. `deployment` names everything in it; sizes are EC2's; percents are the On-Demand share of a tier."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deployment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,19}$")] = "panocast"
    awake: bool = True
    architecture: Literal["arm64", "amd64"] = "arm64"
    rtmp_cidr: Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$")] = "0.0.0.0/0"
    origin_size: Size = "xlarge"
    edge_size: Size = "large"
    worker_size: Size = "xlarge"
    origin_on_demand_percent: Percent = 0
    edge_on_demand_percent: Percent = 0
    worker_on_demand_percent: Percent = 0
    edge_min: Annotated[int, Field(ge=1, le=100)] = 1
    edge_max: Annotated[int, Field(ge=1, le=100)] = 4
    worker_max: Annotated[int, Field(ge=1, le=1000)] = 8
    batch_max_vcpus: Annotated[int, Field(ge=4, le=10_000)] = 32
    jobs_per_worker: Annotated[int, Field(ge=1, le=1000)] = 8
    transcode_engine: Literal["fleet", "batch"] = "fleet"
    test_source: bool = False
    signed_playback: bool = False
    cold_after_days: Annotated[int, Field(ge=1, le=3650)] = 30
    monthly_budget: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    notify_email: Annotated[str, StringConstraints(pattern=r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$")] = ""
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_100"
    domain_name: Annotated[str, StringConstraints(pattern=r"^$|^[a-z0-9.-]{4,253}$")] = ""
    certificate_arn: str = ""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.edge_max <= self.edge_min:
            raise ValueError(
                f"edge-max = {self.edge_max} must be more than edge-min = {self.edge_min}: an update starts a new edge "
                "before an old one goes"
            )
        if bool(self.domain_name) != bool(self.certificate_arn):
            raise ValueError("domain-name and certificate-arn (in us-east-1) are given together or not at all")
        if self.certificate_arn and ":acm:us-east-1:" not in self.certificate_arn:
            raise ValueError(
                f"certificate-arn = {self.certificate_arn!r}: CloudFront takes certificates of us-east-1 only"
            )
        return self

    def for_stack(self) -> dict[str, str]:
        """The parameters of the template that come from the user, as CloudFormation takes them."""
        said = {_camel(name): as_text(value) for name, value in self.model_dump().items()}
        slots = self.worker_max * VCPUS[self.worker_size]
        return {**said, "ImageId": _IMAGE + self.architecture, "FleetSlots": str(slots)}


def from_stack(parameters: Mapping[str, str]) -> dict[str, object]:
    """What a stack was deployed with, as `parse_parameters` takes it; what only the template knows is left out."""
    return {name: parameters[_camel(name)] for name in Parameters.model_fields if _camel(name) in parameters}


def parse_settings(settings: Iterable[str]) -> dict[str, object]:
    """`edge-max=4` and the like, as said on the command line. Raises UsageError for what has no `=`."""
    said: dict[str, object] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting!r}: say NAME=VALUE, such as --set edge-max=4")
        said[name.strip().replace("-", "_")] = value.strip()
    return said


def parse_parameters(said: Mapping[str, object]) -> Parameters:
    """The parameters as said on the command line or in a file; raises UsageError that names key, value and rule."""
    try:
        return Parameters.model_validate({name: _BOOLEANS.get(str(value), value) for name, value in said.items()})
    except ValidationError as error:
        raise UsageError("; ".join(_explain(e["loc"], e["input"], e["msg"]) for e in error.errors())) from error


def _explain(location: tuple[int | str, ...], value: object, message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    name = ".".join(map(str, location)).replace("_", "-")
    if message.startswith("Extra inputs"):
        known = ", ".join(sorted(field.replace("_", "-") for field in Parameters.model_fields))
        return f"there is no parameter {name!r}; there are {known}"
    return f"{name} = {value!r}: {message}"


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in re.split("_", name))


def as_text(value: object) -> str:
    """A value as people say it, and as CloudFormation takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
