# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reasons in words: what people read beside a row that was set aside, in their language."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.module_utils._language import SOURCE, Language, mark
from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem

# code -> sentence; what stands in braces comes from the problem's parameters.
REASONS: dict[str, str] = {
    # the row itself
    "broken_record": mark("The record can't be read: {why}."),
    "unclosed_quote": mark("A quotation mark opens here and never closes."),
    "wrong_columns": mark("The row has {found} columns, the header {expected}."),
    "broken_encoding": mark("{column} has bytes that are not {encoding}."),
    "control_character": mark("{column} has an invisible control character."),
    "cell_too_large": mark("{column} has {size} bytes, the limit is {limit}."),
    "cell_truncated": mark("{column} was cut for the rejects file; take the whole text from the source."),
    "formula_without_value": mark("{column} is a formula that was never calculated."),
    "cell_error": mark("{column} shows the error {value}."),
    # keys
    "key_missing": mark("{column}, part of the key, is empty."),
    "duplicate_key": mark("The key {key} was seen already; the first row counts."),
    "duplicate_key_folded": mark(
        "The key {key} differs from {other} only in case, accents' encoding or spaces."
    ),
    # values
    "not_a_date": mark("{value} is not a date as {formats}."),
    "no_such_day": mark("There is no such day as {value}."),
    "ambiguous_date": mark("{value} may be {first} or {second}."),
    "not_a_number": mark("{value} is not a number."),
    "ambiguous_number": mark("{value} may be {first} or {second}: say which separators are used."),
    "not_whole": mark("{value} is not a whole number."),
    "not_a_boolean": mark("{value} means neither yes nor no."),
    "unknown_code": mark("The code {value} is not in the list."),
    "no_such_part": mark("{value} has no part {part}."),
    "not_a_coordinate": mark("{value} is not a {axis} in degrees."),
    "not_found": mark("{value} is not in {table} of the source."),
    "expression_failed": mark("The expression can't be computed: {why}."),
    "missing_file": mark("The file {value} is missing."),
    "unsafe_path": mark("{value} lies outside the folder of media."),
    # rules
    "required": mark("{field} must not be empty."),
    "not_unique": mark("{value} in {field} is the same as in the row with the key {key}."),
    "too_small": mark("{field} is {value}, the smallest allowed is {bound}."),
    "too_large": mark("{field} is {value}, the largest allowed is {bound}."),
    "wrong_format": mark("{value} in {field} has not the form {pattern}."),
    "too_long": mark("{field} has {size} characters, at most {limit} are allowed."),
    "not_one_of": mark("{value} in {field} is none of {values}."),
    "null_island": mark("The point is 0, 0: no position was taken."),
    "half_a_point": mark("Only one of latitude and longitude is given."),
    "swapped_coordinates": mark("Latitude {latitude} and longitude {longitude} seem to be swapped."),
    "outside_country": mark("The point {latitude}, {longitude} lies outside the country."),
    # references
    "missing_reference": mark("{field} points to {key}, which {entity} does not have."),
    "parent_rejected": mark("{field} points to {key} of {entity}, which was set aside itself."),
    "parent_excluded": mark("{field} points to {key} of {entity}, which is left out."),
    "self_parent": mark("The row is its own parent."),
    "circular_parent": mark("The parents of {key} lead back to it: {path}."),
    # loading
    "odoo_refused": mark("Odoo refuses the record: {message}"),
    "reference_missing": mark("The record {key} of {entity} was not loaded."),
    "lookup_missing": mark("Odoo has no {model} called {value}."),
    "lookup_ambiguous": mark("Odoo has {count} {model} called {value}."),
    "duplicate_in_dfr": mark("The registry has a record with the same {fields} ({value}) already: {id}."),
    "changed_in_dfr": mark("Somebody changed this record in the registry since it was loaded: {fields}."),
    "gone_in_dfr": mark("Somebody deleted this record in the registry since it was loaded."),
}
# A check of the mapping, which brings its own words in each language as parameters.
CHECK_FAILED = "check_failed"


def in_words(problem: Problem, language: Language) -> str:
    """A problem as one sentence."""
    if problem.code == CHECK_FAILED:
        sentence = problem.params.get(language.code) or problem.params[SOURCE]
    else:
        sentence = language.say(REASONS[problem.code], **problem.params)
    return f"{problem.rule}: {sentence}" if problem.rule and problem.rule not in sentence else sentence
