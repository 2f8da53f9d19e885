-- The first schema. Times are nanoseconds since the Unix epoch, MACs 6-byte blobs, addresses 4- or 16-byte blobs.
-- `last_seen` of hosts, stations and present holders lives in tables of two integers, so that a minute of a steady
-- network rewrites a few pages of nothing else. `place` keeps the order of a list.

CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  created_at INTEGER NOT NULL,
  last_event_id INTEGER NOT NULL DEFAULT 0,
  published_to INTEGER NOT NULL DEFAULT 0
) STRICT;

-- No row refers to a segment by foreign key: unused segments are swept at open, and rows without theirs are damage.
CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  iface TEXT NOT NULL,
  vlan_outer INTEGER NOT NULL,
  vlan_inner INTEGER NOT NULL,
  UNIQUE (iface, vlan_outer, vlan_inner)
) STRICT;

-- `number` is the host's stable number, the same bits as a signed integer; `id` is short and local to this file.
CREATE TABLE hosts (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  segment INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  announced INTEGER NOT NULL
) STRICT;

CREATE TABLE host_presence (
  host INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  last_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE names (
  host INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (host, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
  host INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  port INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  instance TEXT NOT NULL,
  source TEXT NOT NULL,
  closed INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (host, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE dhcp_facts (
  host INTEGER PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  hostname TEXT,
  vendor_class TEXT,
  parameters BLOB NOT NULL,
  client_id BLOB NOT NULL,
  server BLOB,
  lease_until INTEGER
) STRICT;

-- `host` is a host's number: a station may be saved before its host.
CREATE TABLE stations (
  id INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  mac BLOB NOT NULL,
  host INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  sources TEXT NOT NULL,
  UNIQUE (segment, mac)
) STRICT;

CREATE TABLE station_presence (
  station INTEGER PRIMARY KEY REFERENCES stations (id) ON DELETE CASCADE,
  last_seen INTEGER NOT NULL
) STRICT;

-- An address with its present holder; those before it are in `past_holders`, most recent first.
CREATE TABLE bindings (
  id INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  ip BLOB NOT NULL,
  mac BLOB NOT NULL,
  first_seen INTEGER NOT NULL,
  sources TEXT NOT NULL,
  UNIQUE (segment, ip)
) STRICT;

CREATE TABLE binding_presence (
  binding INTEGER PRIMARY KEY REFERENCES bindings (id) ON DELETE CASCADE,
  last_seen INTEGER NOT NULL
) STRICT;

CREATE TABLE past_holders (
  binding INTEGER NOT NULL REFERENCES bindings (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  mac BLOB NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  sources TEXT NOT NULL,
  PRIMARY KEY (binding, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  segment INTEGER NOT NULL,
  ip BLOB NOT NULL,
  mac BLOB NOT NULL,
  server BLOB,
  at INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY (segment, ip)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
  id INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  role TEXT NOT NULL,
  ip BLOB NOT NULL,
  mac BLOB NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  UNIQUE (segment, role, ip)
) STRICT;

CREATE TABLE prefixes (
  role INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  ip BLOB NOT NULL,
  length INTEGER NOT NULL,
  PRIMARY KEY (role, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE told (
  segment INTEGER NOT NULL,
  oddity TEXT NOT NULL,
  ip BLOB NOT NULL,
  mac BLOB NOT NULL,
  frame_mac BLOB NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (segment, oddity, ip, mac, frame_mac)
) STRICT, WITHOUT ROWID;

-- `record` is the finished JSON object; the other columns are copies to choose by.
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL,
  segment TEXT,
  host INTEGER,
  record TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_at ON events (at);
