# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of what a kind of module supports."""

from __future__ import annotations


class ModuleDocFragment:
    READ_ONLY = r"""
attributes:
  check_mode:
    description: Changes nothing, with and without check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""
