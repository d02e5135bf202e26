// Looking for secrets in what a process prints that shows everything it can get hold of. Nothing here judges.

import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { curveKeyPair } from "brokerless/curve"
import { decodeZ85 } from "../../src/curve/z85.ts"
import type { Secrets } from "../programs/secretive.ts"

export function newSecrets(): Secrets {
  const password = `pass${Buffer.from(curveKeyPair().publicKey).toString("hex").slice(0, 70)}word`
  return { password, server: curveKeyPair(), client: curveKeyPair() }
}

/** The ways in which octets get printed, each by a part that is long enough to be no accident. */
function forms(octets: Buffer): Buffer[] {
  const parts = [octets.subarray(0, 9), octets.subarray(-9)]
  return parts.flatMap((part) => {
    const bytes = [...part]
    const texts = [
      part.toString("hex"),
      part.toString("hex").toUpperCase(),
      part.toString("base64"),
      (part.toString("hex").match(/../g) as string[]).join(" "),
      bytes.join(","),
      bytes.join(", "),
      bytes.map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(", "),
    ]
    return [part, Buffer.from(part.toString("latin1")), ...texts.map((text) => Buffer.from(text))]
  })
}

/** What of the secrets is in there. */
export function hits(output: Buffer, { password, server, client }: Secrets): string[] {
  const keys = [server.secretKey, client.secretKey]
  const needles = [
    ...forms(Buffer.from(password)),
    ...keys.flatMap((key) => [...forms(decodeZ85(key) as Buffer), ...forms(Buffer.from(key))]),
  ]
  return needles.filter((needle) => output.includes(needle)).map(String)
}

export interface Shown {
  readonly code: unknown
  /** All of stdout and stderr. */
  readonly output: Buffer
  /** What it printed last on stdout; in `output`, what stderr had to say may come after. */
  readonly lastLine: string
}

/** Runs the built `secretive`, with these secrets. */
export async function showEverything(program: URL, secrets: Secrets): Promise<Shown> {
  const env = { ...process.env, SECRETS: JSON.stringify(secrets) }
  const args = ["--trace-warnings", fileURLToPath(program)]
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] })
  const printed: Buffer[] = []
  const warned: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => printed.push(chunk))
  child.stderr.on("data", (chunk: Buffer) => warned.push(chunk))
  const code = await new Promise((resolve) => child.once("close", resolve))
  const lastLine = Buffer.concat(printed).toString().trimEnd().split("\n").at(-1) as string
  return { code, output: Buffer.concat([...printed, ...warned]), lastLine }
}

/** The same with lists in one line, which are printed in columns. */
export function inOneLine(output: Buffer): Buffer {
  return Buffer.from(output.toString("latin1").replaceAll(/,\s+/g, ", "), "latin1")
}
