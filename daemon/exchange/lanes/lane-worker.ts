// Runs in a worker thread and holds lanes: those that this node opened, and in the first thread the port and those that others open.
// It decides nothing; what it needs to know it asks the main thread.

import { availableParallelism } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type { TLSSocket } from 'node:tls'
import { systemClock } from '../../clock.ts'
import { PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { LANE_BUFFERS, LANE_THREADS, LEAF_BYTES } from '../../../proto/limits.ts'
import { AskingLane } from './asking-lane.ts'
import { Asks } from './asks.ts'
import { Blocks } from './blocks.ts'
import { LanePort } from './lane-port.ts'
import {
  type Answer,
  type FromThread,
  isAnswerTo,
  type LaneFacts,
  type Question,
  type ThreadWaits,
  toFault,
  type ToThread
} from './messages.ts'
import { LANE_BLOCK_BYTES } from './send-jobs.ts'
import { ServingLane } from './serving-lane.ts'
import { TargetFiles } from './target-files.ts'
import { dialTls, faultOf } from './tls.ts'

const port = parentPort
if (port === null) throw new Error('this file is the code of a worker thread')
const waits: ThreadWaits = workerData
const clock = systemClock

const asks = new Asks<Answer>()
const lanes = new Map<number, AskingLane | ServingLane>()
const received = new Blocks(LEAF_BYTES, LANE_BUFFERS)
const sent = new Blocks(LANE_BLOCK_BYTES, LANE_BUFFERS)
const files = new TargetFiles({ clock, writesItself: availableParallelism() <= LANE_THREADS })

const post = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer)

const lanePort = new LanePort({
  clock,
  handshakeMs: waits.handshakeMs,
  onLane: (facts, socket) => {
    make(facts).link.attach(socket)
    post({ type: 'opened', lane: facts.lane })
  },
  onUnused: ({ lane }, why) => post({ type: 'ended', lane, fault: toFault(why, 'opening a lane') })
})

function make(facts: LaneFacts): AskingLane | ServingLane {
  const { lane } = facts
  const parts = {
    facts,
    clock,
    waits,
    files,
    post,
    blocks: facts.way === 'ask' ? received : sent,
    ask: async <Type extends Question['type']>(question: Extract<Question, { readonly type: Type }>) => {
      const type: Type = question.type
      const answer = await asks.ask(ask => post({ type: 'ask', ask, lane, question }))
      if (isAnswerTo(answer, type)) return answer
      throw new PathmeshError('INTERNAL', `a question about ${type} was answered with ${answer.type}`)
    }
  }
  const onEnd = (error: PathmeshError): void => {
    lanes.delete(lane)
    if (lanes.size === 0) for (const blocks of [received, sent]) blocks.trim()
    post({ type: 'ended', lane, fault: toFault(error, 'a lane') })
  }
  const made = facts.way === 'ask' ? new AskingLane(parts, onEnd) : new ServingLane(parts, onEnd)
  lanes.set(lane, made)
  return made
}

function dial({ facts, host, port: at, key }: Extract<ToThread, { type: 'dial' }>): void {
  const { link } = make(facts)
  const socket: TLSSocket = dialTls(host, at, key, link.onread)
  const cancel = clock.after(waits.handshakeMs, () =>
    link.end(new PathmeshError('TIMEOUT', `nobody answers at ${host} port ${at}`))
  )
  // Before the handshake is done this tells why it failed; afterwards the lane does.
  const failed = (cause: Error): void =>
    link.end(new PathmeshError('NO_PROVIDERS', `no lane to ${host} port ${at}: ${cause.message}`, { cause }))
  socket.once('error', failed)
  socket.once('close', cancel)
  socket.once('secureConnect', () => {
    cancel()
    const fault = faultOf(socket)
    if (fault !== undefined) link.end(fault)
    else post({ type: 'opened', lane: facts.lane })
  })
  link.attach(socket)
}

/** Where nobody has connected yet there is nothing else to end. */
function close(lane: number): void {
  const why = new PathmeshError('NO_PROVIDERS', 'the lane was closed')
  const open = lanes.get(lane)
  lanePort.forget(lane)
  if (open === undefined) post({ type: 'ended', lane, fault: toFault(why, 'a lane') })
  else open.link.end(why)
}

function take(message: ToThread): void {
  switch (message.type) {
    case 'listen': {
      const { ask, listen } = message
      lanePort.listen(listen).then(
        value => post({ type: 'answer', ask, value }),
        (error: unknown) => post({ type: 'refusal', ask, fault: toFault(error, 'listening for lanes') })
      )
      return
    }
    case 'expect':
      try {
        lanePort.expect(message.facts, message.key, message.ms)
        post({ type: 'answer', ask: message.ask, value: 0 })
      } catch (error) {
        post({ type: 'refusal', ask: message.ask, fault: toFault(error, 'issuing a key') })
      }
      return
    case 'dial':
      dial(message)
      return
    case 'close':
      close(message.lane)
      return
    case 'leaves':
    case 'small': {
      const asking = lanes.get(message.lane)
      if (!(asking instanceof AskingLane)) {
        const fault = toFault(new PathmeshError('NO_PROVIDERS', 'the lane was lost'), 'asking')
        const { lane, order } = message
        post({ type: 'came', lane, order, raw: 0, leaves: [], small: [], written: undefined, end: { fault } })
      } else if (message.type === 'leaves') asking.leaves(message)
      else asking.small(message)
      return
    }
    case 'cancel': {
      const lane = lanes.get(message.lane)
      if (lane instanceof AskingLane) lane.cancel(message.order)
      return
    }
    case 'answer':
    case 'refusal':
      asks.answered(message)
  }
}

port.on('message', (message: ToThread) => {
  try {
    take(message)
  } catch (error) {
    throw toPathmeshError(error, `a lane's ${message.type}`)
  }
})
