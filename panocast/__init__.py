"""What every part of panocast stands on: settings, ladder, media probing, ffmpeg, stores and queues."""
