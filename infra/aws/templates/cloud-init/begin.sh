#!/bin/sh
# Fetches what makes this machine one of panocast's, and starts it.
set -u
. /etc/panocast/stack.env
export AWS_DEFAULT_REGION
for pause in 2 5 10 20 0; do
    aws s3 cp --only-show-errors "$ARTIFACTS/instance.tar.gz" /opt/instance.tar.gz && break
    sleep "$pause"
done
tar -xzf /opt/instance.tar.gz -C /opt && exec sh /opt/panocast-instance/start.sh
# A stack that waits for this machine need not wait until its patience ends.
[ -z "$SIGNAL" ] || aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id "$SIGNAL" \
    --unique-id "$(cat /var/lib/cloud/data/instance-id)" --status FAILURE
exit 1
