#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# pki.sh FOLDER: the lab's CA, certificates and SSH keys, made once; what is there already is kept.
# Reads one line per container: name, address of its sshd or -, and the names of its certificate (openssl's form) or -.
set -euo pipefail

folder=$1
umask 077
mkdir -p "$folder/hosts"
cd "$folder"

if [ ! -e ca.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 800 -subj '/CN=dfr.golive lab CA' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout ca.key -out ca.pem 2>ca.log || { cat ca.log >&2; exit 1; }
  chmod 0644 ca.pem
fi
[ -e id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -C 'dfr.golive lab operator' -f id_ed25519

# certificate HOST NAMES: NAMES as openssl's subjectAltName
certificate() {
  local dir=hosts/$1 names=$2
  [ -e "$dir/cert.pem" ] && return
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$dir/key.pem" \
    -out "$dir/request.pem" 2>ca.log || { cat ca.log >&2; exit 1; }
  openssl x509 -req -in "$dir/request.pem" -CA ca.pem -CAkey ca.key -days 397 -out "$dir/cert.pem" \
    -extfile <(printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "$names") 2>ca.log \
    || { cat ca.log >&2; exit 1; }
  rm "$dir/request.pem"
}

: > known_hosts.new
while read -r host address names; do
  [ -n "$host" ] || continue
  mkdir -p "hosts/$host"
  cp ca.pem "hosts/$host/ca.pem"
  if [ "$address" != - ]; then
    [ -e "hosts/$host/ssh_host_ed25519_key" ] \
      || ssh-keygen -q -t ed25519 -N '' -C "$host" -f "hosts/$host/ssh_host_ed25519_key"
    cp id_ed25519.pub "hosts/$host/authorized_keys"
    printf '%s,%s %s\n' "$address" "$host" "$(cut -d' ' -f1,2 "hosts/$host/ssh_host_ed25519_key.pub")" >> known_hosts.new
  fi
  if [ "$names" != - ]; then certificate "$host" "$names"; fi
done
mv known_hosts.new known_hosts
rm -f ca.log
