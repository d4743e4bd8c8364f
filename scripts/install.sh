#!/usr/bin/env bash
# Brings this machine to the point where panocast runs. Safe to repeat: what is there is left alone, and when nothing
# is missing nothing is installed and the network is not touched.
#
#   scripts/install.sh STEP...
#     system       what comes from the operating system: nginx with RTMP, ffmpeg, Python's venv, node, ...
#     chromium     the browser the end-to-end tests watch with, and what else they need
#     python       .venv with panocast in it
#     python-dev   the same, with the tools for tests and checks
#     python-bench the same, with what `make bench` measures with and against
#     player       the libraries the player page is built from (player/install.mjs)
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly HERE
readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_MARK='written by panocast scripts/install.sh'
# An ordinary user's PATH on Debian leaves out sbin, where nginx lives.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() { printf '%s\n' "$*" >&2; }
die() {
    say "install: $1"
    shift
    for line in "$@"; do say "         $line"; done
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# ---------------------------------------------------------------------------------------------- as root, if need be

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif [[ -t 0 ]]; then
        sudo "$@"
    else
        sudo -n "$@" # nobody there to type a password: fail instead of waiting
    fi
}

# ------------------------------------------------------------------------------------------------- what is missing

PACKAGES=()
REASONS=()
want() { # want WHY PACKAGE...
    local why=$1 package
    shift
    for package in "$@"; do
        PACKAGES+=("$package")
        REASONS+=("$(printf '  %-20s %s' "$package" "$why")")
    done
}

# The first Python that is new enough and can make a venv: the user's own before the system's.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if have "$candidate" && "$candidate" - <<'PY' 2>/dev/null; then
import sys, venv, ensurepip
sys.exit(sys.version_info < (3, 11))
PY
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Test for what is used, not for package names: nginx, node and Python may have come from elsewhere.
look_for_system() {
    have nginx || want 'takes streams in and serves viewers' nginx
    [[ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ]] || want 'teaches nginx RTMP' libnginx-mod-rtmp
    [[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]] || want 'stands before RTMP: limits, TLS' libnginx-mod-stream
    { have ffmpeg && have ffprobe; } || want 'encodes video' ffmpeg
    [[ -n "$(find_python)" ]] || want 'runs panocast in a folder of its own, .venv' python3-venv
    look_for_node
    [[ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf ]] ||
        want 'the lettering of the test card' fonts-dejavu-core
    have setpriv || want 'setpriv: no child process outlives panocast' util-linux
    have bwrap || want 'shuts ffmpeg in while it opens uploaded files' bubblewrap
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || want 'lets pip and npm check who they talk to' ca-certificates
}

look_for_node() {
    if ! have node; then
        want 'fetches the libraries of the player page' nodejs npm
    elif ! have npm; then
        # Debian's npm depends on Debian's nodejs; beside any other node, apt would refuse or replace it.
        [[ "$(command -v node)" == /usr/bin/node && "$(dpkg-query -W -f='${Version}' nodejs 2>/dev/null)" != *nodesource* ]] ||
            die "there is a node ($(command -v node)) but no npm" "install the npm that belongs to that node, then run this again"
        want 'fetches the libraries of the player page' npm
    fi
}

look_for_chromium() {
    have chromium || want 'watches the sphere in the end-to-end tests' chromium
    compgen -G '/usr/lib/*/libatomic.so.1' >/dev/null || want "needed by Playwright, which steers Chromium" libatomic1
    have curl || want 'used by the scripts of machines on AWS, which are tested, too' curl
}

# ------------------------------------------------------------------------------------------------ system packages

install_packages() {
    have apt-get || die "missing: ${PACKAGES[*]} (Debian's names), and there is no apt-get here" \
        'panocast is made for Debian 12 and its relatives; elsewhere, install these by hand and run this again'
    say 'These packages are missing and will be installed with apt-get:'
    printf '%s\n' "${REASONS[@]}" >&2
    if ((EUID != 0)); then
        have sudo || die 'installing them needs root, and there is no sudo here; as root, run' \
            "apt-get update && apt-get install --no-install-recommends ${PACKAGES[*]}"
        say 'Root is needed for that and nothing else, through sudo.'
        as_root true || die 'sudo refused; as root, run' \
            "apt-get update && apt-get install --no-install-recommends ${PACKAGES[*]}"
    fi
    local nginx_was_here=no
    have nginx && nginx_was_here=yes
    keep_nginx_quiet
    apt_install
    let_services_start
    [[ $nginx_was_here == yes ]] || retire_nginx
}

apt_install() {
    # Lists that are empty or old name packages that are no longer there, so they are always brought up to date first.
    as_root apt-get -q update || say 'install: apt-get update failed; going on with the lists there are'
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${PACKAGES[@]}" </dev/null ||
        die "apt-get could not install: ${PACKAGES[*]}" \
            'its reason stands above; usually: no network, another apt is running, or packages from elsewhere conflict' \
            'mend that and run this again: what is done already is not done twice'
}

# Installing nginx starts a server on port 80, and installing a module restarts one that runs. Neither is asked for:
# panocast starts nginx itself, with its own configuration. policy-rc.d is Debian's way to say so
# (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz); an existing one is somebody's decision and stays.
keep_nginx_quiet() {
    if [[ -e $POLICY ]] && ! grep -qs "$POLICY_MARK" "$POLICY"; then return; fi
    trap let_services_start EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # shellcheck disable=SC2016 # $1 is for the script being written
    printf '#!/bin/sh\n# %s; removed again when it ends\n[ "$1" != nginx ] || exit 101\n' "$POLICY_MARK" |
        as_root install -m 755 /dev/stdin "$POLICY"
}

let_services_start() {
    if grep -qs "$POLICY_MARK" "$POLICY"; then as_root rm -f "$POLICY"; fi
}

# nginx was not here before, so neither does its service stay: not now, not after the next boot.
retire_nginx() {
    have nginx || return 0
    if have systemctl; then
        as_root systemctl --quiet disable nginx 2>/dev/null || true
        if [[ -d /run/systemd/system ]]; then as_root systemctl --quiet stop nginx || true; fi
    elif have update-rc.d; then
        as_root update-rc.d nginx disable 2>/dev/null || true
    fi
    # No systemd, and somebody's own policy-rc.d let it start.
    local pid=''
    [[ ! -r /run/nginx.pid ]] || read -r pid </run/nginx.pid || true
    if [[ -n $pid && "$(cat "/proc/$pid/comm" 2>/dev/null)" == nginx ]]; then as_root kill -QUIT "$pid" || true; fi
    say 'The nginx service that came with the package is switched off: panocast starts its own nginx.'
}

# -------------------------------------------------------------------------------------------------------- Python

# What .venv was made from: a change of any of it makes the venv stale. The folder counts, because paths to it are
# written into the venv.
venv_fingerprint() {
    { printf '%s\n' "$HERE" && cat "$HERE/pyproject.toml"; } | sha256sum | cut -d' ' -f1
}

install_python() { # install_python base|dev|bench, each with what the one before has
    local extras=$1 stamp="$HERE/.venv/.panocast-installed" python fingerprint found_fingerprint='' found_extras=''
    local -A packages=([base]='' [dev]='[dev]' [bench]='[dev,bench]')
    fingerprint=$(venv_fingerprint)
    [[ ! -e $stamp ]] || read -r found_fingerprint found_extras <"$stamp" || true
    if ! "$HERE/.venv/bin/python" -c '' 2>/dev/null; then found_fingerprint='' found_extras=''; fi
    # A venv never loses again what it once had.
    [[ $found_extras != bench && ($found_extras != dev || $extras != base) ]] || extras=$found_extras
    if [[ $found_fingerprint == "$fingerprint" && $found_extras == "$extras" ]]; then return; fi

    python=$(find_python) || no_python
    say "Setting up .venv ($("$python" --version), ${extras/base/what panocast needs to run})"
    if ! "$HERE/.venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear "$HERE/.venv" || die "$python cannot make a venv" 'its reason stands above'
    fi
    "$HERE/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable "$HERE${packages[$extras]}" ||
        die 'pip could not install panocast into .venv' 'its reason stands above; usually: no network' \
            'mend that and run this again'
    printf '%s %s\n' "$fingerprint" "$extras" >"$stamp"
}

no_python() {
    die "panocast needs Python 3.11 or newer with venv; found: $(python3 --version 2>/dev/null || echo 'no python3')" \
        'Debian 12 or newer: apt-get install python3-venv   (scripts/install.sh system does it)' \
        'older systems: install one with pyenv (pyenv install 3.12 && pyenv global 3.12), then run this again'
}

# -------------------------------------------------------------------------------------------------------- player

install_player() {
    local version
    version=$(node --version 2>/dev/null) || die 'there is no node to build the player with' 'run: make install'
    version=${version#v}
    ((${version%%.*} >= 18)) || die "the player needs node 18 or newer; found $version ($(command -v node))" \
        "install a newer one, or remove it and let this script install Debian's"
    node "$HERE/player/install.mjs"
}

# ---------------------------------------------------------------------------------------------------------- main

look_for() { # look_for STEP...: fills PACKAGES
    local step
    PACKAGES=() REASONS=()
    for step in "$@"; do
        case $step in
        system) look_for_system ;;
        chromium) look_for_chromium ;;
        python | python-dev | python-bench | player) ;;
        *) die "unknown step: $step" ;;
        esac
    done
}

main() {
    (($#)) || die "usage: scripts/install.sh system|chromium|python|python-dev|python-bench|player ..."
    local step
    let_services_start # in case an earlier run was killed
    look_for "$@"
    if ((${#PACKAGES[@]})); then
        install_packages
        look_for "$@"
        [[ " ${PACKAGES[*]} " != *' python3-venv '* ]] || no_python
        ((${#PACKAGES[@]} == 0)) || die "apt-get has installed ${PACKAGES[*]}, yet what is needed from there is not found" \
            "look with: dpkg --listfiles ${PACKAGES[0]}; mend with: apt-get install --reinstall ${PACKAGES[*]}"
    fi
    for step in "$@"; do
        case $step in
        python) install_python base ;;
        python-dev) install_python dev ;;
        python-bench) install_python bench ;;
        player) install_player ;;
        esac
    done
}

main "$@"
