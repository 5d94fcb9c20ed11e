# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx reads this. `make docs` puts the sources together and builds them; any warning is an error."""

project = "dfr.golive"
author = "the dfr.golive contributors"
project_copyright = "2026, the dfr.golive contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"description": "The night a registry goes live, as one command", "fixed_sidebar": True}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_static_path = ["_static"]
html_show_sourcelink = False
highlight_language = "none"
# Nothing is fetched, neither while it is built nor when it is read.
intersphinx_mapping: dict[str, object] = {}
# Settings of Ansible itself, which its own documentation explains.
nitpick_ignore_regex = [("envvar", "ANSIBLE_.*")]
