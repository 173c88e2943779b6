// Safetensors across languages: files that Python's safetensors wrote are read to the last bit, ours are read by it, and what we
// write stays the same from version to version.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { tensor } from '../../../client/codecs/tensor.ts'
import { decoded, encoded } from '../../fixtures/safetensors/bytes.ts'
import { fixture, FROM_JS } from '../../fixtures/safetensors/from-js.ts'
import { pythonWith, runPython } from '../../helpers/python.ts'

const FROM_PYTHON = {
  kinds: {
    u64: tensor(BigUint64Array.of(0n, 2n ** 64n - 1n)),
    i64: tensor(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)),
    f64: tensor(Float64Array.of(0.1, -0, Infinity, NaN, 5e-324, -Number.MAX_VALUE), [2, 3]),
    empty: tensor(new Float32Array(0), [0, 3]),
    f32: tensor(Float32Array.of(1.5, -2.25, 3.4028234663852886e38)),
    u32: tensor(Uint32Array.of(0, 2 ** 32 - 1)),
    i32: tensor(Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
    scalar: tensor(Int32Array.of(42), []),
    f16: tensor(Uint16Array.of(0x3c00, 0xc000, 0x7bff), [3], 'F16'),
    u16: tensor(Uint16Array.of(0, 65535)),
    i16: tensor(Int16Array.of(-32768, 32767)),
    i8: tensor(Int8Array.of(-128, 127)),
    'größe/α\n"': tensor(Uint8Array.of(7)),
    u8: tensor(Uint8Array.of(0, 255)),
    bool: tensor(Uint8Array.of(1, 0, 1), [1, 3], 'BOOL')
  },
  bits: {
    bf16: tensor(Uint16Array.of(0x3f80, 0xc000), [2], 'BF16'),
    e4m3: tensor(Uint8Array.of(0x38, 0xb8, 0x7f), [3], 'F8_E4M3'),
    e5m2: tensor(Uint8Array.of(0x3c, 0xbc, 0x7c), [3], 'F8_E5M2')
  },
  none: {}
}

/** Prints names, dtypes, shapes and bytes of the files that it is given, as the Python package has them. */
const DESCRIBE = `
import json, sys
from safetensors import deserialize, safe_open
from safetensors.numpy import load_file
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        found = deserialize(file.read())
    tensors = {name: [t['dtype'], list(t['shape']), bytes(t['data']).hex()] for name, t in found}
    with safe_open(path, framework='np') as file:
        metadata = file.metadata()
    if 'bits' not in path:
        arrays = load_file(path)
        assert {name: list(a.shape) for name, a in arrays.items()} == {name: t[1] for name, t in tensors.items()}
    print(json.dumps([tensors, metadata]))
`

describe('safetensors across languages', () => {
  for (const [name, value] of Object.entries(FROM_PYTHON)) {
    it(`decode() reads what Python wrote: ${name}`, () => {
      assert.deepEqual(decoded(readFileSync(fixture(`from-python-${name}`))), value)
    })
  }

  for (const [name, value] of Object.entries(FROM_JS)) {
    it(`encode() writes the bytes that it always wrote: ${name}`, () => {
      assert.equal(
        Buffer.from(encoded(value)).toString('hex'),
        readFileSync(fixture(`from-js-${name}`)).toString('hex')
      )
    })

    it(`decode() reads what encode() always wrote: ${name}`, () => {
      assert.deepEqual(decoded(readFileSync(fixture(`from-js-${name}`))), value)
    })
  }

  it('is read by Python as it was written', function () {
    this.timeout(60_000)
    const python = pythonWith('safetensors', 'numpy')
    if (python === undefined) {
      this.skip()
      return
    }
    const names = Object.keys(FROM_JS)
    const lines = runPython(
      python,
      DESCRIBE,
      names.map(name => fixture(`from-js-${name}`))
    )
      .trim()
      .split('\n')
    const read = Object.fromEntries(lines.map((line, index) => [names[index], JSON.parse(line)]))
    assert.deepEqual(read['array'], [{ data: ['F64', [4], hex(FROM_JS['array'])] }, { pathmesh: 'array' }])
    assert.deepEqual(read['tensor'], [
      { data: ['F32', [2, 3], hex(Float32Array.of(1, 2, 3, 4, 5, 6))] },
      { pathmesh: 'tensor' }
    ])
    assert.deepEqual(read['arrays'], [
      {
        bytes: ['I8', [2], '807f'],
        big: ['I64', [2], '0000000000000080ffffffffffffff7f'],
        odd: ['U16', [1], 'ffff']
      },
      { pathmesh: 'arrays' }
    ])
    assert.deepEqual(read['bits'], [
      { bf16: ['BF16', [2], '803f00c0'], e4m3: ['F8_E4M3', [2], '387f'], e5m2: ['F8_E5M2', [1], '3c'] },
      null
    ])
    assert.deepEqual(read['state'], [
      {
        'layer.0/größe "α"': ['BOOL', [3], '010001'],
        f16: ['F16', [3], '003c00c0ff7b'],
        f32: ['F32', [2, 1], '0000c03f000010c0'],
        f64: ['F64', [1], '182d4454fb210940'],
        i16: ['I16', [2], '0080ff7f'],
        i32: ['I32', [2], '00000080ffffff7f'],
        i64: ['I64', [1], 'ffffffffffffffff'],
        u8: ['U8', [2], '00ff'],
        u32: ['U32', [1], 'ffffffff'],
        u64: ['U64', [1], 'ffffffffffffffff'],
        scalar: ['I32', [], '2a000000'],
        empty: ['F32', [0, 3], '']
      },
      null
    ])
  })
})

function hex(array: unknown): string {
  assert.ok(ArrayBuffer.isView(array))
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex')
}
