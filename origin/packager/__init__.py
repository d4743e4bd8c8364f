"""The packager: fragmented MP4 from ffmpeg's pipes in, HLS segments on one timeline out.

The core (boxes, fragments, frames, segments, rung, window, measure, package) maps values to values. Around it stand
ffmpeg and its pipes (pipe, run, ladder), and HTTP (serve).
"""
