-- Repeats of an event (`cause` is what they are known by; NULL: none), and why it was not told.
ALTER TABLE events ADD COLUMN cause TEXT;
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN last_at INTEGER;
ALTER TABLE events ADD COLUMN muted TEXT;

-- What the owner muted for a while. `target` is as written.
CREATE TABLE mutes (
  id INTEGER PRIMARY KEY,
  target TEXT NOT NULL,
  from_at INTEGER NOT NULL,
  until_at INTEGER NOT NULL,
  reason TEXT
) STRICT;
