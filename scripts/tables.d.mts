// The types of tables.mjs, for the test that imports it.

import type { OPTIONS } from "../src/options.ts"
import type { legalPeers, SOCKET_TYPES } from "../src/socket-type.ts"

/** The text of every table, by the name of its file in docs/tables/. */
export function tables(code: {
  readonly options: typeof OPTIONS
  readonly socketTypes: typeof SOCKET_TYPES
  readonly legalPeers: typeof legalPeers
}): ReadonlyMap<string, string>
