/** The keys of advisory locks, which are of the whole database: the first of two numbers each. */
export const ADVISORY = {
  /** Held while the schema is changed. */
  migration: 0x686b_0001,
  /** Of an instance, while it is connected; the second number is its own. */
  instance: 0x686b_0002,
  /** Held while old events are removed. */
  purge: 0x686b_0003,
  /** Held while another store is copied into it. */
  copy: 0x686b_0004,
} as const
