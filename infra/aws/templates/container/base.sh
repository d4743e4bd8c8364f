set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends << packages | join(" ") >>
aws s3 cp --only-show-errors "$ARTIFACTS/instance.tar.gz" - | tar -xzC /opt
python3 -m venv /opt/panocast
/opt/panocast/bin/pip install --quiet --no-index --find-links /opt/panocast-instance/wheels panocast
# What opens foreign files must not find a way to become root.
useradd --system --create-home --home-dir /var/lib/panocast panocast
