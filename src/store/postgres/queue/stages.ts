/** The rounds of events that are stages of a lifecycle. */
import { type Round, roundOf, type Stage } from '../../../core/lifecycle/lifecycle.ts'
import type { StageRow } from '../../sql/conversations.ts'
import { Records } from '../connection/records.ts'
import { anyOf, type Change, type Session } from '../connection/session.ts'

/** The stages that there are. */
export interface StagesBefore {
  /** Of events. */
  readonly ofEvents: ReadonlyMap<number, StageRow>
  readonly latest: ReadonlyMap<string, Latest>
}

/** Of events that are stored, and the last rounds of stages. The transaction has the locks of the stages. */
export async function readStages(
  session: Session,
  events: readonly number[],
  stages: readonly Stage[],
): Promise<StagesBefore> {
  const [ofEvents, latest] = await Promise.all([stagesOf(session, events), latestRounds(session, stages)])
  return { ofEvents, latest }
}

export interface EventStage {
  readonly event: number
  readonly stage: Stage
}

/** Gives events their rounds. One that is planned again keeps its round, unless its lifecycle or key is another one now. */
export function stageChanges(asked: readonly EventStage[], before: StagesBefore): readonly Change[] {
  const latest = new Map(before.latest)
  const changed = asked.filter(({ event, stage }) => !isSame(before.ofEvents.get(event), stage))
  if (changed.length === 0) return []
  const rows = changed.map(({ event, stage }) => {
    const found = latest.get(keyOf(stage))
    const round = roundOf(found === undefined ? null : asRound(found, stage), stage)
    const stages = found?.number === round ? found.stages : []
    latest.set(keyOf(stage), { number: round, stages: new Set([...stages, stage.stage]) })
    return { event, lifecycle: stage.lifecycle, key: stage.key, stage: stage.stage, round }
  })
  const sql = `INSERT INTO stages (event, lifecycle, key, stage, round)
     SELECT * FROM json_to_recordset($1::json) AS new(event bigint, lifecycle text, key text, stage text, round integer)
     ON CONFLICT (event) DO UPDATE SET lifecycle = excluded.lifecycle, key = excluded.key, stage = excluded.stage,
       round = excluded.round`
  return [{ sql, values: [new Records(rows)] }]
}

/** The last round of a key, with the stages that have come. */
interface Latest {
  readonly number: number
  readonly stages: ReadonlySet<string>
}

function asRound({ number, stages }: Latest, { first, last }: Stage): Round {
  return { number, hasFirst: stages.has(first), hasLast: stages.has(last) }
}

function keyOf({ lifecycle, key }: Pick<Stage, 'lifecycle' | 'key'>): string {
  return JSON.stringify([lifecycle, key])
}

function isSame(row: StageRow | undefined, { lifecycle, key, stage }: Stage): boolean {
  return row?.lifecycle === lifecycle && row.key === key && row.stage === stage
}

async function stagesOf(session: Session, events: readonly number[]): Promise<ReadonlyMap<number, StageRow>> {
  if (events.length === 0) return new Map()
  const rows = await session.query<StageRow & { readonly event: number }>(
    `SELECT event, lifecycle, key, stage, round FROM stages WHERE event = ${anyOf('$1', 'bigint')}`,
    [events],
  )
  return new Map(rows.map((row) => [row.event, row]))
}

async function latestRounds(
  session: Session,
  stages: readonly Stage[],
): Promise<ReadonlyMap<string, Latest>> {
  if (stages.length === 0) return new Map()
  const keys = [...new Map(stages.map((stage) => [keyOf(stage), stage])).values()]
  const rows = await session.query<StageRow>(
    `SELECT lifecycle, key, stage, round FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS asked(lifecycle, key)
     JOIN stages USING (lifecycle, key)
     WHERE round = (SELECT max(round) FROM stages AS others
       WHERE others.lifecycle = asked.lifecycle AND others.key = asked.key)`,
    [keys.map(({ lifecycle }) => lifecycle), keys.map(({ key }) => key)],
  )
  const ofKeys = Map.groupBy(rows, keyOf)
  return new Map(
    [...ofKeys].map(([key, rows]) => [
      key,
      { number: rows[0]?.round ?? 0, stages: new Set(rows.map(({ stage }) => stage)) },
    ]),
  )
}
