// How fast does a file come from one node to another, verified and on the disk? Against TLS without hash and disk, against curl from
// nginx to the same disk, synced as well, and against writing the same bytes to it.

import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fetchRuns, settled, writeSynced } from './fetch-runs.ts'
import { type Bench, median, seconds } from './figures.ts'
import { startNginx } from './nginx.ts'
import { makePlace } from './nodes.ts'
import { CpuMeter } from './processes.ts'
import { type StepCosts, stepCosts } from './steps.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30

export const fetch: Bench = async options => {
  const { runs, bytes } = options
  const place = await makePlace()
  try {
    const nginx = await startNginx(place)
    const [curl, disk]: [number[], number[]] = [[], []]
    const nginxCpu = new CpuMeter()
    const steps: StepCosts[] = []
    let curlCpu = 0
    const target = join(place.folder, 'target.bin')
    const { ours, floor, figures } = await fetchRuns(place, {}, options, async path => {
      if (nginx !== undefined) {
        await settled(place, bytes)
        const before = await nginx.cpu()
        const took = await seconds(async () => {
          curlCpu += ((await nginx.fetch(basename(path), target)) * GiB) / bytes / runs
        })
        curl.push(took)
        nginxCpu.add(nginx.pid, before, await nginx.cpu(), bytes)
        await rm(target)
      }
      await settled(place, bytes)
      disk.push(await seconds(() => writeSynced(target, bytes)))
      await rm(target)
      steps.push(await stepCosts(path, target, bytes))
      await rm(target)
    })
    return {
      bench: 'fetch',
      ratios: {
        floor: median(floor) / median(ours),
        ...(nginx === undefined ? {} : { curl: median(curl) / median(ours) }),
        disk: median(disk) / median(ours)
      },
      bars: { floor: { atLeast: 0.55 }, curl: { atLeast: 1 } },
      figures: {
        ...figures,
        stepReadCpuSecondsPerGiB: median(steps.map(({ read }) => read)),
        stepHashCpuSecondsPerGiB: median(steps.map(({ hash }) => hash)),
        stepWriteCpuSecondsPerGiB: median(steps.map(({ write }) => write)),
        ...(nginx === undefined
          ? {}
          : {
              curlMiBPerSecond: bytes / MiB / median(curl),
              nginxCpuSecondsPerGiB: nginxCpu.figures('nginx')['nginxCpuSecondsPerGiB'] ?? 0,
              curlCpuSecondsPerGiB: curlCpu
            }),
        diskMiBPerSecond: bytes / MiB / median(disk)
      },
      notes: nginx === undefined ? ['nginx, curl or openssl is not installed, and was left out'] : []
    }
  } finally {
    await place.dispose()
  }
}
