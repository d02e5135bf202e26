// What a connection has to write, a batch at a time: its greeting and handshake, then commands, then messages of its
// pipe. It chooses and encodes; when something is written, and what becomes of it, is the session's affair.

import { chargeOf, type Message, sizeOf } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import type { SocketHost } from "../transport/transport.ts"
import { ping } from "../zmtp/command.ts"
import { type Batch, Encoder } from "../zmtp/encoder.ts"
import type { Engine } from "../zmtp/engine.ts"
import { PendingCommands } from "./pending-commands.ts"
import { PROOF, pingContext, type ReadingProof } from "./reading-proof.ts"
import type { SharedBatch } from "./shared-batch.ts"

export class Outgoing {
  readonly commands: PendingCommands = new PendingCommands()
  readonly encoder: Encoder = new Encoder()
  readonly #engine: Engine
  readonly #host: SocketHost
  readonly #shared: SharedBatch | undefined
  readonly #batchBytes: number
  /** Messages taken out of the pipe for a batch that is not complete. */
  unfinished = 0
  #pipe: Pipe | undefined
  #proof: ReadingProof | undefined

  constructor(engine: Engine, host: SocketHost, shared: SharedBatch | undefined) {
    this.#engine = engine
    this.#host = host
    this.#shared = shared
    this.#batchBytes = host.options.batchBytes
  }

  /** The handshake is complete: from now on messages may go out, with marks among them if there is a proof to keep. */
  open(pipe: Pipe, proof: ReadingProof | undefined): void {
    this.#pipe = pipe
    this.#proof = proof
  }

  /** The next write's worth: commands first, then messages up to `batchBytes`. */
  next(): Batch | undefined {
    const encoder = this.encoder
    this.unfinished = 0
    this.#engine.output(encoder)
    const pipe = this.#pipe
    if (pipe === undefined) return encoder.finish()
    if (this.commands.waiting) this.commands.gather(encoder, this.#engine, this.#host.options.heartbeatTimeToLive)
    const outbound = pipe.outbound
    if (outbound.length === 0) return encoder.finish()
    const shared = this.#shared
    if (shared !== undefined && !encoder.secured) {
      return encoder.finish() ?? shared.take(outbound) ?? this.#nextShared(shared, pipe)
    }
    const proof = this.#proof
    do {
      const message = this.#takeWhole(pipe)
      if (message === undefined) continue
      encoder.add(message)
      if (proof !== undefined) {
        proof.wrote(sizeOf(message))
        if (proof.due(outbound.length === 0)) encoder.command(ping(0, pingContext(PROOF, proof.mark())))
      }
    } while (outbound.length > 0 && encoder.octets < this.#batchBytes)
    return encoder.finish()
  }

  #nextShared(shared: SharedBatch, pipe: Pipe): Batch | undefined {
    const encoder = this.encoder
    const messages: Message[] = []
    do {
      const message = this.#takeWhole(pipe)
      if (message === undefined) continue
      encoder.add(message)
      messages.push(message)
    } while (pipe.outbound.length > 0 && encoder.octets < this.#batchBytes)
    const batch = encoder.finish()
    if (batch !== undefined) shared.keep(messages, batch)
    return batch
  }

  /** The next message, unless the memory of one of its frames was taken away while it waited. */
  #takeWhole(pipe: Pipe): Message | undefined {
    const charge = pipe.outbound.headCharge
    const message = pipe.outbound.shift() as Message
    if (chargeOf(message) === charge) {
      this.unfinished++
      return message
    }
    this.#host.dropped("detached", 1, pipe)
    return undefined
  }
}
