/** A mail server on the loopback interface that knows logins with access tokens, as Google, Microsoft and Dovecot word them. */
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { listen } from './token-server.ts'

export interface OAuthMailServerOptions {
  /** What it offers after EHLO. */
  readonly mechanisms?: readonly string[]
  /** How it refuses a token. */
  readonly refuses?: 'google' | 'microsoft' | 'dovecot'
  /** Whether a token is good for a user; refused otherwise. A text is the whole reply, instead of the usual. */
  readonly accepts: (token: string, user: string) => boolean | string
  readonly port?: number
}

export interface OAuthLogin {
  readonly mechanism: string
  readonly user: string
  readonly token: string
}

export interface OAuthMailServer {
  readonly url: string
  readonly port: number
  /** All that were tried. */
  readonly logins: OAuthLogin[]
  readonly messages: string[]
  /** Every line that clients sent outside of messages. */
  readonly lines: string[]
  readonly connections: { readonly total: number }
  close(): Promise<void>
}

const XOAUTH2 = /^user=([^\x01]+)\x01auth=Bearer ([\x21-\x7e]+)\x01\x01$/
const OAUTHBEARER =
  /^n,a=([^,\x01]+),\x01(?:host=[^\x01]+\x01)?(?:port=\d+\x01)?auth=Bearer ([\x21-\x7e]+)\x01\x01$/

const refusals = {
  google: {
    explanation: '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}',
    reply: [
      '535-5.7.8 Username and Password not accepted. For more information, go to',
      '535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1-20020a5d.42 - gsmtp',
    ],
  },
  microsoft: {
    explanation: null,
    reply: ['535 5.7.3 Authentication unsuccessful [FR3P281CA0094.DEUP281.PROD.OUTLOOK.COM]'],
  },
  dovecot: {
    explanation: '{"status":"invalid_token"}',
    reply: ['535 5.7.8 Authentication failed.'],
  },
} as const

export async function startOAuthMailServer(options: OAuthMailServerOptions): Promise<OAuthMailServer> {
  const { mechanisms = ['XOAUTH2'], refuses = 'dovecot', accepts } = options
  const logins: OAuthLogin[] = []
  const messages: string[] = []
  const lines: string[] = []
  let total = 0

  async function serve(socket: Socket): Promise<void> {
    const say = (...replies: readonly string[]) =>
      socket.write(replies.map((reply) => `${reply}\r\n`).join(''))
    const input = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })[
      Symbol.asyncIterator
    ]()
    const next = async () => (await input.next()).value ?? ''
    let isLoggedIn = false

    async function login(mechanism: string, response: string): Promise<void> {
      const text = Buffer.from(response, 'base64').toString()
      const [, name = '', token = ''] = (mechanism === 'XOAUTH2' ? XOAUTH2 : OAUTHBEARER).exec(text) ?? []
      if (token === '') return void say('501 5.5.4 Invalid argument')
      const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
      logins.push({ mechanism, user, token })
      const accepted = accepts(token, user)
      if (typeof accepted === 'string') return void say(...accepted.split('\n'))
      isLoggedIn = accepted
      if (accepted) return void say('235 2.7.0 Authentication successful')
      const { explanation, reply } = refusals[refuses]
      if (explanation !== null) {
        say(`334 ${Buffer.from(explanation).toString('base64')}`)
        const wanted = mechanism === 'XOAUTH2' ? '' : Buffer.from('\x01').toString('base64')
        if ((await next()) !== wanted) return void say('501 5.5.2 Cannot decode response')
      }
      say(...reply)
    }

    say('220 mail.localhost ESMTP')
    for await (const line of { [Symbol.asyncIterator]: () => input }) {
      lines.push(line)
      const [verb = '', first = '', second = ''] = line.split(' ')
      if (verb === 'EHLO') {
        const auth = mechanisms.length === 0 ? [] : [`250-AUTH ${mechanisms.join(' ')}`]
        say('250-mail.localhost', '250-SIZE 36700160', ...auth, '250 8BITMIME')
      } else if (verb === 'AUTH') {
        if (mechanisms.includes(first)) await login(first, second)
        else say('504 5.7.4 Unrecognized authentication type')
      } else if (verb === 'MAIL') {
        say(isLoggedIn ? '250 2.1.0 Sender OK' : '530 5.7.57 Client not authenticated to send mail')
      } else if (verb === 'DATA') {
        say('354 Start mail input')
        const message: string[] = []
        for (let part = await next(); part !== '.'; part = await next()) message.push(part)
        messages.push(message.join('\n'))
        say('250 2.0.0 OK')
      } else if (verb === 'QUIT') {
        say('221 2.0.0 Bye')
        socket.end()
      } else {
        say('250 2.0.0 OK')
      }
    }
  }

  const server = createServer((socket) => {
    total++
    // A client may go at any time.
    socket.on('error', () => {})
    serve(socket).catch(() => socket.destroy())
  })
  const { port, close } = await listen(server, options.port)
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    logins,
    messages,
    lines,
    connections: {
      get total() {
        return total
      },
    },
    close,
  }
}
