// The final states of the first two versions.
const final = "'delivered', 'parked', 'dead', 'skipped'"

/** Events, deliveries and attempts. */
export const migration1 = `
  -- Quarantined requests live here too: type null, problem set. The body stands last, so that what comes before it
  -- is read without it.
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT,
    received_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    secret_index INTEGER NOT NULL,
    unrouted INTEGER,
    routes TEXT,
    problem TEXT,
    body BLOB NOT NULL,
    CHECK ((type IS NULL) = (problem IS NOT NULL))
  ) STRICT;
  CREATE INDEX events_message ON events (message_id, source, received_at);
  CREATE INDEX events_received ON events (received_at);

  -- due_at: when a delivery is to be claimed next. While it is sending, that is when its lease ends; leased_at is
  -- when its attempt started. In a final state due_at is null, and the index of what is due does not know it.
  CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    number INTEGER NOT NULL,
    route TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    lane TEXT NOT NULL,
    template TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    due_at INTEGER,
    leased_at INTEGER,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    owed_since INTEGER NOT NULL,
    UNIQUE (event, number),
    -- A claim finds lanes by going on from the empty name.
    CHECK (channel <> '' AND lane <> ''),
    CHECK ((due_at IS NULL) = (state IN (${final}))),
    CHECK ((leased_at IS NOT NULL) = (state = 'sending'))
  ) STRICT;
  CREATE INDEX deliveries_due ON deliveries (channel, lane, due_at) WHERE due_at IS NOT NULL;

  CREATE TABLE attempts (
    delivery INTEGER NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    notes TEXT,
    PRIMARY KEY (delivery, number)
  ) STRICT, WITHOUT ROWID;

  -- The process that serves from this file, or did last: one row.
  CREATE TABLE holder (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT;
  `
