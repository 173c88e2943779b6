// How fast does a file come where no lane can be opened, over a stream of the libp2p connection? Against the same floor as `fetch`.

import { fetchRuns } from './fetch-runs.ts'
import { type Bench, median } from './figures.ts'
import { makePlace } from './nodes.ts'

export const stream: Bench = async options => {
  const place = await makePlace()
  try {
    const { ours, floor, figures } = await fetchRuns(place, { env: { PATHMESH_LANES: '0' } }, options)
    return { bench: 'stream', ratios: { floor: median(floor) / median(ours) }, figures, notes: [] }
  } finally {
    await place.dispose()
  }
}
