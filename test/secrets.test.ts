// No secret that a program trusts us with is ever shown: not by errors or events, and not by whoever logs or inspects
// what we gave it.

import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { curveKeyPair } from "brokerless/curve"
import { describe, expect, it } from "vitest"
import { decodeZ85 } from "../src/curve/z85.ts"
import type { Secrets } from "./programs/secretive.ts"

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

/** How often anything of the secrets is in there. */
function hits(output: Buffer, { password, server, client }: Secrets): string[] {
  const keys = [server.secretKey, client.secretKey]
  const needles = [
    ...forms(Buffer.from(password)),
    ...keys.flatMap((key) => [...forms(decodeZ85(key) as Buffer), ...forms(Buffer.from(key))]),
  ]
  return needles.filter((needle) => output.includes(needle)).map(String)
}

const SECRETS: Secrets = {
  password: `pass${Buffer.from(curveKeyPair().publicKey).toString("hex").slice(0, 70)}word`,
  server: curveKeyPair(),
  client: curveKeyPair(),
}

describe("B16, T21, PLAIN-11: secrets", () => {
  it("are found wherever they are, by the search itself", () => {
    for (const secret of [SECRETS.password, SECRETS.server.secretKey, SECRETS.client.secretKey]) {
      const octets = [Buffer.from(secret), secret === SECRETS.password ? undefined : decodeZ85(secret)]
      for (const each of octets.filter((found) => found !== undefined)) {
        for (const shown of [
          each,
          each.toString("hex"),
          each.toString("base64"),
          inspect({ each }),
          inspect(Uint8Array.from(each)).replaceAll(/\s+/g, " "),
          JSON.stringify({ each }),
          JSON.stringify({ ...each }).replaceAll(/"\d+":/g, ""),
        ]) {
          expect(hits(Buffer.concat([Buffer.from("before "), Buffer.from(shown)]), SECRETS)).not.toEqual([])
        }
      }
    }
    expect(hits(Buffer.from(inspect([SECRETS.server.publicKey, SECRETS.client.publicKey])), SECRETS)).toEqual([])
  })

  // A process that shows everything in many ways, some of them of failures that take their time.
  it("are nowhere in what a process prints that shows everything it can get hold of", { timeout: 60_000 }, async () => {
    const file = fileURLToPath(new URL("../build/test/programs/secretive.js", import.meta.url))
    if (!existsSync(file)) throw new Error(`There is no ${file}: run "npm run build && npm run build:programs"`)
    const env = { ...process.env, SECRETS: JSON.stringify(SECRETS) }
    const child = spawn(process.execPath, ["--trace-warnings", file], { env, stdio: ["ignore", "pipe", "pipe"] })
    const chunks: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    const code = await new Promise((resolve) => child.once("close", resolve))
    const output = Buffer.concat(chunks)
    const text = output.toString("latin1")
    expect(text.slice(-2000)).toContain("everything was shown")
    expect(code).toBe(0)
    for (const shown of [
      "EACCES",
      "EPROTO",
      "EAGAIN",
      "EINVAL",
      "peer:join",
      "applicant",
      "Warning",
      SECRETS.client.publicKey,
    ]) {
      expect(text).toContain(shown)
    }
    // Lists of octets are printed in columns: those that were are one line here.
    const joined = Buffer.from(text.replaceAll(/,\s+/g, ", "), "latin1")
    expect(hits(output, SECRETS)).toEqual([])
    expect(hits(joined, SECRETS)).toEqual([])
  })
})
