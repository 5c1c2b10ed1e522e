/** docs/follow-an-event.md names functions where they are. */
import t from 'tap'
import { readPage, section } from './pages.ts'

t.test('each step starts where the page says', async (t) => {
  const stops = [
    ...section(readPage('docs/follow-an-event.md'), 'stops').matchAll(/^\| .+ \| `(.+)` \| `(\w+)` \|$/gm),
  ]
  t.ok(stops.length > 15)
  for (const [, file = '', name = ''] of stops)
    t.match(
      readPage(file),
      new RegExp(`^export (?:async )?(?:function|class|const) ${name}\\b`, 'm'),
      `${file}: ${name}`,
    )
})
