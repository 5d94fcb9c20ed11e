# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypercare on the lab's conductor and mail server: told once, watched by cron, over when it is over.

The country is the test's own; what the watch sees is the lab's door, which is closed to it. That all is well on a
country that is live is phase 9's own proof, in the scenarios that go live.
"""

from __future__ import annotations

import email
import email.policy
import json
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from edgelab import Conductor, on

CRON = "/etc/cron.d/dfr-golive-itedge"
PROGRAM = "/usr/bin/python3 /opt/dfr-golive/itedge/watch.py"
SECRET = "canary-of-the-smoke-account"


@pytest.fixture
def conductor(tmp_path: Path, country: dict[str, Any]) -> Iterator[Conductor]:
    mark = uuid.uuid4().hex[:8]
    own = Conductor(
        tmp_path,
        {
            "golive_run": {"id": f"it-{mark}", "session": "it", "done": [], "plan": [], "live": False},
            "start_hypercare_audiences": [
                {"name": "staff", "language": "en", "to": [f"ana-{mark}@demo.test"]},
                {
                    "name": "agents",
                    "language": "fr",
                    "to": [f"ben-{mark}@demo.test", f"cleo-{mark}@demo.test"],
                },
            ],
            "start_hypercare_status_to": [f"status-{mark}@demo.test"],
            "start_hypercare_probe_seconds": 4,
            "golive_reverse": "none",
            "check_health_login": "smoke.enumerator",
            "check_health_password": SECRET,
        },
    )
    own.mark = mark
    yield own
    own.remove()


def mails(mark: str) -> list[EmailMessage]:
    """What the mail server has got for the test's addresses."""
    files = on("mail", f"grep -l '^X-Envelope-To:.*-{mark}@' /var/mail/lab/new/*", check=False).split()
    read = (on("mail", f"cat {path}") for path in sorted(files))
    return [cast(EmailMessage, email.message_from_string(text, policy=email.policy.default)) for text in read]


def samples(conductor: Conductor) -> list[dict[str, Any]]:
    text = on("ops", f"cat {conductor.state_dir}/itedge/watch/samples.jsonl", check=False)
    return [json.loads(line) for line in text.splitlines()]


def closed(conductor: Conductor, **variables: Any) -> dict[str, str]:
    gates = conductor.run("start_hypercare", "gate", **variables).of("May hypercare start")["gates"]
    assert len(gates) == 5
    return {g["name"]: f"{g['verdict']}: {g['detail']}" for g in gates if g["verdict"] != "pass"}


def test_gates_in_order_send_nothing(conductor: Conductor) -> None:
    assert closed(conductor) == {}
    assert mails(conductor.mark) == []


def test_gates_broken_and_probes_broken(conductor: Conductor, country: dict[str, Any]) -> None:
    mail = country["golive_mail"]
    found = closed(
        conductor,
        golive_mail={**mail, "tls": "starttls"},
        start_hypercare_audiences=[{"name": "staff", "language": "to", "to": ["ana@demo.test"]}],
        start_hypercare_interval_minutes=7,
        start_hypercare_python="/usr/bin/python-nowhere",
    )
    assert found["hypercare.mail"] == "fail: The mail server mail:25 doesn't offer STARTTLS."
    assert found["hypercare.audiences"].startswith("fail: There is no announcement in the language 'to'")
    assert found["hypercare.schedule"].startswith("fail: ")
    assert found["hypercare.libraries"].startswith("fail: ")
    found = closed(conductor, golive_mail={**mail, "port": 26}, start_hypercare_audiences=[])
    assert set(found) == {"hypercare.mail", "hypercare.audiences"}
    assert found["hypercare.mail"].startswith("unknown: ")


def test_each_audience_hears_once_in_its_language(conductor: Conductor) -> None:
    first = conductor.run("start_hypercare", "announce")
    assert first.code == 0, first.out
    again = conductor.run("start_hypercare", "announce")
    assert again.code == 0, again.out
    assert again.changed == []
    english, french = mails(conductor.mark)
    assert english["X-Envelope-To"] == f"ana-{conductor.mark}@demo.test"
    assert "is open" in english["Subject"]
    assert french["X-Envelope-To"].count("@") == 2
    assert "est ouvert" in french["Subject"]
    assert "numérique" in french.get_content()
    assert french["Message-ID"] == f"<announcement.it-{conductor.mark}.agents@demo.test>"

    # A death between the mail server's yes and the note: the same message, under the same id.
    path = f"{conductor.state_dir}/itedge/kept/announcements.json"
    noted = conductor.kept("announcements")
    assert noted is not None
    noted[french["Message-ID"]] |= {"accepted": [], "sent": None}
    on("ops", f"cat > {path} <<'X'\n{json.dumps(noted)}\nX")
    assert conductor.run("start_hypercare", "announce").code == 0
    assert [m["Message-ID"] for m in mails(conductor.mark)].count(french["Message-ID"]) == 2
    assert len(mails(conductor.mark)) == 3


def test_a_country_s_own_announcement_comes_first(conductor: Conductor, tmp_path: Path) -> None:
    (tmp_path / "announcement.to.txt.j2").write_text(
        "Subject: Talitali fiefia\n\nKuo ava: {{ golive_fqdn }}\n"
    )
    audience = [{"name": "all", "language": "to", "to": [f"all-{conductor.mark}@demo.test"]}]
    own = {"start_hypercare_templates_dir": str(tmp_path), "start_hypercare_audiences": audience}
    assert closed(conductor, **own) == {}
    assert conductor.run("start_hypercare", "announce", **own).code == 0
    (message,) = mails(conductor.mark)
    assert message["Subject"] == "Talitali fiefia"
    assert "Kuo ava: dfr.demo.test" in message.get_content()


def test_the_watch_from_its_installation_to_its_end(conductor: Conductor) -> None:
    folder = f"{conductor.state_dir}/itedge/watch"
    assert conductor.run("start_hypercare", "watch").code == 0
    assert conductor.run("start_hypercare", "watch").changed == []
    assert on("ops", f"stat -c '%a %U' {folder}/settings.json").strip() == "600 root"
    assert SECRET in on("ops", f"cat {folder}/settings.json")
    assert SECRET not in on("ops", f"cat {CRON}; find /opt/dfr-golive/itedge -type f -exec cat {{}} +")

    stopped = conductor.run("start_hypercare", "verify", start_hypercare_audiences=[])
    assert stopped.failure.startswith("The watch isn't content: app.health: ")
    (sample,) = samples(conductor)
    checks = {c["name"]: c["verdict"] for c in sample["checks"]}
    assert set(checks) == {"app.health", "page./web/login", "api.search", "dns", "certificate"}
    assert checks["certificate"] == "pass"
    assert "pass" not in (checks["app.health"], checks["api.search"])
    assert SECRET not in stopped.out + stopped.err + json.dumps(sample)

    on("ops", f"rm {CRON}")
    gone = conductor.run("start_hypercare", "verify", start_hypercare_audiences=[], golive_recheck=True)
    assert gone.failure.startswith(f"The watch's cron entry {CRON} is gone.")
    (mended,) = conductor.run("start_hypercare", "watch").changed
    assert mended.endswith("Let cron start it")

    # Two weeks later: nothing but the clock of the settings moves.
    shift = f"""import json; p = {folder + "/settings.json"!r}; s = json.load(open(p))
s['started'] -= 14 * 86400; s['until'] -= 14 * 86400; json.dump(s, open(p, 'w'))"""
    on("ops", f'python3 -c "{shift}"')
    on("ops", f"env -i PATH=/usr/bin:/bin {PROGRAM} {folder}/settings.json")
    assert on("ops", f"ls {CRON} {folder}/settings.json", check=False) == ""
    assert len(samples(conductor)) == 2
    names = on("ops", f"ls {folder}/status").split()
    assert {"final.json", "final.txt", "final.done"} <= set(names)
    assert len([name for name in names if name.endswith(".json")]) in (14, 15)
    final = json.loads(on("ops", f"cat {folder}/status/final.json"))
    assert (final["schema"], final["name"]) == ("dfr.golive/hypercare-status/1", "final")
    got = mails(conductor.mark)
    assert len(got) == len([name for name in names if name.endswith(".done")])
    assert "final status" in got[-1]["Subject"]
    over = conductor.run("start_hypercare", "verify", start_hypercare_audiences=[], golive_recheck=True)
    assert over.code == 0, over.out
    assert over.of("Prove that everybody")["evidence"]["watch"]["ended"] is True


def test_cron_starts_it_by_itself(conductor: Conductor) -> None:
    assert conductor.run("start_hypercare", "watch", start_hypercare_interval_minutes=1).code == 0
    # Cron wakes once a minute, then the watch takes its look.
    on(
        "ops",
        f"timeout 150 sh -c 'until [ -s {conductor.state_dir}/itedge/watch/samples.jsonl ]; do sleep 1; done'",
    )
    assert len(samples(conductor)) == 1
    assert on("ops", f"cat {conductor.state_dir}/itedge/watch/watch.log") == ""


def test_undo_removes_the_watch_and_its_passwords(conductor: Conductor) -> None:
    assert conductor.run("start_hypercare", "undo").code == 0, "safe when nothing was applied"
    assert conductor.run("start_hypercare", "watch").code == 0
    assert conductor.run("start_hypercare", "undo").code == 0
    assert on("ops", f"ls {CRON} /opt/dfr-golive/itedge", check=False) == ""
    assert on("ops", f"grep -r {SECRET} {conductor.state_dir}", check=False) == ""
    assert conductor.run("start_hypercare", "undo").changed == []


def test_check_mode_sends_and_installs_nothing(conductor: Conductor) -> None:
    looked = conductor.run("start_hypercare", "gate", "announce", "verify", arguments=["--check"])
    assert looked.code == 0, looked.out
    assert mails(conductor.mark) == []
    assert on("ops", f"find {conductor.state_dir}", check=False) == ""
