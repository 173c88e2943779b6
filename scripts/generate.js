// Generates proto/generated from the .proto files. The generated code does not hold to our compiler options
// (exactOptionalPropertyTypes, unused parameters), so it is told not to be checked; its types are used as they are.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

const sources = readdirSync('proto').filter(name => name.endsWith('.proto'))
for (const source of sources) {
  execFileSync('npx', ['protons', `proto/${source}`, '-o', 'proto/generated'], { stdio: 'inherit' })
  const file = `proto/generated/${source.replace('.proto', '.ts')}`
  const code = readFileSync(file, 'utf8')
  if (!code.startsWith('// @ts-nocheck')) writeFileSync(file, `// @ts-nocheck\n${code}`)
}
