/**
 * What a mail server's refusal concerns, and what to do. Servers use the basic code inconsistently, so it says little. In
 * this order: enhanced status codes that mean one thing (RFC 3463, and IANA's registry of RFC 5248), phrases that servers
 * are known to use, the other status codes, and the step at which the refusal came. Pure.
 */
import { type CauseName, type Concern, causes } from './causes.ts'
import { type Reply, SERVICE_CLOSING, type Step } from './reply.ts'
import {
  askedToWaitMs,
  causeOfWords,
  isOverQuota,
  isPermanentWhateverItsCode,
  isSubmission,
  quotaPauseMs,
} from './reply-words.ts'

/** Try again, wait for a person, or give up this mail. */
export type Verdict =
  | {
      readonly kind: 'retry'
      readonly concern: Concern
      readonly cause: CauseName | null
      readonly after?: number
    }
  | { readonly kind: 'park' | 'refuse'; readonly concern: Concern; readonly cause: CauseName }

/** Bad sequence of commands. */
const BAD_SEQUENCE = 503
/** RFC 7504: no mail is accepted here. */
const NO_MAIL_HERE = 521
const EXCEEDED_STORAGE = 552
const QUOTA_PAUSE_MS = 15 * 60_000
const GREYLIST_PAUSE_MS = 60_000

/** `hasLogin`: whether this session had logged in, or was going to. */
export function classify(reply: Reply, step: Step, hasLogin: boolean): Verdict {
  const found = causeOf(reply, step)
  if (found === 'moment') return soon(reply)
  const cause = withLogin(found, hasLogin)
  const { concern } = causes[cause]
  if (concern === 'quota')
    return { kind: 'retry', concern, cause, after: quotaPauseMs(reply.words) ?? QUOTA_PAUSE_MS }
  if (concern === 'connections') return { kind: 'retry', concern, cause }
  const kind = concern === 'recipient' || concern === 'message' ? 'refuse' : 'park'
  const isPermanent =
    reply.permanent ||
    isPermanentWhateverItsCode(cause, reply.words) ||
    // A parked mail is not lost, and retrying a wrong login may lock the account.
    (kind === 'park' && reply.enhanced?.startsWith('5.') === true && reply.code !== SERVICE_CLOSING)
  return isPermanent ? { kind, concern, cause } : { ...soon(reply), concern, cause }
}

function soon({ words }: Reply): Verdict & { kind: 'retry' } {
  const asked = askedToWaitMs(words) ?? (/gr[ea]y.?list/i.test(words) ? GREYLIST_PAUSE_MS : undefined)
  return { kind: 'retry', concern: 'moment', cause: null, ...(asked === undefined ? {} : { after: asked }) }
}

type Found = CauseName | 'moment'

/** Postfix answers "currently unavailable" to clients that it has blocked; with 521 that is not temporary. */
function ofWords(reply: Reply, step: Step): Found | null {
  const found = causeOfWords(reply, step)
  return found === 'moment' && reply.code === NO_MAIL_HERE ? 'client' : found
}

function causeOf(reply: Reply, step: Step): Found {
  return (
    exactStatus(reply, step) ??
    ofWords(reply, step) ??
    // If the server says "not now", a guess from the step, such as "the recipient is refused", would mislead.
    (reply.permanent ? (familyOf(reply, step) ?? causeOfStep[step]) : 'moment')
  )
}

/** Status codes that servers use consistently. */
const exact: Readonly<Record<string, CauseName>> = {
  '1.1': 'recipient',
  '1.3': 'recipient',
  '1.6': 'recipient',
  '1.10': 'recipient',
  '2.2': 'mailboxFull',
  '2.3': 'tooLarge',
  '3.4': 'tooLarge',
  '6.7': 'internationalRecipient',
  '7.8': 'login',
  '7.20': 'senderAuthentication',
  '7.21': 'senderAuthentication',
  '7.22': 'senderAuthentication',
  '7.23': 'senderAuthentication',
  '7.25': 'reverseDns',
  '7.26': 'senderAuthentication',
  '7.28': 'quota',
  // Microsoft's own.
  '7.57': 'loginNeeded',
  '7.60': 'notOurSender',
  '7.124': 'recipient',
  '7.133': 'recipient',
  '7.134': 'recipient',
  '7.135': 'recipient',
  '7.136': 'recipient',
  '7.506': 'hello',
  '7.509': 'senderAuthentication',
  '7.703': 'recipient',
  '7.750': 'unverifiedSender',
}

/** Microsoft's ranges: https://learn.microsoft.com/troubleshoot/exchange/email-delivery/ndr/non-delivery-reports-in-exchange-online */
const exactRanges: readonly (readonly [from: number, to: number, CauseName])[] = [
  [501, 503, 'accountBlocked'],
  [606, 649, 'listed'],
  [700, 749, 'accountBlocked'],
]

function inRange(status: string): CauseName | null {
  const detail = Number(/^7\.(\d{3})$/.exec(status)?.[1] ?? 0)
  return exactRanges.find(([from, to]) => detail >= from && detail <= to)?.[2] ?? null
}

function exactStatus({ code, status, permanent, words }: Reply, step: Step): CauseName | null {
  if (status === null) return null
  // With this code, x.1.1 is used for full mailboxes too: the words decide.
  if (status === '1.1' && code === EXCEEDED_STORAGE) return null
  // Microsoft uses the code of a full mailbox for submission limits; greylists answer 4.1.1 and 4.2.2.
  if (status === '2.2' && /submission ?quota/i.test(words)) return 'quota'
  if (isSubmission(words) && (status === '2.2' || isOverQuota(words))) return 'ownMailboxFull'
  if (status === '7.8' && (step !== 'auth' || /app(?:lication)?[- ](?:specific )?password/i.test(words)))
    return null
  if (!permanent && status.startsWith('1.')) return null
  if (!permanent && status === '2.2' && /gr[ea]y.?list/i.test(words)) return null
  const cause = exact[status] ?? (permanent ? inRange(status) : null)
  if (step !== 'mail') return cause
  if (cause === 'recipient') return 'sender'
  return cause === 'internationalRecipient' ? 'internationalSender' : cause
}

/** The other codes, by their subject: RFC 3463, 3.2 to 3.8. */
function familyOf({ code, status, words }: Reply, step: Step): Found | null {
  // Our commands are in order: at AUTH this means that the server offers no login here, elsewhere that its session is broken.
  if (code === BAD_SEQUENCE) return step === 'auth' ? 'loginMethod' : 'moment'
  if (code === NO_MAIL_HERE) return 'client'
  switch (status?.split('.')[0]) {
    case '1':
      return status === '1.7' || status === '1.8' || step === 'mail' ? 'sender' : 'recipient'
    case '2':
      if (step === 'auth' || step === 'mail') return 'accountBlocked'
      return isSubmission(words) ? 'notForThisLogin' : 'recipient'
    case '3':
      // 5.3.0 says nothing; the others are about the mail system, which may recover.
      return status === '3.0' || status === '3.3' ? null : 'moment'
    case '4':
      if (status === '4.5') return 'quota'
      return status === '4.6' || status === '4.14'
        ? 'message'
        : status === '4.1' || status === '4.4'
          ? null
          : 'moment'
    case '6':
      return 'message'
    case '7':
      return step === 'rcpt' && status === '7.1' ? 'recipient' : null
    default:
      return null
  }
}

const causeOfStep: Readonly<Record<Step, CauseName>> = {
  greeting: 'client',
  hello: 'hello',
  starttls: 'noStarttls',
  auth: 'login',
  mail: 'sender',
  rcpt: 'recipient',
  data: 'message',
  message: 'message',
}

/** To a session that has logged in, "authentication required" means something else. */
function withLogin(cause: CauseName, hasLogin: boolean): CauseName {
  if (!hasLogin) return cause
  if (cause === 'loginNeeded') return 'notForThisLogin'
  return cause === 'relay' ? 'relayForLogin' : cause
}
