// The reporter of `npm test`: mocha's `spec`, and below it one line with the sums. A run that has ended and still holds a
// timer, socket or process open is a failure: it says which, and ends it.

const { Spec } = require('mocha').reporters

const LEAK_MS = 10_000

module.exports = class Reporter extends Spec {
  epilogue() {
    super.epilogue()
    const { passes, failures } = this.stats
    process.stdout.write(`${passes} passed, ${failures} failed\n`)
    const leak = setTimeout(() => {
      process.stderr.write(`still open after the last test: ${process.getActiveResourcesInfo().join(', ')}\n`)
      // Mocha sets the status when the process ends, from its failures alone: this comes after it.
      process.once('exit', () => (process.exitCode = 1))
      process.exit()
    }, LEAK_MS)
    leak.unref()
  }
}
