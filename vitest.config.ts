import { fileURLToPath } from "node:url"
import type { ViteUserConfig } from "vitest/config"

const config: ViteUserConfig = {
  resolve: {
    alias: [
      { find: /^brokerless$/, replacement: fileURLToPath(new URL("./src/index.ts", import.meta.url)) },
      { find: /^brokerless\/codec$/, replacement: fileURLToPath(new URL("./src/codec.ts", import.meta.url)) },
      { find: /^brokerless\/curve$/, replacement: fileURLToPath(new URL("./src/curve.ts", import.meta.url)) },
      { find: /^brokerless\/patterns$/, replacement: fileURLToPath(new URL("./patterns/index.ts", import.meta.url)) },
      {
        find: /^brokerless\/patterns\/([^/]+)$/,
        replacement: `${fileURLToPath(new URL("./patterns", import.meta.url))}/$1/index.ts`,
      },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "patterns/*/test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test that asserts nothing cannot fail.
    expect: { requireAssertions: true },
    reporters: ["default", "./scripts/tally-reporter.mjs"],
  },
}

export default config
