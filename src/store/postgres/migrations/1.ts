/**
 * The schema, with the tables and columns of the SQLite store: see there for what they mean. Flags are 0 and 1, JSON is text, since
 * jsonb would change numbers, and names sort by their bytes. What never goes (kinds, rates, destinations) is not referenced
 * by foreign keys: their checks would make all commits lock the same few rows.
 */
export const migration1 = `
  CREATE TABLE events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    message_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    type text COLLATE "C",
    subject text COLLATE "C",
    received_at bigint NOT NULL,
    sent_at bigint NOT NULL,
    secret_index integer NOT NULL,
    unrouted integer,
    problem text,
    takes_up text COLLATE "C",
    taken_up_by text COLLATE "C",
    body bytea NOT NULL,
    enriched text,
    enrichment text,
    CHECK ((type IS NULL) = (problem IS NOT NULL)),
    CHECK ((type IS NULL) = (unrouted IS NULL))
  );
  CREATE INDEX events_message ON events (message_id, source, received_at);
  CREATE INDEX events_kind ON events (source, type, unrouted, received_at, seq) WHERE type IS NOT NULL;
  -- What is null has no order in an index of all.
  CREATE INDEX events_quarantined ON events (source, received_at, seq) WHERE type IS NULL;
  CREATE INDEX events_received ON events (received_at, seq);
  CREATE INDEX events_subject ON events (subject, received_at, seq) WHERE subject IS NOT NULL;
  CREATE INDEX events_not_taken_up ON events (id) WHERE type IS NULL AND taken_up_by IS NULL;

  CREATE TABLE kinds (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    UNIQUE (source, type)
  );

  CREATE TABLE plans (
    event bigint NOT NULL REFERENCES events ON DELETE CASCADE,
    number integer NOT NULL,
    at bigint NOT NULL,
    cause text NOT NULL,
    fingerprint text,
    unrouted integer NOT NULL,
    routes text NOT NULL,
    PRIMARY KEY (event, number)
  );

  -- A claim locks the rows that it takes from, so that instances share a rate.
  CREATE TABLE rates (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    state text,
    UNIQUE (channel, key)
  ) WITH (fillfactor = 50);

  CREATE TABLE destinations (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    rate integer NOT NULL,
    UNIQUE (channel, target, rate)
  );

  CREATE TABLE deliveries (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    event bigint NOT NULL REFERENCES events ON DELETE CASCADE,
    kind integer NOT NULL,
    plan integer NOT NULL,
    route text COLLATE "C" NOT NULL,
    receiver text COLLATE "C" NOT NULL,
    destination integer NOT NULL,
    rate integer NOT NULL,
    template text,
    conversation text COLLATE "C",
    grouping text COLLATE "C",
    stands_in_for text,
    state text COLLATE "C" NOT NULL,
    reason text,
    due_at bigint,
    held_until bigint,
    leased_at bigint,
    holder text COLLATE "C",
    -- Of the holder: see instances.
    instance integer,
    replaced_by integer,
    attempts integer NOT NULL,
    ambiguous_attempts integer NOT NULL,
    created_at bigint NOT NULL,
    retrying_since bigint NOT NULL,
    dismissed_at bigint,
    CHECK (due_at IS NULL OR state IN ('pending', 'held', 'sending', 'retrying', 'ambiguous')),
    CHECK (due_at IS NOT NULL OR state NOT IN ('pending', 'sending', 'retrying', 'ambiguous')),
    CHECK ((leased_at IS NOT NULL) = (state = 'sending'))
  );
  CREATE INDEX deliveries_event ON deliveries (event, plan);
  CREATE INDEX deliveries_due ON deliveries (rate, due_at, seq) WHERE due_at IS NOT NULL;
  CREATE INDEX deliveries_sending ON deliveries (rate) WHERE state = 'sending';
  CREATE INDEX deliveries_place ON deliveries (destination, receiver, state, created_at, seq);
  CREATE INDEX deliveries_kind ON deliveries (kind, created_at, seq);
  CREATE INDEX deliveries_of_conversation ON deliveries (conversation, seq) WHERE conversation IS NOT NULL;

  CREATE TABLE attempts (
    delivery bigint NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    started_at bigint NOT NULL,
    duration_ms bigint NOT NULL,
    outcome text NOT NULL,
    notes text,
    step text,
    PRIMARY KEY (delivery, number)
  );

  CREATE TABLE enrichments (
    event bigint PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    cause text NOT NULL,
    due_at bigint NOT NULL,
    holder text COLLATE "C",
    instance integer,
    current text
  );
  CREATE INDEX enrichments_due ON enrichments (due_at);

  CREATE TABLE stages (
    event bigint PRIMARY KEY REFERENCES events ON DELETE CASCADE,
    lifecycle text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    round integer NOT NULL
  );
  CREATE INDEX stages_key ON stages (lifecycle, key, round);

  CREATE TABLE refused_clocks (
    source text COLLATE "C" PRIMARY KEY,
    received_at bigint NOT NULL,
    sent_at bigint NOT NULL
  );

  -- The services that share the store. While one is connected, it holds the advisory lock of its number.
  CREATE TABLE instances (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    started_at bigint NOT NULL
  );

  -- The latest time that a claim was made at, and how often it was found to have been set back since: one row.
  CREATE TABLE clock (
    one integer PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    seen_at bigint NOT NULL DEFAULT 0,
    set_back integer NOT NULL DEFAULT 0
  );
  INSERT INTO clock DEFAULT VALUES;
  `
