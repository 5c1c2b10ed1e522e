/**
 * The contract of a channel: a way to deliver. A channel is a folder that owns its settings, its rendering and
 * its sending; it does not see routes, retries or the store, and decides only how an attempt ended.
 */
import type { ZodType } from 'zod'
import type { Unanswered } from '../core/delivery/delivery.ts'
import type { RateLimit } from '../core/delivery/destination.ts'
import type { Outcome, Reference } from '../core/delivery/outcome.ts'
import type { Follows, FollowUp } from '../core/lifecycle/lifecycle.ts'
import type { Partials } from '../core/template/partials.ts'
import type { Renderer, RenderResult } from '../core/template/render.ts'
import type { Proxies } from '../network/proxies.ts'
import type { ChannelDoctor } from './doctor.ts'
import type { ChannelPreview } from './preview.ts'

export type { Follows, Renderer, RenderResult }

/** What a channel reported about a message that it sent. */
export type MessageRef = Reference

export interface Channel<Settings = unknown, Receiver = unknown, Message = unknown> {
  readonly name: string
  /** The schema of `channels.<name>`. */
  readonly settings: ZodType<Settings>
  /** The schema of `receivers.<receiver>.<name>`. */
  readonly receiver: ZodType<Receiver>
  /** The files of a template folder that this channel reads, the most important one first. */
  readonly templateFiles: readonly string[]
  /** Files at the top of the templates folder that it reads, such as a layout. */
  readonly sharedFiles?: readonly string[]
  /** As a sentence: which of the channel's settings the receiver needs and are missing; null if none. */
  missingSettings?(settings: Settings | undefined, receiver: Receiver): string | null
  /** Settings that are valid but probably wrong, for `hookbridge check`. Pure. */
  warnings?(
    settings: Settings | undefined,
    receivers: ReadonlyMap<string, Receiver>,
  ): readonly SettingsWarning[]
  /** The targets of a receiver: each gets one message. Pure. */
  targets(receiver: Receiver, receiverName: string): readonly Target[]
  /** What a later stage of a lifecycle does at this receiver; without this method, each stage is a message of its own. Pure. */
  followUp?(receiver: Receiver): FollowUp
  /** Compiles the files of one template. Pure. */
  compile(files: TemplateFiles): Compiled<Message>
  /** The message as plain text, as its reader sees it: for terminals and for tests of a configuration. Pure. */
  toText(message: Message): string
  /** Opens what sending needs. Makes no connection before the first attempt. */
  open(
    settings: Settings | undefined,
    receivers: ReadonlyMap<string, Receiver>,
    env: ChannelEnvironment,
  ): OpenChannel<Message>
  /** Draws messages for `hookbridge preview`; loaded on first use. Without it a preview shows `toText`. */
  readonly preview?: () => Promise<ChannelPreview<Settings, Receiver, Message>>
  /** Checks destinations for `hookbridge doctor`; loaded on first use. */
  readonly doctor?: () => Promise<ChannelDoctor<Settings, Receiver>>
}

export interface SettingsWarning {
  readonly code: 'doubtful_setting' | 'example_value'
  /** The receiver that has these settings; if undefined, they are the channel's own. */
  readonly receiver?: string
  /** The path within those settings. */
  readonly path: readonly (string | number)[]
  /** What is wrong, on one line and without secrets. */
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

export interface Target {
  /** Its name in lists and logs, never a secret. Unique within the receiver. */
  readonly target: string
  /** Targets with the same rate key share a rate limit and their health, because the remote counts them as one. */
  readonly rateKey: string
}

/** One file of a template folder. Lines and columns are counted from 1. */
export interface TemplateFile {
  /** The path that the operator is shown. */
  readonly path: string
  readonly text: string
  /** A `.yaml` file's content, or the front matter of a `.md` file; null if there is none. */
  readonly yaml: YamlValue | null
  /** The text after the front matter, and the line on which it starts. */
  readonly body: string
  readonly bodyLine: number
}

export interface YamlValue {
  readonly value: unknown
  /** Where the value at this path is in the file; for a block scalar, its first line of text. */
  at(path: readonly (string | number)[]): Position
  /** Where the key of this path is in the file. */
  keyAt(path: readonly (string | number)[]): Position
}

export interface Position {
  readonly line: number
  readonly column: number
}

export interface TemplateFiles {
  /** By file name: those of the template's folder, and the shared ones. */
  readonly files: ReadonlyMap<string, TemplateFile>
  /** What `{% render %}` finds. */
  readonly partials?: Partials
}

export type Compiled<Message> =
  | { readonly ok: true; readonly renderer: Renderer<Message> }
  | { readonly ok: false; readonly problems: readonly TemplateProblem[] }

export interface TemplateProblem extends Position {
  readonly path: string
  readonly message: string
}

export interface ChannelEnvironment {
  /** Milliseconds for connecting, and for each answer that a step of an attempt waits for. */
  readonly timeout: number
  /** For channels that send by HTTP: src/network has the connections. */
  readonly proxies: Proxies
  /** Writes for the console channel. */
  readonly print: (text: string) => void
  /** Milliseconds since the epoch, by the clock that attempts are recorded with: with PostgreSQL its server's, not this machine's. */
  readonly now: () => number
  /** When this process began, by that clock as it was then. */
  readonly beganAt: number
}

/** How much may be sent at once. */
export interface SendingLimits {
  /** The limits of one destination. */
  readonly rateLimit: RateLimit
  /** Attempts in flight at once to one destination while it catches up, which does not keep the order of messages. */
  readonly perDestination: number
  /** Attempts in flight at once over all destinations. Read at each claim: it may follow what the destination allows. */
  readonly concurrency: number
}

/** Without a rate limit. */
export const UNLIMITED: RateLimit = { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY }

export interface OpenChannel<Message> extends SendingLimits {
  /** Makes one attempt. Does not throw whatever the destination does, does not retry, and always ends. */
  send(message: Message, delivery: Addressed): Promise<Outcome>
  /** Whether an attempt can find out if the message of an earlier one arrived, as far as is known. Without this method, none can. */
  canLookUp?(target: string): boolean
  /** Waits for attempts in flight, then closes connections. Idempotent. */
  close(): Promise<void>
}

/** What an attempt needs to know of its delivery. It is the same for each attempt, except for what happened in between. */
export interface Addressed {
  readonly id: string
  readonly receiver: string
  readonly target: string
  /** The conversation that it continues; null if it begins one, or belongs to none. */
  readonly follows: Follows | null
  /** Earlier attempts that ended without an answer, so that the message may have arrived; null if there are none. */
  readonly unanswered: UnansweredAttempts | null
}

export interface UnansweredAttempts extends Unanswered {
  /** Whether the message may be sent again if it is impossible to find out whether it arrived. */
  readonly mayResend: boolean
}
