-- What machines are for, and the ports of switches and routers that speak on a segment.

CREATE TABLE host_roles (
  host INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  evidence TEXT NOT NULL,
  PRIMARY KEY (host, role, evidence)
) STRICT, WITHOUT ROWID;

-- `number` and `unit` are hashes, the same bits as signed integers.
CREATE TABLE neighbours (
  segment INTEGER NOT NULL,
  number INTEGER NOT NULL,
  source TEXT NOT NULL,
  unit INTEGER,
  mac BLOB NOT NULL,
  chassis TEXT NOT NULL,
  port TEXT NOT NULL,
  name TEXT,
  port_description TEXT,
  bridges INTEGER NOT NULL,
  ttl_s INTEGER NOT NULL,
  gone INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (segment, number)
) STRICT, WITHOUT ROWID;
