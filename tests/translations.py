# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the sources to the catalogues: what is to be translated goes into each .po, and each .po into `_translations`.

`make translations` runs this; the unit test beside it proves that nothing was forgotten.
"""

from __future__ import annotations

import base64
import io
import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "plugins" / "module_utils" / "_languages"
COMPILED = FOLDER.with_name("_translations.py")
KEYWORDS = {"say": None, "mark": None, "say_many": (1, 2), "_word": ((1, "c"), 2)}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = """\
# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""


def sources() -> Iterator[tuple[Path, str]]:
    """Every file with sentences in it, and how Babel reads it."""
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        if path.name == "_language.py" or re.search(r"\b_language\b", path.read_text(encoding="utf-8")):
            yield path, "python"
    for path in sorted((ROOT / "roles").rglob("*.j2")):
        if re.search(r"\bsay(_many)?\(", path.read_text(encoding="utf-8")):
            yield path, "jinja2.ext:babel_extract"


def wanted() -> Catalog:
    """What the sources say, without a translation."""
    template = Catalog()
    for path, method in sources():
        with path.open("rb") as source:
            found = extract(
                method, source, keywords=KEYWORDS, options={"silent": "false", "encoding": "utf-8"}
            )
            for _line, message, _comments, context in found:
                template.add(message, context=context)
    return template


def read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=path.stem, abort_invalid=True)


def update(path: Path) -> None:
    """Put in what is missing, untranslated, and take out what is no longer said."""
    catalogue = read(path)
    catalogue.update(wanted(), no_fuzzy_matching=True)
    head = path.read_text(encoding="utf-8").partition("\n\n")[0]
    body = io.BytesIO()
    write_po(
        body, catalogue, omit_header=True, no_location=True, ignore_obsolete=True, sort_output=True, width=110
    )
    path.write_text(f"{head}\n\n{body.getvalue().decode().strip()}\n", encoding="utf-8")


def compiled() -> str:
    """`_translations`, as it has to be."""
    lines = [HEAD, '"""Made by ``make translations`` from the files in ``_languages``; never edited."""\n']
    lines += ["from __future__ import annotations\n", "COMPILED = {"]
    for path in sorted(FOLDER.glob("*.po")):
        catalogue = read(path)
        # Dates in the header would make each compilation another one.
        catalogue.creation_date = catalogue.revision_date = LONG_AGO
        target = io.BytesIO()
        write_mo(target, catalogue)
        lines.append(f'    "{path.stem}": (')
        text = base64.b64encode(target.getvalue()).decode()
        lines += [f'        "{line}"' for line in textwrap.wrap(text, 96)]
        lines.append("    ),")
    return "\n".join([*lines, "}", '"""Language -> its catalogue, as gettext reads it, in base64."""', ""])


if __name__ == "__main__":
    for po in sorted(FOLDER.glob("*.po")):
        update(po)
    COMPILED.write_text(compiled(), encoding="utf-8")
