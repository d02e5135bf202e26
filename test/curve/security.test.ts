import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { decodeZ85 } from "../../src/curve/z85.ts"
import { curve, curveKeyPair, curveProvider, curveServer } from "../../src/curve.ts"
import { OptionError, StateError } from "../../src/errors.ts"
import type { Applicant, Authorize } from "../../src/security/authorize.ts"
import type { Admitted, Security } from "../../src/security/security.ts"

const server = curveKeyPair()
const client = curveKeyPair()
const other = curveKeyPair()
const SETUP = { metadata: Buffer.alloc(0), limits: { maxProperties: 64, maxBytes: 8192 } }

function judged(security: Security, publicKey: string, signal = new AbortController().signal): unknown {
  const credentials = { publicKey: decodeZ85(publicKey) as Buffer }
  return security.judge?.({ credentials, address: "192.0.2.7:49152", signal })
}

function admitted(publicKey: string): Admitted {
  return { userId: publicKey, metadata: new Map() }
}

function refused(make: () => unknown, message: RegExp): void {
  expect(make).toThrow(OptionError)
  expect(make).toThrow(message)
}

describe("curve", () => {
  it("makes clients of CURVE, each with a conversation of its own", async () => {
    const security = curve({ serverKey: server.publicKey, ...client })
    expect(security.mechanism).toBe("CURVE")
    await security.prepare?.()
    const [one, two] = [security.create(SETUP), security.create(SETUP)]
    expect(one).toMatchObject({ name: "CURVE", asServer: false })
    expect(one?.produce()).not.toEqual(two?.produce())
    expect(security.judge).toBeUndefined()
  })

  it("is prepared once, and then at once", async () => {
    const security = curve({ serverKey: server.publicKey, ...client })
    expect(security.prepare?.()).toBeInstanceOf(Promise)
    await security.prepare?.()
    expect(security.prepare?.()).toBeUndefined()
    expect(["sodium-native", "libsodium (WebAssembly)"]).toContain(await curveProvider())
  })

  it("CURVE-33: takes keys as octets", async () => {
    const keys = {
      serverKey: decodeZ85(server.publicKey) as Buffer,
      publicKey: new Uint8Array(decodeZ85(client.publicKey) as Buffer),
      secretKey: client.secretKey,
    }
    const security = curve(keys)
    await security.prepare?.()
    expect(security.create(SETUP).name).toBe("CURVE")
  })

  it("CURVE-33: refuses keys that are missing, malformed, or do not belong together", () => {
    refused(() => curve({ ...client } as never), /^curve: serverKey must be a key/)
    refused(() => curve({ serverKey: server.publicKey, publicKey: client.publicKey } as never), /secretKey must be/)
    refused(() => curve({ serverKey: server.publicKey, secretKey: client.secretKey } as never), /publicKey must be/)
    refused(() => curve({ serverKey: "short", ...client }), /serverKey must be .* got a string of 5 characters/)
    refused(
      () => curve({ serverKey: server.publicKey, publicKey: other.publicKey, secretKey: client.secretKey }),
      /belong to each other/,
    )
  })

  it("refuses what is no object, and names that it does not know", () => {
    for (const given of [undefined, null, 1, "key", client.secretKey, [], () => client]) {
      refused(() => curve(given as never), /^curve takes an object/)
    }
    refused(() => curve({ serverKey: server.publicKey, ...client, allow: [] } as never), /knows no "?allow"?/)
  })

  it("CURVE-39: repeats no key in an error, and shows none when it is inspected", () => {
    const told: string[] = []
    for (const make of [
      () => curve(client.secretKey as never),
      () => curve({ serverKey: server.publicKey, publicKey: client.publicKey, secretKey: `${client.secretKey}1` }),
      () => curve({ serverKey: server.publicKey, publicKey: client.secretKey, secretKey: client.secretKey }),
      () => curveServer({ ...server, allow: [`${other.secretKey}1`] }),
      () => curveServer(server.secretKey as never),
    ]) {
      try {
        make()
      } catch (error) {
        expect(error).toBeInstanceOf(OptionError)
        told.push(inspect(error, { depth: 10, showHidden: true }))
      }
    }
    expect(told).toHaveLength(5)
    const made = [curve({ serverKey: server.publicKey, ...client }), curveServer({ ...server, allow: [] })]
    for (const each of made) told.push(inspect(each, { depth: 10, showHidden: true }), JSON.stringify(each))
    for (const text of told) {
      for (const { secretKey } of [server, client, other]) expect(text).not.toContain(secretKey.slice(0, 39))
    }
  })
})

describe("curveServer", () => {
  it("makes servers of CURVE", async () => {
    const security = curveServer({ ...server, anyone: true })
    expect(security.mechanism).toBe("CURVE")
    await security.prepare?.()
    expect(security.create(SETUP)).toMatchObject({ name: "CURVE", asServer: true })
  })

  it("CURVE-37: has to be told who may come in, in exactly one way", () => {
    const authorize = (): boolean => true
    refused(() => curveServer({ ...server } as never), /^curveServer must be told who may come in/)
    for (const ways of [
      { allow: [], anyone: true },
      { allow: [], authorize },
      { authorize, anyone: true },
      { allow: [client.publicKey], authorize, anyone: true },
      { allow: undefined },
    ]) {
      refused(() => curveServer({ ...server, ...ways } as never), /must be told who may come in/)
    }
  })

  it("CURVE-37: takes for anyone nothing but true", () => {
    for (const anyone of [false, null, 1, "true", "yes", {}]) {
      refused(() => curveServer({ ...server, anyone } as never), /anyone can only be true/)
    }
  })

  it("refuses a list that is none, and what is no key in one", () => {
    for (const allow of [null, client.publicKey, new Set([client.publicKey]), { 0: client.publicKey }, 1]) {
      refused(() => curveServer({ ...server, allow } as never), /allow must be an array of public keys/)
    }
    for (const allow of [[client.publicKey, "x"], [undefined], [null], [1], [Buffer.alloc(31)]]) {
      refused(() => curveServer({ ...server, allow } as never), /^curveServer: a key to allow must be a key/)
    }
  })

  it("refuses an authorizer that cannot be asked", () => {
    for (const authorize of [null, true, "yes", {}, [() => true]]) {
      refused(() => curveServer({ ...server, authorize } as never), /authorize must be a function/)
    }
  })

  it("CURVE-33: refuses keys of its own that are missing, malformed, or do not belong together", () => {
    refused(() => curveServer({ publicKey: server.publicKey, anyone: true } as never), /secretKey must be a key/)
    refused(() => curveServer({ secretKey: server.secretKey, anyone: true } as never), /publicKey must be a key/)
    refused(() => curveServer({ ...server, publicKey: client.publicKey, anyone: true }), /belong to each other/)
    refused(() => curveServer({ ...server, serverKey: server.publicKey, anyone: true } as never), /knows no/)
  })

  it("lets in those of the list, and says who they are", () => {
    const security = curveServer({ ...server, allow: [client.publicKey, decodeZ85(other.publicKey) as Buffer] })
    expect(judged(security, client.publicKey)).toEqual(admitted(client.publicKey))
    expect(judged(security, other.publicKey)).toEqual(admitted(other.publicKey))
    expect(judged(security, server.publicKey)).toBeUndefined()
    expect(judged(curveServer({ ...server, allow: [] }), client.publicKey)).toBeUndefined()
  })

  it("does not hold on to the array that it was given", () => {
    const allow = [client.publicKey]
    const security = curveServer({ ...server, allow })
    allow.push(other.publicKey)
    allow.shift()
    expect(judged(security, client.publicKey)).toEqual(admitted(client.publicKey))
    expect(judged(security, other.publicKey)).toBeUndefined()
  })

  it("changes its list when it is told to", () => {
    const security = curveServer({ ...server, allow: [client.publicKey] })
    security.allow(other.publicKey, server.publicKey)
    expect(judged(security, other.publicKey)).toEqual(admitted(other.publicKey))
    security.revoke(decodeZ85(client.publicKey) as Buffer, other.publicKey)
    expect(judged(security, client.publicKey)).toBeUndefined()
    expect(judged(security, other.publicKey)).toBeUndefined()
    expect(judged(security, server.publicKey)).toEqual(admitted(server.publicKey))
    // Whom it does not know it need not revoke.
    security.revoke(client.publicKey)
    security.allow()
    security.revoke()
    expect(judged(security, client.publicKey)).toBeUndefined()
  })

  it("changes all of what it is told to, or nothing", () => {
    const security = curveServer({ ...server, allow: [client.publicKey] })
    refused(() => security.allow(other.publicKey, "no key"), /a key to allow/)
    refused(() => security.revoke(client.publicKey, "no key"), /a key to revoke/)
    expect(judged(security, other.publicKey)).toBeUndefined()
    expect(judged(security, client.publicKey)).toEqual(admitted(client.publicKey))
  })

  it("has no list to change where anyone may come in, or a function says who", () => {
    for (const security of [
      curveServer({ ...server, anyone: true }),
      curveServer({ ...server, authorize: () => true }),
    ]) {
      expect(() => security.allow(client.publicKey)).toThrow(StateError)
      expect(() => security.revoke(client.publicKey)).toThrow(StateError)
    }
  })

  it("CURVE-37: lets in anyone where that was asked for by name", () => {
    const security = curveServer({ ...server, anyone: true })
    for (const { publicKey } of [client, other, server])
      expect(judged(security, publicKey)).toEqual(admitted(publicKey))
  })

  it("asks the function, which sees the key, the address and a signal", async () => {
    const asked: Applicant[] = []
    const authorize: Authorize = (peer) => {
      asked.push(peer)
      return peer.publicKey === client.publicKey
    }
    const security = curveServer({ ...server, authorize })
    const { signal } = new AbortController()
    expect(await judged(security, client.publicKey, signal)).toEqual(admitted(client.publicKey))
    expect(await judged(security, other.publicKey, signal)).toBeUndefined()
    expect(asked[0]).toMatchObject({ mechanism: "CURVE", publicKey: client.publicKey, address: "192.0.2.7:49152" })
    expect(asked[0]?.signal).toBe(signal)
    expect(asked[0]?.username).toBeUndefined()
    expect(asked[0]?.password).toBeUndefined()
    expect(asked[1]?.publicKey).toBe(other.publicKey)
  })

  it("takes what the function attaches to a peer", async () => {
    const authorize: Authorize = async () => ({ userId: "ada", metadata: { "X-Role": "admin" } })
    const granted = (await judged(curveServer({ ...server, authorize }), client.publicKey)) as Admitted
    expect(granted.userId).toBe("ada")
    expect([...granted.metadata].map(([name, value]) => [name, String(value)])).toEqual([["x-role", "admin"]])
    const bare = (await judged(
      curveServer({ ...server, authorize: () => ({ metadata: {} }) }),
      client.publicKey,
    )) as Admitted
    expect(bare).toEqual(admitted(client.publicKey))
  })

  it("takes any other answer, and none, for a no", async () => {
    for (const answer of [false, undefined, null, 0, 1, "yes", {}]) {
      const security = curveServer({ ...server, authorize: (() => answer) as never })
      expect(await judged(security, client.publicKey)).toBeUndefined()
    }
    const failing = curveServer({
      ...server,
      authorize() {
        throw new Error("no directory")
      },
    })
    await expect(judged(failing, client.publicKey)).rejects.toThrow("no directory")
  })
})
