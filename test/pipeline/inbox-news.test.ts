import t from 'tap'
import type { Notice } from '../../src/core/notice/notice.ts'
import { createInboxNews } from '../../src/pipeline/notices/inbox-news.ts'

t.test(
  'a notice about requests in quarantine has each of their problems, the latest of each kind',
  async (t) => {
    const notices: Notice[] = []
    const store = {
      events: async () => ({ items: [], next: null }),
      event: async () => null,
      types: async () => [],
    }
    const news = createInboxNews({ store, now: () => 0, takesUnrouted: () => false }, async (notice) => {
      notices.push(notice)
      return { eventId: 'evt_1', type: notice.type, at: 0, data: notice.data }
    })
    await news.pass()
    const handling = {
      began: 0,
      verifying: 0,
      verified: 0,
      routed: 0,
      stored: 0,
      routes: [],
      bytes: 0,
      traceparent: undefined,
    }
    for (const problem of [
      'no_event_type: none at /type',
      'invalid_json: not JSON',
      'no_event_type: none at /event',
    ]) {
      news.observe({
        kind: 'received',
        source: 'cuuro',
        type: null,
        subject: null,
        result: 'quarantined',
        unrouted: false,
        id: 'evt_1',
        messageId: 'msg_1',
        secretIndex: 0,
        deliveries: 0,
        enriching: false,
        problem,
        handling,
      })
    }
    await news.pass()
    t.match(notices, [
      {
        type: 'event.quarantined',
        data: {
          title: '3 requests of cuuro could not be read as events',
          reason: 'none at /event; not JSON',
        },
      },
    ])
    t.equal(notices.length, 1)
  },
)
