<# The test card, published to both origins for as long as the task runs. #>
<%- include "container/base.sh" -%>
umask 077
take() {
    aws ssm get-parameter --name "$PARAMETERS/$1" --with-decryption --query Parameter.Value --output text \
        >"/var/lib/panocast/$1"
    chown panocast:panocast "/var/lib/panocast/$1"
}
panocast() {
    setpriv --reuid=panocast --regid=panocast --clear-groups --no-new-privs /opt/panocast/bin/panocast "$@"
}
take secret
publish() {
    while :; do # an origin that is replaced comes back under the same name; the key may have been renewed
        take keys.json || true
        key=$(panocast stream-key test --state /var/lib/panocast)
        panocast test-source "rtmp://$1.panocast.internal:1935/qa/$key" || true
        sleep 3
    done
}
publish backup &
publish primary
