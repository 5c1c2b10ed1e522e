/** What a DeliveryRow is made of. */
export const DELIVERY_COLUMNS = `deliveries.*, events.id AS event_id, destinations.channel, destinations.target,
    rates.key AS rate_key`

export const FROM_DELIVERIES = `FROM deliveries
  JOIN events ON events.seq = deliveries.event
  JOIN destinations ON destinations.id = deliveries.destination
  JOIN rates ON rates.id = deliveries.rate`

/** Conditions follow. */
export const SELECT_DELIVERY = `SELECT ${DELIVERY_COLUMNS} ${FROM_DELIVERIES}`
