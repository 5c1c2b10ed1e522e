/** A service whose secrets stand in files beside its configuration, and what tests of reloading ask of it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startTestApp, type TestApp } from './app.ts'
import { secret, temporaryFolder } from './service.ts'
import { startSlackServer } from './slack/server.ts'

export const ADMIN = 'only-tests-know-this-admin-token'
export const NEW_SECRET = `whsec_${Buffer.from('another secret for a rotation').toString('base64')}`

export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

export async function reload(app: TestApp, token = ADMIN): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${app.url}/-/reload`, { method: 'POST', headers })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

export async function readyz(app: TestApp): Promise<Answer> {
  const response = await fetch(`${app.url}/readyz`)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

export async function metric(app: TestApp, name: string): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1))
}

export async function slackServer(t: Test, options: Parameters<typeof startSlackServer>[0] = {}) {
  const slack = await startSlackServer(options)
  t.teardown(() => slack.close())
  return slack
}

const sources = `
sources:
  cuuro: { svix: { secrets: [{ file: signing }] } }
`

/** The secrets stand in files beside the configuration. */
export async function start(t: Test, yaml: string, server = ''): Promise<TestApp> {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'signing'), secret)
  writeFileSync(join(folder, 'token'), 'xoxb-old-token\n')
  writeFileSync(join(folder, 'admin'), `${ADMIN}\n`)
  return startTestApp(t, sources + yaml, { folder, server: `admin_token: { file: admin }${server}` })
}

export function slackYaml(url: string, more = ''): string {
  return `
channels:
  slack: { token: { file: token }, api_url: "${url}", burst: 100 }
receivers:
  deals: { slack: { channel: "#deals" } }
  other: { slack: { channel: "#other" } }
routes:
  - receivers: [deals]
  - match: { type: startup.created }
    receivers: [other]
${more}`
}

export const channels = (slack: { readonly messages: readonly { readonly channel: string }[] }) =>
  slack.messages.map(({ channel }) => channel)
