-- What hosts showed of their systems: a set by sort and text.
CREATE TABLE prints (
  host INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  evidence TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (host, evidence, value)
) STRICT, WITHOUT ROWID;
