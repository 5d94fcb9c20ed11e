# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from odoo import fields, models


class Plot(models.Model):
    _name = "dfr.plot"
    _description = "Plot"
    _order = "id"

    name = fields.Char(required=True)
    farm_id = fields.Many2one("dfr.farm", required=True, index=True, ondelete="restrict")
    farmer_id = fields.Many2one("dfr.farmer", related="farm_id.farmer_id", store=True, index=True)
    area_ha = fields.Float(string="Area (ha)", digits=(12, 4))
    latitude = fields.Float(digits=(10, 7))
    longitude = fields.Float(digits=(10, 7))
    crop = fields.Char()

    _area_positive = models.Constraint("CHECK (area_ha >= 0)", "An area is not negative.")
