import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatTcp, parseEndpoint } from "../src/endpoint.ts"
import { EndpointError } from "../src/errors.ts"

function refusalOf(text: unknown, purpose: "bind" | "connect"): EndpointError {
  try {
    parseEndpoint(text as string, purpose)
  } catch (error) {
    expect(error).toBeInstanceOf(EndpointError)
    return error as EndpointError
  }
  throw new Error(`${String(text)} was accepted for ${purpose}`)
}

describe("parseEndpoint", () => {
  it.each([
    ["tcp://127.0.0.1:5555", "127.0.0.1", 5555],
    ["tcp://localhost:1", "localhost", 1],
    ["tcp://my_host.example-1.org.:65535", "my_host.example-1.org.", 65535],
    ["tcp://[::1]:5555", "::1", 5555],
    ["tcp://[2001:DB8::ffff:10.0.0.1]:80", "2001:DB8::ffff:10.0.0.1", 80],
    ["tcp://[fe80::1%eth0]:80", "fe80::1%eth0", 80],
    ["tcp://eth0:80", "eth0", 80],
  ])("takes %s for both purposes", (text, host, port) => {
    for (const purpose of ["bind", "connect"] as const) {
      expect(parseEndpoint(text, purpose)).toEqual({ transport: "tcp", text, host, port })
    }
  })

  it.each([
    ["tcp://*:*", "*", 0],
    ["tcp://*:0", "*", 0],
    ["tcp://127.0.0.1:*", "127.0.0.1", 0],
    ["tcp://[::]:0", "::", 0],
    ["tcp://Ethernet 2:0", "Ethernet 2", 0],
  ])("OPT-13: takes the wildcards of %s for a bind, and for no connect", (text, host, port) => {
    expect(parseEndpoint(text, "bind")).toEqual({ transport: "tcp", text, host, port })
    expect(refusalOf(text, "connect").code).toBe("EINVAL")
  })

  it.each([
    ["tcp://192.0.2.1:7000;192.0.2.2:5555", "192.0.2.1", 7000],
    ["tcp://*:0;192.0.2.2:5555", "*", 0],
    ["tcp://eth0:*;192.0.2.2:5555", "eth0", 0],
    ["tcp://[::1]:7000;192.0.2.2:5555", "::1", 7000],
  ])("takes the source of %s for a connect, and for no bind", (text, host, port) => {
    const source = { host, port }
    expect(parseEndpoint(text, "connect")).toEqual({ transport: "tcp", text, host: "192.0.2.2", port: 5555, source })
    expect(refusalOf(text, "bind").message).toContain("source")
  })

  it.each(["ipc:///tmp/feed.ipc", "ipc://relative/feed", "ipc://@abstract", "ipc://with://in it"])(
    "takes %s for both purposes",
    (text) => {
      for (const purpose of ["bind", "connect"] as const) {
        expect(parseEndpoint(text, purpose)).toEqual({ transport: "ipc", text, path: text.slice(6) })
      }
    },
  )

  it("takes ipc://* for a bind only", () => {
    expect(parseEndpoint("ipc://*", "bind")).toEqual({ transport: "ipc", text: "ipc://*", path: "*" })
    expect(refusalOf("ipc://*", "connect").code).toBe("EINVAL")
  })

  it("counts the octets of a path, not its characters", () => {
    expect(parseEndpoint(`ipc://${"é".repeat(53)}x`, "bind")).toMatchObject({ path: `${"é".repeat(53)}x` })
    const error = refusalOf(`ipc://${"é".repeat(54)}`, "bind")
    expect(error.code).toBe("EINVAL")
    expect(error.message).toContain("108 octets")
  })

  it("takes names of 1 to 256 characters for inproc", () => {
    const name = "n".repeat(256)
    expect(parseEndpoint(`inproc://${name}`, "bind")).toEqual({ transport: "inproc", text: `inproc://${name}`, name })
    expect(refusalOf(`inproc://${name}n`, "connect").message).toContain("257 characters")
    expect(refusalOf("inproc://", "bind").code).toBe("EINVAL")
  })

  it.each([
    ["foo-bar", "no transport"],
    ["", "no transport"],
    ["://x", "no transport"],
    ["tcp:/127.0.0.1:1", "no transport"],
    ["tcp://", "port is missing"],
    ["tcp://127.0.0.1", "port is missing"],
    ["tcp://[::1]", "port is missing"],
    ["tcp://127.0.0.1:", '"" is not one'],
    ["tcp://127.0.0.1:-1", '"-1" is not one'],
    ["tcp://127.0.0.1:65536", '"65536" is not one'],
    ["tcp://127.0.0.1:123456", "is not one"],
    ["tcp://127.0.0.1:80a", '"80a" is not one'],
    ["tcp://127.0.0.1:80/", '"80/" is not one'],
    ["tcp://127.0.0.1:0x50", "is not one"],
    ["tcp://127.0.0.1:5e3", "is not one"],
    ["tcp://127.0.0.1: 80", "is not one"],
    ["tcp://:80", "host is missing"],
    ["tcp://[]:80", "not an IPv6 address"],
    ["tcp://[::1:80", "not closed"],
    ["tcp://[::1]80", "colon and the port are missing"],
    ["tcp://::1:80", "brackets"],
    ["tcp://[127.0.0.1]:80", "not an IPv6 address"],
    ["tcp://[localhost]:80", "not an IPv6 address"],
    ["tcp://[1::2::3]:80", "not an IPv6 address"],
    ["tcp://[::1%]:80", "zone"],
    ["tcp://[::1%a/b]:80", "zone"],
    ["tcp://[%eth0]:80", "not an IPv6 address"],
    ["tcp://256.0.0.1:80", "not an IPv4 address"],
    ["tcp://1.2.3:80", "not an IPv4 address"],
    ["tcp://01.2.3.4:80", "not an IPv4 address"],
    ["tcp://a b@c:80", "must not hold"],
    ["tcp://a\0b:80", "must not hold"],
    ["tcp://a*:80", "must not hold"],
    ["tcp:// a:80", "white space"],
    [`tcp://${"a".repeat(254)}:80`, "253"],
    ["ipc://", "path is missing"],
    ["ipc://@", "name after @"],
    ["ipc:///tmp/a\0b", "NUL"],
    [`ipc:///${"a".repeat(107)}`, "108 octets"],
  ])("refuses %j with EINVAL and says why", (text, why) => {
    const error = refusalOf(text, "bind")
    expect(error.code).toBe("EINVAL")
    expect(error.endpoint).toBe(text)
    expect(error.message).toContain(why)
    expect(error.message).toContain("accepted: ")
  })

  it.each(["tcp://a b:80", "tcp://a:0", "tcp://*:80", "tcp://a:*", "tcp://;b:80", "tcp://a:1;b:2;c:3", "tcp://x;b:2"])(
    "refuses to connect to %j with EINVAL",
    (text) => {
      expect(refusalOf(text, "connect")).toMatchObject({ code: "EINVAL", endpoint: text })
    },
  )

  it.each(["foo://bar", "TCP://127.0.0.1:80", "pgm://127.0.0.1:80", "ws://127.0.0.1:80", " tcp://127.0.0.1:80"])(
    "refuses the transport of %j with EPROTONOSUPPORT",
    (text) => {
      const error = refusalOf(text, "connect")
      expect(error).toMatchObject({ code: "EPROTONOSUPPORT", endpoint: text })
      expect(error.message).toContain("accepted: tcp://, ipc:// and inproc://")
    },
  )

  it.each([undefined, null, 5555, {}, Symbol("tcp"), ["tcp://127.0.0.1:80"]])(
    "refuses %s, which is no string",
    (value) => {
      const error = refusalOf(value, "bind")
      expect(error.code).toBe("EINVAL")
      expect(error.message).toContain(`got ${typeof value}`)
    },
  )

  it("shows a bounded piece of an endpoint without bounds", () => {
    expect(refusalOf("x".repeat(1_000_000), "bind").message.length).toBeLessThan(500)
    expect(refusalOf(`tcp://a:${"1".repeat(1_000_000)}`, "bind").message.length).toBeLessThan(800)
  })

  it("takes any text apart or refuses it with an EndpointError", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary-ascii" }).map((rest) => `tcp://${rest}`),
      fc
        .array(fc.constantFrom("a", "1", "*", ":", "[", "]", ";", "%", ".", "::", "0", "@", " "))
        .map((parts) => `tcp://${parts.join("")}`),
      fc.string().map((rest) => `ipc://${rest}`),
    )
    fc.assert(
      fc.property(text, fc.constantFrom("bind" as const, "connect" as const), (text, purpose) => {
        try {
          const endpoint = parseEndpoint(text, purpose)
          expect(endpoint.text).toBe(text)
          if (endpoint.transport === "tcp") {
            expect(endpoint.host).not.toBe("")
            expect(endpoint.port).toBeGreaterThanOrEqual(purpose === "bind" ? 0 : 1)
            expect(endpoint.port).toBeLessThanOrEqual(65535)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(EndpointError)
        }
      }),
    )
  })

  it("reads back every address that was formatted", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65535 }), (host, port) => {
        const text = formatTcp(host, port)
        expect(parseEndpoint(text, "connect")).toEqual({ transport: "tcp", text, host, port })
      }),
    )
  })
})

describe("formatTcp", () => {
  it("puts IPv6 in brackets and nothing else", () => {
    expect(formatTcp("127.0.0.1", 5555)).toBe("tcp://127.0.0.1:5555")
    expect(formatTcp("localhost", 1)).toBe("tcp://localhost:1")
    expect(formatTcp("::1", 5555)).toBe("tcp://[::1]:5555")
    expect(formatTcp("fe80::1%eth0", 5555)).toBe("tcp://[fe80::1%eth0]:5555")
  })
})
