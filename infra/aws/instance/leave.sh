#!/bin/sh
# Waits until the group takes this machine out, lets its service finish, and tells the group that it may go on.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
. /etc/panocast/stack.env
. "$HERE/metadata.sh"
export AWS_DEFAULT_REGION

until [ "$(metadata autoscaling/target-lifecycle-state || true)" = Terminated ]; do sleep "${EVERY_S:-5}"; done
systemctl stop "panocast-$ROLE.service" # takes as long as its drain does
aws autoscaling complete-lifecycle-action --lifecycle-hook-name leaving --auto-scaling-group-name "$GROUP" \
    --lifecycle-action-result CONTINUE --instance-id "$(metadata instance-id)"
