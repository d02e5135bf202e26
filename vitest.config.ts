import { fileURLToPath } from "node:url"
import type { ViteUserConfig } from "vitest/config"

const config: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^brokerless$/, replacement: fileURLToPath(new URL("./src/index.ts", import.meta.url)) },
      { find: /^brokerless\/codec$/, replacement: fileURLToPath(new URL("./src/codec.ts", import.meta.url)) },
      { find: /^brokerless\/curve$/, replacement: fileURLToPath(new URL("./src/curve.ts", import.meta.url)) },
      {
        find: /^brokerless\/zeromq\/(draft|v5-compat)(\.js)?$/,
        replacement: `${fileURLToPath(new URL("./src/zeromq", import.meta.url))}/$1.ts`,
      },
      { find: /^brokerless\/zeromq$/, replacement: fileURLToPath(new URL("./src/zeromq.ts", import.meta.url)) },
      { find: /^brokerless\/patterns$/, replacement: fileURLToPath(new URL("./patterns/index.ts", import.meta.url)) },
      {
        find: /^brokerless\/patterns\/([^/]+)$/,
        replacement: `${fileURLToPath(new URL("./patterns", import.meta.url))}/$1/index.ts`,
      },
    ],
  },
  test: {
    projects: [
      { extends: true, test: { name: "all", include: ["test/**/*.test.ts", "patterns/*/test/**/*.test.ts"] } },
      {
        // The same again for inproc as it is between threads.
        extends: true,
        test: {
          name: "between threads",
          include: [
            "test/spec/{fanout,million,opt,pair,pipe,proxy,pubsub,pubsub-overflow,reqrep,xpub}.spec.test.ts",
            "test/{life,lost-peer}.test.ts",
            "test/transport/inproc.test.ts",
          ],
          env: { BROKERLESS_INPROC: "between threads" },
        },
      },
    ],
    pool: "forks",
    maxWorkers: 2,
    // Only a failure takes that long, however busy the machine is.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A test that asserts nothing cannot fail.
    expect: { requireAssertions: true, poll: { timeout: 30_000 } },
    reporters: ["default", "./scripts/tally-reporter.mjs"],
  },
}

export default config
