<# The test card, published to both origins for as long as the task runs. #>
<%- include "container/base.sh" -%>
umask 077
aws ssm get-parameter --name "$SECRET" --with-decryption --query Parameter.Value --output text >/var/lib/panocast/secret
chown panocast:panocast /var/lib/panocast/secret
publish() {
    key=$(setpriv --reuid=panocast --regid=panocast --clear-groups --no-new-privs \
        /opt/panocast/bin/panocast stream-key test --state /var/lib/panocast)
    while :; do # an origin that is replaced comes back under the same name
        setpriv --reuid=panocast --regid=panocast --clear-groups --no-new-privs \
            /opt/panocast/bin/panocast test-source "rtmp://$1.panocast.internal:1935/qa/$key" || sleep 3
    done
}
publish backup &
publish primary
