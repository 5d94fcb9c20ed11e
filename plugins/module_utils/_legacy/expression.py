# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions of a mapping, in a sandbox: no Python is evaluated, no attribute is reached, no loop is possible."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ansible_collections.dfr.golive.plugins.module_utils._errors import GoliveError, one_line, require
from ansible_collections.dfr.golive.plugins.module_utils._legacy.values import Invalid, as_text

MAX_EXPRESSION = 1_000


def _text(value: Any) -> str:
    return as_text(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "text": _text,
    "number": float,
    "whole": int,
    "length": lambda value: len(as_text(value)),
    "lower": lambda value: as_text(value).lower(),
    "upper": lambda value: as_text(value).upper(),
    "trim": lambda value: as_text(value).strip(),
    "pad": lambda value, width: as_text(value).zfill(min(int(width), 64)),
    "left": lambda value, width: as_text(value)[: int(width)],
    "right": lambda value, width: as_text(value)[-int(width) :],
    "round": round,
    "abs": abs,
    "min": min,
    "max": max,
    "first": lambda *values: next((v for v in values if v not in (None, "")), None),
}


class Expression:
    """An expression, read once and computed for each row.

    Attributes:
        names: what it speaks of.
    """

    def __init__(self, text: str, known: tuple[str, ...]) -> None:
        """Read it.

        Args:
            text: the expression.
            known: names it may use.

        Raises:
            GoliveError: it can't be read or uses what is not there.
        """
        simpleeval = require("simpleeval", "python3-simpleeval")
        self.text = text
        remedy = f"Use {', '.join(known)} and the functions {', '.join(FUNCTIONS)}."
        if len(text) > MAX_EXPRESSION:
            raise GoliveError(f"An expression has more than {MAX_EXPRESSION} characters.", remedy=remedy)
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as exc:
            raise GoliveError(
                f"The expression {text!r} can't be read: {one_line(exc)}.", remedy=remedy
            ) from exc
        called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}
        functions = {
            n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        forbidden = [n for n in ast.walk(tree) if not isinstance(n, _ALLOWED)]
        strange = (names - set(known)) | (functions - set(FUNCTIONS))
        if forbidden or strange:
            what = next(iter(sorted(strange)), "") or type(forbidden[0]).__name__
            raise GoliveError(
                f"The expression {text!r} uses {what}, which the sandbox does not have.", remedy=remedy
            )
        self.names = names
        self._tree = tree.body
        self._sandbox = simpleeval.SimpleEval(functions=FUNCTIONS)
        self._errors = (
            simpleeval.InvalidExpression,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            MemoryError,
        )

    def compute(self, names: dict[str, Any]) -> Any:
        """Its value.

        Raises:
            Invalid: it can't be computed for this row.
        """
        self._sandbox.names = names
        try:
            return self._sandbox.eval(self.text, previously_parsed=self._tree)
        except self._errors as exc:
            raise Invalid("expression_failed", {"why": one_line(exc, 120)}) from exc


_ALLOWED = (
    ast.Expression,
    ast.Constant,
    ast.Name,
    ast.Load,
    ast.Call,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Tuple,
    ast.List,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)
