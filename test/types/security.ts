// How `security` is configured: half of it, two policies at once and unknown names do not compile. Checked by the
// type-checker alone.

import { type Authorize, type PlainServerSecurity, Pull, Push, plain, plainServer, type Security } from "brokerless"
import { type CurveServerSecurity, curve, curveServer } from "brokerless/curve"

/** Never called. */
export function clients(): void {
  const security: Security = plain({ username: "ann", password: "secret" })
  void new Push({ security })
  void new Pull({ security: undefined })
  // @ts-expect-error a password is missing
  plain({ username: "ann" })
  // @ts-expect-error a user name is missing
  plain({ password: "secret" })
  // @ts-expect-error a password is text
  plain({ username: "ann", password: Buffer.from("secret") })
  // @ts-expect-error there is no such name
  plain({ username: "ann", password: "secret", domain: "" })
  // @ts-expect-error clients let nobody in
  void security.allow
  // @ts-expect-error the configuration alone is no security
  void new Push({ security: { username: "ann", password: "secret" } })
  // @ts-expect-error a name is no security
  void new Push({ security: "PLAIN" })

  curve({ serverKey: "", publicKey: "", secretKey: Buffer.alloc(32) })
  // @ts-expect-error the server's key is missing
  curve({ publicKey: "", secretKey: "" })
  // @ts-expect-error our secret key is missing
  curve({ serverKey: "", publicKey: "" })
  // @ts-expect-error a key is text or octets
  curve({ serverKey: 7, publicKey: "", secretKey: "" })
}

/** Never called. */
export function servers(): void {
  const listed: PlainServerSecurity = plainServer({ allow: { ann: "secret" } })
  listed.allow("bob", "secret")
  listed.revoke("ann", "bob")
  plainServer({ authorize: ({ username, password }) => username === password })
  // @ts-expect-error somebody has to say who may come in
  plainServer({})
  // @ts-expect-error not both
  plainServer({ allow: {}, authorize: () => true })
  // @ts-expect-error passwords by user name
  plainServer({ allow: ["ann"] })
  // @ts-expect-error passwords by user name
  plainServer({ allow: new Map([["ann", "secret"]]) })
  // @ts-expect-error there is no such policy
  plainServer({ anyone: true })
  // @ts-expect-error servers have no name of their own
  plainServer({ allow: {}, username: "ann" })
  // @ts-expect-error a password is missing
  listed.allow("bob")

  const keys = { publicKey: "", secretKey: "" }
  const keyed: CurveServerSecurity = curveServer({ ...keys, allow: ["", Buffer.alloc(32)] })
  keyed.allow("", "")
  curveServer({ ...keys, anyone: true })
  curveServer({ ...keys, authorize: ({ publicKey }) => publicKey === "" })
  // @ts-expect-error somebody has to say who may come in
  curveServer(keys)
  // @ts-expect-error not two of them
  curveServer({ ...keys, allow: [], anyone: true })
  // @ts-expect-error not two of them
  curveServer({ ...keys, authorize: () => true, anyone: true })
  // @ts-expect-error anyone or not at all
  curveServer({ ...keys, anyone: false })
  // @ts-expect-error a server has a secret key
  curveServer({ publicKey: "", anyone: true })
}

/** Never called. */
export function answers(): void {
  const all: Authorize[] = [
    () => true,
    async () => false,
    () => ({ userId: "ann" }),
    async () => ({ metadata: { "X-Role": "editor", raw: Buffer.alloc(1) } }),
    () => ({ userId: undefined, metadata: {} }),
  ]
  void all
  // @ts-expect-error no answer
  plainServer({ authorize: () => {} })
  // @ts-expect-error a name is no yes
  plainServer({ authorize: ({ username }) => username })
  // @ts-expect-error a number is no yes
  plainServer({ authorize: () => 1 })
  // @ts-expect-error it says nothing
  plainServer({ authorize: () => ({}) })
  // @ts-expect-error nobody may have been found
  plainServer({ authorize: ({ username }) => ({ userId: username }) })
  // @ts-expect-error not a grant
  plainServer({ authorize: () => ({ allowed: true }) })
  // @ts-expect-error a list is no grant
  plainServer({ authorize: async () => [] as string[] })
  // @ts-expect-error metadata is text or octets
  plainServer({ authorize: () => ({ metadata: { age: 7 } }) })
}
