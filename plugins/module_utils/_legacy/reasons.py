# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reasons in words, in two languages: what people read beside a row that was set aside."""

from __future__ import annotations

from ansible_collections.dfr.golive.plugins.module_utils._legacy.records import Problem

LANGUAGES = ("en", "fr")

# code -> (English, French); what stands in braces comes from the problem's parameters.
REASONS: dict[str, tuple[str, str]] = {
    # the row itself
    "broken_record": ("The record can't be read: {why}.", "L'enregistrement est illisible : {why}."),
    "unclosed_quote": (
        "A quotation mark opens here and never closes.",
        "Un guillemet s'ouvre ici et ne se referme pas.",
    ),
    "wrong_columns": (
        "The row has {found} columns, the header {expected}.",
        "La ligne a {found} colonnes, l'en-tête {expected}.",
    ),
    "broken_encoding": (
        "{column} has bytes that are not {encoding}.",
        "{column} contient des octets qui ne sont pas du {encoding}.",
    ),
    "control_character": (
        "{column} has an invisible control character.",
        "{column} contient un caractère de contrôle invisible.",
    ),
    "cell_too_large": (
        "{column} has {size} bytes, the limit is {limit}.",
        "{column} fait {size} octets, la limite est {limit}.",
    ),
    "cell_truncated": (
        "{column} was cut for the rejects file; take the whole text from the source.",
        "{column} a été coupé pour le fichier des rejets ; reprenez le texte entier de la source.",
    ),
    "formula_without_value": (
        "{column} is a formula that was never calculated.",
        "{column} est une formule qui n'a jamais été calculée.",
    ),
    "cell_error": ("{column} shows the error {value}.", "{column} affiche l'erreur {value}."),
    # keys
    "key_missing": ("{column}, part of the key, is empty.", "{column}, qui fait partie de la clé, est vide."),
    "duplicate_key": (
        "The key {key} was seen already; the first row counts.",
        "La clé {key} a déjà été vue ; la première ligne compte.",
    ),
    "duplicate_key_folded": (
        "The key {key} differs from {other} only in case, accents' encoding or spaces.",
        "La clé {key} ne diffère de {other} que par la casse, le codage des accents ou les espaces.",
    ),
    # values
    "not_a_date": ("{value} is not a date as {formats}.", "{value} n'est pas une date selon {formats}."),
    "no_such_day": ("There is no such day as {value}.", "Le jour {value} n'existe pas."),
    "ambiguous_date": (
        "{value} may be {first} or {second}.",
        "{value} peut être le {first} ou le {second}.",
    ),
    "not_a_number": ("{value} is not a number.", "{value} n'est pas un nombre."),
    "ambiguous_number": (
        "{value} may be {first} or {second}: say which separators are used.",
        "{value} peut être {first} ou {second} : indiquez les séparateurs.",
    ),
    "not_whole": ("{value} is not a whole number.", "{value} n'est pas un nombre entier."),
    "not_a_boolean": ("{value} means neither yes nor no.", "{value} ne signifie ni oui ni non."),
    "unknown_code": ("The code {value} is not in the list.", "Le code {value} n'est pas dans la liste."),
    "no_such_part": ("{value} has no part {part}.", "{value} n'a pas de partie {part}."),
    "not_a_coordinate": (
        "{value} is not a {axis} in degrees.",
        "{value} n'est pas une {axis} en degrés.",
    ),
    "not_found": (
        "{value} is not in {table} of the source.",
        "{value} n'est pas dans {table} de la source.",
    ),
    "expression_failed": (
        "The expression can't be computed: {why}.",
        "L'expression ne peut pas être calculée : {why}.",
    ),
    "missing_file": ("The file {value} is missing.", "Le fichier {value} manque."),
    "unsafe_path": (
        "{value} lies outside the folder of media.",
        "{value} se trouve hors du dossier des médias.",
    ),
    # rules
    "required": ("{field} must not be empty.", "{field} ne doit pas être vide."),
    "not_unique": (
        "{value} in {field} is the same as in the row with the key {key}.",
        "{value} dans {field} figure déjà dans la ligne de clé {key}.",
    ),
    "too_small": (
        "{field} is {value}, the smallest allowed is {bound}.",
        "{field} vaut {value}, le minimum est {bound}.",
    ),
    "too_large": (
        "{field} is {value}, the largest allowed is {bound}.",
        "{field} vaut {value}, le maximum est {bound}.",
    ),
    "wrong_format": (
        "{value} in {field} has not the form {pattern}.",
        "{value} dans {field} n'a pas la forme {pattern}.",
    ),
    "too_long": (
        "{field} has {size} characters, at most {limit} are allowed.",
        "{field} a {size} caractères, {limit} au plus sont admis.",
    ),
    "not_one_of": (
        "{value} in {field} is none of {values}.",
        "{value} dans {field} n'est aucun de {values}.",
    ),
    "check_failed": ("{en}", "{fr}"),
    "null_island": (
        "The point is 0, 0: no position was taken.",
        "Le point est 0, 0 : aucune position n'a été relevée.",
    ),
    "half_a_point": (
        "Only one of latitude and longitude is given.",
        "Seule l'une des deux coordonnées est donnée.",
    ),
    "swapped_coordinates": (
        "Latitude {latitude} and longitude {longitude} seem to be swapped.",
        "La latitude {latitude} et la longitude {longitude} semblent inversées.",
    ),
    "outside_country": (
        "The point {latitude}, {longitude} lies outside the country.",
        "Le point {latitude}, {longitude} est hors du pays.",
    ),
    # references
    "missing_reference": (
        "{field} points to {key}, which {entity} does not have.",
        "{field} renvoie à {key}, que {entity} n'a pas.",
    ),
    "parent_rejected": (
        "{field} points to {key} of {entity}, which was set aside itself.",
        "{field} renvoie à {key} de {entity}, qui a été mis de côté.",
    ),
    "parent_excluded": (
        "{field} points to {key} of {entity}, which is left out.",
        "{field} renvoie à {key} de {entity}, qui est exclu.",
    ),
    "self_parent": ("The row is its own parent.", "La ligne est son propre parent."),
    "circular_parent": (
        "The parents of {key} lead back to it: {path}.",
        "Les parents de {key} ramènent à lui-même : {path}.",
    ),
    # exclusion
    "excluded": ("{because}", "{because}"),
    # loading
    "odoo_refused": ("Odoo refuses the record: {message}", "Odoo refuse l'enregistrement : {message}"),
    "reference_missing": (
        "The record {key} of {entity} was not loaded.",
        "L'enregistrement {key} de {entity} n'a pas été chargé.",
    ),
    "lookup_missing": (
        "Odoo has no {model} called {value}.",
        "Odoo n'a pas de {model} nommé {value}.",
    ),
    "lookup_ambiguous": (
        "Odoo has {count} {model} called {value}.",
        "Odoo a {count} {model} nommés {value}.",
    ),
    "duplicate_in_dfr": (
        "The registry has a record with the same {fields} ({value}) already: {id}.",
        "Le registre a déjà un enregistrement avec le même {fields} ({value}) : {id}.",
    ),
    "changed_in_dfr": (
        "Somebody changed this record in the registry since it was loaded: {fields}.",
        "Quelqu'un a modifié cet enregistrement dans le registre depuis son chargement : {fields}.",
    ),
    "gone_in_dfr": (
        "Somebody deleted this record in the registry since it was loaded.",
        "Quelqu'un a supprimé cet enregistrement du registre depuis son chargement.",
    ),
}


def in_words(problem: Problem, language: str) -> str:
    """A problem as one sentence.

    Args:
        problem: what was found.
        language: one of `LANGUAGES`.
    """
    sentence = REASONS[problem.code][LANGUAGES.index(language)].format_map(problem.params)
    return f"{problem.rule}: {sentence}" if problem.rule and problem.rule not in sentence else sentence
