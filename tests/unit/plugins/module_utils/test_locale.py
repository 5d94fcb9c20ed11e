# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.dfr.golive.plugins.module_utils._locale import Locale


@pytest.mark.parametrize(
    ("locale", "options"),
    [
        (
            Locale("UTF8", "c", "C.UTF-8", "C.UTF-8", "", ""),
            [("encoding", "UTF8"), ("lc_collate", "C.UTF-8"), ("lc_ctype", "C.UTF-8")],
        ),
        (
            Locale("UTF8", "i", "C", "C", "fr", "&a < b"),
            [
                ("encoding", "UTF8"),
                ("lc_collate", "C"),
                ("lc_ctype", "C"),
                ("locale_provider", "icu"),
                ("icu_locale", "fr"),
                ("icu_rules", "&a < b"),
            ],
        ),
    ],
)
def test_the_copy_sorts_as_the_source(locale: Locale, options: list[tuple[str, str]]) -> None:
    assert locale.create_options() == options
