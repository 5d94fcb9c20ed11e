# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what people typed: texts, days, numbers, coordinates. Each answers with a value or says why not."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january janvier enero janeiro jan janv",
            "february fevrier febrero fevereiro feb fevr fev",
            "march mars marzo marco mar",
            "april avril abril apr avr",
            "may mai mayo maio",
            "june juin junio junho jun",
            "july juillet julio julho jul juil",
            "august aout agosto aug",
            "september septembre septiembre setembro sep sept",
            "october octobre octubre outubro oct",
            "november novembre noviembre novembro nov",
            "december decembre diciembre dezembro dec",
        ),
        start=1,
    )
    for name in names.split()
}
DIRECTIVES = {
    "d": r"(?P<d>\d{1,2})",
    "m": r"(?P<m>\d{1,2})",
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "b": r"(?P<b>[^\W\d_]+)\.?",
    "B": r"(?P<b>[^\W\d_]+)\.?",
    "H": r"(?P<H>\d{1,2})",
    "M": r"(?P<M>\d{2})",
    "S": r"(?P<S>\d{2})(?:\.\d+)?",
    "z": r"(?P<z>Z|[+-]\d{2}(?::?\d{2})?)",
}
ISO_DAY = ("%Y-%m-%d",)
ISO_MOMENT = tuple(
    f"%Y-%m-%d{rest}" for rest in ("T%H:%M:%S%z", " %H:%M:%S%z", "T%H:%M:%S", " %H:%M:%S", " %H:%M", "")
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BROKEN = re.compile("[\ud800-\udfff\ufffd]")
SPACES = re.compile(r"\s+")


class Invalid(Exception):  # noqa: N818 - not an error of the program but a verdict on a value
    """A value that can't be what it should be.

    Attributes:
        code, params, suggestion: as in `Problem`.
    """

    def __init__(self, code: str, params: dict[str, str], suggestion: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.params = params
        self.suggestion = suggestion


def shown(value: object, limit: int = 80) -> str:
    """A value inside a sentence."""
    text = CONTROL.sub("�", as_text(value)).encode("utf-8", "replace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_text(value: Any) -> str:
    """The text people would see: 12 for a spreadsheet's 12.0, an ISO day for a date."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value.is_finite() else str(value)
    if isinstance(value, datetime):
        return (
            value.date().isoformat()
            if value.time() == time() and value.tzinfo is None
            else value.isoformat(" ")
        )
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


def folded(text: str) -> str:
    """What is the same for people: without case, runs of spaces and ways to write an accent."""
    if text.isascii() and " " not in text and text.isprintable():
        return text.casefold()
    return SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def trimmed(text: str) -> str:
    """Without spaces (of any kind, zero-width ones too) at the ends, and single ones between words."""
    if not text.isascii():
        text = text.replace("\u200b", "").replace("\ufeff", "")
    return SPACES.sub(" ", text).strip()


def title(text: str) -> str:
    """Every word with a capital; what follows an apostrophe stays small, what follows a hyphen does not."""
    return re.sub(r"[^\W\d_][^\s-]*", lambda found: found[0][0].upper() + found[0][1:].lower(), text)


# --- days and moments ---------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"%(.)", form)
    built = re.escape(parts[0]).replace(r"\ ", r"\s+")
    for directive, rest in zip(parts[1::2], parts[2::2], strict=True):
        built += DIRECTIVES[directive] + re.escape(rest).replace(r"\ ", r"\s+")
    return re.compile(built)


def check_format(form: str) -> str:
    """What is wrong with a date format; empty when nothing is."""
    unknown = [d for d in re.findall(r"%(.?)", form) if d not in DIRECTIVES]
    if unknown:
        return f"%{unknown[0]} is not among {' '.join('%' + d for d in DIRECTIVES)}"
    try:
        _pattern(form)
    except re.error:
        return "a directive occurs twice"
    return ""


def _moment(found: re.Match[str]) -> datetime:
    part = found.groupdict()
    year = int(part["Y"]) if part.get("Y") else 1900
    if part.get("y"):
        # Two digits: nobody registers people or events of the future, so the latest such year that has begun.
        now = datetime.now(tz=UTC).year
        year = now - (now - int(part["y"])) % 100
    month = int(part["m"]) if part.get("m") else 1
    if part.get("b"):
        name = "".join(
            c for c in unicodedata.normalize("NFKD", part["b"].casefold()) if not unicodedata.combining(c)
        )
        month = MONTHS.get(name, 0)
        if not month:
            raise KeyError(name)
    hour, minute, second = (int(part[p]) if part.get(p) else 0 for p in "HMS")
    zone = None
    if part.get("z"):
        zone = (
            UTC
            if part["z"] == "Z"
            else datetime.strptime(part["z"].replace(":", "").ljust(5, "0"), "%z").tzinfo
        )
    return datetime(year, month, int(part["d"]) if part.get("d") else 1, hour, minute, second, tzinfo=zone)


@lru_cache(maxsize=65_536)
def read_moment(text: str, formats: tuple[str, ...]) -> datetime:
    """A moment (at 00:00 for a mere day) from text in one of these formats.

    Raises:
        Invalid: no format fits, the calendar has no such day, or two formats read it differently.
    """
    text = trimmed(text)
    readings: dict[datetime, None] = {}
    impossible = False
    for form in formats:
        found = _pattern(form).fullmatch(text)
        if found is None:
            continue
        try:
            readings[_moment(found)] = None
        except ValueError:
            impossible = True
        except KeyError:
            continue
    if len(readings) > 1:
        first, second = list(readings)[:2]
        days = {"first": as_text(first), "second": as_text(second)}
        raise Invalid("ambiguous_date", {"value": shown(text), **days}, as_text(first))
    if readings:
        return next(iter(readings))
    if impossible:
        raise Invalid("no_such_day", {"value": shown(text)})
    raise Invalid("not_a_date", {"value": shown(text), "formats": ", ".join(formats)})


def read_serial(number: float, calendar: int) -> datetime:
    """A day from a spreadsheet's serial number; its calendar of 1900 counts a 29 February that never was."""
    value = {"value": f"{shown(number)} ({calendar})"}
    if not math.isfinite(number) or number < 0 or number >= 2_958_466:
        raise Invalid("not_a_date", {"value": shown(number), "formats": "Excel"})
    if calendar == 1904:
        return datetime(1904, 1, 1) + timedelta(days=number)  # noqa: DTZ001 - a clock on a wall
    if 60 <= number < 61:
        raise Invalid("no_such_day", {"value": f"1900-02-29 ({shown(number)})"})
    if number < 1:
        raise Invalid("no_such_day", value)
    epoch = datetime(1899, 12, 31) if number < 60 else datetime(1899, 12, 30)  # noqa: DTZ001
    return epoch + timedelta(days=number)


def read_day(value: Any, formats: tuple[str, ...], excel: int | None) -> str:
    """A day as Odoo writes it."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if excel and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return read_serial(float(value), excel).date().isoformat()
    text = as_text(value)
    if excel and re.fullmatch(r"\d{1,7}(\.\d+)?", text):
        return read_serial(float(text), excel).date().isoformat()
    return read_moment(text, formats).date().isoformat()


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def read_datetime(value: Any, formats: tuple[str, ...], timezone: str) -> str:
    """A moment as Odoo writes it: in UTC."""
    moment = value if isinstance(value, datetime) else read_moment(as_text(value), formats)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(timezone))
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


# --- numbers ------------------------------------------------------------------------------------------------

PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
EITHER = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+")
THIN = str.maketrans(
    dict.fromkeys("\u00a0\u2009\u202f", " ") | {"\u2019": "'", "\u2212": "-", "\u066b": ".", "\u066c": ","}
)


def read_number(value: Any, decimal: str = "", group: str = "") -> float:
    """A number, with the separators named or, without, only where it can be read in one way."""
    if isinstance(value, bool):
        raise Invalid("not_a_number", {"value": shown(value)})
    if isinstance(value, int | float | Decimal):
        if not math.isfinite(value):
            raise Invalid("not_a_number", {"value": shown(value)})
        return float(value)
    if not decimal and not group and value.__class__ is str and PLAIN.fullmatch(value):
        number = float(value)  # as most are written: the rest would come to the same
        if math.isfinite(number):
            return number
    text = trimmed(as_text(value)).translate(THIN)
    negative = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    body = text[1:-1] if negative else text
    if len(body) > 1 and body[-1] == "-" and body[0] not in "+-":
        body, negative = body[:-1], True
    found = _read_plain(body, decimal, group)
    if found is None:
        raise Invalid("not_a_number", {"value": shown(text)}, _guess_number(body))
    return -found if negative else found


def _read_plain(text: str, decimal: str, group: str) -> float | None:
    if not decimal and not group:
        if "," in text and EITHER.fullmatch(text) and text.count(",") == 1 and "." not in text:
            both = {"first": text.replace(",", ""), "second": text.replace(",", ".")}
            raise Invalid("ambiguous_number", {"value": shown(text), **both})
        if "," in text or " " in text or "'" in text:
            return None
    if group:
        spread = re.fullmatch(rf"([+-]?\d{{1,3}}(?:{re.escape(group)}\d{{3}})+)(\D.*)?", text)
        if spread:
            text = spread[1].replace(group, "") + (spread[2] or "")
        elif group in text:
            return None
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if not PLAIN.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _guess_number(text: str) -> str:
    """What was probably meant: the last separator is the decimal one."""
    digits = re.sub(r"[^\d.,+-]", "", text)
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits if PLAIN.fullmatch(digits) else ""
    guess = re.sub(r"[.,]", "", digits[:last]) + "." + digits[last + 1 :]
    return guess if PLAIN.fullmatch(guess) else ""


# --- coordinates --------------------------------------------------------------------------------------------

AXES = {"latitude": (90.0, "NS"), "longitude": (180.0, "EWO")}
_NUMBER = r"\d+(?:[.,]\d+)?"
_DEGREES = re.compile(
    rf"(?P<front>[NSEWO])?\s*(?P<sign>[+-])?\s*(?P<d>{_NUMBER})\s*(?:°|º|deg|\s)?\s*"
    rf"(?:(?P<m>{_NUMBER})\s*(?:'|′|min|\s)?\s*(?:(?P<s>{_NUMBER})\s*(?:\"|″|\u201d|''|sec)?)?)?\s*(?P<back>[NSEWO])?",
    re.IGNORECASE,
)


def read_coordinate(value: Any, axis: str) -> float:
    """Degrees, south and west negative; of a pair (latitude first, as KoboToolbox writes it) the one asked for."""
    limit, letters = AXES[axis]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        degrees: float | None = float(value)
    else:
        degrees = _read_degrees(_one_of_pair(trimmed(as_text(value)).translate(THIN), axis), letters)
    if degrees is None or not math.isfinite(degrees) or abs(degrees) > limit:
        raise Invalid("not_a_coordinate", {"value": shown(value), "axis": axis})
    return round(degrees, 7)


def _one_of_pair(text: str, axis: str) -> str:
    lettered = re.fullmatch(r"(.*[NS])[\s,;/]+(.*[EWO])", text, re.IGNORECASE) or re.fullmatch(
        r"([NS].*?)[\s,;/]+([EWO].*)", text, re.IGNORECASE
    )
    # A bare comma may be a decimal one: only with points on both sides, or a space behind it, it divides a pair.
    plain = re.fullmatch(r"([+-]?\d+\.\d+)\s*[,;]\s*([+-]?\d+\.\d+)", text) or re.fullmatch(
        r"([+-]?\d+(?:\.\d+)?)\s*(?:;|,\s)\s*([+-]?\d+(?:\.\d+)?)", text
    )
    kobo = re.fullmatch(r"([+-]?\d+\.\d+) ([+-]?\d+\.\d+)(?: -?[\d.]+ [\d.]+)?", text)
    pair = lettered or plain or kobo
    if pair is None:
        return text
    return pair[1] if axis == "latitude" else pair[2]


def _read_degrees(text: str, letters: str) -> float | None:
    found = _DEGREES.fullmatch(text.strip())
    if found is None:
        return None
    hemisphere = (found["front"] or found["back"] or "").upper()
    if (found["front"] and found["back"]) or (hemisphere and (hemisphere not in letters or found["sign"])):
        return None
    parts = [float((found[p] or "0").replace(",", ".")) for p in "dms"]
    if parts[1] >= 60 or parts[2] >= 60:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -degrees if found["sign"] == "-" or (hemisphere and hemisphere in "SWO") else degrees
