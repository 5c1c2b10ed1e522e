/** The rates with unfinished deliveries, as a claim sees them. */
import { SLOW_AFTER_MS } from '../../../core/delivery/destination.ts'
import type { RateRow } from '../../sql/backlog.ts'
import { type OpenRate, openRate } from '../../sql/claiming.ts'
import type { ClaimRequest } from '../../store.ts'
import { SERVER_TIME } from '../clock/server-clock.ts'
import type { Configurations } from '../configurations.ts'
import { Records } from '../connection/records.ts'
import type { Reader, Value } from '../connection/session.ts'

/** The instance that claims. */
export interface Claimant {
  readonly instance: number
  readonly configurations: Pick<Configurations, 'isChannelLeft'>
}

export type RateSnapshot = RateRow & {
  /** The same in each row: when the statement ran. */
  readonly server_time: number
  readonly due_at: number
  readonly elsewhere: number
  readonly is_much: boolean
}

// Of all rate keys with unfinished deliveries, or of some. An attempt that takes long does not count, as with the holder's own.
const RATE_SNAPSHOTS = `SELECT ${SERVER_TIME} AS server_time, rates.id, rates.channel, rates.key, rates.state, first.due_at,
    CASE WHEN first.due_at > $1 THEN 0 ELSE
      (SELECT count(*) FROM deliveries WHERE rate = rates.id AND state = 'sending' AND due_at > $1
        AND instance IS DISTINCT FROM $2 AND leased_at > $3) END AS elsewhere,
    first.due_at <= $1 AND asked.up_to IS NOT NULL AND EXISTS (SELECT FROM deliveries
      WHERE rate = rates.id AND due_at <= $1 ORDER BY due_at OFFSET asked.up_to LIMIT 1) AS is_much
  FROM rates
  LEFT JOIN json_to_recordset($4::json) AS asked(channel text, up_to bigint) ON asked.channel = rates.channel
  CROSS JOIN LATERAL (SELECT due_at FROM deliveries WHERE rate = rates.id AND due_at IS NOT NULL
    ORDER BY due_at LIMIT 1) AS first
  WHERE $5::integer[] IS NULL OR rates.id = ANY($5::integer[])`

function snapshotValues(
  { now, channels }: ClaimRequest,
  instance: number,
  ids: readonly number[] | null = null,
): Value[] {
  const limits = [...channels].map(([channel, { inOrderUpTo }]) => ({
    channel,
    up_to: Number.isFinite(inOrderUpTo) ? inOrderUpTo : null,
  }))
  return [now, instance, now - SLOW_AFTER_MS, new Records(limits), ids]
}

export function openRates(rows: readonly RateSnapshot[], request: ClaimRequest): OpenRate[] {
  return rows.map(({ due_at: dueAt, elsewhere, is_much, server_time: _, ...row }) =>
    openRate(row, { dueAt, elsewhere, isMuchDue: () => is_much }, request),
  )
}

/** Of the channels that are not left to other instances; `ids`: of these only. Without locks. */
export async function readRates(
  reader: Pick<Reader, 'query'>,
  request: ClaimRequest,
  { instance, configurations }: Claimant,
  ids: readonly number[] | null = null,
): Promise<readonly RateSnapshot[]> {
  const rates = await reader.query<RateSnapshot>(RATE_SNAPSHOTS, snapshotValues(request, instance, ids))
  return rates.filter(
    ({ channel }) => request.channels.has(channel) || !configurations.isChannelLeft(channel),
  )
}
