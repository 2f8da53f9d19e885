-- What hosts showed of their systems: a set by sort and text.
CREATE TABLE prints (
  host INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  evidence TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (host, evidence, value)
) STRICT, WITHOUT ROWID;

-- The owner's own rules and signatures, as the last run or replay was given them, so that readers guess by the same.
CREATE TABLE rules (
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
