# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Grants are read as the server writes them, and written as it reads them."""

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, ProbeError
from ansible_collections.dfr.golive.plugins.module_utils._mariadb_grants import (
    ALL_OF_SCHEMA,
    Event,
    Held,
    Holder,
    Privilege,
    Scope,
    account_of,
    like,
    not_covered,
    own_privileges,
    read_grants,
)

APP = Holder("app", "%")
SERVER = ("SELECT", "INSERT", "SUPER", "PROCESS", "FILE")


def read(*lines: str) -> list[Held]:
    return read_grants(APP, lines, SERVER)


@pytest.mark.parametrize(
    ("line", "scope", "privileges", "grantable"),
    [
        ("GRANT SELECT, INSERT ON `d`.* TO `app`@`%`", Scope("d", "*"), ["INSERT"], False),
        (
            "GRANT INSERT (`na``me`, `a, b`), UPDATE (`x(y)`), DELETE ON `d`.`t` TO `app`@`%` WITH GRANT OPTION",
            Scope("d", "t"),
            ["INSERT (`na``me`, `a, b`)", "UPDATE (`x(y)`)", "DELETE"],
            True,
        ),
        (
            "GRANT ALL PRIVILEGES ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*AB' WITH GRANT OPTION",
            Scope("*", "*"),
            ["INSERT", "SUPER", "FILE"],
            True,
        ),
        ("GRANT ALL PRIVILEGES ON `d\\_x`.* TO `app`@`%`", Scope("d\\_x", "*"), list(ALL_OF_SCHEMA), False),
        (
            "GRANT EXECUTE, SHOW CREATE ROUTINE ON PROCEDURE `d`.`p` TO `app`@`%`",
            Scope("d", "p", "PROCEDURE"),
            ["EXECUTE", "SHOW CREATE ROUTINE"],
            False,
        ),
        (
            "GRANT EXECUTE ON PACKAGE BODY `d`.`p` TO `app`@`%`",
            Scope("d", "p", "PACKAGE BODY"),
            ["EXECUTE"],
            False,
        ),
        ("GRANT INSERT ON `d`.`odd``table` TO `app`@`%`", Scope("d", "odd`table"), ["INSERT"], False),
        ("GRANT BRAND NEW POWER ON *.* TO `app`@`%`", Scope("*", "*"), ["BRAND NEW POWER"], False),
        (
            "GRANT DELETE ON *.* TO `app`@`%` IDENTIFIED VIA pam USING 'WITH GRANT OPTION'",
            Scope("*", "*"),
            ["DELETE"],
            False,
        ),
    ],
)
def test_a_grant_is_read(line: str, scope: Scope, privileges: list[str], grantable: bool) -> None:
    (held,) = read(line)
    assert held.scope == scope
    assert [p.sql for p in held.privileges] == privileges
    assert held.grantable is grantable


@pytest.mark.parametrize(
    "line",
    [
        "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*AB'",
        "GRANT SELECT, SHOW VIEW, LOCK TABLES ON `d`.* TO `app`@`%` WITH GRANT OPTION",
        "GRANT `a role` TO `app`@`%` WITH ADMIN OPTION",
        "GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION",
        "SET DEFAULT ROLE `writers` FOR `app`@`%`",
    ],
)
def test_what_gives_no_right_to_write_is_left_out(line: str) -> None:
    assert read(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "",
        "REVOKE EVERYTHING",
        "GRANT INSERT ON d.t TO app",
        "GRANT insert; ON `d`.* TO `app`@`%`",
        "GRANT INSERT (name) X ON `d`.* TO `app`@`%`",
    ],
)
def test_a_line_that_is_not_understood_is_a_stop(line: str) -> None:
    with pytest.raises(ProbeError):
        read(line)


def test_the_grants_of_a_roles_roles_are_theirs() -> None:
    lines = [
        "GRANT INSERT ON `d`.* TO `writers`",
        "GRANT DELETE ON `d`.* TO `more`",
        "GRANT DROP ON `d`.* TO PUBLIC",
    ]
    for holder, privilege in (("writers", "INSERT"), ("more", "DELETE"), ("PUBLIC", "DROP")):
        (held,) = read_grants(Holder(holder, role=True), lines, SERVER)
        assert [p.name for p in held.privileges] == [privilege]


def test_no_password_hash_is_repeated() -> None:
    with pytest.raises(ProbeError) as raised:
        read("GRANT INSERT AT `d`.* TO `app`@`%` IDENTIFIED BY PASSWORD '*SECRETHASH'")
    assert "SECRETHASH" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("old_registry", "old_registry", True),
        ("oldXregistry", "old_registry", True),
        ("oldXregistry", "old\\_registry", False),
        ("old_registry", "old\\_registry", True),
        ("old_registry", "old%", True),
        ("old_registry", "%", True),
        ("OLD_REGISTRY", "old_registry", True),
        ("registry", "old%", False),
        ("a.b", "axb", False),
    ],
)
def test_schema_patterns(text: str, pattern: str, matches: bool) -> None:
    assert like(text, pattern) is matches


@pytest.mark.parametrize(
    ("scope", "concerns"),
    [
        (Scope("*", "*"), True),
        (Scope("reg", "*"), True),
        (Scope("r%", "*"), True),
        (Scope("reg", "t"), True),
        (Scope("r%", "t"), False),
        (Scope("other", "*"), False),
        (Scope("other", "t"), False),
        (Scope("mysql", "*"), True),
        (Scope("mysql", "global_priv"), True),
        (Scope("reg", "p", "PROCEDURE"), True),
    ],
)
def test_what_concerns_a_database(scope: Scope, concerns: bool) -> None:
    assert scope.concerns("reg") is concerns


def test_statements_quote_every_name() -> None:
    held = Held(
        Holder("o`app", "10.%"), Scope("d`b", "t"), (Privilege("UPDATE", ("c`1",)), Privilege("DELETE")), True
    )
    assert held.revoke == "revoke UPDATE (`c``1`), DELETE on `d``b`.`t` from `o``app`@`10.%`"
    assert held.grant == "grant UPDATE (`c``1`), DELETE on `d``b`.`t` to `o``app`@`10.%` with grant option"
    assert Holder("PUBLIC", role=True).sql == "public"
    assert Holder("r", role=True).sql == "`r`"
    assert Event("e`1", "u@x@%", "latin1", "latin1_bin").alter("d`b", "disable") == (
        "alter definer = `u@x`@`%` event `d``b`.`e``1` disable"
    )


def test_an_account_needs_a_host() -> None:
    assert account_of("'a@b'@'%'") == Holder("a@b", "%")
    with pytest.raises(GoliveError, match="user@host"):
        account_of("root")


OWN = [
    "GRANT PROCESS, CONNECTION ADMIN ON *.* TO `op`@`%` IDENTIFIED BY PASSWORD '*AB'",
    "GRANT ALL PRIVILEGES ON `reg`.* TO `op`@`%` WITH GRANT OPTION",
    "GRANT ALL PRIVILEGES ON `kept`.* TO `op`@`%`",
]


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        (Scope("reg", "*"), []),
        (Scope("reg", "t"), []),
        (Scope("reg", "p", "PROCEDURE"), []),
        (Scope("r%", "*"), ["anything (no GRANT OPTION)"]),
        (Scope("*", "*"), ["anything (no GRANT OPTION)"]),
        (Scope("kept", "*"), ["anything (no GRANT OPTION)"]),
    ],
)
def test_what_the_operator_could_not_give_back(scope: Scope, missing: list[str]) -> None:
    assert not_covered(Held(APP, scope, (Privilege("INSERT"),), False), OWN) == missing


def test_a_privilege_the_operator_has_not_is_named() -> None:
    own = ["GRANT SELECT, INSERT ON `reg`.* TO `op`@`%` WITH GRANT OPTION"]
    held = Held(APP, Scope("reg", "*"), (Privilege("INSERT"), Privilege("DROP")), False)
    assert not_covered(held, own) == ["DROP"]


def test_own_privileges_of_one_scope() -> None:
    assert set(own_privileges(OWN, Scope("*", "*"))) == {"PROCESS", "CONNECTION ADMIN"}
    assert "SET USER" in own_privileges(
        ["GRANT ALL PRIVILEGES ON *.* TO `op`@`%` WITH GRANT OPTION"], Scope("*", "*")
    )
