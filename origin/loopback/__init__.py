"""nginx-rtmp as the packager: rungs go back to the same nginx by RTMP, which cuts MPEG-TS segments of them."""
