# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the campaign: each is planted by a command and mended by another.

``faults.py plant <fault> [argument]...`` is what the callback calls in the middle of a run. Networks are cut and disks
filled in the namespaces of a container, which takes root on the engine's machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PKI = ROOT / "inventories/demo/.lab"
JOURNAL = "/var/lib/dfr-golive/demo/journal.jsonl"
BACKUPS = "/srv/dfr/backup"
CONTROLLER = "10.28.50.1"


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=150)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def on(name: str, script: str, *, check: bool = True) -> str:
    """As root in one of the lab's containers."""
    return docker("exec", f"dfrlab-{name}", "sh", "-ec", script, check=check)


def inside(name: str, namespaces: str, *command: str, check: bool = True) -> None:
    """On the engine's machine, in some of a container's namespaces: what the container itself may not do."""
    done = subprocess.run(
        ["nsenter", "-t", _pid(name), *namespaces.split(), *command],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)} in {name}: {done.stderr.strip()}")


def _pid(name: str) -> str:
    return docker("inspect", "--format", "{{.State.Pid}}", f"dfrlab-{name}").strip()


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
    """Somebody takes every connection that the server has to give, the superuser's too."""
    on(
        name,
        """
        echo 'select pg_sleep(3600)' > /tmp/sleep.sql; chmod 644 /tmp/sleep.sql
        free=$(su postgres -c "psql -XAtq postgres" <<SQL
        select current_setting('max_connections')::int - count(*) + 1 from pg_stat_activity
        where backend_type = 'client backend'
SQL
        )
        setsid su postgres -c "/usr/lib/postgresql/*/bin/pgbench -n -c $free -T 3600 -f /tmp/sleep.sql postgres" \
          >/dev/null 2>&1 </dev/null &
        for i in $(seq 100); do
          su postgres -c "psql -XAtqc 'select 1' postgres" 2>&1 | grep -q 'too many clients' && exit 0; sleep 0.1
        done
        echo 'there are still connections to be had' >&2; exit 1""",
    )


def disperse(name: str) -> None:
    # A server that sleeps for a client doesn't notice that the client is gone.
    on(name, "pkill -u postgres pgbench; pkill -f 'postgres: postgres postgres .local.'", check=False)


_CLOCK = "/etc/python3*/sitecustomize.py"
_SHIFT = """
import datetime, time
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + {0}
time.time_ns = lambda: _time_ns() + {0} * 10**9
class _Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds={0})
    @classmethod
    def utcnow(cls):
        return super().utcnow() + datetime.timedelta(seconds={0})
datetime.datetime = _Shifted
"""


def shift_clock(name: str, seconds: str) -> None:
    """Containers share their machine's clock: it is off for each Python program there, so for all that we run."""
    shift = f"cat >> $f <<'PY'\n{_SHIFT.format(int(seconds))}\nPY\n"
    on(
        name,
        f"for f in {_CLOCK}; do cp -a $f /root/sitecustomize.kept; {shift}done\n"
        f"test $(($(python3 -c 'import time; print(int(time.time()))') - $(date +%s) - ({seconds}))) -le 1",
    )


def set_clock_right(name: str, _seconds: str) -> None:
    on(name, f"for f in {_CLOCK}; do cp -a /root/sitecustomize.kept $f; done")


def rival() -> None:
    """Another operator starts the same night, is told who is at work since when, and changes nothing."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("CHAOS_", "ANSIBLE_CALL"))
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "golive.yml"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    if done.returncode == 0 or not all(words in said for words in BUSY):
        raise RuntimeError(f"The second operator ended with {done.returncode}: {said[-400:]}")


BUSY = ("is being worked on by", "since", "last sign of life")


def lapse() -> None:
    """The run stalls for longer than the lease is good for; the timers on the sources' hosts lift the fences."""
    lease = "kind like 'lease.%'"
    psql = "su postgres -c 'psql -XAtq -v ON_ERROR_STOP=1 postgres'"
    on(
        "staging-db",
        f"{psql} <<'SQL'\nupdate dfr_golive.kept set state = state || '{{\"until\": 1}}' where {lease}\nSQL",
    )
    on(
        "legacy",
        f"mariadb -e \"update dfr_golive.kept set state = json_set(state, '$.until', 1) where {lease}\"",
    )
    _until_lapsed(
        "staging-db", f"{psql} <<'SQL'\nselect state->>'state' from dfr_golive.kept where {lease}\nSQL"
    )
    _until_lapsed(
        "legacy", f"mariadb -Ne \"select json_value(state, '$.state') from dfr_golive.kept where {lease}\""
    )


def _until_lapsed(name: str, question: str, limit: float = 130) -> None:
    end = time.monotonic() + limit
    while (state := on(name, question).split()) != ["lapsed"]:
        if time.monotonic() > end:
            raise RuntimeError(f"The fence of {name} wasn't lifted: its lease is {state}")
        time.sleep(1)


# --- networks -----------------------------------------------------------------------------------------------


def cut(name: str, towards: str) -> None:
    """Neither hears the other: packets are dropped, nothing is refused."""
    for address in _addresses(towards):
        for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
            inside(name, "-n", "iptables", "-I", chain, side, address, "-j", "DROP")


def join(name: str, towards: str) -> None:
    for address in _addresses(towards):
        for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
            inside(name, "-n", "iptables", "-D", chain, side, address, "-j", "DROP", check=False)


def _addresses(name: str) -> list[str]:
    if name == "controller":
        return [CONTROLLER]
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return docker("inspect", "--format", form, f"dfrlab-{name}").split()


# --- disks --------------------------------------------------------------------------------------------------


def fill(name: str, folder: str) -> None:
    """The folder's disk is full: what is there stays readable, and not a byte more fits."""
    on(name, f"rm -rf /tmp/kept && cp -a {folder} /tmp/kept")
    inside(name, "-m", "mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", folder)
    on(name, f"cp -a /tmp/kept/. {folder}/; cat /dev/zero > {folder}/.filler || true")


def empty(name: str, folder: str) -> None:
    """What was written meanwhile stays."""
    on(name, f"rm -f {folder}/.filler; rm -rf /tmp/kept; cp -a {folder} /tmp/kept")
    # umount reads /proc/self, which is there only for a process that the container's /proc knows.
    inside(name, "-m -p", "umount", "-l", folder)
    on(name, f"cp -a /tmp/kept/. {folder}/")


def fill_database(name: str) -> None:
    """The server comes back on a disk that is all but full: it starts, takes logins, and soon can't write any more."""
    volume = _volume(name)
    docker("stop", "--time", "30", f"dfrlab-{name}")
    kept = volume.with_name("kept")
    _engine("mkdir", str(kept))
    _engine("cp", "-a", f"{volume}/.", str(kept))
    size = int(_engine("du", "-sm", str(kept)).split()[0]) + 48
    _engine("mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(volume))
    _engine("cp", "-a", f"{kept}/.", str(volume))
    docker("start", f"dfrlab-{name}")
    _until_ready(name)
    filler = "/var/lib/postgresql/data/filler"
    on(name, f"cat /dev/zero > {filler} || truncate -s -2M {filler}")


def empty_database(name: str) -> None:
    """What was written meanwhile stays."""
    volume = _volume(name)
    on(name, "rm -f /var/lib/postgresql/data/filler", check=False)
    docker("stop", "--time", "30", f"dfrlab-{name}")
    kept = volume.with_name("kept")
    _engine("rsync", "-a", "--delete", f"{volume}/", f"{kept}/")
    _engine("umount", str(volume))
    _engine("rsync", "-a", "--delete", f"{kept}/", f"{volume}/")
    _engine("rm", "-rf", str(kept))
    docker("start", f"dfrlab-{name}")
    _until_ready(name)


def _until_ready(name: str) -> None:
    on(name, "for i in $(seq 200); do pg_isready -q && exit 0; sleep 0.2; done; exit 1")


def _volume(name: str) -> Path:
    return Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"dfrlab-{name}").strip())


def _engine(*command: str) -> str:
    """As root on the engine's machine."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def slow_disk(name: str, per_second: str = "100") -> None:
    """The container's disk takes so many writes in a second, and no more."""
    _limit_writes(name, per_second)


def fast_disk(name: str, _per_second: str = "100") -> None:
    _limit_writes(name, "")


def _limit_writes(name: str, per_second: str) -> None:
    """By the control group of its processes, in the first or the second version of these."""
    device = Path(docker("info", "--format", "{{.DockerRootDir}}").strip()).stat().st_dev
    disk = f"{os.major(device)}:{os.minor(device)}"
    if Path(f"/sys/dev/block/{disk}/partition").exists():
        disk = Path(f"/sys/dev/block/{disk}/../dev").read_text(encoding="ascii").strip()
    groups = Path("/sys/fs/cgroup")
    for line in Path(f"/proc/{_pid(name)}/cgroup").read_text(encoding="ascii").splitlines():
        _number, controllers, group = line.split(":", 2)
        if "blkio" in controllers.split(","):
            file = groups / "blkio" / group.lstrip("/") / "blkio.throttle.write_iops_device"
            file.write_text(f"{disk} {per_second or 0}", encoding="ascii")
            return
        if not controllers and (groups / group.lstrip("/") / "io.max").exists():
            file = groups / group.lstrip("/") / "io.max"
            file.write_text(f"{disk} wiops={per_second or 'max'}", encoding="ascii")
            return
    raise RuntimeError(f"No control group of {name} can slow its disk down.")


# --- names, certificates, mail ------------------------------------------------------------------------------


def refuse_updates() -> None:
    """The primary answers, and refuses every change."""
    on(
        "ns1",
        "sed -i 's/grant/deny/' /etc/bind/named.conf; pkill -HUP named; sleep 0.5",
    )


def accept_updates() -> None:
    on("ns1", "sed -i 's/deny/grant/' /etc/bind/named.conf; pkill -HUP named; sleep 0.5")


def stale_secondary() -> None:
    """The secondary goes on answering what it knows, and learns nothing new."""
    cut("ns2", "ns1")


def fresh_secondary() -> None:
    """As its administrator would: BIND remembers for minutes that a primary was out of reach."""
    join("ns2", "ns1")
    docker("restart", "dfrlab-ns2")
    on("ns2", "for _ in $(seq 50); do rndc retransfer demo.test && exit; sleep 0.2; done; exit 1")


def warm_cache() -> None:
    """Somebody has just asked: the resolver will give the old answer until its time to live is over."""
    on("ops", "dig +short @10.28.50.23 dfr.demo.test")


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


_SWAP_CERTIFICATE = "cat {} > /srv/dfr/proxy/tls/cert.pem; pkill -HUP -o nginx; sleep 0.5"


# --- what is kept -------------------------------------------------------------------------------------------

_AWAY = f"cp -a {JOURNAL} /root/journal.kept"


def truncate_journal() -> None:
    """The last records are gone, whole lines."""
    on("ops", f"{_AWAY}; head -n -3 /root/journal.kept > {JOURNAL}")


def tear_journal() -> None:
    """The last line is half there, as when the power went: no damage, an event that was never acknowledged."""
    on("ops", f"printf '{{\"seq\":' >> {JOURNAL}")


def edit_journal() -> None:
    """The third record says that it was written in another century."""
    on("ops", f'{_AWAY}; sed -i \'3s/"time":"20/"time":"21/\' {JOURNAL}')
    on("ops", f"if cmp -s /root/journal.kept {JOURNAL}; then echo nothing was edited >&2; exit 1; fi")


def reorder_journal() -> None:
    on("ops", f"{_AWAY}; (head -n 2 /root/journal.kept; sed -n 4p /root/journal.kept;"
       f" sed -n 3p /root/journal.kept; tail -n +5 /root/journal.kept) > {JOURNAL}")  # fmt: skip


_RESEAL = f"""
import hashlib, json
previous = "0" * 64
with open("{JOURNAL}", "w") as there:
    for line in open("/root/journal.kept"):
        record = {{**json.loads(line), "country": "tonga", "prev": previous}}
        del record["hash"]
        body = json.dumps(record, sort_keys=True, separators=(",", ":"))
        previous = hashlib.sha256(body.encode()).hexdigest()
        print(f'{{body[:-1]}},"hash":"{{previous}}"}}}}', file=there)
"""


def foreign_journal() -> None:
    """Another country's journal lies there: whole, and its chain is good."""
    on("ops", f"{_AWAY}; python3 - <<'PY'{_RESEAL}PY")


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


def swap_backup() -> None:
    """Beside the newest set lies a newer one of the same name, taken from another database."""
    on(
        "production",
        f"""
        old=$(ls -d {BACKUPS}/*/ | tail -1); new="${{old%/}}9"; cp -a "$old" "$new"; echo "$new" > /root/swap.name
        sed -i 's/"database": "[^"]*"/"database": "dfr_staging"/' "$new/manifest.json\"""",
    )


def remove_swapped() -> None:
    on("production", 'rm -r "$(cat /root/swap.name)"')


Fault = tuple[Callable[..., None], Callable[..., None]]


def nothing(*_: str) -> None:
    """Mended by itself."""


FAULTS: dict[str, Fault] = {
    "crash": (crash, nothing),
    "down": (down, up),
    "hang": (hang, go_on),
    "crowd": (crowd, disperse),
    "clock": (shift_clock, set_clock_right),
    "rival": (rival, nothing),
    "two_at_once": (nothing, nothing),
    "lapse": (lapse, nothing),
    "cut": (cut, join),
    "fill": (fill, empty),
    "fill_database": (fill_database, empty_database),
    "slow_disk": (slow_disk, fast_disk),
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
    "backup_of_another": (swap_backup, remove_swapped),
}


def plant(name: str, *arguments: str) -> None:
    FAULTS[name][0](*arguments)


def mend(name: str, *arguments: str) -> None:
    FAULTS[name][1](*arguments)


if __name__ == "__main__":
    {"plant": plant, "mend": mend}[sys.argv[1]](*sys.argv[2:])
