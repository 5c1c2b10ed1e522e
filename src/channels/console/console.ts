/** Prints messages to standard output, to try a route without any account. */
import * as z from 'zod'
import { createEngine } from '../../core/template/template.ts'
import { type Channel, UNLIMITED } from '../channel.ts'
import { compileText, type TextMessage } from '../text-template.ts'

type Nothing = Readonly<Record<never, never>>

const templateFiles = ['console.txt']

// No value can start a line of its own or control the terminal.
const engine = createEngine((text) => text.toWellFormed().replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' '))

export const consoleChannel: Channel<Nothing, Nothing, TextMessage> = {
  name: 'console',
  settings: z
    .strictObject({})
    .describe("Prints messages on the service's standard output. There are no settings."),
  receiver: z
    .strictObject({})
    .describe("Prints messages on the service's standard output. There are no settings."),
  templateFiles,
  targets: () => [{ target: 'console', rateKey: 'console' }],
  compile: (files) => compileText(engine, templateFiles, files),
  toText: ({ text }) => text,
  open: (_settings, _receivers, env) => ({
    rateLimit: UNLIMITED,
    perDestination: 1,
    concurrency: 1,
    async send(message, delivery) {
      env.print(message.text)
      return { kind: 'sent', reference: { delivery: delivery.id } }
    },
    async close() {},
  }),
  // It writes to standard output: there is nothing to check.
  doctor: async () => ({ check: async () => [] }),
}
