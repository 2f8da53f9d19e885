-- What a router's last advertisement said. `rdnss` are 16 bytes each, `dnssl` one a line; all NULL for other roles.
ALTER TABLE roles ADD COLUMN lifetime_s INTEGER;
ALTER TABLE roles ADD COLUMN managed INTEGER;
ALTER TABLE roles ADD COLUMN other INTEGER;
ALTER TABLE roles ADD COLUMN rdnss BLOB;
ALTER TABLE roles ADD COLUMN dnssl TEXT;
