"""In an Auto Scaling group: a machine with jobs on it is not the one that is taken away when the group shrinks.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-protection.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from panocast.threads import in_thread

log = logging.getLogger(__name__)

# Between two jobs there are moments without one: each is no reason for two calls.
LINGER_S = 30.0
PAUSE_S = 10.0


def autoscaling_client() -> Any:
    """A client from boto3's environment."""
    import boto3  # here: a worker outside of AWS need not spend the half second

    from panocast import aws

    return boto3.Session().client("autoscaling", config=aws.CLIENT_CONFIG)


class Protection:
    """Protects `instance` of `group` while there are jobs, and for `linger_s` after: one call for each change.

    A call that fails is made again later; jobs never wait for it.
    """

    def __init__(
        self,
        group: str,
        instance: str,
        *,
        connect: Callable[[], Any] = autoscaling_client,
        linger_s: float = LINGER_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._group = group
        self._instance = instance
        self._connect = connect
        self._linger_s = linger_s
        self._pause_s = pause_s
        self._wanted = False
        self._changed = asyncio.Event()

    def busy(self) -> None:
        """There is a job."""
        self._want(True)

    def idle(self) -> None:
        """There is none any more."""
        self._want(False)

    async def run(self) -> None:
        """Make the group agree with what is wanted, until cancelled; then the protection is taken away."""
        protected, free = False, True
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if not self._wanted:
                    await asyncio.sleep(self._linger_s)
                wanted = self._wanted
                if wanted == protected:
                    continue
                free = False  # a call that we do not hear the answer of may have worked
                if await self._set(wanted):
                    protected, free = wanted, not wanted
                else:
                    await asyncio.sleep(self._pause_s)
                    self._changed.set()
        finally:
            if not free:
                await self._set(False)

    def _want(self, wanted: bool) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def _set(self, protected: bool) -> bool:
        try:
            await in_thread(self._call, protected)
        except Exception as error:  # of boto3, or of its credentials: no job must suffer from it
            log.warning("cannot change the scale-in protection of %s in %s: %s", self._instance, self._group, error)
            return False
        log.info("%s %s from scale-in", self._instance, "is protected" if protected else "is no longer protected")
        return True

    def _call(self, protected: bool) -> None:
        self._connect().set_instance_protection(
            InstanceIds=[self._instance], AutoScalingGroupName=self._group, ProtectedFromScaleIn=protected
        )
