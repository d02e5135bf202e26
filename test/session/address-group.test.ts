import { describe, expect, it } from "vitest"
import { addressGroup, LOCAL } from "../../src/session/address-group.ts"

describe("addresses that are counted together", () => {
  it.each([
    ["192.0.2.7:49152", "192.0.2.7"],
    ["127.0.0.1:49152", LOCAL],
    ["127.9.9.9:1", LOCAL],
    ["[::1]:49152", LOCAL],
    ["/tmp/some.sock", LOCAL],
    ["@abstract", LOCAL],
    ["some-name", LOCAL],
    ["[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2"],
    ["[2001:db8:1:2::6]:80", "2001:db8:1:2"],
    ["[2001:db8::6]:80", "2001:db8:0:0"],
    ["[2001:db8::]:80", "2001:db8:0:0"],
    ["[fe80::1%eth0]:80", "fe80:0:0:0"],
    ["[::2]:80", "0:0:0:0"],
    ["[::ffff:192.0.2.7]:80", "::ffff:192.0.2.7"],
  ])("LIMIT-2: %s belongs to %s", (address, group) => {
    expect(addressGroup(address)).toBe(group)
  })
})
