from __future__ import annotations

from infra.aws.status import address_lines


def test_addresses_are_told_in_words_as_far_as_they_are_known() -> None:
    outputs = {"Player": "https://d1.cloudfront.net/", "IngestPrimary": "rtmp://1.2.3.4:1935/live", "QueueUrl": "x"}
    assert address_lines(outputs) == [
        "player        https://d1.cloudfront.net/",
        "publish to    rtmp://1.2.3.4:1935/live",
    ]
    assert address_lines({}) == []
