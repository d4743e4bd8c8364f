#!/bin/sh
# Makes a fresh Debian machine one of panocast's: an origin, an edge or a worker, as /etc/panocast/stack.env says. Run
# once, by cloud-init, as root; whatever happens, the stack is told how it ended.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
STATE=/var/lib/panocast
VENV=/opt/panocast
. /etc/panocast/stack.env
export AWS_DEFAULT_REGION="$REGION"
. "$HERE/metadata.sh"

signal() { # signal SUCCESS|FAILURE: what cfn-signal does, which Debian does not have
    [ -n "$SIGNAL" ] || return 0
    aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id "$SIGNAL" \
        --unique-id "$INSTANCE" --status "$1"
}

finish() {
    code=$?
    [ "$code" -eq 0 ] && signal SUCCESS && return
    echo "panocast: this machine could not be set up (code $code); its log is /var/log/cloud-init-output.log" >&2
    systemctl start panocast-report.service || true # its log reaches CloudWatch even so
    signal FAILURE
}

install_panocast() {
    id panocast >/dev/null 2>&1 || useradd --system --home-dir "$STATE" --shell /usr/sbin/nologin panocast
    install -d -o panocast -g panocast -m 0750 "$STATE"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --no-index --find-links "$HERE/wheels" panocast
    # Debian starts a web server of its own; ours are units below.
    systemctl disable --now nginx.service || true
}

install_session_manager() {
    [ -e "$HERE/amazon-ssm-agent.deb" ] || return 0
    (cd "$HERE" && sha256sum --check --status amazon-ssm-agent.sha256) # what deploy put there, and nothing else
    dpkg -i "$HERE/amazon-ssm-agent.deb"
}

take() { # take NAME: what `deploy` keeps under it in SSM, as a file of the state directory
    umask 077
    aws ssm get-parameter --name "/panocast/$DEPLOYMENT/$1" --with-decryption \
        --query Parameter.Value --output text >"$STATE/$1.new"
    chown panocast:panocast "$STATE/$1.new"
    mv "$STATE/$1.new" "$STATE/$1"
    umask 022
}

take_address() {
    aws ec2 associate-address --allocation-id "$ADDRESS" --instance-id "$INSTANCE" --allow-reassociation
}

tell_name() {
    change=$(printf '{"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "%s", "Type": "A", "TTL": 5,
        "ResourceRecords": [{"Value": "%s"}]}}]}' "$ORIGIN_ROLE.panocast.internal" "$(metadata local-ipv4)")
    aws route53 change-resource-record-sets --hosted-zone-id "$ZONE" --change-batch "$change"
}

start_units() {
    install -m 0644 "$HERE"/units/*.service /etc/systemd/system/
    systemctl daemon-reload
    units="panocast-report.service panocast-leave.service panocast-$ROLE.service"
    [ "$ROLE" != origin ] || units="$units panocast-keys.service"
    # shellcheck disable=SC2086 # several names
    systemctl enable --now $units
}

wait_until_it_answers() {
    for _ in $(seq 60); do
        "$VENV/bin/panocast" aws ready --role "$ROLE" --config /etc/panocast/panocast.toml --state "$STATE" && return
        sleep 2
    done
    return 1
}

INSTANCE=$(metadata instance-id)
trap finish EXIT
install_panocast
install_session_manager
case $ROLE in # no && or || around these: the shell would go on after one that failed
origin)
    take secret
    take keys.json
    take_address
    tell_name
    ;;
edge) take playback-secret ;;
esac
start_units
wait_until_it_answers
