// Prints docs/errors.md from the one table of errors, proto/errors.ts, as it was built: `npm run docs` writes the page.
import { ERRORS } from '../dist/proto/errors.js'

const row = cells => `| ${cells.join(' | ')} |`
const rows = Object.entries(ERRORS).map(([code, { status, exit, retryable, doc }]) =>
  row([`\`${code}\``, status, exit, retryable ? 'yes' : 'no', doc.replaceAll('|', '\\|')])
)

process.stdout.write(`# Errors

Generated from \`proto/errors.ts\` by \`npm run docs\`; a test checks that it is up to date.

A program gets a \`PathmeshError\` with \`code\`, \`retryable\`, \`message\`, \`details\` and \`cause\`. The local API answers with the HTTP
status and an \`application/problem+json\` body that has the same \`code\`; a stream that has begun ends with
\`{"event":"error","error":{…}}\` instead. The command prints the message and the code to stderr, with \`--json\` as
\`{"error":{"code","message","retryable","details"}}\`, and ends with the exit status. Codes are stable; messages are for people and may
change. "Again" says whether the same call can succeed later without the caller changing anything.

${[row(['code', 'HTTP', 'exit', 'again', 'meaning']), row(['---', '--:', '--:', '---', '---']), ...rows].join('\n')}

Misuse of the client in a program is no \`PathmeshError\`: it is a \`TypeError\` or a \`RangeError\`. An aborted call rejects with the
\`reason\` of its signal.
`)
