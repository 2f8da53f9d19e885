-- What probes find out. `asked` has one row for each address that answered, or of which an answer was missed.

-- `host-gone` was told, and the host was not heard since.
ALTER TABLE hosts ADD COLUMN gone_since INTEGER;

-- `host` is the number of the host that answers where no station is known; `closed_ports` are two bytes each.
CREATE TABLE asked (
  id INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  ip BLOB NOT NULL,
  host INTEGER,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  sources TEXT NOT NULL,
  silent_at INTEGER,
  rtt_us INTEGER,
  reverse_dns TEXT,
  closed_ports BLOB NOT NULL,
  has_snmp INTEGER NOT NULL,
  snmp_name TEXT,
  snmp_description TEXT,
  snmp_object_id TEXT,
  UNIQUE (segment, ip)
) STRICT;

CREATE TABLE asked_names (
  asked INTEGER NOT NULL REFERENCES asked (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (asked, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE ports (
  asked INTEGER NOT NULL REFERENCES asked (id) ON DELETE CASCADE,
  port INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  misses INTEGER NOT NULL,
  banner TEXT,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (asked, port)
) STRICT, WITHOUT ROWID;
