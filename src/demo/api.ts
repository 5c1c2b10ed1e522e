/**
 * A stand-in for an API that has the data that the events leave out. Its address, fields and values are invented: it
 * follows no particular API.
 */
import type { JsonObject } from '../core/json/json.ts'
import { startLoopbackServer } from './loopback.ts'

export interface DemoApi {
  readonly url: string
  readonly key: string
  readonly answers: readonly DemoAnswer[]
  close(): Promise<void>
}

export interface DemoAnswer {
  readonly path: string
  readonly status: number
  readonly body: JsonObject
}

/** What the API returns for an analysis; one that has not ended has no score yet. */
export type DescribeAnalysis = (id: string) => {
  readonly created_at: string
  readonly completed_at: string | null
}

export async function startApi(describe: DescribeAnalysis): Promise<DemoApi> {
  const key = 'demo-key'
  const answers: DemoAnswer[] = []
  const { url, close } = await startLoopbackServer((request, response) => {
    const path = request.url ?? ''
    const [, id] = /^\/analyses\/([\w-]+)$/.exec(path) ?? []
    const isAllowed = request.headers.authorization === `Bearer ${key}`
    const answer: DemoAnswer =
      id === undefined || !isAllowed
        ? { path, status: 404, body: { error: 'not found' } }
        : { path, status: 200, body: analysis(describe(id)) }
    answers.push(answer)
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  })
  return { url, key, answers, close }
}

function analysis({ created_at, completed_at }: ReturnType<DescribeAnalysis>): JsonObject {
  const company = { name: 'Acme Robotics', city: 'Berlin', stage: 'Seed' }
  return { company, score: completed_at === null ? null : 87, created_at, completed_at }
}
