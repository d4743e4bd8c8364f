"""What each of our programs may do in AWS, and why: one table, for the documentation and for the policies that infra
writes. A test compares it with the calls that the code really makes.

Actions: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html, …/list_amazonsqs.html
"""

from __future__ import annotations

from dataclasses import dataclass

from panocast.layout import DONE, RECORDINGS, UPLOADS

# What an action is allowed on: `ingest` and `egress` are buckets, what follows a slash their objects.
INGEST, EGRESS = "ingest", "egress"
QUEUE, DEAD_LETTERS = "queue", "dead-letter queue"
GROUP = "Auto Scaling group"


@dataclass(frozen=True, slots=True)
class Permission:
    """One IAM action on one resource (`on`, see above), and what it is for."""

    action: str
    on: str
    why: str


WORKER = (
    Permission("s3:ListBucket", INGEST, "finds a session's parts; tells a missing object from a forbidden one"),
    Permission("s3:GetObject", f"{INGEST}/*", "reads parts, end markers and uploads"),
    Permission("s3:PutObject", f"{INGEST}/{RECORDINGS}*", "stores the parts that an upload is cut into"),
    Permission("s3:AbortMultipartUpload", f"{INGEST}/{RECORDINGS}*", "clears up after a large part that failed"),
    Permission("s3:ListBucket", EGRESS, "finds the work in progress; tells a missing object from a forbidden one"),
    Permission("s3:GetObject", f"{EGRESS}/*", "reads markers, copies segments to their place, rewrites the catalog"),
    Permission("s3:PutObject", f"{EGRESS}/*", "stores segments, markers, assets, the catalog and reasons of failures"),
    Permission("s3:AbortMultipartUpload", f"{EGRESS}/*", "clears up after a large object that failed"),
    Permission("s3:DeleteObject", f"{EGRESS}/*", "removes work in progress, and what lost against another attempt"),
    Permission("sqs:ReceiveMessage", QUEUE, "takes jobs"),
    Permission("sqs:ChangeMessageVisibility", QUEUE, "holds a job while it runs, gives it back"),
    Permission("sqs:DeleteMessage", QUEUE, "ends a job"),
    Permission("sqs:SendMessage", QUEUE, "asks for the finish of a session, for another try after a failure"),
    Permission("sqs:GetQueueAttributes", QUEUE, "finds the dead-letter queue; metrics"),
    Permission("sqs:SendMessage", DEAD_LETTERS, "sets aside what failed for good, with its reason"),
    Permission("sqs:GetQueueAttributes", DEAD_LETTERS, "metrics"),
    Permission("autoscaling:SetInstanceProtection", GROUP, "keeps the machine while jobs run on it"),
)

OPERATOR = (
    Permission("s3:ListBucket", INGEST, "`jobs`, `submit --missing`: what is there"),
    Permission("s3:GetObject", f"{INGEST}/{RECORDINGS}*", "`jobs`, `submit --missing`: how many parts a session has"),
    Permission("s3:PutObject", f"{INGEST}/{UPLOADS}*", "`submit`"),
    Permission("s3:AbortMultipartUpload", f"{INGEST}/{UPLOADS}*", "`submit` of a large file that failed"),
    Permission("s3:ListBucket", EGRESS, "`jobs`, `submit --missing`: what is done"),
    Permission("s3:GetObject", f"{EGRESS}/{DONE}*", "`jobs`, `submit --missing`: for how many parts it is done"),
    Permission("sqs:SendMessage", QUEUE, "`submit --missing`, `dead retry`"),
    Permission("sqs:GetQueueAttributes", QUEUE, "`jobs`; finds the dead-letter queue"),
    Permission("sqs:GetQueueAttributes", DEAD_LETTERS, "`jobs`"),
    Permission("sqs:ReceiveMessage", DEAD_LETTERS, "`dead`"),
    Permission("sqs:ChangeMessageVisibility", DEAD_LETTERS, "`dead` gives back what it looked at"),
    Permission("sqs:DeleteMessage", DEAD_LETTERS, "`dead retry`"),
)


def as_table(permissions: tuple[Permission, ...]) -> str:
    """The rows of a Markdown table."""
    return "".join(f"| `{p.action}` | `{p.on}` | {p.why} |\n" for p in permissions)
