export const migration5 = `
  -- What enrichment fetched, as JSON: an object by step.
  ALTER TABLE events ADD COLUMN enriched TEXT;
  `
