/** Finds the message of an earlier attempt in Slack: by the delivery's id, which is in the metadata of what was posted. */
import type { WebClient } from '@slack/web-api'
import type { Unanswered } from '../../../core/delivery/delivery.ts'
import type { Outcome } from '../../../core/delivery/outcome.ts'
import { ownProperty } from '../../../core/json/json.ts'
import type { Addressed } from '../../channel.ts'
import { lookUpChannels, readerOf } from '../directory.ts'
import { type AttemptContext, failedCall, fromException } from './outcome.ts'
import { deliveryIn, type Place, placeIn } from './posting.ts'
import type { ClockAhead } from './slack-clock.ts'

export type LookedUp =
  /** `threadTs`: the first message of the thread that it is a reply in. */
  | { readonly kind: 'found'; readonly place: Place; readonly threadTs: string | null }
  | { readonly kind: 'absent' }
  /** Slack does not allow the app to read the messages, or there are too many. */
  | { readonly kind: 'not_allowed' | 'incomplete'; readonly why: string }
  | { readonly kind: 'failed'; readonly outcome: Outcome }

interface Sought {
  readonly deliveryId: string
  readonly target: string
  /** In seconds, as Slack writes times. */
  readonly oldest: string
  readonly latest: string
  readonly context: AttemptContext
}

interface Thread {
  readonly channel: string
  readonly ts: string
}

// A page has to fit into the largest answer that is read, whatever others post in the channel.
const MESSAGES_A_PAGE = 50
const MOST_PAGES = 10
const MOST_READS = 3
// With less time left, another try is not possible; and a timer may fire a moment early.
const LEAST_READ_MS = 20
/** How far the times may be off after they were corrected with the date of Slack's answers. */
const TOLERANCE_MS = 60_000

export class LookUps {
  readonly #client: WebClient
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly #clockAhead: () => ClockAhead | null
  /** The ids of channels, by target: history is read by id. */
  readonly #ids = new Map<string, string>()
  /** Targets whose messages the app may not read. */
  readonly #closed = new Set<string>()

  /** `now`: the clock that attempts are recorded with. `clockAhead`: of Slack's clock; null before its first answer. */
  constructor(client: WebClient, timeoutMs: number, now: () => number, clockAhead: () => ClockAhead | null) {
    this.#client = client
    this.#timeoutMs = timeoutMs
    this.#now = now
    this.#clockAhead = clockAhead
  }

  /** To be called after something was posted to a target. */
  posted(target: string, reference: unknown): void {
    const place = placeIn(reference)
    if (place !== null) this.#ids.set(target, place.channel)
  }

  /** As far as is known: true until Slack has refused it. */
  canLookUp(target: string): boolean {
    return !this.#closed.has(target)
  }

  /** Searches wherever an attempt of this delivery may have posted. */
  async find(delivery: Addressed, unanswered: Unanswered, context: AttemptContext): Promise<LookedUp> {
    const { id, target, follows } = delivery
    const first = follows === null ? null : placeIn(follows.first)
    const silent = this.#clockAhead() === null ? await this.#askTheTime(context) : null
    if (silent !== null) return silent
    const sought: Sought = { deliveryId: id, target, ...this.#times(unanswered), context }
    const found = await this.#findIn(first, first !== null && follows?.how !== 'update', sought)
    if (found.kind === 'not_allowed') this.#closed.add(target)
    else if (found.kind !== 'failed') this.#closed.delete(target)
    return found
  }

  /** Only the date of its answer is used. Null, unless it shows that Slack does not answer now. */
  async #askTheTime(context: AttemptContext): Promise<LookedUp | null> {
    try {
      await this.#read('auth.test', {}, context)
      return null
    } catch (error) {
      // If Slack refuses this call, it also refuses the next one, which says more.
      return failedCall(error, context).from === 'slack' ? null : unread(error, 'auth.test', 0, context)
    }
  }

  #times({ since, latest }: Unanswered): Pick<Sought, 'oldest' | 'latest'> {
    const { least, most } = this.#clockAhead() ?? { least: 0, most: 0 }
    const seconds = (ms: number) => (ms / 1000).toFixed(6)
    // An attempt that seems to begin in the future began before the clock was set back, by at least that much.
    const setBack = 2 * Math.max(0, since - this.#now())
    return {
      oldest: seconds(since - setBack + least - TOLERANCE_MS),
      latest: seconds(latest + 2 * this.#timeoutMs + most + TOLERANCE_MS),
    }
  }

  async #findIn(first: Thread | null, hasReplies: boolean, sought: Sought): Promise<LookedUp> {
    if (first !== null && hasReplies) {
      const reply = await this.#search('conversations.replies', { ...first }, sought)
      if (reply.kind !== 'absent') return reply
    }
    const there = first && (await this.#search('conversations.history', { channel: first.channel }, sought))
    // A channel that the app may not read may be gone: then the message was posted where the target is now.
    if (there !== null && there.kind !== 'not_allowed') return there
    const channel = await this.#channelOf(sought)
    if (typeof channel !== 'string') return channel
    return there !== null && channel === first?.channel
      ? there
      : this.#search('conversations.history', { channel }, sought)
  }

  async #search(method: string, where: Record<string, string>, sought: Sought): Promise<LookedUp> {
    const { oldest, latest, deliveryId } = sought
    const options = { ...where, oldest, latest, include_all_metadata: true, limit: MESSAGES_A_PAGE }
    let cursor = ''
    for (let page = 0; page < MOST_PAGES; page++) {
      let answer: unknown
      try {
        answer = await this.#read(method, { ...options, ...(cursor !== '' && { cursor }) }, sought.context)
      } catch (error) {
        return unread(error, method, page, sought.context)
      }
      const messages = ownProperty(answer, 'messages')
      for (const message of Array.isArray(messages) ? messages : []) {
        const ts = ownProperty(message, 'ts')
        if (deliveryIn(message) !== deliveryId || typeof ts !== 'string') continue
        const threadTs = ownProperty(message, 'thread_ts')
        // The first message of a thread refers to itself.
        const isReply = typeof threadTs === 'string' && threadTs !== ts
        return {
          kind: 'found',
          place: { channel: where.channel ?? '', ts },
          threadTs: isReply ? threadTs : null,
        }
      }
      const next = ownProperty(ownProperty(answer, 'response_metadata'), 'next_cursor')
      if (typeof next !== 'string' || next === '') return { kind: 'absent' }
      cursor = next
    }
    return {
      kind: 'incomplete',
      why: `more than ${MESSAGES_A_PAGE * MOST_PAGES} messages were posted since`,
    }
  }

  /**
   * Tries again at once if the connection was lost, since reading twice does no harm. Both tries share the time limit of one call.
   * Throws what WebClient throws.
   */
  async #read(method: string, options: Record<string, unknown>, context: AttemptContext): Promise<unknown> {
    const end = performance.now() + this.#timeoutMs
    for (let tries = 1; ; tries++) {
      try {
        return await answeredBy(end, this.#client.apiCall(method, options))
      } catch (error) {
        const isOver = tries === MOST_READS || end - performance.now() < LEAST_READ_MS
        if (isOver || failedCall(error, context).from !== 'network') throw error
      }
    }
  }

  /** Only the method that posts accepts the name of a channel. */
  async #channelOf({ target, context }: Sought): Promise<string | LookedUp> {
    const known = this.#ids.get(target) ?? (/^[CDG]/.test(target) ? target : undefined)
    if (known !== undefined) return known
    if (!target.startsWith('#')) {
      return {
        kind: 'not_allowed',
        why: `the conversation with ${target} is known once a message arrived there`,
      }
    }
    const read = readerOf(this.#client, context)
    // One after the other, because each may be refused for a missing scope.
    for (const scope of ['channels:read', 'groups:read']) {
      const lookup = (await lookUpChannels(read, [target], [scope])).get(target)
      if (lookup?.kind === 'found') {
        this.#ids.set(target, lookup.id)
        return lookup.id
      }
      if (lookup?.kind === 'unchecked' && lookup.isSilent)
        return failed(`conversations.list: ${lookup.why}`, lookup.after)
    }
    return {
      kind: 'not_allowed',
      why: `the app cannot find ${target} by its name: give the receiver the channel's id`,
    }
  }
}

/** The same answer, or a timeout when it does not come by `end`, a time of `performance.now`. */
async function answeredBy<T>(end: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const error = new DOMException('the look-up takes too long', 'TimeoutError')
  const timer = setTimeout(() => late.reject(error), end - performance.now())
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What it means that Slack refused to return messages. */
function unread(error: unknown, method: string, page: number, context: AttemptContext): LookedUp {
  const { name, reason, hint } = failedCall(error, context)
  if (method === 'conversations.replies' && (name === 'thread_not_found' || name === 'channel_not_found')) {
    return { kind: 'absent' }
  }
  const outcome = fromException(error, context)
  if (outcome.kind !== 'retry' && outcome.kind !== 'ambiguous') {
    return { kind: 'not_allowed', why: hint === '' ? reason : `${reason}: ${hint}` }
  }
  const { kind, after } = outcome
  // The next attempt would start from the first page again.
  if (page > 0 && kind === 'retry' && after !== undefined)
    return { kind: 'incomplete', why: `Slack shows no more now (${reason})` }
  if (/EXCEEDED_MAX_SIZE/.test(reason)) return { kind: 'incomplete', why: 'Slack shows too much at once' }
  return failed(`${method}: ${reason}`, after)
}

function failed(what: string, after?: number): LookedUp {
  const reason = `cannot look up whether an earlier attempt arrived: ${what}`
  // A pause for reading does not apply to posting.
  return {
    kind: 'failed',
    outcome: { kind: 'retry', reason, ...(after !== undefined && { after, counts: false }) },
  }
}
