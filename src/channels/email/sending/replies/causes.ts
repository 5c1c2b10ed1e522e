/** The causes of a mail server's refusals, as shown to the operator, with what to do about them. */

import type { Explanation } from '../../oauth/problem.ts'

/** Which part of sending a refusal concerns: who has to act, and whether waiting helps, follow from it. */
export type Concern =
  /** The login, or the account behind it. */
  | 'account'
  /** This machine: its address, its name, its connection. */
  | 'client'
  /** `from`. */
  | 'sender'
  | 'recipient'
  /** This mail: its size, or what it says. */
  | 'message'
  /** How many mails the account may send. */
  | 'quota'
  /** How many connections there may be at once. */
  | 'connections'
  /** The server, now. */
  | 'moment'

export interface Cause extends Explanation {
  readonly concern: Concern
}

const MAIL_PAGE = 'docs/mail.md'
const SMTP = 'channels.email.smtp'

export const causes = {
  login: {
    concern: 'account',
    code: 'smtp_login_refused',
    summary: 'the mail server does not accept the login',
    hint: `correct user and password in ${SMTP}; many providers want an app password or SMTP credentials there, not the password of the account (${MAIL_PAGE})`,
  },
  appPassword: {
    concern: 'account',
    code: 'smtp_app_password_needed',
    summary: 'the mail server requires an app password for this account',
    hint: `make one in the settings of the account and put it into ${SMTP}, or set up channels.email.oauth2 (${MAIL_PAGE})`,
  },
  passwordsOff: {
    concern: 'account',
    code: 'smtp_passwords_off',
    summary: 'the mail server does not accept passwords: basic authentication is off',
    hint: `set up channels.email.oauth2 (${MAIL_PAGE})`,
  },
  smtpOff: {
    concern: 'account',
    code: 'smtp_auth_off',
    summary: 'SMTP logins are switched off for this mailbox, or for the whole tenant',
    hint: `an administrator switches "Authenticated SMTP" on for the mailbox (${MAIL_PAGE})`,
  },
  signInBlocked: {
    concern: 'account',
    code: 'smtp_sign_in_blocked',
    summary: 'the mail provider blocks this sign-in',
    hint: `sign in to the account in a browser and look for a warning, or ask its administrator which policy blocks it (${MAIL_PAGE})`,
  },
  loginMethod: {
    concern: 'account',
    code: 'smtp_login_method',
    summary: 'the mail server does not accept this kind of login on this connection',
    hint: `let the connection encrypt (channels.email.tls: required); where the provider wants OAuth2, set up channels.email.oauth2 (${MAIL_PAGE})`,
  },
  loginNeeded: {
    concern: 'account',
    code: 'smtp_login_needed',
    summary: 'the mail server requires a login',
    hint: `put user and password into ${SMTP}, or set up channels.email.oauth2 (${MAIL_PAGE})`,
  },
  notForThisLogin: {
    concern: 'account',
    code: 'smtp_login_not_enough',
    summary: 'the mail server accepted the login, but does not let the account send',
    hint: `allow the account to send there, or use the server's submission port in ${SMTP} (usually 587 or 465)`,
  },
  accountBlocked: {
    concern: 'account',
    code: 'smtp_account_blocked',
    summary: 'the mail provider has blocked the account, or its domain, or has not activated it yet',
    hint: 'sign in to the account in a browser and look for a warning, or ask the provider why',
  },
  ownMailboxFull: {
    concern: 'account',
    code: 'smtp_own_mailbox_full',
    summary: "the account's own mailbox is full: the mail server keeps there what it sends",
    hint: 'empty its Sent Items, and set a retention policy for that folder',
  },
  encryptionNeeded: {
    concern: 'client',
    code: 'smtp_encryption_needed',
    summary: 'the mail server accepts mail only over encrypted connections',
    hint: 'set channels.email.tls to required',
  },
  noStarttls: {
    concern: 'client',
    code: 'smtp_no_starttls',
    summary: 'the mail server does not encrypt on this port (STARTTLS)',
    hint: `write smtps:// in ${SMTP} if the server encrypts on port 465; in a network that you trust, set channels.email.tls to opportunistic`,
  },
  tlsExpected: {
    concern: 'client',
    code: 'smtp_wrong_scheme',
    summary: 'the mail server expects TLS from the start on this port',
    hint: `write smtps:// instead of smtp:// in ${SMTP}`,
  },
  tlsUnexpected: {
    concern: 'client',
    code: 'smtp_wrong_scheme',
    summary: 'the mail server does not use TLS from the start on this port',
    hint: `write smtp:// instead of smtps:// in ${SMTP}: it encrypts with STARTTLS, usual on ports 587 and 25`,
  },
  tls: {
    concern: 'client',
    code: 'smtp_tls',
    summary: 'no encrypted connection to the mail server',
    hint: 'ask its administrator to offer TLS 1.2 or 1.3, the versions that are supported here',
  },
  hello: {
    concern: 'client',
    code: 'smtp_hello_refused',
    summary: 'the mail server refuses the name that this machine gives (EHLO)',
    hint: "set channels.email.ehlo to this machine's fully qualified domain name",
  },
  listed: {
    concern: 'client',
    code: 'smtp_address_listed',
    summary: 'this machine has a bad reputation there, or is on a block list',
    hint: 'send through the mail server of your provider, or have the address removed from the list',
  },
  reverseDns: {
    concern: 'client',
    code: 'smtp_no_reverse_dns',
    summary: "the mail server requires a DNS name for this machine's address (reverse DNS)",
    hint: 'send through the mail server of your provider, or get a PTR record for the address whose name resolves back to it',
  },
  client: {
    concern: 'client',
    code: 'smtp_client_refused',
    summary: 'the mail server refuses mail from this machine',
    hint: `check host and port in ${SMTP}, put user and password there if it wants a login, or have the address of this machine allowed`,
  },
  relay: {
    concern: 'client',
    code: 'smtp_relay_denied',
    summary: 'the mail server does not accept mail for this address from this machine',
    hint: `put user and password into ${SMTP}, or have the address of this machine allowed to relay there`,
  },
  relayForLogin: {
    concern: 'account',
    code: 'smtp_relay_denied',
    summary: 'the mail server does not accept mail for this address from this account',
    hint: 'allow the account to send to other domains, and check that channels.email.from is one of its addresses',
  },
  sender: {
    concern: 'sender',
    code: 'smtp_sender_refused',
    summary: 'the mail server refuses the sender',
    hint: 'correct channels.email.from, or have it allowed on the mail server',
  },
  senderListed: {
    concern: 'sender',
    code: 'smtp_sender_listed',
    summary: 'the domain of channels.email.from is on a block list',
    hint: 'have the domain removed from the list that the server names, or send from another',
  },
  notOurSender: {
    concern: 'sender',
    code: 'smtp_sender_not_allowed',
    summary: 'the account may not send as channels.email.from',
    hint: 'set it to an address of the account, or allow the account to send as it',
  },
  unverifiedSender: {
    concern: 'sender',
    code: 'smtp_sender_not_verified',
    summary: 'the mail service sends only for verified addresses, and this one is not',
    hint: 'verify the address that the service names, or its domain: channels.email.from, and also the recipient while the account is in a sandbox',
  },
  senderAuthentication: {
    concern: 'sender',
    code: 'smtp_sender_not_authenticated',
    summary: "mail from channels.email.from fails its domain's SPF, DKIM or DMARC",
    hint: "name this mail server in the domain's SPF record and let it sign with DKIM, or send through the server that the domain names",
  },
  internationalSender: {
    concern: 'sender',
    code: 'smtp_no_smtputf8',
    summary:
      'the mail server does not support non-ASCII letters before the @ (SMTPUTF8), which channels.email.from has',
    hint: 'use another address as channels.email.from',
  },
  recipient: {
    concern: 'recipient',
    code: 'smtp_recipient_refused',
    summary: 'the mail server refuses the recipient',
    hint: 'correct the address in the receiver, or ask its owner',
  },
  internationalRecipient: {
    concern: 'recipient',
    code: 'smtp_no_smtputf8',
    summary:
      'the mail server takes no letters beyond ASCII before the @ (it has no SMTPUTF8), as this recipient has',
    hint: 'use another address of the recipient, or a mail server with SMTPUTF8',
  },
  mailboxFull: {
    concern: 'recipient',
    code: 'smtp_mailbox_full',
    summary: "the recipient's mailbox is full",
    hint: 'ask its owner to make room',
  },
  tooLarge: {
    concern: 'message',
    code: 'smtp_too_large',
    summary: 'the mail is larger than the mail server takes',
    hint: 'shorten its template, or have the limit raised there',
  },
  message: {
    concern: 'message',
    code: 'smtp_message_refused',
    summary: 'the mail server refuses this mail for what it contains',
    hint: 'change its template or links, or have it allowed there',
  },
  quota: {
    concern: 'quota',
    code: 'smtp_quota_reached',
    summary: 'the account may not send more now',
    hint: 'it is tried again by itself; set channels.email.rate to the limit, or have that raised',
  },
  connections: {
    concern: 'connections',
    code: 'smtp_too_many_connections',
    summary: 'the mail server takes no more connections at once',
    hint: `mail goes out over fewer meanwhile; if other programs use it too, set channels.email.connections to what they leave (${MAIL_PAGE})`,
  },
} as const satisfies Readonly<Record<string, Cause>>

export type CauseName = keyof typeof causes
