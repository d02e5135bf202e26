// The commands of PLAIN (RFC 24) as a peer of our own making says them, legal or not. Written from the RFC, with
// nothing of src/.

import { command, frame, greeting, property, type RawPeer } from "./raw-peer.ts"

export const PLAIN_GREETING: Buffer = greeting({ mechanism: "PLAIN" })

/** The data of a HELLO. */
export function credentials(username: string | Buffer, password: string | Buffer): Buffer {
  const [name, secret] = [Buffer.from(username), Buffer.from(password)]
  return Buffer.concat([Buffer.from([name.length]), name, Buffer.from([secret.length]), secret])
}

export function hello(username: string | Buffer, password: string | Buffer): Buffer {
  return command("HELLO", credentials(username, password))
}

export function welcome(): Buffer {
  return command("WELCOME")
}

export function initiate(socketType: string, ...properties: Buffer[]): Buffer {
  return command("INITIATE", Buffer.concat([property("Socket-Type", socketType), ...properties]))
}

/** ERROR, as the RFC spells it. */
export function refusal(reason: string): Buffer {
  return command("ERROR", Buffer.concat([Buffer.from([reason.length]), Buffer.from(reason)]))
}

/** ERROR, as libzmq spells it: the length of the name and its first letter are one character. */
export function misspeltRefusal(reason: string): Buffer {
  const COMMAND = 4
  return frame(Buffer.concat([Buffer.from("^RROR"), Buffer.from([reason.length]), Buffer.from(reason)]), COMMAND)
}

/** Says all that a client has to say at once, as hasty ones may. */
export function comeIn(peer: RawPeer, username: string, password: string, socketType: string): void {
  peer.send(PLAIN_GREETING, hello(username, password), initiate(socketType))
}
