-- Copyright (c) 2026, the dfr.golive contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- The old registry: a design of its own, with the habits of its time (text dates, acres, upper-case names, latin1).
-- Needs @farmers, @app_password and @operator_password. Everything is computed from the row's number: no chance in it.
CREATE DATABASE old_registry CHARACTER SET latin1;
CREATE DATABASE dfr_golive CHARACTER SET utf8mb4;
USE old_registry;

CREATE TABLE villages (
  vid SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
  vname VARCHAR(40) NOT NULL,
  district_cd CHAR(2) NOT NULL
);
CREATE TABLE farmers (
  reg_no INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  surname VARCHAR(40) NOT NULL,
  given VARCHAR(40) NOT NULL,
  sex CHAR(1),
  dob VARCHAR(10),
  natid VARCHAR(12),
  mobile VARCHAR(20),
  vid SMALLINT UNSIGNED,
  hh_no INT UNSIGNED,
  remarks TEXT,
  registered_on DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  KEY (natid),
  CONSTRAINT farmers_village FOREIGN KEY (vid) REFERENCES villages (vid)
);
CREATE TABLE holdings (
  hold_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  reg_no INT UNSIGNED NOT NULL,
  crop_cd VARCHAR(6),
  acres DECIMAL(8, 2),
  CONSTRAINT holdings_farmer FOREIGN KEY (reg_no) REFERENCES farmers (reg_no)
);

INSERT INTO villages
SELECT seq,
       CONCAT(ELT(1 + seq % 8, 'Malo', 'Vai', 'Lotu', 'Tahi', 'Moana', 'Fale', 'Niu', 'Hala'),
              ELT(1 + seq DIV 8 % 5, 'tea', 'loa', 'uta', 'lahi', 'si''i')),
       ELT(1 + seq % 5, 'NO', 'EA', 'CE', 'SO', 'IS')
FROM seq_1_to_40;

INSERT INTO farmers (reg_no, surname, given, sex, dob, natid, mobile, vid, hh_no, remarks, registered_on)
SELECT seq,
       ELT(1 + CRC32(CONCAT('s', seq)) % 10, 'TAUFA', 'LOLO', 'MAHE', 'FONUA', 'KAMA', 'SEMISI', 'VEA', 'HOPO', 'NIMO', 'TALI'),
       ELT(1 + CRC32(CONCAT('g', seq)) % 10, 'Ana', 'Sione', 'Mele', 'Tevita', 'Lupe', 'Paula', 'Sela', 'Viliami', 'Losa', CONVERT(_latin1 0x52656EE9 USING latin1)),
       ELT(1 + CRC32(CONCAT('g', seq)) % 2, 'F', 'M'),
       DATE_FORMAT('1940-01-01' + INTERVAL CRC32(CONCAT('d', seq)) % 23000 DAY, '%d/%m/%Y'),
       LPAD(2654435761 * seq % 4294967296, 10, '0'),  -- an odd factor: nobody's twice
       CONCAT('77', LPAD(CRC32(CONCAT('m', seq)) % 100000, 5, '0')),
       1 + CRC32(CONCAT('v', seq)) % 40,
       1 + seq DIV 4,
       IF(seq % 50 = 0, 'card lost, to be re-issued', NULL),
       '2009-02-01 08:00:00' + INTERVAL seq MINUTE
FROM seq_1_to_100000000 WHERE seq <= @farmers;

INSERT INTO holdings (reg_no, crop_cd, acres)
SELECT reg_no, ELT(1 + CRC32(CONCAT('c', reg_no)) % 5, 'TARO', 'YAM', 'COCO', 'VANI', 'KAVA'),
       (25 + CRC32(CONCAT('a', reg_no)) % 900) / 100
FROM farmers WHERE reg_no % 4 <> 0;

EXECUTE IMMEDIATE CONCAT('CREATE USER registry_app@''%'' IDENTIFIED BY ', QUOTE(@app_password));
GRANT SELECT, INSERT, UPDATE, DELETE ON old_registry.* TO registry_app@'%';

-- The operator who fences: may take the application's privileges away and give them back, end its sessions, see accounts.
EXECUTE IMMEDIATE CONCAT('CREATE USER dfr_golive@''%'' IDENTIFIED BY ', QUOTE(@operator_password));
GRANT ALL PRIVILEGES ON old_registry.* TO dfr_golive@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON dfr_golive.* TO dfr_golive@'%';
GRANT SELECT ON mysql.* TO dfr_golive@'%';
GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO dfr_golive@'%';
