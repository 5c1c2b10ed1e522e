import t from 'tap'
import { withPaths } from '../../../src/config/checks/paths.ts'

t.test('the store is where the file says, wherever the program is started', async (t) => {
  const cases: readonly [string, string][] = [
    ['hookbridge.db', 'sqlite:/etc/hookbridge/hookbridge.db'],
    ['sqlite:/var/hookbridge.db', 'sqlite:/var/hookbridge.db'],
    [
      'postgres://app:p%40ss@db/events?sslrootcert=company-ca.crt&sslcert=tls/my%20own+one.crt&sslkey=/run/key',
      'postgres://app:p%40ss@db/events?sslrootcert=/etc/hookbridge/company-ca.crt&sslcert=/etc/hookbridge/tls/my%20own%20one.crt&sslkey=/run/key',
    ],
    ['postgres://db/events?sslrootcert=system', 'postgres://db/events?sslrootcert=system'],
    ['postgres://db/events?host=/run/pg', 'postgres://db/events?host=/run/pg'],
    ['postgres://db/events?sslcert=a&unknown=b', 'postgres://db/events?sslcert=a&unknown=b'],
  ]
  for (const [url, expected] of cases)
    t.equal(withPaths('/etc/hookbridge/config.yaml', { store: { url } }, {}).store.url, expected)
})
