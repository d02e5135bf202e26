// Faults that the fuzz targets have to find: each is a change of one place in the source, and names the targets that
// see it. A target that finds none of them would prove nothing by finding nothing.

export interface PlantedFault {
  readonly about: string
  readonly target: string
  /** From the root of the repository. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
}

export const FAULTS: readonly PlantedFault[] = [
  {
    about: "a greeting of ZMTP 1.0 is taken for one of 3.0",
    target: "greeting",
    file: "src/zmtp/greeting.ts",
    find: "if ((octet & 1) === 0) throw",
    replace: "if (octet === 0) throw",
  },
  {
    about: "the size of a message is that of its largest frame",
    target: "frames",
    file: "src/zmtp/decoder.ts",
    find: "if (size > limits.maxMessageSize - this.#framesSize) {",
    replace: "if (size > limits.maxMessageSize) {",
  },
  {
    about: "memory is taken for what a frame announces",
    target: "frames",
    file: "src/zmtp/decoder.ts",
    find: "allocate(Math.min(size, here < LITTLE_BODY / 2 ? LITTLE_BODY : FIRST_BODY))",
    replace: "allocate(size)",
  },
  {
    about: "what waits to be read stays in memory that is used again",
    target: "frames",
    file: "src/zmtp/decoder.ts",
    find: "if (rest > 0) this.#open(clone(view(this.#chunk.buffer, this.#chunk.byteOffset + this.#offset, rest)), false)",
    replace: "if (rest > 0) this.#lent = false",
  },
  {
    about: "the name of a command may be anything",
    target: "commands",
    file: "src/zmtp/command.ts",
    find: "if (!/^[A-Za-z]+$/.test(name)) {",
    replace: "if (name.length > 255) {",
  },
  {
    about: "the context of a PING is echoed in full",
    target: "commands",
    file: "src/zmtp/command.ts",
    find: "Math.min(size, MAX_CONTEXT)",
    replace: "size",
  },
  {
    about: "the length of a property is believed",
    target: "metadata",
    file: "src/zmtp/metadata.ts",
    find: "if (valueEnd > own.length) throw truncated()",
    replace: "",
  },
  {
    about: "properties stay in memory that is used again",
    target: "metadata",
    file: "src/zmtp/metadata.ts",
    find: "const own = clone(bytes)",
    replace: "const own = bytes",
  },
  {
    about: "a routing id may begin with zero",
    target: "mechanism-null",
    file: "src/zmtp/engine.ts",
    find: "(announced.length > 255 || announced[0] === 0)",
    replace: "announced.length > 255",
  },
  {
    about: "a message may begin before the handshake is complete",
    target: "mechanism-null",
    file: "src/zmtp/engine.ts",
    find: "if (this.#decoder.incomplete) throw tooEarly()",
    replace: "",
  },
  {
    about: "octets behind the password are overlooked",
    target: "mechanism-plain-server",
    file: "src/zmtp/plain.ts",
    find: "passwordEnd !== data.length",
    replace: "passwordEnd > data.length",
  },
  {
    about: "a WELCOME may hold anything",
    target: "mechanism-plain-client",
    file: "src/zmtp/plain.ts",
    find: "if (data.length > 0) {",
    replace: "if (data.length > 255) {",
  },
  {
    about: "any nonce is good enough",
    target: "mechanism-curve-server",
    file: "src/zmtp/curve/nonce.ts",
    find: "if (high < this.#high || (high === this.#high && low <= this.#low)) {",
    replace: "if (high < 0) {",
  },
  {
    about: "a vouch for another server counts",
    target: "mechanism-curve-server",
    file: "src/zmtp/curve/server.ts",
    find: "if (!equal(data.subarray(keysAt + KEY, keysAt + KEY + KEY), this.#keys.publicKey)) {",
    replace: "if (data.length === 0) {",
  },
  {
    about: "a client takes its own messages for the server's",
    target: "mechanism-curve-client",
    file: "src/zmtp/curve/protection.ts",
    find: 'nonceOf(PREFIX[side === "client" ? "server" : "client"])',
    replace: "nonceOf(PREFIX[side])",
  },
  {
    about: "who left still wants what it wanted",
    target: "subscription-index",
    file: "src/routing/subscriptions.ts",
    find: "member.mark = LEFT",
    replace: "",
  },
  {
    about: "of two who want the same the wrong one is forgotten",
    target: "subscription-index",
    file: "src/routing/subscriptions.ts",
    find: "(holders[1 - index] as Member<P>).alone",
    replace: "(holders[index] as Member<P>).alone",
  },
  {
    about: "the first of several equal subscriptions that is cancelled ends all",
    target: "subscribers",
    file: "src/socket/pubsub/wishes.ts",
    find: 'if (this.prefixes.remove(prefix) !== "last") return',
    replace: "this.prefixes.remove(prefix)",
  },
  {
    about: "the length of a path is counted in characters",
    target: "endpoints",
    file: "src/endpoint.ts",
    find: "const octets = fromString(path).length",
    replace: "const octets = path.length",
  },
  {
    about: "a port above the last one is accepted",
    target: "endpoints",
    file: "src/endpoint.ts",
    find: "return port <= 65535 ? port : undefined",
    replace: "return port",
  },
  {
    about: "what the application gave is kept without a copy",
    target: "options",
    file: "src/options.ts",
    find: "return clone(toFrame(value as FrameLike))",
    replace: "return toFrame(value as FrameLike)",
  },
  {
    about: "a number that is none is accepted",
    target: "options",
    file: "src/options.ts",
    find: 'if (typeof value !== "number" || !Number.isInteger(value)) return refuse()',
    replace: 'if (typeof value !== "number") return refuse()',
  },
  {
    about: "extension types are left to msgpackr",
    target: "msgpack",
    file: "src/codec/msgpack-check.ts",
    find: "            throw extension(octets, at, to, token)",
    replace: "            at += 1 + 2 ** (token - 0xd4)\n            continue",
  },
  {
    about: "a prototype may be set by a key",
    target: "msgpack",
    file: "src/codec/msgpack-check.ts",
    find: "if (length === 9 && map === 1 && (left & 1) === 1 && isUnsafe(octets, at)) throw unsafeKey()",
    replace: "",
  },
  {
    about: "octets that are received are those of the frame",
    target: "msgpack",
    file: "src/codec/msgpack.ts",
    find: "copyBuffers: true,",
    replace: "",
  },
  {
    about: "the length of a group is believed",
    target: "datagrams",
    file: "src/transport/udp/format.ts",
    find: "return end > octets.length ? undefined : [",
    replace: "return [",
  },
  {
    about: "what nobody has room for is lost without a trace",
    target: "datagrams",
    file: "src/transport/udp/datagram-link.ts",
    find: 'host.dropped("high-water-mark", 1, pipe)',
    replace: "return",
  },
  {
    about: "an illegal frame is thrown at the process",
    target: "octets-to-listeners",
    file: "src/session/session.ts",
    find: "    } catch (error) {\n      this.#fail(error)\n    } finally {\n      this.#pumping = false\n    }",
    replace: "    } finally {\n      this.#pumping = false\n    }",
  },
  {
    about: "a newcomer with a known routing id takes the place of its owner",
    target: "octets-to-listeners",
    file: "src/socket/reqrep/address-book.ts",
    find: "if (holder === undefined || holder === pipe || this.#hub.options.handover) return undefined",
    replace: "if (holder !== null) return undefined",
  },
  {
    about: "a peer that has left is still there",
    target: "octets-from-servers",
    file: "src/socket/hub.ts",
    find: "const joined = pipe.seat !== undefined && this.ready.remove(pipe.seat)",
    replace: "const joined = pipe.seat?.taken === true",
  },
  {
    about: "what waits for a peer that never came is lost without a trace",
    target: "calls-pipeline",
    file: "src/socket/hub.ts",
    find: 'if (left > 0) this.dropped("linger", left, pipe)\n    }\n    this.release(pipe, undefined)',
    replace: "}\n    this.release(pipe, undefined)",
  },
  {
    about: "a Subscriber is given what it no longer wants",
    target: "calls-pubsub",
    file: "src/socket/pubsub/subscriber.ts",
    find: "wishes.prefixes.matches(message[0] as Frame) !== invertMatching ? coding.decode(message, pipe) : SKIP",
    replace: "coding.decode(message, pipe)",
  },
]
