# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the campaign: each is planted by a command and mended by another.

``faults.py plant <fault> [argument]...`` is what the callback calls in the middle of a run. Networks are cut and disks
filled in the namespaces of a container, which takes root on the engine's machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PKI = ROOT / "inventories/demo/.lab"
JOURNAL = "/var/lib/dfr-golive/demo/journal.jsonl"
BACKUPS = "/srv/dfr/backup"
ADDRESS = {
    "controller": "172.28.50.1", "ops": "172.28.50.10", "legacy": "172.28.50.11", "staging": "172.28.50.12",
    "production": "172.28.50.13", "ns1": "172.28.50.21", "ns2": "172.28.50.22", "resolver": "172.28.50.23",
    "mail": "172.28.50.24", "production-proxy": "172.28.50.40",
}  # fmt: skip


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def on(name: str, script: str, *, check: bool = True) -> str:
    """As root in one of the lab's containers."""
    return docker("exec", f"dfrlab-{name}", "sh", "-ec", script, check=check)


def inside(name: str, namespaces: str, *command: str, check: bool = True) -> None:
    """On the engine's machine, in some of a container's namespaces: what the container itself may not do."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", f"dfrlab-{name}").strip()
    subprocess.run(["nsenter", "-t", pid, *namespaces.split(), *command], check=check, timeout=20)


# --- machines and processes ---------------------------------------------------------------------------------


def crash(name: str) -> None:
    """Killed, and back at once, as its runtime restarts it."""
    docker("kill", f"dfrlab-{name}")
    docker("start", f"dfrlab-{name}")


def down(name: str) -> None:
    docker("kill", f"dfrlab-{name}")


def up(name: str) -> None:
    docker("start", f"dfrlab-{name}")


def hang(name: str) -> None:
    docker("pause", f"dfrlab-{name}")


def go_on(name: str) -> None:
    docker("unpause", f"dfrlab-{name}", check=False)


def crowd(name: str) -> None:
    """Somebody takes every connection that the server has to give."""
    query = "select pg_sleep(3600)"
    on(
        name,
        f"for i in $(seq 199); do (su postgres -c 'psql -XAtq -c \"{query}\" postgres' >/dev/null 2>&1 &) ; done;"
        " sleep 5",
    )


def disperse(name: str) -> None:
    on(name, "pkill -u postgres psql", check=False)


# --- networks -----------------------------------------------------------------------------------------------


def cut(name: str, towards: str) -> None:
    """Neither hears the other: packets are dropped, nothing is refused."""
    for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
        inside(name, "-n", "iptables", "-I", chain, side, _address(towards), "-j", "DROP")


def join(name: str, towards: str) -> None:
    for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
        inside(name, "-n", "iptables", "-D", chain, side, _address(towards), "-j", "DROP", check=False)


def _address(name: str) -> str:
    if name in ADDRESS:
        return ADDRESS[name]
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return docker("inspect", "--format", form, f"dfrlab-{name}").split()[-1]


# --- disks --------------------------------------------------------------------------------------------------


def fill(name: str, folder: str) -> None:
    """The folder's disk is full: what is there stays readable, and not a byte more fits."""
    on(name, f"rm -rf /tmp/kept && cp -a {folder} /tmp/kept")
    inside(name, "-m", "mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", folder)
    on(name, f"cp -a /tmp/kept/. {folder}/; cat /dev/zero > {folder}/.filler || true")


def empty(name: str, folder: str) -> None:
    """What was written meanwhile stays."""
    on(name, f"rm -f {folder}/.filler; rm -rf /tmp/kept; cp -a {folder} /tmp/kept")
    inside(name, "-m", "umount", "-l", folder)
    on(name, f"cp -a /tmp/kept/. {folder}/")


# --- names, certificates, mail ------------------------------------------------------------------------------


def refuse_updates() -> None:
    """The primary answers, and refuses every change."""
    on(
        "ns1",
        "sed -i 's/grant/deny/' /etc/bind/named.conf; kill -HUP 1 2>/dev/null; pkill -HUP named; sleep 0.5",
    )


def accept_updates() -> None:
    on("ns1", "sed -i 's/deny/grant/' /etc/bind/named.conf; pkill -HUP named; sleep 0.5")


def stale_secondary() -> None:
    """The secondary goes on answering what it knows, and learns nothing new."""
    cut("ns2", "ns1")


def fresh_secondary() -> None:
    join("ns2", "ns1")
    on("ns2", "pkill -HUP named")


def warm_cache() -> None:
    """Somebody has just asked: the resolver will give the old answer until its time to live is over."""
    on("ops", "dig +short @172.28.50.23 dfr.demo.test")


def expire_certificate() -> None:
    """The proxy serves a certificate that ran out yesterday, for its own key and from its own CA."""
    host = PKI / "hosts/production-proxy"
    script = (
        f"cd {PKI} && mkdir -p .ca && : > .ca/index && echo 77 > .ca/serial"
        f" && openssl req -new -key {host}/key.pem -subj /CN=production-proxy -out .ca/r.pem"
        " && printf '[a]\\ndatabase=.ca/index\\nserial=.ca/serial\\nnew_certs_dir=.ca\\npolicy=p\\ndefault_md=sha256\\n"
        "[p]\\ncommonName=supplied\\n[e]\\nsubjectAltName=DNS:dfr.demo.test\\n' > .ca/c"
        " && openssl ca -batch -config .ca/c -name a -extensions e -cert ca.pem -keyfile ca.key"
        " -startdate 20240101000000Z -enddate 20240102000000Z -in .ca/r.pem -out .ca/old.pem -notext"
        " && docker cp .ca/old.pem dfrlab-production-proxy:/tmp/old.pem && rm -r .ca"
    )
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True, timeout=20)
    on("production-proxy", _SWAP_CERTIFICATE.format("/tmp/old.pem"))


def renew_certificate() -> None:
    on("production-proxy", _SWAP_CERTIFICATE.format("/dfrlab/host/cert.pem"))


_SWAP_CERTIFICATE = (
    'cert=$(nginx -T 2>/dev/null | awk \'$1 == "ssl_certificate" {{gsub(";", "", $2); print $2; exit}}\');'
    ' cat {} > "$cert"; nginx -s reload; sleep 0.5'
)


# --- what is kept -------------------------------------------------------------------------------------------

_AWAY = f"cp -a {JOURNAL} /root/journal.kept"


def truncate_journal() -> None:
    """The last records are gone, whole lines."""
    on("ops", f"{_AWAY}; head -n -3 /root/journal.kept > {JOURNAL}")


def tear_journal() -> None:
    """The last line is half there, as when the power went: no damage, an event that was never acknowledged."""
    on("ops", f"printf '{{\"seq\":' >> {JOURNAL}")


def edit_journal() -> None:
    on("ops", f'{_AWAY}; sed -i \'3s/"pass"/"fail"/;3s/golive/golove/\' {JOURNAL}')


def reorder_journal() -> None:
    on("ops", f"{_AWAY}; (head -n 2 /root/journal.kept; sed -n 4p /root/journal.kept;"
       f" sed -n 3p /root/journal.kept; tail -n +5 /root/journal.kept) > {JOURNAL}")  # fmt: skip


def foreign_journal() -> None:
    on("ops", f'{_AWAY}; sed \'s/"country":"demo"/"country":"tonga"/\' /root/journal.kept > {JOURNAL}')


def mend_journal() -> None:
    on("ops", f"cp -a /root/journal.kept {JOURNAL}")


def corrupt_backup() -> None:
    """Bytes in the middle of the biggest file of the newest backup are others."""
    on(
        "production",
        f"""
        f=$(find {BACKUPS} -type f -printf '%s %p\\n' | sort -n | tail -1 | cut -d' ' -f2-)
        echo "$f" > /root/corrupt.name; cp -a "$f" /root/corrupt.kept
        printf 'corrupted' | dd of="$f" bs=1 seek=$(($(stat -c %s "$f") / 2)) conv=notrunc 2>/dev/null""",
    )


def mend_backup() -> None:
    on("production", 'cp -a /root/corrupt.kept "$(cat /root/corrupt.name)"')


Fault = tuple[Callable[..., None], Callable[..., None]]


def nothing(*_: str) -> None:
    """Mended by itself."""


FAULTS: dict[str, Fault] = {
    "crash": (crash, nothing),
    "down": (down, up),
    "hang": (hang, go_on),
    "crowd": (crowd, disperse),
    "cut": (cut, join),
    "fill": (fill, empty),
    "dns_refuses": (refuse_updates, accept_updates),
    "dns_stale_secondary": (stale_secondary, fresh_secondary),
    "dns_warm_cache": (warm_cache, nothing),
    "certificate_expired": (expire_certificate, renew_certificate),
    "journal_truncated": (truncate_journal, mend_journal),
    "journal_torn": (tear_journal, nothing),
    "journal_edited": (edit_journal, mend_journal),
    "journal_reordered": (reorder_journal, mend_journal),
    "journal_of_another": (foreign_journal, mend_journal),
    "backup_corrupted": (corrupt_backup, mend_backup),
}


def plant(name: str, *arguments: str) -> None:
    FAULTS[name][0](*arguments)


def mend(name: str, *arguments: str) -> None:
    FAULTS[name][1](*arguments)


if __name__ == "__main__":
    {"plant": plant, "mend": mend}[sys.argv[1]](*sys.argv[2:])
