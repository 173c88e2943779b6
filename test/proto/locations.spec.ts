// Where the data folder and the socket are found.

import assert from 'node:assert/strict'
import { SOCKET_PATH_BYTES_MAX } from '../../proto/limits.ts'
import { locate } from '../../proto/locations.ts'

describe('locate()', () => {
  it('puts the socket of a named data folder into it', () => {
    const env = { XDG_RUNTIME_DIR: '/run/user/1', PATHMESH_DATA: '/d' }
    assert.deepEqual(locate({}, env, '/cwd'), { data: '/d', socket: '/d/admin.sock' })
    assert.deepEqual(locate({ data: 'x' }, env, '/cwd'), { data: '/cwd/x', socket: '/cwd/x/admin.sock' })
  })

  it('follows XDG without one', () => {
    assert.deepEqual(locate({}, { HOME: '/h', XDG_RUNTIME_DIR: '/run/user/1' }, '/cwd'), {
      data: '/h/.local/share/pathmesh',
      socket: '/run/user/1/pathmesh/admin.sock'
    })
    assert.equal(locate({}, { HOME: '/h', XDG_DATA_HOME: '/x' }, '/cwd').socket, '/x/pathmesh/admin.sock')
  })

  it('lets a flag win over PATHMESH_SOCKET, and that over the data folder', () => {
    const env = { PATHMESH_SOCKET: '/s.sock' }
    assert.equal(locate({ data: '/d' }, env, '/').socket, '/s.sock')
    assert.equal(locate({ data: '/d', socket: '/f.sock' }, env, '/').socket, '/f.sock')
  })

  it('refuses a socket path longer than the system takes', () => {
    const longest = `/${'s'.repeat(SOCKET_PATH_BYTES_MAX - 1)}`
    assert.equal(locate({ socket: longest }, {}, '/').socket, longest)
    assert.throws(() => locate({ socket: `${longest}s` }, {}, '/'), { code: 'INVALID_ARGUMENT' })
  })
})
