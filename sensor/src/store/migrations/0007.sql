-- Since when a host is here without having been gone; NULL: since it was first seen.
ALTER TABLE hosts ADD COLUMN here_since INTEGER;

-- Stations that were joined to a host, or parted from it. `host` is its number, `evidence` words with commas.
CREATE TABLE joins (
  segment INTEGER NOT NULL,
  mac BLOB NOT NULL,
  host INTEGER NOT NULL,
  apart INTEGER NOT NULL,
  old_mac BLOB NOT NULL,
  evidence TEXT NOT NULL,
  at INTEGER NOT NULL,
  told INTEGER NOT NULL,
  here INTEGER NOT NULL,
  turns INTEGER NOT NULL,
  turned_at INTEGER NOT NULL,
  PRIMARY KEY (segment, mac)
) STRICT;
