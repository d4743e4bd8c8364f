import pytest

from panocast.machine import Machine
from panocast.settings import TranscoderSettings
from transcoder.slots import PART_BYTES, job_slots

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "free_bytes", "slots"),
    [(1, 100 * GIB, 1), (8, 100 * GIB, 8), (8, 4 * PART_BYTES, 4), (8, PART_BYTES // 2, 1), (500, 10_000 * GIB, 64)],
)
def test_a_job_for_each_core_as_far_as_the_memory_goes(cores: int, free_bytes: int, slots: int) -> None:
    assert job_slots(TranscoderSettings(), Machine(cores, free_bytes)) == slots


def test_the_setting_is_stronger() -> None:
    assert job_slots(TranscoderSettings(concurrency=5), Machine(1, 0)) == 5
