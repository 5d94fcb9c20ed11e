#!/usr/bin/env bash
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# writer.sh start|stop|status: the people who keep registering farmers, as one process.
set -euo pipefail

settings=/dfrlab/host/writer.json
pidfile=/run/dfrlab-writer.pid
running() { [ -s "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }

[ -e "$settings" ] || exit 0
case "${1:-status}" in
  start)
    running && exit 0
    install -d -m 0755 /var/log/dfrlab
    setsid /dfrlab/parts/writer.py "$settings" /var/log/dfrlab/writer.log </dev/null >>/var/log/dfrlab/writer.err 2>&1 &
    echo $! > "$pidfile"
    ;;
  stop)
    if running; then kill "$(cat "$pidfile")"; fi
    rm -f "$pidfile"
    ;;
  status)
    if running; then echo running; else echo stopped; exit 3; fi
    ;;
  *)
    echo "usage: writer.sh start|stop|status" >&2
    exit 2
    ;;
esac
