// Runs the tests of the package http-cache-tests against a cache, and judges the results.
//
// Environment: SUITE (its folder), KIND (site, shared or private), BASE (what the tests ask), PROXY (the URL of a forward
// proxy), ONLY (ids, for tests that are run again). Prints one line for each test that is not met and one with the counts.
// Fails where a required test is not met that is not excepted below, or where fewer optional ones are than LEAST says.

import { spawnSync } from 'node:child_process'
import http from 'node:http'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const { SUITE, KIND, BASE, PROXY, ONLY } = process.env
const AT_ONCE = 40
const ATTEMPTS = 3

// Required tests that a cache should not meet, and why. A later edition of the suite has none of these.
const AGE = 'RFC 9111, 5.1: the first number counts, and what is no number is ignored'
const CLOSED = 'not measured: the answer to a closed connection has no number of the origin that could be compared'
const EXCEPTED = {
  'age-parse-nonnumeric': AGE,
  'age-parse-negative': AGE,
  'age-parse-float': AGE,
  'age-parse-parameter': AGE,
  'age-parse-numeric-parameter': AGE,
  'age-parse-dup-0': AGE,
  'age-parse-dup-0-twoline': AGE,
  'age-parse-dup-old': AGE,
  'age-parse-prefix-twoline': AGE,
  'stale-close-must-revalidate': CLOSED,
  'stale-close-proxy-revalidate': CLOSED,
  'stale-close-no-cache': CLOSED,
  'stale-close-s-maxage=2': CLOSED,
  '304-etag-update-response-ETag': 'RFC 9111, 4.3.4: a 304 with another strong tag updates nothing'
}

// Whether a test is about this kind of cache.
function applies (test) {
  if (test.browser_only) return false
  if (test.id.startsWith('surrogate-')) return KIND === 'site'
  if (KIND !== 'private') return true
  const shared = ['cc-resp-private-shared', 'freshness-s-maxage-shared', 'freshness-max-age-s-maxage-shared',
    'other-authorization']
  // A private cache keeps what is asked with different cookies apart.
  return test.id !== 'other-cookie' && !shared.some(prefix => test.id.startsWith(prefix))
}

// Of the optional tests, the least number that is met.
const LEAST = { site: 89, shared: 80, private: 73 }

const load = file => import(pathToFileURL(path.join(SUITE, file)))
const { default: fetch } = await import(pathToFileURL(path.join(SUITE, '../node_modules/node-fetch/lib/index.mjs')))
const { default: suites } = await load('tests/index.mjs')
suites.push((await load('tests/surrogate-control.mjs')).default)
const { makeCacheTest, testResults } = await load('client/test.mjs')
const config = await load('client/config.mjs')
const { determineTestResult } = await load('lib/display.mjs')

// Sends requests to the proxy in absolute form.
class ProxyAgent extends http.Agent {
  addRequest (request, options) {
    request.path = `http://${options.host}:${options.port}${request.path}`
    const { hostname, port } = new URL(PROXY)
    return super.addRequest(request, { ...options, host: hostname, port })
  }
}
const agent = PROXY ? new ProxyAgent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
config.setFetch((url, init) => fetch(url, { ...init, agent }))
config.setBaseUrl(BASE)

const wanted = ONLY?.split(',')
const tests = suites.flatMap(suite => suite.tests).filter(test => applies(test) && (!wanted || wanted.includes(test.id)))
for (let at = 0; at < tests.length; at += AT_ONCE) {
  await Promise.all(tests.slice(at, at + AT_ONCE).map(makeCacheTest))
}
if (wanted) {
  console.log(JSON.stringify(testResults))
  process.exit(0)
}

const isMet = test => testResults[test.id] === true
const kindOf = test => test.kind ?? 'required'
// Some tests have two seconds: what fails on a busy machine is run again.
const failing = () => tests.filter(test => kindOf(test) !== 'check' && !isMet(test) && !EXCEPTED[test.id])
for (let attempt = 1; attempt < ATTEMPTS && failing().length > 0; attempt++) {
  const ONLY = failing().map(test => test.id).join(',')
  const again = spawnSync(process.execPath, ['--no-warnings', fileURLToPath(import.meta.url)], {
    env: { ...process.env, ONLY }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']
  })
  Object.assign(testResults, JSON.parse(again.stdout))
}

const counts = {}
for (const test of tests) {
  const count = counts[kindOf(test)] ??= { met: 0, all: 0, excepted: 0 }
  count.all++
  if (isMet(test)) count.met++
  else if (kindOf(test) === 'required' && EXCEPTED[test.id]) count.excepted++
  if (!isMet(test) && kindOf(test) !== 'check') {
    const sign = determineTestResult(suites, test.id, testResults, false)[2]
    const why = EXCEPTED[test.id] ?? testResults[test.id]?.join(': ')
    console.log(`  ${sign} ${kindOf(test)} ${test.id}: ${why}`)
  }
}
const { required, optimal } = counts
console.log(`${KIND}: required: ${required.met} of ${required.all}, ${required.excepted} excepted; optional: ` +
  `${optimal.met} of ${optimal.all}`)
const done = required.met + required.excepted === required.all && optimal.met >= LEAST[KIND]
process.exit(done ? 0 : 1)
