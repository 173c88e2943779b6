// The reporter of `npm test`: mocha's `spec`, and below it one line with the sums. A run that has ended and still holds a
// timer, socket or process open is a failure: it says which, and ends it.

const { Spec } = require('mocha').reporters

const LEAK_MS = 10_000

module.exports = class Reporter extends Spec {
  epilogue() {
    super.epilogue()
    const { passes = 0, failures = 0 } = this.stats
    process.stdout.write(`${passes} passed, ${failures} failed\n`)
    const leak = setTimeout(() => {
      process.stderr.write(`still open after the last test: ${process.getActiveResourcesInfo().join(', ')}\n`)
      process.exit(1)
    }, LEAK_MS)
    leak.unref()
  }
}
