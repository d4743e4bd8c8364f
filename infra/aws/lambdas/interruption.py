"""A Spot machine will be taken away, or is likely to be: it leaves its load balancer, and people are told.

Runs on Lambda, for EventBridge's events of EC2; the machine itself polls for the same notice. Both may do it.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.exceptions import ClientError

WARNING = "EC2 Spot Instance Interruption Warning"


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """Deal with one event; gives what was done, for the log. A machine of somebody else's is left alone."""
    instance, deployment = str(event["detail"]["instance-id"]), os.environ["DEPLOYMENT"]
    name = _name(instance, deployment)
    if name is None:
        return {"instance": instance, "did": "nothing: not of this deployment"}
    if event["detail-type"] != WARNING:
        # It may go on for hours; its group replaces it first (capacity rebalancing), and then it leaves by itself.
        return {"instance": instance, "did": "nothing yet: its group replaces it first"}
    _leave_balancer(instance)
    boto3.client("sns").publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"panocast: {name} is interrupted"[:100],
        Message=f"AWS takes the Spot machine {instance} ({name}) away in about two minutes. Another one replaces it; "
        "viewers and recordings go on with the others.",
    )
    boto3.client("cloudwatch").put_metric_data(
        Namespace="panocast",
        MetricData=[
            {
                "MetricName": "SpotInterruptions",
                "Dimensions": [{"Name": "Deployment", "Value": deployment}],
                "Value": 1,
                "Unit": "Count",
            }
        ],
    )
    return {"instance": instance, "did": "deregistered"}


def _leave_balancer(instance: str) -> None:
    try:
        boto3.client("elbv2").deregister_targets(TargetGroupArn=os.environ["TARGET_GROUP"], Targets=[{"Id": instance}])
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidTarget":  # origins and workers are none
            raise


def _name(instance: str, deployment: str) -> str | None:
    """The machine's name, None when it does not belong to the deployment (or is gone already)."""
    found = boto3.client("ec2").describe_instances(
        Filters=[{"Name": "instance-id", "Values": [instance]}, {"Name": "tag:panocast", "Values": [deployment]}]
    )
    for reservation in found["Reservations"]:
        for machine in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in machine.get("Tags", [])}
            return str(tags.get("Name", instance))
    return None
