export const migration5 = `
  -- What enrichment fetched, as JSON: an object by step.
  ALTER TABLE events ADD COLUMN enriched TEXT;
  -- How each step ended, as JSON; null where no step was for the event.
  ALTER TABLE events ADD COLUMN enrichment TEXT;

  -- Events that are planned after their enrichment. While a process works on one, it is the holder, and due_at is when its
  -- lease ends. current: the step that is to be asked again, as JSON.
  CREATE TABLE enrichments (
    event INTEGER PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    cause TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    holder TEXT,
    current TEXT
  ) STRICT;
  CREATE INDEX enrichments_due ON enrichments (due_at);

  -- The events that are stages of a lifecycle. Messages of a round and a destination are a conversation.
  CREATE TABLE stages (
    event INTEGER PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    lifecycle TEXT NOT NULL,
    key TEXT NOT NULL,
    stage TEXT NOT NULL,
    round INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX stages_key ON stages (lifecycle, key, round);
  -- What a message that was sent did in its conversation: a Step as JSON.
  ALTER TABLE attempts ADD COLUMN step TEXT;
  -- What a fallback stands in for: a StandIn as JSON.
  ALTER TABLE deliveries ADD COLUMN stands_in_for TEXT;
  CREATE INDEX deliveries_of_conversation ON deliveries (conversation, seq) WHERE conversation IS NOT NULL;
  `
