// Generates proto/generated (or the folder given) from the .proto files. The generated code does not hold to our compiler
// options (exactOptionalPropertyTypes, unused parameters), so it is told not to be checked; its types are used as they are.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const protons = fileURLToPath(new URL('../bin/protons.js', import.meta.resolve('protons')))
const [, , target = 'proto/generated'] = process.argv
const sources = readdirSync('proto').filter(name => name.endsWith('.proto'))
for (const source of sources) {
  execFileSync(process.execPath, [protons, join('proto', source), '-o', target], { stdio: 'inherit' })
  const file = join(target, source.replace('.proto', '.ts'))
  writeFileSync(file, `// @ts-nocheck\n${readFileSync(file, 'utf8')}`)
}
