# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Farm(models.Model):
    _name = "dfr.farm"
    _description = "Farm"
    _order = "id"

    name = fields.Char(required=True)
    farmer_id = fields.Many2one("dfr.farmer", required=True, index=True, ondelete="restrict")
    province = fields.Char()
    village = fields.Char()
    tenure = fields.Selection([("owned", "Owned"), ("leased", "Leased"), ("customary", "Customary")])
    plot_ids = fields.One2many("dfr.plot", "farm_id", string="Plots")
