/**
 * A mail as the bytes that go over the wire. Nodemailer's own composer reads every message through a chain of
 * streams, which costs as much as sending it. Our mails all have the same structure and are in memory, so they are put
 * together here, with nodemailer's functions for everything that needs encoding.
 */
import { hash } from 'node:crypto'
import { encodeWord, encodeWords, foldLines } from 'nodemailer/lib/mime-funcs'
import MimeNode from 'nodemailer/lib/mime-node'
import { asciiDomainOf, type Mailbox, wireAddress } from '../../address.ts'

/** The headers that every mail from one receiver to one recipient shares, encoded. */
export type FixedHeaders = string

export interface MailParts {
  readonly fixed: FixedHeaders
  readonly subject: string
  readonly messageId: string
  readonly deliveryId: string
  readonly thread: ThreadHeaders | null
  readonly date: Date
  readonly text: string
  readonly html: string
}

export interface ThreadHeaders {
  readonly inReplyTo: string
  readonly references: readonly string[]
}

export interface HeaderSettings {
  readonly from: Mailbox
  readonly reply_to?: Mailbox | undefined
  readonly unsubscribe?: string | undefined
}

const LINE = 76
const LONGEST_PLAIN_LINE = 900

export function fixedHeaders(settings: HeaderSettings, to: Mailbox, receiver: string): FixedHeaders {
  const headers = [addressHeader('From', settings.from), addressHeader('To', to)]
  if (settings.reply_to) headers.push(addressHeader('Reply-To', settings.reply_to))
  headers.push(
    'Auto-Submitted: auto-generated',
    'X-Auto-Response-Suppress: All',
    header('List-Id', listId(receiver, settings.from.address)),
  )
  if (settings.unsubscribe !== undefined) {
    const target = settings.unsubscribe.startsWith('https:')
      ? settings.unsubscribe
      : `mailto:${encodeURI(wireAddress(settings.unsubscribe))}`
    headers.push(header('List-Unsubscribe', `<${target}>`))
  }
  return headers.join('\r\n')
}

/** The same for every attempt, so that a mail system that has seen it can drop the duplicate. */
export function messageId(deliveryId: string, from: Mailbox): string {
  return `<${hash('sha256', deliveryId, 'hex').slice(0, 40)}@${asciiDomainOf(from.address)}>`
}

/** The whole message; its lines end in CR LF, which nodemailer's connection then need not convert. */
export function compose(mail: MailParts): Buffer {
  // The sender of an event cannot predict its id, so no text can contain this line.
  const boundary = `=_${hash('sha256', `boundary ${mail.deliveryId}`, 'hex').slice(0, 40)}`
  const message = [
    mail.fixed,
    header('Subject', encodeText(mail.subject)),
    header('Message-ID', mail.messageId),
    ...threadHeaders(mail.thread),
    `Date: ${mail.date.toUTCString().replace('GMT', '+0000')}`,
    header('X-Hookbridge-Delivery', encodeText(mail.deliveryId)),
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    part('text/plain', mail.text),
    `--${boundary}`,
    part('text/html', mail.html),
    `--${boundary}--`,
    '',
  ]
  // ASCII, unless an address needs SMTPUTF8: headers are then UTF-8 (RFC 6532).
  return Buffer.from(message.join('\r\n'))
}

function threadHeaders(thread: ThreadHeaders | null): string[] {
  if (thread === null) return []
  return [header('In-Reply-To', thread.inReplyTo), header('References', thread.references.join(' '))]
}

function addressHeader(name: string, { name: words, address }: Mailbox): string {
  return header(name, MimeNode.encodeHeaderValue(name, { name: words, address: wireAddress(address) }))
}

function header(name: string, value: string): string {
  return foldLines(`${name}: ${value}`, LINE)
}

function encodeText(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ')
  // A mail program would decode what looks like an encoded word.
  return line.includes('=?') ? encodeWord(line, 'B', 52) : encodeWords(line, 'Q', 52, true)
}

/** RFC 2919: a name for people, and an identifier made of dots and letters within a domain of the sender. */
function listId(receiver: string, from: string): string {
  const label =
    receiver
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, '') || 'receiver'
  return `<${label}.hookbridge.${asciiDomainOf(from)}>`
}

function part(type: string, content: string): string {
  const lines = content.replaceAll(/\r\n|\r|\n/g, '\r\n')
  const plain = isPlain(lines)
  const body = plain ? lines : wrap(Buffer.from(lines).toString('base64'))
  return (
    `Content-Type: ${type}; charset=utf-8\r\n` +
    `Content-Transfer-Encoding: ${plain ? '7bit' : 'base64'}\r\n\r\n${body}`
  )
}

/** Whether it may be sent unencoded: ASCII without control characters, in lines that no server breaks. */
function isPlain(lines: string): boolean {
  if (/[^\t\r\n\x20-\x7e]/.test(lines)) return false
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\n', start)
    if ((end === -1 ? lines.length : end) - start > LONGEST_PLAIN_LINE) return false
    if (end === -1) return true
    start = end + 1
  }
  return true
}

function wrap(base64: string): string {
  const lines: string[] = []
  for (let start = 0; start < base64.length; start += LINE) lines.push(base64.slice(start, start + LINE))
  return lines.join('\r\n')
}
