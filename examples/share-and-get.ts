// The program of the README in full: `node share-and-get.js share` on one machine, `node share-and-get.js get` on another of
// the same mesh. It talks to the daemon that runs on its machine (`pathmesh up --detach`).

import { randomBytes } from 'node:crypto'
import { connect } from 'pathmesh'

const mesh = await connect()
if (process.argv[2] === 'share') {
  const weights = randomBytes(1024 * 1024)
  const checkpoints = mesh.work('train').path('checkpoints/')
  await checkpoints.join('model.bin').writeFile(weights)
  const v = await checkpoints.publish({ meta: { epoch: 3 } })
  await mesh.alias('train/good', v)
} else {
  const { path, version } = await mesh.path('train/good').get()
  console.log(path, version.meta)
}
await mesh.close()
