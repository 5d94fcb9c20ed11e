-- Copyright (c) 2026, the dfr.golive contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- The registry's made-up people: everything follows from a row's number, so two labs of one size are alike.
-- Needs the psql variable farmers.
BEGIN;
CREATE FUNCTION pg_temp.draw(i bigint, what int, among int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (abs(hashint8extended(i, what) % among))::int;
CREATE FUNCTION pg_temp.one_of(i bigint, what int, words text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN words[1 + pg_temp.draw(i, what, array_length(words, 1))];
CREATE FUNCTION pg_temp.surname(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN pg_temp.one_of(i, 1, '{Taufa,Lolo,Mahe,Fonua,Kama,Semisi,Vea,Hopo,Nimo,Tali,Sikoa,Manu,Lavea,Toli,Aho,Fifita}');
CREATE FUNCTION pg_temp.province(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN pg_temp.one_of(i, 2, '{Northern,Eastern,Central,Southern,Islands}');
CREATE FUNCTION pg_temp.village(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN pg_temp.one_of(i, 3, '{Malo,Vai,Lotu,Tahi,Moana,Fale,Niu,Hala}') || pg_temp.one_of(i, 4, '{tea,loa,uta,lahi,sii}');

INSERT INTO dfr_household (name, code, province, village, size, create_uid, write_uid, create_date, write_date)
SELECT pg_temp.surname(h) || ' household', 'H' || lpad(h::text, 8, '0'), pg_temp.province(h), pg_temp.village(h),
       1 + pg_temp.draw(h, 5, 9), 2, 2, timestamp '2026-02-01' + h * interval '1 second', timestamp '2026-02-01' + h * interval '1 second'
FROM generate_series(1, greatest(:farmers / 4, 1)) AS h;

INSERT INTO dfr_farmer (name, code, national_id, phone, gender, birth_date, province, village, status, consent, household_id,
                        create_uid, write_uid, create_date, write_date)
SELECT pg_temp.one_of(f, 6, '{Ana,Sione,Mele,Tevita,Lupe,Paula,Sela,Viliami,Losa,Hina,Manase,Olivia}') || ' ' || pg_temp.surname(h),
       'F' || lpad(f::text, 8, '0'), lpad((1000000000 + f)::text, 11, '0'), '+99977' || lpad(pg_temp.draw(f, 7, 100000)::text, 5, '0'),
       pg_temp.one_of(f, 8, '{female,male}'), date '1940-01-01' + pg_temp.draw(f, 9, 23000), pg_temp.province(h), pg_temp.village(h),
       (ARRAY['draft','validated','validated','validated','validated','validated','validated','validated','validated','rejected'])
         [1 + pg_temp.draw(f, 10, 10)],
       pg_temp.draw(f, 11, 20) > 0, h, 2, 2,
       timestamp '2026-03-01' + f * interval '1 second', timestamp '2026-03-01' + f * interval '1 second'
FROM (SELECT f, 1 + f % greatest(:farmers / 4, 1) AS h FROM generate_series(1, :farmers) AS f) AS people;

INSERT INTO dfr_farm (name, farmer_id, province, village, tenure, create_uid, write_uid, create_date, write_date)
SELECT 'Farm of ' || name, id, province, village, pg_temp.one_of(id, 12, '{owned,leased,customary}'), 2, 2, create_date, create_date
FROM dfr_farmer ORDER BY id;

INSERT INTO dfr_plot (name, farm_id, farmer_id, area_ha, latitude, longitude, crop, create_uid, write_uid, create_date, write_date)
SELECT 'Plot ' || n, farm.id, farm.farmer_id, round((5 + pg_temp.draw(farm.id, 13 + n, 4000)) / 1000.0, 4),
       round(-21.5 + pg_temp.draw(farm.id, 16 + n, 3000000) / 1000000.0, 7),
       round(-175.5 + pg_temp.draw(farm.id, 19 + n, 2000000) / 1000000.0, 7),
       pg_temp.one_of(farm.id + n, 22, '{taro,yam,coconut,vanilla,kava,cassava,banana}'), 2, 2, farm.create_date, farm.create_date
FROM dfr_farm AS farm, generate_series(1, 1 + pg_temp.draw(farm.id, 23, 2)) AS n
ORDER BY farm.id, n;

SELECT setval(format('ir_sequence_%s', lpad(id::text, 3, '0')), CASE code WHEN 'dfr.farmer' THEN :farmers ELSE greatest(:farmers / 4, 1) END)
FROM ir_sequence WHERE code IN ('dfr.farmer', 'dfr.household');
COMMIT;
ANALYZE dfr_household, dfr_farmer, dfr_farm, dfr_plot;
