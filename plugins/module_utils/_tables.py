# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source and its copy, side by side: a connection to each, and the tables of both."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ansible_collections.dfr.golive.plugins.module_utils import _digest
from ansible_collections.dfr.golive.plugins.module_utils._catalogue import Relation, read_relations, shared
from ansible_collections.dfr.golive.plugins.module_utils._replication import Pair
from ansible_collections.dfr.golive.plugins.module_utils._together import together

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

Name = tuple[str, str]
# A connection to the source and one to the copy.
Both: TypeAlias = "tuple[Connection, Connection]"


@contextmanager
def both(pair: Pair) -> Iterator[Both]:
    """A reading connection to source and copy for all that is asked of them: making one takes longer than an answer.

    Raises:
        ProbeError: one of them doesn't answer.
    """
    with ExitStack() as stack:
        source, target = together(
            *(
                functools.partial(
                    stack.enter_context, _digest.reading(login, limit_seconds=pair.limit_seconds)
                )
                for login in (pair.source, pair.target)
            )
        )
        yield source, target


@dataclass(frozen=True)
class Tables:
    """The tables of both sides, side by side, by schema and name."""

    source: Mapping[Name, Relation]
    target: Mapping[Name, Relation]

    @classmethod
    def of(cls, conns: Both) -> Tables:
        pairs = shared(*together(*(functools.partial(read_relations, conn) for conn in conns)))
        return cls({(s.schema, s.name): s for s, _t in pairs}, {(t.schema, t.name): t for _s, t in pairs})

    @classmethod
    def read(cls, pair: Pair) -> Tables:
        with both(pair) as conns:
            return cls.of(conns)

    def label(self, name: Name) -> str:
        return self.source[name].label

    def files(self) -> dict[str, list[int]]:
        """The files that the tables' rows are in, on both sides."""
        return {r.label: [r.file, self.target[name].file] for name, r in self.source.items()}
