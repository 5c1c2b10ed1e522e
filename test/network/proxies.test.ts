import t from 'tap'
import { isLoopback } from '../../src/network/loopback.ts'
import { noProxies, readProxies } from '../../src/network/proxies.ts'

const HTTPS = 'http://proxy.example:3128'

t.test('which requests go through which proxy', async (t) => {
  const both = { HTTPS_PROXY: HTTPS, HTTP_PROXY: 'http://other.example:8080' }
  const cases: readonly (readonly [env: Record<string, string>, url: string, proxy: string | null])[] = [
    [{}, 'https://slack.com/', null],
    [both, 'https://slack.com/api/', 'proxy.example:3128'],
    [both, 'http://collector.example:4318/', 'other.example:8080'],
    [{ https_proxy: HTTPS }, 'https://slack.com/', 'proxy.example:3128'],
    [
      { https_proxy: HTTPS, HTTPS_PROXY: 'http://upper.example:1' },
      'https://slack.com/',
      'proxy.example:3128',
    ],
    [{ https_proxy: '', HTTPS_PROXY: HTTPS }, 'https://slack.com/', 'proxy.example:3128'],
    [{ HTTPS_PROXY: '' }, 'https://slack.com/', null],
    [{ HTTPS_PROXY: `  ${HTTPS}\n` }, 'https://slack.com/', 'proxy.example:3128'],
    // As with curl, and Go: each variable is for its scheme, and ALL_PROXY is not read.
    [{ HTTP_PROXY: HTTPS }, 'https://slack.com/', null],
    [{ HTTPS_PROXY: HTTPS }, 'http://collector.example/', null],
    [{ ALL_PROXY: HTTPS, all_proxy: HTTPS }, 'https://slack.com/', null],
    // Forms of the URL.
    [{ HTTPS_PROXY: 'proxy.example:3128' }, 'https://slack.com/', 'proxy.example:3128'],
    [{ HTTPS_PROXY: 'http://proxy.example' }, 'https://slack.com/', 'proxy.example:80'],
    [{ HTTPS_PROXY: 'https://proxy.example' }, 'https://slack.com/', 'proxy.example:443'],
    [{ HTTPS_PROXY: 'HTTP://Proxy.Example:3128/' }, 'https://slack.com/', 'proxy.example:3128'],
    [{ HTTPS_PROXY: 'http://[2001:db8::1]:3128' }, 'https://slack.com/', '[2001:db8::1]:3128'],
    [{ HTTPS_PROXY: 'http://u:p@proxy.example:3128' }, 'https://slack.com/', 'proxy.example:3128'],
    // This machine is never reached through a proxy.
    [both, 'http://127.0.0.1:8080/readyz', null],
    [both, 'http://127.9.9.9/', null],
    [both, 'http://localhost:8080/', null],
    [both, 'https://localhost./', null],
    [both, 'https://hooks.localhost/', 'proxy.example:3128'],
    [both, 'http://[::1]:8080/', null],
    [both, 'https://127.0.0.1.example/', 'proxy.example:3128'],
  ]
  for (const [env, url, proxy] of cases) {
    t.equal(
      readProxies(env).proxies.for(new URL(url))?.name ?? null,
      proxy,
      `${url} with ${JSON.stringify(env)}`,
    )
  }
  t.equal(noProxies.for(new URL('https://slack.com/')), null)
})

t.test('NO_PROXY', async (t) => {
  const cases: readonly (readonly [noProxy: string, url: string, isDirect: boolean])[] = [
    ['slack.com', 'https://slack.com/', true],
    ['slack.com', 'https://hooks.slack.com/', true],
    ['.slack.com', 'https://hooks.slack.com/', true],
    ['.slack.com', 'https://slack.com/', true],
    ['*.slack.com', 'https://hooks.slack.com/', true],
    ['*.slack.com', 'https://slack.com/', false],
    ['slack.com', 'https://notslack.com/', false],
    ['slack.com', 'https://slack.com.example/', false],
    ['SLACK.com', 'https://Slack.COM/', true],
    ['slack.com.', 'https://slack.com/', true],
    ['slack.com', 'https://slack.com./', true],
    ['a.example, slack.com ,b.example', 'https://slack.com/', true],
    ['a.example slack.com', 'https://slack.com/', true],
    ['*', 'https://slack.com/', true],
    ['', 'https://slack.com/', false],
    [',, ,', 'https://slack.com/', false],
    ['slack.com:443', 'https://slack.com/', true],
    ['slack.com:8443', 'https://slack.com/', false],
    ['slack.com:8443', 'https://slack.com:8443/', true],
    ['10.1.2.3', 'https://10.1.2.3/', true],
    ['10.1.2.3:443', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://10.200.0.1/', true],
    ['10.0.0.0/8', 'https://11.0.0.1/', false],
    ['10.0.0.0/8', 'https://10.example/', false],
    ['2001:db8::/32', 'https://[2001:db8::7]/', true],
    ['2001:db8::7', 'https://[2001:db8::7]/', true],
    ['[2001:db8::7]:443', 'https://[2001:db8::7]/', true],
    ['[2001:db8::7]:444', 'https://[2001:db8::7]/', false],
  ]
  for (const [noProxy, url, isDirect] of cases) {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const { proxies, problems } = readProxies({ HTTPS_PROXY: HTTPS, [name]: noProxy })
      t.equal(proxies.for(new URL(url)) === null, isDirect, `${url} with ${name}=${noProxy}`)
      t.strictSame(problems, [], noProxy)
    }
  }
})

t.test('a login is decoded, and stays secret', async (t) => {
  const token = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  for (const [login, expected] of [
    ['jane:geheim', 'jane:geheim'],
    ['jane:p%40ss%3Aword%2F', 'jane:p@ss:word/'],
    ['FIRM%5Cjane:x', 'FIRM\\jane:x'],
    ['jane', 'jane:'],
    // No percent-encoding: taken as it is.
    ['jane:100%', 'jane:100%'],
    ['jane:p@ss', 'jane:p@ss'],
  ] as const) {
    const url = `http://${login}@proxy.example:3128`
    const { proxies } = readProxies({ HTTPS_PROXY: url })
    t.equal(proxies.https?.authorization?.reveal(), token(expected).replace('%40', '@'), login)
    t.notMatch(JSON.stringify(proxies), /geheim|jane|p@ss|p%40ss/, 'it does not print')
    const secrets = proxies.secrets.map((secret) => secret.reveal())
    t.ok(secrets.includes(url) && secrets.includes(token(expected).slice('Basic '.length)), 'and is redacted')
  }
  t.strictSame(readProxies({ HTTPS_PROXY: HTTPS }).proxies.secrets, [], 'nothing is secret without a login')
})

t.test('mistakes are reported with what to do, and without the value', async (t) => {
  for (const [env, level, message, hint] of [
    [
      { HTTPS_PROXY: 'http://jane:geheim@' },
      'wrong',
      /^HTTPS_PROXY is not the URL of a proxy$/,
      /USER:PASSWORD@/,
    ],
    [{ https_proxy: 'http://jane:ge#heim@proxy:1' }, 'wrong', /^https_proxy is not/, /%23/],
    [{ HTTPS_PROXY: 'http://proxy:99999' }, 'wrong', /is not the URL/, /3128/],
    [
      { HTTPS_PROXY: HTTPS, HTTP_PROXY: 'http://' },
      'wrong',
      /^HTTP_PROXY is not/,
      /http:\/\/proxy\.example\.com:3128/,
    ],
    [
      { HTTPS_PROXY: 'socks5://jane:geheim@proxy:1080' },
      'wrong',
      /speaks socks5, and only HTTP/,
      /HTTP port/,
    ],
    [{ HTTPS_PROXY: 'socks5h://proxy:1080' }, 'wrong', /speaks socks5h/, /HTTP port/],
    [{ HTTPS_PROXY: 'ftp://proxy' }, 'wrong', /speaks ftp/, /HTTP port/],
    [{ HTTP_PROXY: HTTPS }, 'warning', /^HTTP_PROXY is set and HTTPS_PROXY is not/, /set HTTPS_PROXY/],
    [{ all_proxy: 'socks5://p:1' }, 'warning', /^all_proxy is set and HTTPS_PROXY is not/, /set HTTPS_PROXY/],
    [
      { HTTPS_PROXY: HTTPS, NO_PROXY: 'https://slack.com/api' },
      'warning',
      /NO_PROXY .*"https:\/\/slack/,
      /hosts/,
    ],
    [{ HTTPS_PROXY: HTTPS, NO_PROXY: '10.0.0.0/99' }, 'warning', /"10\.0\.0\.0\/99"/, /10\.0\.0\.0\/8/],
    [{ HTTPS_PROXY: HTTPS, no_proxy: 'a;b.*.c' }, 'warning', /^no_proxy /, /commas/],
  ] as const) {
    const { problems } = readProxies(env)
    t.match(problems, [{ level, message, hint }], JSON.stringify(env))
    t.equal(problems.length, 1)
    t.notMatch(JSON.stringify(problems), /geheim|ge#heim/)
  }
})

t.test('loopback addresses', async (t) => {
  for (const host of ['localhost', 'localhost.', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])
    t.ok(isLoopback(host), host)
  for (const host of [
    '128.0.0.1',
    '::2',
    'localhost.example.org',
    'hooks.localhost',
    '127.0.0.1.example',
    '',
  ])
    t.notOk(isLoopback(host), host)
})
