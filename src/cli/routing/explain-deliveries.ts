import type { Simulation } from '../../config/checks/tests/simulate.ts'
import type { CompiledConfig } from '../../config/compiled.ts'
import { type PlannedDelivery, skippedBecause } from '../../core/routing/plan.ts'
import { type Conversations, inWords } from '../conversations.ts'
import { hanging } from '../history/describe.ts'
import { when } from '../history/words.ts'
import { printTable } from '../terminal/table.ts'
import { colour, print, printable, type Terminal } from '../terminal/terminal.ts'

/** What is planned and what it becomes: the last part of what `explain` prints. */
export function showDeliveries(
  terminal: Terminal,
  { messages, skipped }: Simulation,
  { decisionOf, remark }: Conversations,
  { fallbacks }: Pick<CompiledConfig, 'fallbacks'>,
): void {
  if (messages.length + skipped.length === 0) {
    print(terminal, '\nNothing is delivered.')
    return
  }
  print(terminal, '')
  const rows = [
    ...messages.map(({ delivery, rendered }) => ({
      ...delivery,
      how: howOf(delivery, rendered.ok ? `template ${rendered.template}` : rendered.reason),
    })),
    ...skipped.map((delivery) => ({ ...delivery, how: `skipped: ${skippedBecause(delivery)}` })),
  ]
  printTable(terminal, rows, [
    { title: 'CHANNEL', value: ({ destination }) => destination.channel },
    { title: 'TARGET', value: ({ destination }) => destination.target, shrinks: 'end' },
    { title: 'RECEIVER', value: ({ receiver }) => receiver },
    { title: 'HOW', value: ({ how }) => printable(how), shrinks: 'end' },
  ])
  for (const { delivery } of messages) {
    const words = inWords(decisionOf(delivery))
    if (words === '') continue
    const { channel, target } = delivery.destination
    for (const line of hanging(terminal, '', printable(`${channel} ${target}: ${words}`), '  '))
      print(terminal, line)
  }
  if (remark !== '') for (const line of hanging(terminal, '', printable(remark), '  ')) print(terminal, line)
  for (const receiver of new Set(messages.map(({ delivery }) => delivery.receiver))) {
    const fallback = fallbacks.get(receiver)?.receiver
    if (fallback !== undefined)
      print(terminal, `if it cannot be delivered to ${receiver}, ${fallback} gets it`)
  }
  const notes = new Set(messages.flatMap(({ rendered }) => rendered.notes))
  for (const note of notes) print(terminal, colour(terminal, 'yellow', `note: ${printable(note)}`))
}

function howOf({ start }: PlannedDelivery, rendered: string): string {
  return start.kind === 'held' ? `held until ${when(start.until)}: ${start.reason}` : rendered
}
