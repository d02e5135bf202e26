// A socket of ours on one side of a connection of tcp, and on the other a CURVE peer that is written out by hand.

import { type CommonOptions, type Message, ProtocolError, Pull, Push, type Socket } from "brokerless"
import { curve, curveServer } from "brokerless/curve"
import { expect } from "vitest"
import { RawCurveClient, RawCurveServer, type RawKeys, type RawMessage, rawKeys } from "./raw-curve.ts"
import { frame, greeting, property, type RawFrame, RawPeer, RawServer } from "./raw-peer.ts"
import { text } from "./sockets.ts"

export const MORE = 1
export const COMMAND = 4

/** A raw peer at its end of a connection, whichever side of CURVE it is on. */
export class CurveEnd<S extends RawCurveClient | RawCurveServer> {
  readonly peer: RawPeer
  readonly side: S

  constructor(peer: RawPeer, side: S) {
    this.peer = peer
    this.side = side
  }

  /** Sends a command body in a frame of its own. */
  command(body: Buffer, flags: number = COMMAND): void {
    this.peer.send(frame(body, flags))
  }

  /** Sends a MESSAGE as libzmq frames it. */
  traffic(body: Buffer, flags = 0): void {
    this.peer.send(frame(body, flags))
  }

  next(): Promise<RawFrame> {
    return this.peer.next()
  }

  /** The next frame of traffic, opened. */
  async opened(): Promise<RawMessage> {
    return this.side.open((await this.next()).body)
  }

  /** Resolves with what the other side still sent when it has ended the connection. */
  async ended(): Promise<RawFrame[]> {
    const rest: RawFrame[] = []
    try {
      for (;;) rest.push(await this.peer.next())
    } catch {
      await this.peer.closed
      return rest
    }
  }
}

/** A socket of ours that is the server of CURVE, an honest client of it, and raw ones. */
export class CurveFort implements AsyncDisposable {
  readonly keys: RawKeys = rawKeys()
  /** Those that may come in. */
  readonly members: RawKeys = rawKeys()
  readonly pull: Pull
  readonly endpoint: Promise<string>
  readonly #honest: Push
  readonly #peers: RawPeer[] = []
  #sent = 0

  constructor(options: CommonOptions = {}) {
    this.pull = new Pull({
      heartbeatInterval: 0,
      security: curveServer({ ...this.keys, allow: [this.members.publicKey] }),
      ...options,
    })
    this.endpoint = this.pull.bind("tcp://127.0.0.1:*")
    this.#honest = new Push({ security: curve({ serverKey: this.keys.publicKey, ...this.members }) })
  }

  /** A raw client that has sent its greeting. */
  async client(keys: RawKeys = this.members, transient?: RawKeys): Promise<CurveEnd<RawCurveClient>> {
    const peer = await RawPeer.connect(await this.endpoint)
    this.#peers.push(peer)
    peer.send(greeting({ mechanism: "CURVE" }))
    return new CurveEnd(peer, new RawCurveClient(this.keys.publicKey, keys, transient))
  }

  /** One that has got its WELCOME. */
  async welcomed(keys?: RawKeys): Promise<CurveEnd<RawCurveClient>> {
    const end = await this.client(keys)
    end.command(end.side.hello())
    end.side.takeWelcome((await end.next()).body)
    return end
  }

  /** One whose handshake is complete. */
  async established(): Promise<CurveEnd<RawCurveClient>> {
    const end = await this.welcomed()
    const joined = this.pull.events.once("peer:join")
    end.command(end.side.initiate({ metadata: PUSH }))
    end.side.takeReady((await end.next()).body)
    await joined
    return end
  }

  /** The next message that arrives. */
  async received(): Promise<string[]> {
    return text((await this.pull.receive()) as Message)
  }

  /** An honest client comes and goes, or goes on, as if there were nobody else; nothing else had arrived. */
  async unharmed(): Promise<void> {
    if (this.#sent === 0) this.#honest.connect(await this.endpoint)
    const sent = `honest ${this.#sent++}`
    await this.#honest.send(sent)
    expect(await this.received()).toEqual([sent])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer.socket.destroy()
    await Promise.all([this.#honest.close({ linger: 0 }), this.pull.close({ linger: 0 })])
  }
}

/** A socket of ours that is the client of CURVE, and the raw servers that it comes to. */
export class CurveCaller<S extends Socket = Push> implements AsyncDisposable {
  readonly keys: RawKeys = rawKeys()
  readonly serverKeys: RawKeys = rawKeys()
  readonly socket: S
  readonly #server: RawServer

  private constructor(server: RawServer, make: (options: CommonOptions) => S, serverKey?: Buffer) {
    this.#server = server
    this.socket = make({
      heartbeatInterval: 0,
      reconnectInterval: 1,
      security: curve({ serverKey: serverKey ?? this.serverKeys.publicKey, ...this.keys }),
    })
    this.socket.connect(server.endpoint)
  }

  static async of<S extends Socket>(
    make: (options: CommonOptions) => S,
    { serverKey }: { serverKey?: Buffer } = {},
  ): Promise<CurveCaller<S>> {
    return new CurveCaller(await RawServer.listen(), make, serverKey)
  }

  static push(how: { serverKey?: Buffer } = {}): Promise<CurveCaller<Push>> {
    return CurveCaller.of((options) => new Push({ ...options, linger: 0 }), how)
  }

  /** The next connection, on which nothing has been said. */
  accept(): Promise<RawPeer> {
    return this.#server.accept()
  }

  /** The next connection, on which the raw server has sent its greeting. */
  async server(): Promise<CurveEnd<RawCurveServer>> {
    const peer = await this.accept()
    peer.send(greeting({ mechanism: "CURVE", asServer: true }))
    return new CurveEnd(peer, new RawCurveServer(this.serverKeys))
  }

  /** One that has read HELLO. */
  async greeted(): Promise<CurveEnd<RawCurveServer>> {
    const end = await this.server()
    end.side.takeHello((await end.next()).body)
    return end
  }

  /** One that has read INITIATE. */
  async introduced(): Promise<CurveEnd<RawCurveServer>> {
    const end = await this.greeted()
    end.command(end.side.welcome())
    end.side.takeInitiate((await end.next()).body)
    return end
  }

  /** One whose handshake is complete. */
  async established(socketType = "PULL"): Promise<CurveEnd<RawCurveServer>> {
    const end = await this.introduced()
    const joined = this.socket.events.once("peer:join")
    end.command(end.side.ready({ metadata: property("Socket-Type", socketType) }))
    await joined
    return end
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.socket.close({ linger: 0 })
    await this.#server[Symbol.asyncDispose]()
  }
}

const PUSH = property("Socket-Type", "PUSH")

/** What is done ends the handshake of that connection: with an event, without a word, and without harm to others. */
export async function refusedBy(fort: CurveFort, end: CurveEnd<RawCurveClient>, act: () => void): Promise<void> {
  const refused = fort.pull.events.once("handshake:error")
  act()
  const { error } = await refused
  expect(error).toBeInstanceOf(ProtocolError)
  expect(await end.ended()).toEqual([])
  await fort.unharmed()
}

/** What is done ends that connection, and is not delivered. */
export async function endedBy(fort: CurveFort, end: CurveEnd<RawCurveClient>, act: () => void): Promise<void> {
  const left = fort.pull.events.once("disconnect")
  act()
  expect((await left).error).toBeInstanceOf(ProtocolError)
  expect(await end.ended()).toEqual([])
  await fort.unharmed()
}

/** The same octets, one bit of them flipped. */
export function flipped(body: Buffer, bit: number): Buffer {
  const octets = Buffer.from(body)
  octets[bit >> 3] = (octets[bit >> 3] as number) ^ (1 << (bit & 7))
  return octets
}
