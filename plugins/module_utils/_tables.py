# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of a source and its copy, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, read_relations, shared
from ansible_collections.dfr.golive.plugins.module_utils._postgres import PostgresLogin, connect
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair
from ansible_collections.dfr.golive.plugins.module_utils._together import together

Name = tuple[str, str]


@dataclass(frozen=True)
class Tables:
    """The tables of both sides, side by side, by schema and name."""

    source: Mapping[Name, Relation]
    target: Mapping[Name, Relation]

    @classmethod
    def read(cls, pair: Pair) -> Tables:
        def one(login: PostgresLogin) -> tuple[Relation, ...]:
            with connect(login) as conn:
                return read_relations(conn)

        both = shared(*together(lambda: one(pair.source), lambda: one(pair.target)))
        return cls({(s.schema, s.name): s for s, _t in both}, {(t.schema, t.name): t for _s, t in both})

    def label(self, name: Name) -> str:
        return self.source[name].label

    def files(self) -> dict[str, list[int]]:
        """The files that the tables' rows are in, on both sides."""
        return {r.label: [r.file, self.target[name].file] for name, r in self.source.items()}
