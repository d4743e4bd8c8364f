"""The packager: fragmented MP4 from ffmpeg's pipes in, HLS segments on one timeline out.

The core (boxes, fragments, gops, tags, segments, rung, window, measure, backlog, package) maps values to values. Around
it stand ffmpeg and its pipes (pipe, run, passthrough, rungs, encoding), and HTTP (serve).
"""
