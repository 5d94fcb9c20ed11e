-- Copyright (c) 2026, the dfr.golive contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Needs the psql variables database, app_password and operator_password.
SET log_statement = 'none';
CREATE ROLE odoo LOGIN PASSWORD :'app_password';
CREATE ROLE dfr_golive LOGIN CREATEDB CREATEROLE REPLICATION PASSWORD :'operator_password';
GRANT pg_read_all_data, pg_signal_backend, pg_monitor TO dfr_golive;
SELECT current_setting('server_version_num')::int < 160000 AS before_16 \gset
\if :before_16
-- Only a superuser may subscribe.
ALTER ROLE dfr_golive SUPERUSER;
GRANT odoo TO dfr_golive WITH ADMIN OPTION;
\else
GRANT pg_create_subscription TO dfr_golive;
GRANT odoo TO dfr_golive WITH ADMIN TRUE, INHERIT TRUE, SET TRUE;
\endif
GRANT CONNECT, CREATE ON DATABASE postgres TO dfr_golive;
CREATE DATABASE :"database" OWNER odoo;
