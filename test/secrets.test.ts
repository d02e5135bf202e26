// No secret that a program trusts us with is ever shown: not by errors or events, and not by whoever logs or inspects
// what we gave it.

import { existsSync } from "node:fs"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { decodeZ85 } from "../src/curve/z85.ts"
import { hits, inOneLine, newSecrets, showEverything } from "./support/secret-search.ts"

const SECRETS = newSecrets()

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
  it("are nowhere in what a process prints that shows everything it can get hold of", {
    timeout: 180_000,
  }, async () => {
    const program = new URL("../build/test/programs/secretive.js", import.meta.url)
    if (!existsSync(program)) throw new Error(`There is no ${program}: run "npm run build && npm run build:programs"`)
    const { code, output, lastLine } = await showEverything(program, SECRETS)
    const text = output.toString("latin1")
    expect(lastLine).toBe("everything was shown")
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
    expect(hits(output, SECRETS)).toEqual([])
    expect(hits(inOneLine(output), SECRETS)).toEqual([])
  })
})
