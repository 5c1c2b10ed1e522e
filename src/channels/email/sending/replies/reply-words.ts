/**
 * Phrases with which servers say more than their codes. The first rule that matches decides, so narrow rules come before
 * wide ones. Each rule has replies in test/fixtures/mail-replies.txt that need it.
 */
import type { CauseName } from './causes.ts'
import type { Reply, Step } from './reply.ts'

interface Rule {
  readonly cause: CauseName | 'moment'
  readonly words: RegExp
  /** Where the words mean this; everywhere unless given. */
  readonly at?: readonly Step[]
}

const LOGIN: readonly Step[] = ['auth']
const SUBMISSION: readonly Step[] = ['auth', 'mail', 'data', 'message']
const CONTENT: readonly Step[] = ['data', 'message']

const rules: readonly Rule[] = [
  {
    cause: 'moment',
    words:
      /gr[ea]y.?list|address verification in progress|(?:messages?|mails?) (?:in|per) (?:(?:one|this|a single) )?(?:smtp )?(?:connection|session)|recipient thread limit/i,
  },
  { cause: 'recipient', words: /recipient address rejected: un(?:verified|deliverable)/i, at: ['rcpt'] },
  { cause: 'listed', words: /due to (?:ip|poor|bad|low) reputation/i },
  {
    cause: 'connections',
    words:
      /too (?:many|frequent) (?:\w+ ){0,3}(?:connections?|connects|sessions)|(?:connections?|session|thread) (?:count |rate )?limit|concurren(?:t connections?|cy limit)|(?:maximum|max\.?) (?:number of )?(?:\w+ )?(?:connections|sessions)|at maximum connection|trop de connexions/i,
  },
  {
    cause: 'accountBlocked',
    words:
      /your (?:(?:e-?mail|smtp) )*(?:account|(?<=mail )address|ability to send(?: \w+){0,2}) (?:is|was|has been) (?:\w+ ){0,2}(?:blocked|suspended|disabled|locked|(?:de)?activated)(?! by (?:the )?recipient)/i,
  },
  // Logins.
  { cause: 'smtpOff', words: /smtpclientauth(?:entication)? is disabled/i },
  { cause: 'passwordsOff', words: /basic auth(?:entication)? is (?:disabled|not supported)/i },
  { cause: 'appPassword', words: /app(?:lication)?[- ](?:specific )?password|less secure app/i },
  {
    cause: 'signInBlocked',
    words:
      /security defaults|conditional access|did not meet the criteria|log ?in (?:via|with|through) your web browser|web login required|verify your account/i,
    at: LOGIN,
  },
  {
    cause: 'encryptionNeeded',
    words:
      /must issue (?:a )?starttls|(?:starttls|\btls|encryption|ssl) (?:is |connection )?(?:required|needed)|requires? (?:an )?(?:encrypt|tls|ssl|starttls)|over a tls connection|(?:must|please) (?:first )?(?:use|issue|enable) (?:\w+ )?(?:starttls|tls|ssl|encryption)/i,
  },
  {
    cause: 'loginMethod',
    words: /(?:mechanism|auth(?:entication)? type|auth(?:entication)? method)|unrecognized auth/i,
    at: LOGIN,
  },
  // Limits of what may be sent, before "quota exceeded" of a mailbox and "limit exceeded" of a size.
  {
    cause: 'quota',
    words:
      /(?:daily|hourly|per (?:day|hour|minute|second|24 ?h)|24[- ]hours?|send(?:ing)?|outgoing|outbound|submission|relay|rate|throttl\w*)\b.{0,60}\b(?:limits?|quota|rate|threshold|failure)\b.{0,20}(?:exceeded|reached|hit)|(?:exceed\w*|reached|over)\b.{0,50}\b(?:(?:daily|hourly|sending|message|mail|e-?mail|rate|relay|submission|outgoing|messages?|permitted) (?:\w+ )?(?:limits?|quota|allowance)|(?:e-?mails|messages|failures) per (?:day|hour|minute))|\byour? (?:account )?(?:have |has )?(?:exceeded|reached) (?:your|its) (?:\w+ ){0,2}quota|submission ?quota ?exceeded|verdict is refusequota|throttling failure|maximum credits|rate[- ]?limit(?:ed)?(?! exceeded for recipient)|too (?:many|much) (?:messages|mails?|e-?mails|recipients)|unusual rate of|mail(?:s|ing)? too (?:fast|quickly) from|send(?:ing)? (?:mail )?too (?:fast|quickly|many)/i,
    at: SUBMISSION.concat('rcpt'),
  },
  {
    cause: 'mailboxFull',
    words:
      /mail(?:box|folder|dir) (?:is |size )?(?:full|over|limit|exceed)|(?:over|exceed\w*) (?:\w+ ){0,3}quota|quota (?:exceeded|violation)|overquota|out of storage|exceeded storage allocation|maximum allowed storage/i,
    at: ['rcpt', 'data', 'message'],
  },
  {
    cause: 'tooLarge',
    words:
      /(?:message|mail|file|header)\b.{0,20}\bsize\b.{0,20}(?:exceed|limit)|exceed\w*.{0,40}\bsize\b|size limits?|(?:message|mail) (?:file |is )?too (?:big|large|long)|message length exceeds|line limit exceeded/i,
    at: ['mail', 'rcpt', 'data', 'message'],
  },
  // Accounts and senders.
  {
    cause: 'unverifiedSender',
    words:
      /(?:address|domain|sender|from|identity|identities)\b.{0,40}\b(?:is |are |were )?(?:not|un)[ -]?(?:been )?(?:verified|confirmed)|verified sender|sender signature|sandbox (?:sub)?domains?|failed the check in region|unregistered domains?|not allowed to send: (?!.*(?:disabled|suspended|terminated))/i,
    at: SUBMISSION.concat('rcpt'),
  },
  {
    cause: 'accountBlocked',
    words:
      /(?:account|user|domain|sending|smtp service|outgoing (?:e-?)?mail)\b.{0,60}\b(?:suspended|disabled|blocked|locked|deactivated|paused|terminated|frozen|restricted)|sender (?:address |is )blocked/i,
    at: SUBMISSION,
  },
  {
    cause: 'accountBlocked',
    words:
      /outgoing mail from .{0,80} suspended|bad outbound sender|tenant has exceeded|mail sending denied|unusual sending activity|outbound ?spam|originating from your (?:account|address)/i,
  },
  {
    cause: 'notOurSender',
    words:
      /send ?as ?denied|(?:not allowed|permissions?) to send as|cannot send as|(?:cannot|can't|may not) use this sender|not owned by|sender address is not allowed|unauthori[sz]ed sender|not one of your addresses|authori[sz]ed to (?:send|use)\b.{0,30}\b(?:from|address|header|sender)|relaying disallowed as|from address .{0,60} not authori[sz]ed|mail from (?:address )?must (?:be )?(?:equal|(?:the )?same)|differs? from (?:the )?(?:auth|login)|must match/i,
  },
  {
    cause: 'senderAuthentication',
    words:
      /\b(?:open)?spf\b|\b(?:dkim|dmarc)\b|sender policy framework|sender is unauthenticated|unauthenticated (?:e-?)?mail/i,
    at: ['mail', 'rcpt', 'data', 'message'],
  },
  // This machine.
  {
    cause: 'senderListed',
    words: /(?:dbl|uribl|surbl)\b|sender address.{0,60}blocked using/i,
    at: ['mail', 'rcpt'],
  },
  { cause: 'message', words: /\b(?:uribl|surbl|dbl)\b|(?:url|link)s?\b.{0,20}\bblack ?list/i, at: CONTENT },
  {
    cause: 'listed',
    words:
      /(?:block|black)(?:ed)? ?list(?!ed by recipient)|dnsbl|\brbl\b|blocked using|spamhaus|spamcop|barracuda(?:central|networks)|sorbs|cloudmark|listed (?:at|on|by) \S+\.|banned s?e?n?d?i?n?g? ?ip|bad reputation|(?:poor|low|bad)\b.{0,12}\breputation|proofpoint\.com|senderscore|due to ip reputation|user complaints/i,
  },
  {
    cause: 'reverseDns',
    words:
      /reverse ?(?:dns|lookup)|\bptr\b|\brdns\b|cannot find your (?:reverse )?hostname|unresolvable relay host|\bno reverse\b/i,
  },
  { cause: 'hello', words: /\b(?:helo|ehlo)(?:host)?\b/i },
  {
    cause: 'relay',
    words:
      /relay(?:ing)?(?: access)? (?:is )?(?:denied|not (?:permitted|allowed)|prohibited|disallowed)|(?:not|unable|configured)\b.{0,15} (?:to )?relay|no relaying|as a relay|credentials for relay|rcpthosts|open relay|not a gateway|specified domain is not allowed/i,
  },
  {
    cause: 'loginNeeded',
    words:
      /auth(?:entication|entification)? (?:is )?(?:required|needed|necessary|requise)|(?:must|please|should|need to) (?:\w+ )?(?:authenticate|log ?in)|not (?:been )?(?:authenticated|logged in)|log ?in (?:is )?required|requires? (?:smtp )?auth|smtp auth|auth(?:entication)?(?: command)? first|check for new mail before|unauthenticated senders/i,
  },
  { cause: 'notForThisLogin', words: /is not authorized to perform/i },
  {
    cause: 'client',
    words:
      /client host|(?:your|this|connecting|sending|sender) (?:ip|host|server|mta)\b.{0,60}(?:reject|denied|block|not (?:allowed|permitted|authori)|banned|refused)|not (?:allowed|permitted|authori[sz]ed) to connect|connection (?:refused|rejected|denied)|not accepting connections|access .{0,40}(?:rejected|denied by ip)|banned sender|error: access denied for|protocol error|not authorized to send (?:e-?)?mail directly/i,
  },
  // 5yz for temporary failures.
  {
    cause: 'moment',
    words:
      /service (?:currently |temporarily )?(?:unavailable|not available)|(?:try|retry|come back|again) (?:again )?(?:later|in \d|shortly)|server (?:is )?(?:too )?busy|overload|insufficient (?:system )?(?:storage|resources|disk)|temporary (?:lookup |local |system |server |authentication )?(?:failure|problem|error)|load (?:average )?(?:is )?too high|essayer plus tard/i,
  },
  {
    cause: 'sender',
    words:
      /sender (?:address |domain |verify |was |e-?mail address )*(?:rejected|refused|failed|denied|not allowed|unknown|invalid|blocked)|invalid sender|bad sender|(?:from|sender)(?: domain)? (?:must|does not) (?:exist|resolve)|domain of (?:the )?sender|envelope blocked|header from/i,
  },
  {
    cause: 'recipient',
    words:
      /recipient (?:address )?(?:rejected|unknown|refused|not found|does not exist|is not accepted)|(?:user|recipient|mailbox|address|account|person)s?\b.{0,40}(?:unknown|not found|does(?: not|n't) (?:exist|have)|unavailable|disabled|inactive|suspended|no longer)|no such (?:user|recipient|mailbox|address|person|account)|unknown (?:user|recipient|mailbox|alias|or illegal)|invalid (?:recipient|mailbox|user)|null ?mx|does not accept mail|(?:not a|no) valid (?:recipient|user|mailbox)|tried to reach/i,
    at: ['rcpt', 'data', 'message'],
  },
]

export function causeOfWords({ words: said }: Reply, step: Step): CauseName | 'moment' | null {
  return (
    rules.find(({ at, words }) => (at === undefined || at.includes(step)) && words.test(said))?.cause ?? null
  )
}

/**
 * Some servers use 4yz although waiting does not help: required encryption, denied relaying (Postfix, unless
 * configured otherwise), an account that must be verified first.
 */
export function isPermanentWhateverItsCode(cause: CauseName, words: string): boolean {
  if (cause === 'encryptionNeeded' || cause === 'relay' || cause === 'relayForLogin') return true
  return cause === 'unverifiedSender' && /not allowed to send/i.test(words)
}

/** Exchange Online could not accept a mail from the account: the mailbox that it mentions is the account's own. */
export function isSubmission(words: string): boolean {
  return /storedrv\.submission/i.test(words)
}

/** About a mailbox, not about a limit for submissions. */
export function isOverQuota(words: string): boolean {
  return /(?<!submission)quotaexceeded/i.test(words)
}

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const LONGEST_PAUSE_MS = 60 * MINUTE_MS

/** How long until a limit of this kind allows mail again. Undefined if the words name no period. */
export function quotaPauseMs(words: string): number | undefined {
  const asked = askedToWaitMs(words)
  if (asked !== undefined) return asked
  if (/daily|day|24 ?h|24[- ]hour/i.test(words)) return LONGEST_PAUSE_MS
  if (/hour/i.test(words)) return 15 * MINUTE_MS
  if (/minute/i.test(words)) return MINUTE_MS
  return /per second|sending rate|throttl|too (?:fast|quickly)/i.test(words) ? 5 * SECOND_MS : undefined
}

const UNITS_MS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: 60 * MINUTE_MS }

const SPAN = /\b(?:in|after|for) (\d{1,5}) ?(s|m|h)(?:ecs?|econds?|ins?|inutes?|rs?|ours?)?\b/i

/** "Greylisted, come back in 5 minutes", "in 00:04:59", "retry in 300 seconds": at most an hour. */
export function askedToWaitMs(words: string): number | undefined {
  const clock = /\bin (\d{1,2}):(\d\d):(\d\d)\b/i.exec(words)
  if (clock !== null) {
    const [hours = 0, minutes = 0, seconds = 0] = clock.slice(1).map(Number)
    return Math.min(((hours * 60 + minutes) * 60 + seconds) * SECOND_MS, LONGEST_PAUSE_MS)
  }
  const span = SPAN.exec(words)
  const unit = UNITS_MS[span?.[2]?.toLowerCase() ?? '']
  return span === null || unit === undefined ? undefined : Math.min(Number(span[1]) * unit, LONGEST_PAUSE_MS)
}
