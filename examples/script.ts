// Two programs without any Work or Flow: one publishes, the other reads. Here both are in one file, each on a node of its own.
// node dist/examples/script.js DATA-FOLDER-OF-NODE-1 DATA-FOLDER-OF-NODE-2

import { connect } from '../client/index.ts'

const [first, second] = process.argv.slice(2)

await using here = await connect({ data: first })
await here.work('notes').path('hello.txt').writeFile('hello from here')
await here.put('notes/numbers', { primes: [2, 3, 5, 7], at: new Date() })

await using there = await connect({ data: second })
const hello = there.path('notes/hello.txt')
await hello.waitFor({ timeoutMs: 10_000 })
console.log('file:', await hello.readFile('utf8'))
console.log('object:', await there.payload('notes/numbers').get({ waitMs: 10_000 }))
