// The version of this software, from the package that it came in.

import { createRequire } from 'node:module'
import { z } from 'zod'

const manifest: unknown = createRequire(import.meta.url)('pathmesh/package.json')

export const VERSION = z.object({ version: z.string() }).parse(manifest).version
