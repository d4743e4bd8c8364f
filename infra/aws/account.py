"""The AWS account and region that a command works in, and its clients: boto3 with its own environment variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.explain import in_words
from panocast import aws
from panocast.errors import SetupError

# The console's way of naming a bucket; needed where buckets are no names of hosts.
_PATHS = Config(s3={"addressing_style": "path"})


@dataclass(frozen=True)
class Account:
    """Clients of one account and region. `region` None: as boto3's environment says."""

    region_name: str | None = None

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self.region_name)

    @cached_property
    def region(self) -> str:
        """The region; raises SetupError when none is set."""
        region = self._session.region_name
        if not region:
            raise SetupError("no AWS region is set: say --region eu-central-1, or set AWS_REGION")
        return str(region)

    @cached_property
    def id(self) -> str:
        """The account's number; raises what says in words why nobody is signed in."""
        with explained():
            return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def artifact_bucket(self) -> str:
        """Where what machines install themselves from lies; one for all deployments of an account and region."""
        return f"panocast-artifacts-{self.id}-{self.region}"

    def client(self, service: str) -> Any:
        """A client; endpoints come from boto3's environment (AWS_ENDPOINT_URL, …)."""
        with explained():
            client = self._session.client(service, region_name=self.region, config=aws.CLIENT_CONFIG)  # type: ignore[call-overload]
            if service == "s3" and not aws.is_amazon(client.meta.endpoint_url):
                client = self._session.client("s3", region_name=self.region, config=aws.CLIENT_CONFIG.merge(_PATHS))
        return client


@contextmanager
def explained() -> Iterator[None]:
    """Raises boto3's errors as ours, each with its mend."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise in_words(error) from error
