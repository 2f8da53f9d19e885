-- The last event that each sink has taken, by the sink's name.

CREATE TABLE sinks (
  name TEXT PRIMARY KEY,
  written_to INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
