"""The Lambdas against moto, with events as EventBridge sends them."""

from __future__ import annotations

import uuid
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from infra.aws.lambdas import interruption, submit
from tests.aws import AwsServer

pytestmark = pytest.mark.slow


def spot_event(instance: str, detail_type: str = interruption.WARNING) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": detail_type,
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2026-11-20T09:00:00Z",
        "region": "eu-central-1",
        "resources": [f"arn:aws:ec2:eu-central-1:123456789012:instance/{instance}"],
        "detail": {"instance-id": instance, "instance-action": "terminate"},
    }


class Fleet:
    """A machine in a target group, and a queue that hears what a topic tells."""

    def __init__(self, aws: AwsServer) -> None:
        self.ec2, self.elb, self.sqs = aws.client("ec2"), aws.client("elbv2"), aws.client("sqs")
        self.cloudwatch = aws.client("cloudwatch")
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = self.elb.create_target_group(
            Name=f"edges-{uuid.uuid4().hex[:8]}", Protocol="HTTP", Port=8080, VpcId=vpc
        )
        self.group = group["TargetGroups"][0]["TargetGroupArn"]
        sns = aws.client("sns")
        self.topic = sns.create_topic(Name="news")["TopicArn"]
        self.heard = aws.queue(max_receives=None)
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.heard, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def machine(self, **tags: str) -> str:
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        made = self.ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}],
        )
        instance = str(made["Instances"][0]["InstanceId"])
        self.elb.register_targets(TargetGroupArn=self.group, Targets=[{"Id": instance}])
        return instance

    def targets(self) -> list[str]:
        described = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return [each["Target"]["Id"] for each in described]

    def news(self) -> list[str]:
        return [m["Body"] for m in self.sqs.receive_message(QueueUrl=self.heard).get("Messages", [])]


@pytest.fixture
def fleet(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    found = Fleet(aws)
    for key, value in {
        **aws.environment,
        "TARGET_GROUP": found.group,
        "TOPIC": found.topic,
        "DEPLOYMENT": "mine",
    }.items():
        monkeypatch.setenv(key, value)
    return found


def test_a_machine_that_is_interrupted_leaves_its_target_group_and_people_hear_of_it(fleet: Fleet) -> None:
    machine, other = fleet.machine(panocast="mine", Name="mine edge"), fleet.machine(panocast="mine")
    assert interruption.handler(spot_event(machine), None)["did"] == "deregistered"
    assert fleet.targets() == [other]
    (news,) = fleet.news()
    assert "mine edge is interrupted" in news
    assert machine in news
    metrics = fleet.cloudwatch.list_metrics(Namespace="panocast")["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["SpotInterruptions"]
    # The same event twice, as EventBridge may send it.
    assert interruption.handler(spot_event(machine), None)["did"] == "deregistered"
    assert fleet.targets() == [other]


def test_a_recommendation_alone_takes_nothing_away(fleet: Fleet) -> None:
    machine = fleet.machine(panocast="mine")
    interruption.handler(spot_event(machine, "EC2 Instance Rebalance Recommendation"), None)
    assert fleet.targets() == [machine]
    assert not fleet.news()


def test_machines_of_others_are_left_alone(fleet: Fleet) -> None:
    others = fleet.machine(panocast="another deployment")
    assert interruption.handler(spot_event(others), None)["did"].startswith("nothing")
    assert interruption.handler(spot_event("i-0123456789abcdef0"), None)["did"].startswith("nothing")
    assert fleet.targets() == [others]
    assert not fleet.news()


OBJECT_CREATED = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-20T09:00:00Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:s3:::ingest"],
    "detail": {
        "version": "0",
        "bucket": {"name": "ingest"},
        "object": {"key": "uploads/a clip.mp4", "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184"},
        "reason": "PutObject",
    },
}
LOOK_AGAIN = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


class Batch:
    """Batch, as far as the Lambda uses it, for moto runs its jobs in Docker; what it is asked for is checked against
    AWS's own description of its API."""

    def __init__(self) -> None:
        self.not_begun = 0
        self.submitted: list[dict[str, str]] = []
        self._api = botocore.session.get_session().get_service_model("batch")

    def list_jobs(self, **asked: str) -> dict[str, list[str]]:
        self._check("ListJobs", asked)
        assert asked["jobQueue"] == "a-queue"
        return {"jobSummaryList": ["a job"] * self.not_begun if asked["jobStatus"] == "RUNNABLE" else []}

    def submit_job(self, **job: str) -> None:
        self._check("SubmitJob", job)
        self.submitted.append(job)

    def _check(self, operation: str, asked: dict[str, str]) -> None:
        shape: Any = self._api.operation_model(operation).input_shape
        found = ParamValidator().validate(asked, shape)
        assert not found.has_errors(), found.generate_report()
        status = shape.members.get("jobStatus")
        assert status is None or asked["jobStatus"] in status.enum


def test_jobs_are_submitted_for_what_waits_and_no_more(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, batch = aws.queue(), Batch()
    for key, value in {
        **aws.environment,
        "JOB_QUEUE": "a-queue",
        "JOB_DEFINITION": "a-definition",
        "QUEUE_URL": queue,
        "JOBS_PER_WORKER": "2",
    }.items():
        monkeypatch.setenv(key, value)
    assert submit.submit_missing(LOOK_AGAIN, batch) == {"waiting": 0, "not_begun": 0, "submitted": 0}
    # The event may be earlier than the message.
    assert submit.submit_missing(OBJECT_CREATED, batch)["submitted"] == 1
    assert batch.submitted == [{"jobName": "worker", "jobQueue": "a-queue", "jobDefinition": "a-definition"}]
    for _ in range(5):
        aws.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    batch.not_begun = 1
    assert submit.submit_missing(LOOK_AGAIN, batch) == {"waiting": 5, "not_begun": 1, "submitted": 2}
