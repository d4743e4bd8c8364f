"""Notices that this machine is about to be taken away: EC2's instance metadata (IMDSv2), asked every five seconds.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

log = logging.getLogger(__name__)

ENDPOINT = "http://169.254.169.254"
EVERY_S = 5.0
TIMEOUT_S = 2.0
FIRST_TRIES = 2
AGAIN_S = 30.0
TOKEN_S = 21_600
_TOKEN = re.compile(r"[!-~]{1,1000}")
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


class NoticeKind(StrEnum):
    """What a notice announces."""

    INTERRUPTION = "interruption"  # the machine goes, in two minutes at most
    REBALANCE = "rebalance"  # it may go soon; nothing is decided


_PATHS = {
    NoticeKind.INTERRUPTION: "spot/instance-action",
    NoticeKind.REBALANCE: "events/recommendations/rebalance",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice, and the time (as EC2 writes it) at which the machine goes, or at which it was recommended to leave."""

    kind: NoticeKind
    at: str


class _Metadata:
    """One instance's metadata service; asks for a token first, as IMDSv2 demands."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._base = f"{endpoint.rstrip('/')}/latest"
        self._token = ""

    async def get(self, path: str) -> str | None:
        """What stands there, None where nothing does; raises aiohttp's errors."""
        for _ in range(2):
            if not self._token:
                lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
                async with self._session.put(f"{self._base}/api/token", headers=lifetime) as response:
                    response.raise_for_status()
                    told = await response.text()
                if not _TOKEN.fullmatch(told):
                    raise aiohttp.ClientError("what answers gives no token: it is no instance metadata")
                self._token = told
            token = {"X-aws-ec2-metadata-token": self._token}
            async with self._session.get(f"{self._base}/meta-data/{path}", headers=token) as response:
                if response.status == 404:
                    return None
                if response.status == 401:  # the token has expired
                    self._token = ""
                    continue
                response.raise_for_status()
                return await response.text()
        return None

    async def instance_id(self) -> str | None:
        """The instance's id; None where what answers is not EC2's service, but, say, the page where one signs in to a
        hotel's network. Raises aiohttp's errors."""
        text = await self.get("instance-id")
        return text if text and _INSTANCE_ID.fullmatch(text) else None


async def notices(
    on_ec2: bool,
    *,
    every_s: float = EVERY_S,
    again_s: float = AGAIN_S,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Notice]:
    """Yields each kind of notice once, and ends after an interruption.

    Where the settings say that this machine is EC2's, a metadata service that is silent at first is asked again for
    ever, every `again_s` seconds. Anywhere else two tries tell: where nobody answers, this ends at once, silently.
    Either way it ends where boto3's environment switches the service off.
    """
    endpoint = _endpoint(os.environ if environment is None else environment)
    if endpoint is None:
        return
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        metadata = _Metadata(session, endpoint)
        silent = False
        while not await _answers(metadata):
            if not on_ec2:
                return
            if not silent:
                log.warning("no word from the instance metadata: no Spot notices until it answers")
            silent = True
            await asyncio.sleep(again_s)
        if silent:
            log.info("the instance metadata answers")
        left = set(NoticeKind)
        while NoticeKind.INTERRUPTION in left:
            for kind in sorted(left):
                if notice := await _look(metadata, kind):
                    left.discard(kind)
                    yield notice
            await asyncio.sleep(every_s)


async def instance_id(environment: Mapping[str, str] | None = None) -> str | None:
    """This instance's id, such as i-0abc, or None where there is no metadata service."""
    endpoint = _endpoint(os.environ if environment is None else environment)
    if endpoint is None:
        return None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
        try:
            return await _Metadata(session, endpoint).instance_id()
        except (aiohttp.ClientError, TimeoutError):
            return None


def _endpoint(variables: Mapping[str, str]) -> str | None:
    """Where the metadata service is, as boto3's own variables say; None where they switch it off."""
    if variables.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    return variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or ENDPOINT


async def _answers(metadata: _Metadata) -> bool:
    for _ in range(FIRST_TRIES):
        try:
            return await metadata.instance_id() is not None
        except (aiohttp.ClientError, TimeoutError) as error:
            log.debug("no instance metadata: %s", error)
    return False


async def _look(metadata: _Metadata, kind: NoticeKind) -> Notice | None:
    """A notice of this kind, if there is one; a service that does not answer now is asked again later."""
    try:
        text = await metadata.get(_PATHS[kind])
    except (aiohttp.ClientError, TimeoutError) as error:
        log.debug("instance metadata: %s", error)
        return None
    return None if text is None else Notice(kind, _time_in(text))


def _time_in(text: str) -> str:
    """When, as a notice says; a notice that says it in another way is a notice none the less."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    return str(said.get("time") or said.get("noticeTime") or "") if isinstance(said, dict) else ""
