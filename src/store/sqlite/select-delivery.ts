/** Selects the columns of a DeliveryRow; conditions follow. */
export const SELECT_DELIVERY = `SELECT deliveries.*, events.id AS event_id, destinations.channel, destinations.target,
    rates.key AS rate_key
  FROM deliveries
  CROSS JOIN events ON events.seq = deliveries.event
  CROSS JOIN destinations ON destinations.id = deliveries.destination
  CROSS JOIN rates ON rates.id = deliveries.rate`
