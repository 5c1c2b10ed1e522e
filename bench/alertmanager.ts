/** The baseline for bursts: Prometheus' Alertmanager, with the same sinks, one notification for each alert. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../test/support/ports.ts'
import type { Shot } from './load.ts'
import { type Running, startServer } from './process.ts'

const names = ['alertmanager', 'prometheus-alertmanager']

/** Its program's name; undefined where it is not installed (Debian: prometheus-alertmanager). */
export function findAlertmanager(): string | undefined {
  return names.find((name) => spawnSync(name, ['--version']).status === 0)
}

export async function startAlertmanager(
  program: string,
  folder: string,
  webhookUrl: string,
  smtpUrl: string,
): Promise<Running> {
  const file = join(folder, 'alertmanager.yml')
  writeFileSync(
    file,
    `
global: { smtp_require_tls: false, smtp_from: alerts@example.com, smtp_smarthost: "${new URL(smtpUrl).host}" }
route: { receiver: all, group_by: ["..."], group_wait: 0s, group_interval: 1h, repeat_interval: 4h }
receivers:
  - name: all
    slack_configs:
      - { api_url: "${webhookUrl}", channel: "#deal-flow", title: analysis.completed, text: "{{ .CommonLabels.id }}" }
    email_configs:
      - { to: partners@example.com, headers: { subject: "Analysis completed: {{ .CommonLabels.id }}" } }
`,
  )
  const port = freePort()
  const listen = `127.0.0.1:${port}`
  return startServer(
    program,
    [
      `--config.file=${file}`,
      `--storage.path=${join(folder, 'alertmanager')}`,
      `--web.listen-address=${listen}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    port,
    '/-/ready',
  )
}

/** One alert each, as the bytes of an HTTP request. */
export function alertShots(count: number): Shot[] {
  return Array.from({ length: count }, () => {
    const objectId = randomUUID()
    const labels = { alertname: 'analysis.completed', id: objectId }
    const body = JSON.stringify([{ labels, annotations: { summary: 'The analysis is complete' } }])
    const head = [
      'POST /api/v2/alerts HTTP/1.1',
      'host: 127.0.0.1',
      'content-type: application/json',
      `content-length: ${body.length}`,
    ]
    return { objectId, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) }
  })
}
