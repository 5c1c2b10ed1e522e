/** Fewer indexes of events, and the clocks of refused requests. */
export const migration4 = `
  -- Every index of events costs each acknowledgement: one for all lists but those of a subject.
  DROP INDEX events_received;
  DROP INDEX events_kind;
  DROP INDEX events_unrouted;
  DROP INDEX events_quarantined;
  CREATE INDEX events_kind ON events (source, type, unrouted, received_at);

  -- The last request of each source that was signed, but refused for its timestamp.
  CREATE TABLE refused_clocks (
    source TEXT PRIMARY KEY,
    received_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `
