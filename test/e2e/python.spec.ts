// Payloads across languages: the module and the recipes of docs/python.md as they stand there, run by Python against a daemon that a
// TypeScript client uses as well. Skipped where there is no Python, or not the packages of a recipe.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Table, tableFromArrays } from 'apache-arrow'
import { after, before, describe, it } from 'mocha'
import { type Mesh, tensor } from '../../client/index.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { pythonWith } from '../helpers/python.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/python.md'), 'utf8')
const BLOCKS = [...PAGE.matchAll(/```python\n([^]*?)```/g)].map(([, code = '']) => code)

describe('Python', function () {
  this.timeout(60_000)
  const python = pythonWith()
  let scene: Scene
  let daemon: Daemon
  let mesh: Mesh

  /** The block of the page that defines a function. */
  const block = (name: string): string => must(BLOCKS.find(code => code.includes(`\ndef ${name}(`)))
  const environment = (): NodeJS.ProcessEnv => ({
    PATH: process.env['PATH'],
    PATHMESH_SOCKET: daemon.socket,
    PYTHONPATH: scene.folder,
    PYTHONDONTWRITEBYTECODE: '1'
  })
  /** What a script prints, as JSON. */
  const run = (code: string, command = must(python), env = environment()): unknown => {
    const script = `import json\nfrom mesh import MeshError, fetch, get, put\n${code}`
    const { status, stdout, stderr } = spawnSync(command, ['-c', script], { env, encoding: 'utf8', timeout: 50_000 })
    assert.equal(status, 0, stderr)
    const value: unknown = JSON.parse(stdout)
    return value
  }
  /** The code of the error that a script ends with. */
  const failure = (code: string, env?: NodeJS.ProcessEnv): unknown =>
    run(`try:\n  ${code}\nexcept MeshError as error: print(json.dumps([error.code, error.retryable]))`, undefined, env)

  before(async function () {
    if (python === undefined) this.skip()
    scene = await Scene.open()
    daemon = await scene.up('a')
    mesh = await scene.connect(daemon)
    await scene.file('mesh.py', block('put'))
  })
  after(() => scene?.close())

  it('puts text, bytes and JSON, small and large, and TypeScript gets them', async () => {
    const said = run(
      `done = [put("py/text", "é" * n) for n in (0, 1, 100_000)]\n` +
        `put("py/bytes", bytes(range(256)) * 400)\nput("py/none", b"")\n` +
        `put("py/file", open(${JSON.stringify(scene.at('mesh.py'))}, "rb"), codec="text")\n` +
        `put("py/json", {"loss": 0.25, "ok": True, "none": None, "é": [1, 2]}, meta={"epoch": 3})\n` +
        `print(json.dumps(done[-1]))`
    )
    assert.ok(typeof said === 'object' && said !== null && 'seq' in said && 'codec' in said)
    assert.deepEqual([said.seq, said.codec], [3, 'text'])
    assert.equal(await mesh.payload('py/text').get(), 'é'.repeat(100_000))
    const bytes = Buffer.from(Array.from({ length: 256 * 400 }, (_, at) => at % 256))
    assert.deepEqual(await mesh.payload('py/bytes').get(), new Uint8Array(bytes))
    assert.deepEqual(await mesh.payload('py/none').get(), new Uint8Array())
    assert.equal(await mesh.payload('py/file').get(), block('put'))
    const json = mesh.payload('py/json')
    assert.deepEqual(await json.get(), { loss: 0.25, ok: true, none: null, é: [1, 2] })
    assert.deepEqual(must(json.fetched).meta, { epoch: 3 })
  })

  it('gets what TypeScript put: values of its own, and bytes of any other codec', async () => {
    const large = 'é'.repeat(SMALL_PAYLOAD_BYTES)
    await mesh.put('ts/text', large)
    await mesh.put('ts/json', { a: [1, null] }, { codec: 'json' })
    const bytes = randomBytes(SMALL_PAYLOAD_BYTES + 1)
    await mesh.put('ts/bytes', bytes)
    await mesh.put('ts/small', bytes.subarray(1))
    await mesh.put('ts/cbor', { a: 1 })
    const said = run(
      `print(json.dumps([get("ts/text"), get("ts/json"), get("ts/bytes").hex(), get("ts/small").hex(), get("ts/cbor")[0], len(get("ts/cbor")[1])]))`
    )
    const hex = bytes.toString('hex')
    assert.deepEqual(said, [large, { a: [1, null] }, hex, hex.slice(2), 'cbor', 4])
  })

  it('waits for what nobody has put yet', async () => {
    const script = 'import json\nfrom mesh import get\nprint("waits", flush=True)\nprint(get("late/x", wait=40))'
    const child = spawn(must(python), ['-c', script], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
    const said = text(child.stdout)
    await once(child.stdout, 'readable')
    await mesh.put('late/x', 'here it is')
    assert.equal(await said, 'waits\nhere it is\n')
  })

  it('has errors with codes', () => {
    assert.deepEqual(failure('get("nobody/knows")'), ['NOT_FOUND', false])
    assert.deepEqual(failure('get("nobody/knows", wait=0.2)'), ['TIMEOUT', true])
    assert.deepEqual(failure('put("nowork", "x")'), ['INVALID_ARGUMENT', false])
    assert.deepEqual(failure('put("nowork", b"x" * 50_000_000)'), ['INVALID_ARGUMENT', false])
    assert.deepEqual(failure('put("a/b", b"x", codec="no codec")'), ['INVALID_ARGUMENT', false])
    const nobody = { ...environment(), PATHMESH_SOCKET: scene.at('none.sock') }
    assert.deepEqual(failure('get("a/b")', nobody), ['DAEMON_UNREACHABLE', true])
  })

  it('finds the socket where the command puts it', () => {
    const { PATHMESH_SOCKET: _, ...env } = environment()
    const code = `print(json.dumps(put("found/x", "x")["codec"]))`
    assert.equal(run(code, undefined, { ...env, PATHMESH_DATA: daemon.data }), 'text')
    const folder = scene.at('xdg')
    const link = `import os\nos.makedirs(${JSON.stringify(folder)}, exist_ok=True)\nlink = os.path.join(${JSON.stringify(folder)}, "pathmesh")\nif not os.path.islink(link): os.symlink(${JSON.stringify(daemon.data)}, link)\n`
    assert.equal(run(link + code, undefined, { ...env, XDG_RUNTIME_DIR: folder }), 'text')
    assert.equal(run(link + code, undefined, { ...env, XDG_DATA_HOME: folder }), 'text')
    assert.deepEqual(failure('get("a/b")', { ...env, HOME: folder }), ['DAEMON_UNREACHABLE', true])
  })

  it('puts and gets data frames', async function () {
    const command = pythonWith('pandas', 'pyarrow')
    if (command === undefined) this.skip()
    const code = block('put_frame')
    await mesh.put('ts/table', tableFromArrays({ x: Float64Array.of(1, 2.5), name: ['a', 'b'] }))
    const said = run(
      `${code}
put_frame("py/frame", pandas.DataFrame({"i": range(50_000), "s": ["row %d" % i for i in range(50_000)]}))
print(json.dumps(get_frame("ts/table").to_dict("list")))`,
      command
    )
    assert.deepEqual(said, { x: [1, 2.5], name: ['a', 'b'] })
    const table = await mesh.payload('py/frame').get()
    assert.ok(table instanceof Table)
    assert.deepEqual([table.numRows, table.get(49_999)?.toJSON()], [50_000, { i: 49_999n, s: 'row 49999' }])
  })

  it('puts and gets tensors, and one of many', async function () {
    const command = pythonWith('safetensors', 'numpy')
    if (command === undefined) this.skip()
    await mesh.put('ts/tensors', { w: tensor(Float32Array.of(1, 2, 3, 4), [2, 2]), i: tensor(BigInt64Array.of(5n)) })
    const said = run(
      `${block('put_tensors')}
import numpy
put_tensors("py/tensors", {"w": numpy.arange(40_000, dtype=numpy.float32).reshape(200, 200)})
all = get_tensors("ts/tensors")
print(json.dumps([all["w"].tolist(), all["i"].tolist(), get_tensor("py/tensors", "w")[199].tolist()[-1]]))`,
      command
    )
    assert.deepEqual(said, [
      [
        [1, 2],
        [3, 4]
      ],
      [5],
      39_999
    ])
    const file = await mesh.payload('py/tensors').tensors()
    assert.deepEqual(file.info('w'), { dtype: 'F32', shape: [200, 200], bytes: 160_000 })
  })

  it('puts and gets values of every kind, as CBOR', async function () {
    const command = pythonWith('cbor2', 'numpy')
    if (command === undefined) this.skip()
    const value = {
      when: new Date(1_600_000_000_000),
      set: new Set([1, 'a']),
      map: new Map<unknown, unknown>([[1, 'one']]),
      f: Float32Array.of(1, 0.5),
      i: BigInt64Array.of(-1n, 2n ** 62n),
      big: 2n ** 70n,
      bytes: Uint8Array.of(1, 2)
    }
    await mesh.put('ts/value', value)
    const said = run(
      `${block('put_value')}
value = get_value("ts/value")
put_value("py/value", value)
put_value("py/others", {"half": numpy.array([0.5], "<f2"), "be": numpy.array([1, 2], ">i4"), "u8": numpy.array([7], "u1"), "i8": numpy.array([-7], "i1")})
try: put_value("py/wrong", numpy.zeros((2, 2))); refused = False
except TypeError: refused = True
print(json.dumps([value["when"].timestamp(), sorted(map(str, value["set"])), list(value["map"].items()), str(value["f"].dtype), value["i"].tolist(), value["big"], refused]))`,
      command
    )
    const big = Number(2n ** 70n)
    assert.deepEqual(said, [1.6e9, ['1', 'a'], [[1, 'one']], 'float32', [-1, Number(2n ** 62n)], big, true])
    assert.deepEqual(await mesh.payload('py/value').get(), value)
    const others = await mesh.payload<Record<string, Iterable<number>>>('py/others').get()
    assert.deepEqual(others['be'], Int32Array.of(1, 2))
    assert.deepEqual(
      Object.entries(others).map(([key, array]) => [key, ...array]),
      [
        ['half', 0.5],
        ['be', 1, 2],
        ['u8', 7],
        ['i8', -7]
      ]
    )
  })
})
