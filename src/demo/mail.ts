/** A mail server for the demo: it accepts every mail and keeps it in memory. */
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface DemoMailServer {
  readonly url: string
  readonly mails: readonly DemoMail[]
  /** Called with each mail as it arrives. */
  onMail: (mail: DemoMail) => void
  close(): Promise<void>
}

export interface DemoMail {
  readonly to: readonly string[]
  /** The message as it came over the wire. */
  readonly raw: Buffer
}

/** Listens on a free port of 127.0.0.1. */
export async function startMailServer(): Promise<DemoMailServer> {
  const mails: DemoMail[] = []
  const smtp = new SMTPServer({
    disableReverseLookup: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, { envelope }, answer) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const mail = { to: envelope.rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks) }
        mails.push(mail)
        server.onMail(mail)
        answer()
      })
    },
  })
  await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
  const { port } = smtp.server.address() as AddressInfo
  const server: DemoMailServer = {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    onMail: () => {},
    close: () => new Promise((resolve) => smtp.close(resolve)),
  }
  return server
}
