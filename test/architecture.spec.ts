// The shape of the code: who may import whom, where time and chance come in, and which packages are used. Reads the sources as
// text, so that it sees types and lazy imports too. What is allowed beyond the rules is listed here, each with its reason.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import { describe, it } from 'mocha'

const ROOT = join(import.meta.dirname, '../..')
const SHIPPED = ['proto', 'client', 'daemon']
const UNSHIPPED = ['test', 'bench', 'examples']

interface Import {
  readonly from: string
  /** A file of ours, or the name of a package or of a module of Node. */
  readonly to: string
  readonly isOurs: boolean
  /** Whether it is there for the compiler alone. */
  readonly isType: boolean
  readonly isLazy: boolean
}

interface Source {
  readonly path: string
  readonly code: string
  readonly imports: readonly Import[]
}

const NAMES = String.raw`(?:[\w$]+|\* as [\w$]+|\{[^}]*\}|\*)`
const STATIC = new RegExp(
  String.raw`^(?:import|export)(\s+type)?\s+${NAMES}(?:\s*,\s*${NAMES})?\s+from\s+['"]([^'"]+)['"]`,
  'gm'
)
const FOR_EFFECT = /^import\s+['"]([^'"]+)['"]/gm
const LAZY = /\b(?:import(?:\.meta\.resolve)?|require)\(\s*['"`]([^'"`]+)['"`]/g

describe('the sources', () => {
  const sources = [...SHIPPED, ...UNSHIPPED].flatMap(folder => filesOf(folder)).concat('bin.ts')
  const all = sources.map(path => read(path))
  const shipped = all.filter(({ path }) => !UNSHIPPED.includes(partOf(path)))

  it('are all read: no import is of a form that this test does not know', () => {
    assert.ok(shipped.length > 80, 'the sources are not where this test looks for them')
    for (const { path, code } of shipped) {
      const understood = [...code.matchAll(STATIC), ...code.matchAll(FOR_EFFECT)].map(([statement]) => statement)
      const imports = understood.filter(statement => statement.startsWith('import')).length
      assert.equal(imports, code.match(/^import\b(?!\()/gm)?.length ?? 0, path)
      if (!NAMED_BY_USERS.includes(path)) assert.doesNotMatch(code, /\bimport\((?!\s*['"`\\])/, path)
    }
  })

  it('import one way: proto nothing; client and daemon proto; in the daemon from the top down', () => {
    const broken = shipped.flatMap(({ imports }) => imports).filter(edge => edge.isOurs && !mayImport(edge))
    assert.deepEqual(broken.map(shown), [])
  })

  it('have no circle of imports', () => {
    assert.deepEqual(circles(shipped), [])
  })

  it('reach libp2p from the swarm alone, and level from the store alone', () => {
    const homes = [
      {
        packages: /^(?:libp2p|@libp2p\/.*|@chainsafe\/libp2p-.*|@multiformats\/multiaddr)$/,
        home: 'daemon/swarm/',
        also: ['bench/echo-floor.ts']
      },
      { packages: /^(?:level|classic-level|abstract-level|memory-level)$/, home: 'daemon/store/' },
      { packages: /^(?:hono|@hono\/node-server)$/, home: 'daemon/admin/' },
      { packages: /^commander$/, home: 'client/cli/' }
    ]
    for (const { packages, home, also = [] } of homes) {
      const outside = all
        .flatMap(({ imports }) => imports)
        .filter(({ from, to, isOurs }) => {
          const isHome = [home, `test/${home}`, ...also].some(place => from.startsWith(place))
          return !isOurs && packages.test(to) && !isHome
        })
      assert.deepEqual(outside.map(shown), [])
    }
  })

  it('do no I/O in proto', () => {
    const known = ['node:crypto', 'node:path']
    const edges = all.flatMap(({ path, imports }) => (path.startsWith('proto/') ? imports : []))
    assert.deepEqual(edges.filter(({ to, isOurs }) => !isOurs && isBuiltin(to) && !known.includes(to)).map(shown), [])
  })

  it('load no zod, libp2p or level with the client, no daemon with the command, and no package that may be missing', () => {
    const heavy = /^(?:zod|@hono\/.*|hono|level|libp2p|@libp2p\/.*|commander|apache-arrow|nodejs-polars|@napi-rs\/.*)$/
    const program = reached('client/index.ts', all)
    assert.deepEqual(
      [...program].filter(name => heavy.test(name) || name.startsWith('client/cli/')),
      []
    )
    const command = reached('bin.ts', all)
    assert.ok(command.has('client/cli/main.ts'))
    assert.deepEqual(
      [...command].filter(
        name => name.startsWith('daemon/') || /^(?:zod|@hono\/.*|level|libp2p|apache-arrow|nodejs-polars)$/.test(name)
      ),
      []
    )
  })

  it('take time and chance from what they are given', () => {
    const direct =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b|\bset(?:Timeout|Interval|Immediate)\b|\bMath\.random\b|\bAbortSignal\.timeout\b/g
    const found = shipped.flatMap(({ path, code }) => [...new Set(code.match(direct))].map(use => `${path}: ${use}`))
    const excepts = (entry: string, use: string): boolean =>
      entry.endsWith('/') ? use.startsWith(entry) : use === entry
    const entries = Object.keys(DIRECT)
    const unlisted = found.filter(use => !entries.some(entry => excepts(entry, use)))
    assert.deepEqual(unlisted, [], 'time or chance that is not handed in')
    const unneeded = entries.filter(entry => !found.some(use => excepts(entry, use)))
    assert.deepEqual(unneeded, [], 'exceptions that are no longer needed')
  })

  it('print nothing but what the command prints', () => {
    assert.deepEqual(
      shipped.filter(({ code }) => /\bconsole\./.test(code)).map(({ path }) => path),
      []
    )
  })
})

/** Loads the modules that its user names: those of Works. */
const NAMED_BY_USERS = ['client/work/module-file.ts']

/** Files and folders that use the system's clock, timers or chance directly, and why they may. */
const DIRECT: Readonly<Record<string, string>> = {
  'daemon/clock.ts: Date.now': 'the system clock itself',
  'daemon/clock.ts: performance.now': 'the system clock itself',
  'daemon/clock.ts: setTimeout': 'the system clock itself',
  'daemon/random.ts: Math.random': 'the system chance itself',
  'daemon/log.ts: Date.now': 'a default; a log is for people, and decides nothing',
  'daemon/content/hasher.ts: Date.now': "a default; compared with the times of files, which are the system's",
  'daemon/store/boot.ts: Date.now': 'the moment at which the machine was started',
  'daemon/store/database.ts: setTimeout': 'between two attempts to open an index whose disk was full',
  'daemon/store/disposal.ts: Date.now': 'a name that no earlier process has used',
  'daemon/admin/': 'sockets of this machine: heartbeats and deadlines of their clients',
  'client/': 'sockets and processes of this machine, in the program of the user'
}

describe('the packages', () => {
  const manifest = parse('package.json')
  const dependencies = keysOf(manifest, 'dependencies')
  const development = keysOf(manifest, 'devDependencies')
  const peers = keysOf(manifest, 'peerDependencies')
  const edges = (folders: readonly string[]): Import[] =>
    [...folders.flatMap(folder => filesOf(folder)), ...(folders === SHIPPED ? ['bin.ts'] : [])]
      .flatMap(path => read(path).imports)
      .filter(({ to, isOurs }) => !isOurs && !isBuiltin(to))

  it('that the sources import are declared', () => {
    assert.deepEqual(
      edges(SHIPPED)
        .filter(({ to, isType, isLazy }) => !dependencies.includes(to) && !(peers.includes(to) && (isType || isLazy)))
        .map(shown),
      []
    )
    const any = [...dependencies, ...development, 'pathmesh']
    assert.deepEqual(
      edges(UNSHIPPED)
        .filter(({ to }) => !any.includes(to))
        .map(shown),
      []
    )
  })

  it('that are declared are used', () => {
    const shipped = new Set(edges(SHIPPED).map(({ to }) => to))
    assert.deepEqual(
      [...dependencies, ...peers].filter(name => !shipped.has(name)),
      []
    )
    const tools = /^(?:@types\/.*|typescript|oxlint|oxlint-tsgolint|oxfmt|protons|mocha)$/
    const unshipped = new Set(edges(UNSHIPPED).map(({ to }) => to))
    assert.deepEqual(
      development.filter(name => !tools.test(name) && !unshipped.has(name)),
      []
    )
  })

  it('that a user may leave out are optional peers, and installed for the tests', () => {
    assert.deepEqual(peers, keysOf(manifest, 'peerDependenciesMeta'))
    assert.deepEqual(
      peers.filter(name => dependencies.includes(name) || !development.includes(name)),
      []
    )
  })

  it('are past the advisories that concern us', () => {
    for (const { name, floor, why } of FLOORS) {
      for (const { path, version } of locked(name)) {
        const message = `${path} is ${version}: ${why}`
        assert.ok(floor !== undefined && compareVersions(version, floor) >= 0, message)
      }
    }
    assert.ok(locked('@libp2p/crypto').length > 0 && locked('libp2p').length > 0, 'the lock file is not read')
  })

  it('come from one registry that the lock file does not name, each with its hash', () => {
    for (const [path, entry] of Object.entries(lockedPackages())) {
      if (path === '') continue
      assert.ok(!('resolved' in entry), `${path} names where it was fetched from`)
      assert.ok('integrity' in entry, `${path} has no hash`)
    }
  })

  it('run no script when they are installed, but for those that are known', () => {
    // level's bindings: the script takes a prebuilt one, and compiles only where there is none.
    const scripts = Object.entries(lockedPackages()).filter(
      ([, entry]) => 'hasInstallScript' in entry && !('dev' in entry)
    )
    assert.deepEqual(
      scripts.map(([path]) => path),
      ['node_modules/classic-level']
    )
  })
})

interface Floor {
  readonly name: string
  /** The first version without the fault; undefined: not to be installed at all. */
  readonly floor: string | undefined
  readonly why: string
}

const FLOORS: readonly Floor[] = [
  {
    name: '@libp2p/crypto',
    floor: '5.1.22',
    why: 'CVE-2026-110789: a length in DER that loops, before authentication'
  },
  { name: 'libp2p', floor: '0.38.0', why: 'CVE-2022-23487: connections and streams without bound' },
  { name: '@chainsafe/libp2p-gossipsub', floor: undefined, why: 'CVE-2026-46679, and pathmesh has no pubsub' },
  { name: '@libp2p/gossipsub', floor: undefined, why: 'CVE-2026-46679, and pathmesh has no pubsub' },
  { name: '@libp2p/floodsub', floor: undefined, why: 'CVE-2026-86040, and pathmesh has no pubsub' },
  { name: '@libp2p/kad-dht', floor: undefined, why: 'records that are stored unvalidated, and pathmesh has no DHT' },
  { name: 'ipfs-bitswap', floor: undefined, why: 'GHSA-6fcr-9h9g-23fq: unwanted blocks are stored' },
  { name: 'protobufjs', floor: '7.5.6', why: 'CVE-2026-44288 to 44291: recursion, overlong UTF-8, prototypes' }
]

// --- what may import what ---------------------------------------------------------------------------------------------

/** From the top down; what stands in one row never imports each other. */
const LAYERS = [
  ['main', 'index'],
  ['daemon'],
  ['moving'],
  ['join', 'lane-source', 'node-facts', 'node-records', 'steps', 'wiring'],
  ['config', 'memory'],
  ['admin', 'works'],
  ['sharing'],
  ['catalogue', 'exchange', 'swarm'],
  ['store'],
  ['content']
]
/** Small files that every part of the daemon may import; they import proto and each other. */
const COMMON = ['clock', 'random', 'log', 'frames', 'leaf-buffers', 'rpc', 'callers', 'deadline', 'polyfill', 'version']

function mayImport({ from, to, isLazy }: Import): boolean {
  const [importer, imported] = [partOf(from), partOf(to)]
  if (from === 'bin.ts') return imported === 'daemon' ? isLazy : to.startsWith('client/cli/')
  if (imported === 'proto') return true
  if (importer !== imported) return false
  if (importer === 'client') return from.startsWith('client/cli/') || !to.startsWith('client/cli/')
  if (importer !== 'daemon') return false
  const [above, below] = [daemonPart(from), daemonPart(to)]
  if (COMMON.includes(below)) return true
  return above === below || (layerOf(above) >= 0 && layerOf(above) < layerOf(below))
}

function layerOf(part: string): number {
  return LAYERS.findIndex(layer => layer.includes(part))
}

function partOf(path: string): string {
  return path.split('/')[0] ?? ''
}

function daemonPart(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '')
}

/** Everything that is loaded with a file: its imports and theirs, without types and lazy ones. */
function reached(start: string, all: readonly Source[]): Set<string> {
  const found = new Set([start])
  for (const path of found) {
    for (const { to, isType, isLazy } of all.find(source => source.path === path)?.imports ?? []) {
      if (!isType && !isLazy) found.add(to)
    }
  }
  return found
}

/** Files that are loaded with themselves. */
function circles(all: readonly Source[]): string[] {
  const edges = all
    .flatMap(({ imports }) => imports)
    .filter(({ isOurs, isType, isLazy }) => isOurs && !isType && !isLazy)
  let left = edges
  for (let before = Infinity; left.length < before;) {
    before = left.length
    const importers = new Set(left.map(({ from }) => from))
    left = left.filter(({ to }) => importers.has(to))
  }
  return left.map(shown)
}

function shown({ from, to }: Import): string {
  return `${from} -> ${to}`
}

// --- reading ----------------------------------------------------------------------------------------------------------

function filesOf(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
  return names.filter(name => name.endsWith('.ts')).map(name => posix.join(folder, ...name.split(/[\\/]/)))
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const code = text.replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
  const edge = (specifier: string, more: Partial<Import> = {}): Import => {
    const isOurs = specifier.startsWith('.')
    const to = isOurs ? posix.join(posix.dirname(path), specifier) : packageOf(specifier)
    return { from: path, to, isOurs, isType: false, isLazy: false, ...more }
  }
  const imports = [
    ...[...code.matchAll(STATIC)].map(([, type, specifier = '']) => edge(specifier, { isType: type !== undefined })),
    ...[...code.matchAll(FOR_EFFECT)].map(([, specifier = '']) => edge(specifier)),
    ...[...code.matchAll(LAZY)].map(([, specifier = '']) => edge(specifier, { isLazy: true }))
  ]
  return { path, code, imports }
}

function packageOf(specifier: string): string {
  if (isBuiltin(specifier)) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function parse(path: string): object {
  const value: unknown = JSON.parse(readFileSync(join(ROOT, path), 'utf8'))
  assert.ok(typeof value === 'object' && value !== null)
  return value
}

function keysOf(value: object, key: string): string[] {
  const inner: unknown = Object.entries(value).find(([name]) => name === key)?.[1]
  return typeof inner === 'object' && inner !== null ? Object.keys(inner) : []
}

function lockedPackages(): Record<string, object> {
  const lock = parse('package-lock.json')
  assert.ok('packages' in lock && typeof lock.packages === 'object' && lock.packages !== null)
  const entries: [string, unknown][] = Object.entries(lock.packages)
  return Object.fromEntries(
    entries.flatMap(([path, entry]) => (typeof entry === 'object' && entry !== null ? [[path, entry]] : []))
  )
}

/** Every copy of a package that is installed. */
function locked(name: string): { path: string; version: string }[] {
  return Object.entries(lockedPackages()).flatMap(([path, entry]) => {
    const version: unknown = 'version' in entry ? entry.version : undefined
    return path.endsWith(`node_modules/${name}`) && typeof version === 'string' ? [{ path, version }] : []
  })
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map(text => text.split(/[.-]/).slice(0, 3).map(Number))
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
