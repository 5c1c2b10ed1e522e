/** A headless Chromium, spoken to over its debugging pipe: what a page really does, without a package for it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { installProgram } from '../support/debian.ts'

export interface Look {
  readonly width: number
  /** Of the window; the page may be longer. */
  readonly height?: number
  readonly scheme: 'light' | 'dark'
}

export interface OpenPage {
  /** The value of an expression in the page; it must be plain JSON. */
  evaluate(expression: string): Promise<unknown>
  /** A PNG of the whole page. */
  screenshot(): Promise<Buffer>
  close(): Promise<void>
}

export interface Browser {
  /** Resolves when the page and its frames have loaded. */
  open(url: string, look: Look): Promise<OpenPage>
  close(): Promise<void>
}

type Fields = Readonly<Record<string, unknown>>

interface Reply {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly result?: Fields
  readonly error?: { readonly message: string }
}

const HEIGHT = 900
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
]

/** Installs Chromium where it is missing; throws where that cannot be done. */
export async function startBrowser(): Promise<Browser> {
  installProgram('chromium', 'chromium')
  const profile = mkdtempSync(join(tmpdir(), 'hookbridge-browser-'))
  const child = spawn('chromium', [...flags, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const connection = connect(child.stdio[3] as Writable, child.stdio[4] as Readable)
  void exited.then(() => connection.fail(new Error('Chromium ended')))
  return {
    open: (url, look) => open(connection, url, look),
    async close() {
      await connection.call('Browser.close', {}).catch(() => child.kill())
      await exited
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

interface Connection {
  call(method: string, params: Fields, sessionId?: string): Promise<Fields>
  once(method: string, sessionId: string): Promise<void>
  fail(error: Error): void
}

/** Messages are JSON, each with a zero byte behind it. */
function connect(to: Writable, from: Readable): Connection {
  const calls = new Map<number, PromiseWithResolvers<Fields>>()
  const waiting: { method: string; sessionId: string; done: PromiseWithResolvers<void> }[] = []
  let last = 0
  let rest = ''
  from.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\0')
    rest = parts.pop() ?? ''
    for (const part of parts) receive(JSON.parse(part))
  })
  to.on('error', () => {})

  function receive({ id, method, sessionId, result, error }: Reply): void {
    for (const one of waiting.filter((other) => other.method === method && other.sessionId === sessionId)) {
      waiting.splice(waiting.indexOf(one), 1)
      one.done.resolve()
    }
    if (id === undefined) return
    if (error !== undefined) calls.get(id)?.reject(new Error(error.message))
    else calls.get(id)?.resolve(result ?? {})
    calls.delete(id)
  }

  return {
    call(method, params, sessionId) {
      const id = ++last
      const call = Promise.withResolvers<Fields>()
      calls.set(id, call)
      to.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`)
      return call.promise
    },
    once(method, sessionId) {
      const done = Promise.withResolvers<void>()
      waiting.push({ method, sessionId, done })
      return done.promise
    },
    fail(error) {
      for (const call of calls.values()) call.reject(error)
      for (const { done } of waiting) done.reject(error)
    },
  }
}

async function open(
  connection: Connection,
  url: string,
  { width, height = HEIGHT, scheme }: Look,
): Promise<OpenPage> {
  const { targetId } = await connection.call('Target.createTarget', { url: 'about:blank' })
  const attached = await connection.call('Target.attachToTarget', { targetId, flatten: true })
  const sessionId = String(attached.sessionId)
  const call = (method: string, params: Fields = {}) => connection.call(method, params, sessionId)
  await call('Page.enable')
  const metrics = { width, height, deviceScaleFactor: 1, mobile: false }
  await call('Emulation.setDeviceMetricsOverride', metrics)
  const features = [{ name: 'prefers-color-scheme', value: scheme }]
  await call('Emulation.setEmulatedMedia', { features })
  const loaded = connection.once('Page.loadEventFired', sessionId)
  const { errorText } = await call('Page.navigate', { url })
  if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
  await loaded
  return {
    async evaluate(expression) {
      const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true })
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
      return (result as Fields).value
    },
    async screenshot() {
      const { data } = await call('Page.captureScreenshot', { captureBeyondViewport: true })
      return Buffer.from(String(data), 'base64')
    },
    async close() {
      await connection.call('Target.closeTarget', { targetId })
    },
  }
}
