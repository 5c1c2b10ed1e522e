/** Indexes for counting what is not delivered. */
export const migration2 = `
  -- For Store.backlog, which counts what is not delivered and must not read the history for it. What is due is counted
  -- in its index alone, now that the state stands there; behind seq, for a claim takes deliveries in that order.
  DROP INDEX deliveries_due;
  CREATE INDEX deliveries_due ON deliveries (channel, lane, due_at, seq, state) WHERE due_at IS NOT NULL;
  CREATE INDEX deliveries_given_up ON deliveries (channel, state) WHERE state IN ('parked', 'dead');
  `
