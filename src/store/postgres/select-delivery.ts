import type { DeliveryColumns } from '../sql/rows.ts'

// By name, as everywhere: a column that a newer version adds then changes no result, and no statement must be prepared again.
const OWN_COLUMNS = [
  'seq',
  'id',
  'event',
  'plan',
  'route',
  'receiver',
  'template',
  'conversation',
  'grouping',
  'stands_in_for',
  'state',
  'reason',
  'due_at',
  'leased_at',
  'attempts',
  'ambiguous_attempts',
  'created_at',
  'retrying_since',
] as const satisfies readonly (keyof DeliveryColumns)[]

/** What a DeliveryRow is made of. */
export const DELIVERY_COLUMNS = `${OWN_COLUMNS.map((name) => `deliveries.${name}`).join(', ')},
    events.id AS event_id, destinations.channel, destinations.target, rates.key AS rate_key`

export const FROM_DELIVERIES = `FROM deliveries
  JOIN events ON events.seq = deliveries.event
  JOIN destinations ON destinations.id = deliveries.destination
  JOIN rates ON rates.id = deliveries.rate`

/** Conditions follow. */
export const SELECT_DELIVERY = `SELECT ${DELIVERY_COLUMNS} ${FROM_DELIVERIES}`
