#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets up what the lab and the tests need: packages, a container engine and the project's own virtual environment.
# Looks at everything first; where it may not help itself it says in one sentence what is missing and changes nothing.
# Run it as often as you like: it does only what is left to do.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$checkout/.venv
engine_log=/var/log/dfr-golive-dockerd.log

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
engine_answers() { have docker && timeout 20 docker info >/dev/null 2>&1; }

# The newest Python the controller may use that can make virtual environments; nothing where there is none.
find_python() {
  local python
  for python in python3.13 python3.12 python3.11 python3; do
    if have "$python" && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
}

# --- look ---------------------------------------------------------------------------------------------------------
system=
if [ -r /etc/os-release ]; then
  # shellcheck source=/dev/null
  system=$(. /etc/os-release && echo "${ID:-} ${ID_LIKE:-}")
fi

packages=()
want() { have "$1" || packages+=("$2"); }
want git git
want make make
want rsync rsync
want ssh-keygen openssh-client
want openssl openssl
want mmdebstrap mmdebstrap
if [[ $system == ubuntu* && ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
  packages+=(debian-archive-keyring)
fi
[ -n "$(find_python)" ] || packages+=(python3-venv)

engine=yes
if ! engine_answers; then
  engine=
  want dockerd docker.io
fi

if [ ${#packages[@]} -gt 0 ]; then
  [[ $system == *debian* || $system == ubuntu* ]] \
    || fail "this is not Debian or Ubuntu, so please install by its own means: ${packages[*]}."
  [ "$(id -u)" = 0 ] || fail "missing packages: ${packages[*]}; run this as root, or: apt-get install ${packages[*]}."
fi
if [ -z "$engine" ] && [ "$(id -u)" != 0 ]; then
  fail "no container engine answers you; start Docker and join its group, or run this as root."
fi

# --- packages -----------------------------------------------------------------------------------------------------
install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null \
    || fail "apt-get could not install $*; what it said is above."
}
if [ ${#packages[@]} -gt 0 ]; then
  say "installing ${packages[*]}"
  apt-get update -qq || say "apt-get update complained; trying with what it got"
  install_packages "${packages[@]}"
fi
# Since Debian 13 the engine's command is a package of its own.
if ! have docker && [ "$(id -u)" = 0 ] && apt-cache show docker-cli >/dev/null 2>&1; then
  install_packages docker-cli
fi
python=$(find_python)
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && apt-cache show python3.11-venv >/dev/null 2>&1; then
  say "installing Python 3.11 beside the system's own"
  install_packages python3.11-venv
  python=$(find_python)
fi
[ -n "$python" ] || fail "Python 3.11 or newer with venv is missing; install it and run this again."

# --- engine -------------------------------------------------------------------------------------------------------
if ! engine_answers; then
  say "starting the container engine"
  if [ "$(cat /proc/1/comm)" = systemd ]; then
    systemctl start docker || fail "systemctl could not start docker; see: journalctl -u docker."
  elif [ "$(cat "/proc/$(cat /var/run/docker.pid 2>/dev/null)/comm" 2>/dev/null)" != dockerd ]; then
    # A number left behind by an engine that was killed may be another process's by now, and dockerd would refuse to start.
    rm -f /var/run/docker.pid
    setsid dockerd </dev/null >"$engine_log" 2>&1 &
  fi
  for _ in $(seq 60); do
    engine_answers && break
    sleep 0.5
  done
  engine_answers || fail "the container engine does not answer; its log is $engine_log or journalctl -u docker."
fi

# --- virtual environment ------------------------------------------------------------------------------------------
wanted=$(cat "$checkout/requirements.txt" <("$python" --version) | sha256sum | cut -d' ' -f1)
if [ "$(cat "$venv/.requirements" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
  say "installing requirements.txt into .venv"
  rm -f "$venv/.requirements"
  "$python" -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$checkout/requirements.txt" \
    || fail "pip could not install requirements.txt; what it said is above."
  echo "$wanted" > "$venv/.requirements"
fi
