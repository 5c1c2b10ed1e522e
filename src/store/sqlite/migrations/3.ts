/** Plans, destinations with their state, subjects, and ids of their own for deliveries. */
export const migration3 = `
  -- Plans, destinations with their state, subjects, and ids of their own for deliveries.
  PRAGMA defer_foreign_keys = ON;
  DROP INDEX events_message;
  DROP INDEX events_received;
  DROP INDEX deliveries_due;
  DROP INDEX deliveries_given_up;
  ALTER TABLE events RENAME TO old_events;
  ALTER TABLE deliveries RENAME TO old_deliveries;
  ALTER TABLE attempts RENAME TO old_attempts;

  -- Quarantined requests live here too: type null, problem set. One that could be read later stays, and names the event
  -- that took it up. The body comes last, so that what comes before it is read without it.
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT,
    subject TEXT,
    received_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    secret_index INTEGER NOT NULL,
    -- Whether no route took it, as its last plan says.
    unrouted INTEGER,
    problem TEXT,
    takes_up TEXT,
    taken_up_by TEXT,
    body BLOB NOT NULL,
    CHECK ((type IS NULL) = (problem IS NOT NULL)),
    CHECK ((type IS NULL) = (unrouted IS NULL))
  ) STRICT;

  -- The sources with the types of their events, but for what is in quarantine. One that no event is left of stays.
  CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    UNIQUE (source, type)
  ) STRICT;

  -- One row a decision: why an event was planned, under which configuration, and which routes took it.
  CREATE TABLE plans (
    event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    fingerprint TEXT,
    unrouted INTEGER NOT NULL,
    routes TEXT NOT NULL,
    PRIMARY KEY (event, number)
  ) STRICT, WITHOUT ROWID;

  -- Places that share a rate limit and their health. The state is a DestinationState as JSON; null before the first claim.
  CREATE TABLE rates (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT,
    UNIQUE (channel, key)
  ) STRICT;

  CREATE TABLE destinations (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    rate INTEGER NOT NULL REFERENCES rates,
    UNIQUE (channel, target, rate)
  ) STRICT;

  -- due_at: when a delivery is to be claimed next; null in a final state, and while it waits for another delivery of
  -- its conversation. While it is sending, due_at is when its lease ends, and leased_at when its attempt started.
  CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
    -- The event's, repeated for the index of lists.
    kind INTEGER NOT NULL REFERENCES kinds,
    plan INTEGER NOT NULL,
    route TEXT NOT NULL,
    receiver TEXT NOT NULL,
    destination INTEGER NOT NULL REFERENCES destinations,
    -- The destination's, repeated for the index of what is due.
    rate INTEGER NOT NULL,
    template TEXT,
    conversation TEXT,
    grouping TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    due_at INTEGER,
    held_until INTEGER,
    leased_at INTEGER,
    holder TEXT,
    -- The plan that took its place while it was being sent.
    replaced_by INTEGER,
    attempts INTEGER NOT NULL,
    ambiguous_attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    retrying_since INTEGER NOT NULL,
    dismissed_at INTEGER,
    CHECK (due_at IS NULL OR state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous')),
    CHECK (due_at IS NOT NULL OR state NOT IN ('pending', 'sending', 'retrying', 'ambiguous')),
    CHECK ((leased_at IS NOT NULL) = (state = 'sending'))
  ) STRICT;

  CREATE TABLE attempts (
    delivery INTEGER NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    notes TEXT,
    PRIMARY KEY (delivery, number)
  ) STRICT, WITHOUT ROWID;

  -- When the process that serves from this file last looked at the clock.
  ALTER TABLE holder ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;

  -- What the sources of that time had no key for: the subject, where most senders have it.
  INSERT INTO events
    SELECT seq, id, message_id, source, type,
      iif(type IS NULL OR NOT json_valid(CAST(body AS TEXT)), NULL,
        CASE json_type(CAST(body AS TEXT), '$.data.id')
          WHEN 'text' THEN iif(length(json_extract(CAST(body AS TEXT), '$.data.id')) BETWEEN 1 AND 256,
            json_extract(CAST(body AS TEXT), '$.data.id'), NULL)
          WHEN 'integer' THEN iif(json_extract(CAST(body AS TEXT), '$.data.id')
              BETWEEN -${Number.MAX_SAFE_INTEGER} AND ${Number.MAX_SAFE_INTEGER},
            CAST(json_extract(CAST(body AS TEXT), '$.data.id') AS TEXT), NULL)
        END),
      received_at, sent_at, secret_index, unrouted, problem, NULL, NULL, body
    FROM old_events;
  INSERT INTO kinds (source, type) SELECT DISTINCT source, type FROM old_events WHERE type IS NOT NULL ORDER BY 1, 2;
  INSERT INTO rates (channel, key) SELECT DISTINCT channel, lane FROM old_deliveries ORDER BY 1, 2;
  INSERT INTO destinations (channel, target, rate)
    SELECT DISTINCT old.channel, old.target, rates.id
    FROM old_deliveries AS old JOIN rates ON rates.channel = old.channel AND rates.key = old.lane ORDER BY 1, 2, 3;
  -- That version wrote down no plans: what was created at once was planned at once.
  INSERT INTO deliveries
    SELECT old.seq, old_events.id || '-' || old.number, old.event, kinds.id,
      dense_rank() OVER (PARTITION BY old.event ORDER BY old.created_at)
        + (old.created_at > old_events.received_at AND NOT EXISTS (
            SELECT 1 FROM old_deliveries AS first
            WHERE first.event = old.event AND first.created_at <= old_events.received_at)),
      old.route, old.receiver, destinations.id, destinations.rate, old.template, NULL, NULL, old.state, old.reason,
      old.due_at, NULL, old.leased_at, NULL, NULL, old.attempts,
      (SELECT count(*) FROM old_attempts WHERE delivery = old.seq AND started_at >= old.owed_since
        AND outcome ->> 'kind' = 'ambiguous'),
      old.created_at, old.owed_since, NULL
    FROM old_deliveries AS old
    JOIN old_events ON old_events.seq = old.event
    JOIN kinds ON kinds.source = old_events.source AND kinds.type = old_events.type
    JOIN rates ON rates.channel = old.channel AND rates.key = old.lane
    JOIN destinations
      ON destinations.channel = old.channel AND destinations.target = old.target AND destinations.rate = rates.id;
  INSERT INTO attempts SELECT * FROM old_attempts;
  INSERT INTO plans
    SELECT seq, 1, received_at, 'received', NULL, unrouted,
      (SELECT json_group_array(json_object('route', value, 'path', value, 'receivers', json('[]')))
        FROM json_each(old_events.routes))
    FROM old_events WHERE type IS NOT NULL;
  -- Here, for the plans that follow would read all deliveries for each replay without it.
  CREATE INDEX deliveries_event ON deliveries (event, plan);
  INSERT INTO plans
    SELECT event, plan, min(created_at), 'replay', NULL, 0,
      (SELECT json_group_array(json_object('route', route, 'path', route, 'receivers', json('[]')))
        FROM (SELECT DISTINCT route FROM deliveries AS of_plan
          WHERE of_plan.event = deliveries.event AND of_plan.plan = deliveries.plan))
    FROM deliveries WHERE plan > 1 GROUP BY event, plan;
  DROP TABLE old_attempts;
  DROP TABLE old_deliveries;
  DROP TABLE old_events;

  CREATE INDEX events_message ON events (message_id, source, received_at);
  CREATE INDEX events_received ON events (received_at);
  -- Sources and types are few: lists by either, or both, go through the pairs there are.
  CREATE INDEX events_kind ON events (source, type, received_at);
  CREATE INDEX events_subject ON events (subject, received_at) WHERE subject IS NOT NULL;
  CREATE INDEX events_unrouted ON events (received_at) WHERE unrouted = 1;
  CREATE INDEX events_quarantined ON events (received_at) WHERE type IS NULL;
  CREATE INDEX events_not_taken_up ON events (id) WHERE type IS NULL AND taken_up_by IS NULL;
  -- A claim takes deliveries in this order, and what is not delivered is counted in it.
  CREATE INDEX deliveries_due ON deliveries (rate, due_at, seq) WHERE due_at IS NOT NULL;
  -- Destinations, receivers and states are few: lists by any of them go through the combinations there are.
  CREATE INDEX deliveries_place ON deliveries (destination, receiver, state, created_at);
  CREATE INDEX deliveries_kind ON deliveries (kind, created_at);
  CREATE INDEX deliveries_conversation ON deliveries (conversation, seq)
    WHERE conversation IS NOT NULL AND state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous');
  `
