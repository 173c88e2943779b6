// How a program like this one is started: what was said to Node before its script, without what is for this one process alone.

/** Take no value of their own, or have it behind '='. */
const ALONE = /^(?:--inspect(?:-brk|-wait)?|--interactive|-i|--check|-c|--watch|--watch-preserve-output)(?:=|$)/
/** Take one, which may be the next argument. */
const WITH_VALUE = /^(?:--inspect-port|--debug-port|--inspect-publish-uid|--eval|-e|--print|-p|-pe|--watch-path)(?:=|$)/

/** `execArgv` of a process for another one: its loaders and flags, but no debugger and no code to evaluate. */
export function inheritedArguments(execArgv: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < execArgv.length; at++) {
    const argument = execArgv[at] ?? ''
    if (ALONE.test(argument)) continue
    if (!WITH_VALUE.test(argument)) kept.push(argument)
    else if (!argument.includes('=') && execArgv[at + 1]?.startsWith('-') === false) at++
  }
  return kept
}
