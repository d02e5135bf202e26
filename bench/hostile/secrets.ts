// B16: a process that knows a password and two secret keys shows everything it can get hold of – sockets, options,
// security, peers, events and errors, of handshakes that succeed, fail and hang – in every way in which things are shown.
// Nothing of the secrets is in what it prints, in none of their spellings.

import { hits, inOneLine, newSecrets, showEverything } from "../../test/support/secret-search.ts"
import { atMost, count, type Finding, octets } from "./finding.ts"

export async function* measure(): AsyncGenerator<Finding, void, undefined> {
  const secrets = newSecrets()
  // Built beside this file, whether this one runs from there or not.
  const here = import.meta.url.includes("/build/") ? "../../" : "../../build/"
  const { code, output } = await showEverything(new URL(`${here}test/programs/secretive.js`, import.meta.url), secrets)
  if (code !== 0) throw new Error(`The process that shows everything ended with ${code}: run "npm run build:programs"`)
  const found = hits(output, secrets).length + hits(inOneLine(output), secrets).length
  yield atMost("B16", `secrets in ${octets(output.length)} of stdout and stderr`, found, 0, count)
}
