"""One timeline on two origins: the same segment has the same number, name, media times and date on both."""

from origin.timeline.plan import Gop, SavedTimeline, SegmentPlan
from origin.timeline.timeline import Timeline

__all__ = ["Gop", "SavedTimeline", "SegmentPlan", "Timeline"]
