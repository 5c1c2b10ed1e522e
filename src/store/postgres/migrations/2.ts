/** What an instance says of its configuration: see `Configurations`. */
export const migration2 = 'ALTER TABLE instances ADD COLUMN configuration text, ADD COLUMN channels text'
