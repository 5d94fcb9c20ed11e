# Copyright (c) 2026, the dfr.golive contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fed to ``odoo shell`` while the image is built: what staging has and production has not yet."""

env = globals()["env"]  # made by odoo shell
AUDIENCES = [("administrator", 10), ("supervisor", 20), ("enumerator", 200)]

quiet = env["res.users"].with_context(no_reset_password=True, mail_create_nolog=True, mail_notrack=True)
for audience, count in AUDIENCES:
    group = env.ref(f"dfr_registry.group_{audience}")
    quiet.create(
        [
            {
                "name": f"{audience.capitalize()} {number:03d}",
                "login": f"{audience}{number:03d}",
                "email": f"{audience}{number:03d}@demo.test",
                "group_ids": [(6, 0, [group.id])],
            }
            for number in range(1, count + 1)
        ]
    )
quiet.create(
    {
        "name": "Smoke test",
        "login": "smoke.enumerator",
        "email": "smoke.enumerator@demo.test",
        "group_ids": [(6, 0, [env.ref("dfr_registry.group_enumerator").id])],
    }
)
env["ir.mail_server"].create(
    {
        "name": "Staging relay",
        "smtp_host": "smtp.staging.demo.test",
        "smtp_port": 1025,
        "smtp_encryption": "none",
    }
)
# A mail that staging never got rid of: a queue that must not be sent from production.
env["mail.mail"].create(
    {
        "subject": "Training on Monday",
        "email_from": "registry@staging.demo.test",
        "email_to": "enumerator001@demo.test",
        "body_html": "<p>Bring your tablet.</p>",
        "state": "outgoing",
    }
)
env["ir.config_parameter"].set_param("web.base.url", "http://staging-odoo:8069")
env.cr.commit()
