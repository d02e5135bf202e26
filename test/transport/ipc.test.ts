import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { connect, createServer, Server, Socket } from "node:net"
import { tmpdir } from "node:os"
import { basename, dirname, join, relative } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest"
import { fromString } from "../../src/bytes.ts"
import { EndpointError } from "../../src/errors.ts"
import { ipc } from "../../src/transport/ipc.ts"
import { streamTransportSuite } from "../suite/stream-transport.ts"
import { roundTrip, StreamPairs } from "../support/stream-pairs.ts"

const root = process.getuid?.() === 0
const linux = process.platform === "linux"

let count = 0

describe.skipIf(process.platform === "win32")("ipc", () => {
  const directory = mkdtempSync(join(tmpdir(), "ipc-test-"))
  const fresh = () => join(directory, `socket-${++count}`)

  /** What somebody left who listened, and was killed. */
  async function stale(path: string = fresh()): Promise<string> {
    const child = await serve(path)
    child.kill("SIGKILL")
    await once(child, "exit")
    return path
  }

  let abandoned: string

  beforeAll(async () => {
    abandoned = await stale()
  })

  afterAll(() => rmSync(directory, { recursive: true }))

  streamTransportSuite(() => ({
    transport: ipc,
    wildcard: "ipc://*",
    free: async () => `ipc://${fresh()}`,
    deserted: () => `ipc://${abandoned}`,
  }))

  let pairs: StreamPairs

  beforeEach(() => {
    pairs = new StreamPairs(ipc)
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await pairs.clear()
  })

  const inUse = (endpoint: string) =>
    pairs.listen(endpoint).then(
      () => undefined,
      (error: unknown) => error,
    )

  describe("a path", () => {
    it("is the address of both peers", async () => {
      const path = fresh()
      const { near, far } = await pairs.pair(await pairs.listen(`ipc://${path}`))
      expect([near.stream.address, far.stream.address]).toEqual([path, path])
    })

    it("has beside it nothing of ours", async () => {
      const path = join(fresh(), "feed")
      mkdirSync(dirname(path))
      const server = await pairs.listen(`ipc://${path}`)
      expect(readdirSync(dirname(path))).toEqual(["feed"])
      expect(lstatSync(path).nlink).toBe(1)
      await server.listener.close()
      expect(readdirSync(dirname(path))).toEqual([])
    })

    it("may be relative", async () => {
      const path = relative(process.cwd(), fresh())
      const server = await pairs.listen(`ipc://${path}`)
      expect(server.endpoint).toBe(`ipc://${path}`)
      await roundTrip(await pairs.pair(server))
      await server.listener.close()
      expect(existsSync(path)).toBe(false)
    })

    it("OPT-20: is removed on close, and not before", async () => {
      const path = fresh()
      const server = await pairs.listen(`ipc://${path}`)
      const both = await pairs.pair(server)
      expect(lstatSync(path).isSocket()).toBe(true)
      await server.listener.close()
      expect(existsSync(path)).toBe(false)
      await roundTrip(both)
    })

    it("OPT-20: is left alone on close when somebody else has put something there", async () => {
      const path = fresh()
      const server = await pairs.listen(`ipc://${path}`)
      unlinkSync(path)
      writeFileSync(path, "mine")
      await server.listener.close()
      expect(readFileSync(path, "utf8")).toBe("mine")
      unlinkSync(path)

      const first = await pairs.listen(`ipc://${path}`)
      unlinkSync(path)
      const second = await pairs.listen(`ipc://${path}`)
      await first.listener.close()
      await roundTrip(await pairs.pair(second))
    })

    it("is given back even when its directory has gone", async () => {
      const path = join(fresh(), "feed")
      mkdirSync(dirname(path))
      const server = await pairs.listen(`ipc://${path}`)
      rmSync(dirname(path), { recursive: true })
      await expect(server.listener.close()).resolves.toBeUndefined()
    })

    it.each([
      [undefined, 0o600],
      [0o660, 0o660],
      [0o777, 0o777],
      [0, 0],
    ])("T17: has the mode %o before anybody can see it", async (ipcMode, mode) => {
      const path = fresh()
      const modes: number[] = []
      const listen = Server.prototype.listen
      vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server, ...given: unknown[]) {
        const { path: staged } = given[0] as { path: string }
        // Whatever the umask: until the mode is set, the socket is where nobody else can go.
        modes.push(statSync(dirname(staged)).mode & 0o777)
        return Reflect.apply(listen, this, given) as Server
      })
      await pairs.listen(`ipc://${path}`, ipcMode === undefined ? {} : { ipcMode })
      expect(lstatSync(path).mode & 0o777).toBe(mode)
      expect(modes).toEqual([0o700])
    })

    it("may be as long as a socket's can be, though no temporary name fits beside it", async () => {
      const base = mkdtempSync(join(tmpdir(), "ipc-long-"))
      const longest = linux ? 107 : 103
      const deep = join(base, "d".repeat(longest - base.length - 3))
      mkdirSync(deep)
      const path = join(deep, "s")
      expect(path.length).toBe(longest)
      const mkdtemp = new Set(readdirSync(tmpdir()))
      const server = await pairs.listen(`ipc://${path}`)
      await roundTrip(await pairs.pair(server))
      expect(lstatSync(path).mode & 0o777).toBe(0o600)
      expect(readdirSync(deep)).toEqual(["s"])
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith("ipc-") && !mkdtemp.has(name))).toEqual([])
      expect(await inUse(`ipc://${path}`)).toMatchObject({ code: "EADDRINUSE" })
      await server.listener.close()
      expect(readdirSync(deep)).toEqual([])
      rmSync(base, { recursive: true })
    })

    it.each([
      ["in no directory", (path: string) => join(path, "feed"), "ENOENT", "no such path"],
      [
        "below a file",
        (path: string) => {
          writeFileSync(path, "")
          return join(path, "feed")
        },
        "ENOTDIR",
        "not a directory",
      ],
    ])("%s cannot be bound", async (_, place, code, why) => {
      const endpoint = `ipc://${place(fresh())}`
      const error = await inUse(endpoint)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code, endpoint, cause: { code } })
      expect((error as Error).message).toContain(why)
    })

    it.skipIf(root)("in a directory that is not ours to write in cannot be bound", async () => {
      const path = join(fresh(), "feed")
      mkdirSync(dirname(path), { mode: 0o500 })
      expect(await inUse(`ipc://${path}`)).toMatchObject({ code: "EACCES" })
    })
  })

  describe("what is at the path already", () => {
    it("OPT-19: is replaced if it is a socket that refuses connections", async () => {
      const path = await stale()
      const before = lstatSync(path, { bigint: true })
      const server = await pairs.listen(`ipc://${path}`)
      expect(lstatSync(path, { bigint: true }).mtimeNs).not.toBe(before.mtimeNs)
      expect(lstatSync(path).mode & 0o777).toBe(0o600)
      await roundTrip(await pairs.pair(server))
    })

    it("OPT-19: stays if another process serves it, which is no worse off", async () => {
      const path = fresh()
      const child = await serve(path)
      const before = lstatSync(path, { bigint: true })
      const error = await inUse(`ipc://${path}`)
      expect(error).toMatchObject({ code: "EADDRINUSE", message: expect.stringContaining("live") })
      expect(lstatSync(path, { bigint: true }).ino).toBe(before.ino)
      const socket = connect(path)
      await once(socket, "connect")
      socket.end("echo")
      expect((await socket.toArray()).join("")).toBe("echo")
      child.kill("SIGKILL")
      await once(child, "exit")
    })

    it("OPT-19: stays if a server that is too busy to accept serves it", async () => {
      const path = fresh()
      // A process that is stopped serves all the same.
      const child = await serve(path)
      child.kill("SIGSTOP")
      expect(await inUse(`ipc://${path}`)).toMatchObject({ code: "EADDRINUSE" })
      expect(lstatSync(path).isSocket()).toBe(true)
      child.kill("SIGKILL")
      await once(child, "exit")
    })

    it("OPT-19: stays if it is a file, a directory or a link, wherever that leads", async () => {
      const file = fresh()
      writeFileSync(file, "precious")
      const folder = fresh()
      mkdirSync(folder)
      const target = await stale()
      const link = fresh()
      symlinkSync(target, link)
      const dangling = fresh()
      symlinkSync(join(directory, "nothing"), dangling)
      for (const path of [file, folder, link, dangling]) {
        const error = await inUse(`ipc://${path}`)
        expect(error).toBeInstanceOf(EndpointError)
        expect(error).toMatchObject({ code: "EADDRINUSE", message: expect.stringContaining("not a socket") })
      }
      expect(readFileSync(file, "utf8")).toBe("precious")
      expect(lstatSync(folder).isDirectory()).toBe(true)
      expect([lstatSync(link).isSymbolicLink(), lstatSync(dangling).isSymbolicLink()]).toEqual([true, true])
      expect(lstatSync(target).isSocket()).toBe(true)
      expect(existsSync(join(directory, "nothing"))).toBe(false)
    })

    it.runIf(root)("T17: stays if it is another user's, even if stale", async () => {
      const path = await stale()
      chownSync(path, 65534, 65534)
      const error = await inUse(`ipc://${path}`)
      expect(error).toMatchObject({ code: "EADDRINUSE", message: expect.stringContaining("another user") })
      expect(lstatSync(path).isSocket()).toBe(true)
    })

    it("goes to exactly one of many who find it stale at once", async () => {
      for (let round = 0; round < 10; round++) {
        const path = fresh()
        linkSync(abandoned, path)
        const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => pairs.listen(`ipc://${path}`)))
        const bound = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
        const refused = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as EndpointError] : []))
        expect(bound.length).toBe(1)
        expect(refused.map(({ code }) => code)).toEqual(Array(5).fill("EADDRINUSE"))
        const served = bound[0] as (typeof bound)[0]
        await pairs.connect(served.endpoint)
        await served.listener.close()
        expect(existsSync(path)).toBe(false)
      }
    })

    it("goes to exactly one of many who find it free at once", async () => {
      for (let round = 0; round < 10; round++) {
        const path = fresh()
        const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => pairs.listen(`ipc://${path}`)))
        expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1)
      }
      expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([])
    })

    it("is not removed if it changed after the probe", async () => {
      const path = await stale()
      const live = fresh()
      const server = await pairs.listen(`ipc://${live}`)
      // The probe is refused; when it hears so, a live socket is where the stale one was.
      const original = Socket.prototype.connect
      vi.spyOn(Socket.prototype, "connect").mockImplementationOnce(function (this: Socket, ...given: unknown[]) {
        const socket = Reflect.apply(original, this, given) as Socket
        renameSync(live, path)
        return socket
      })
      expect(await inUse(`ipc://${path}`)).toMatchObject({ code: "EADDRINUSE" })
      vi.restoreAllMocks()
      const inode = lstatSync(path).ino
      await roundTrip(await pairs.pairAmongOthers(server, `ipc://${path}`))
      expect(lstatSync(path).ino).toBe(inode)
      unlinkSync(path)
    })

    it("is left to the one who is just removing it, unless that was long ago", async () => {
      const path = await stale()
      const { ino, mtimeNs } = lstatSync(path, { bigint: true })
      const claim = join(directory, `.${ino}-${mtimeNs}`)
      mkdirSync(claim)
      expect(await inUse(`ipc://${path}`)).toMatchObject({ code: "EADDRINUSE" })
      expect(lstatSync(path, { bigint: true }).ino).toBe(ino)
      utimesSync(claim, new Date(0), new Date(0))
      await roundTrip(await pairs.pair(await pairs.listen(`ipc://${path}`)))
      expect(existsSync(claim)).toBe(false)
    })
  })

  describe("ipc://*", () => {
    it("OPT-13: is a path in a directory that nobody else can enter", async () => {
      const server = await pairs.listen("ipc://*", { ipcMode: 0o666 })
      const path = server.endpoint.slice(6)
      expect(dirname(dirname(path))).toBe(tmpdir())
      expect(lstatSync(dirname(path)).mode & 0o777).toBe(0o700)
      expect(lstatSync(path).mode & 0o777).toBe(0o666)
      await roundTrip(await pairs.pair(server))
      await server.listener.close()
      expect(existsSync(dirname(path))).toBe(false)
    })

    it("leaves nothing behind when it cannot be had", async () => {
      const base = mkdtempSync(join(tmpdir(), "ipc-tmp-"))
      const long = join(base, "t".repeat(100))
      mkdirSync(long)
      vi.stubEnv("TMPDIR", long)
      try {
        expect(await inUse("ipc://*")).toMatchObject({
          code: "ENAMETOOLONG",
          message: expect.stringContaining("temporary"),
        })
        expect(readdirSync(long)).toEqual([])
      } finally {
        vi.unstubAllEnvs()
        rmSync(base, { recursive: true })
      }
    })
  })

  describe.runIf(linux)("ipc://@name", () => {
    it("is in the abstract namespace, and leaves no file", async () => {
      const name = `@${basename(directory)}-abstract`
      const server = await pairs.listen(`ipc://${name}`)
      expect(server.endpoint).toBe(`ipc://${name}`)
      expect(readFileSync("/proc/net/unix", "latin1")).toContain(name)
      expect(existsSync(name)).toBe(false)
      const both = await pairs.pair(server)
      expect([both.near.stream.address, both.far.stream.address]).toEqual([name, name])
      await roundTrip(both)
      expect(await inUse(`ipc://${name}`)).toMatchObject({ code: "EADDRINUSE" })
      await server.listener.close()
      await roundTrip(await pairs.pair(await pairs.listen(`ipc://${name}`)))
    })

    it("has the longest name that fits", async () => {
      const name = `@${basename(directory)}-`.padEnd(107, "x")
      await roundTrip(await pairs.pair(await pairs.listen(`ipc://${name}`)))
      await expect(pairs.connect(`ipc://${name.slice(0, -1)}`)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    })
  })

  it("does not take a write that the system refuses for one that went out", async () => {
    const both = await pairs.pair(await pairs.listen("ipc://*"))
    const { near, far } = both
    await roundTrip(both)
    // The descriptor is closed at once, so the very next write fails.
    far.stream.destroy()
    expect(near.stream.write([fromString("into the void")])).toBe(false)
    await near.untilClosed()
    expect(near).toMatchObject({ drains: 0, closures: [{ code: "EPIPE" }] })
  })

  describe("connecting", () => {
    it("fails where there is nothing", async () => {
      const endpoint = `ipc://${fresh()}`
      const error = await pairs.connect(endpoint).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(EndpointError)
      expect(error).toMatchObject({ code: "ENOENT", endpoint, cause: { code: "ENOENT" } })
    })

    it("fails at something that is not a socket, and does it no harm", async () => {
      const path = fresh()
      writeFileSync(path, "precious")
      await expect(pairs.connect(`ipc://${path}`)).rejects.toMatchObject({ code: expect.stringMatching(/^E[A-Z]+$/) })
      expect(readFileSync(path, "utf8")).toBe("precious")
    })

    it.skipIf(root)("T17: fails where the mode says so", async () => {
      const path = fresh()
      await pairs.listen(`ipc://${path}`)
      chmodSync(path, 0)
      await expect(pairs.connect(`ipc://${path}`)).rejects.toMatchObject({ code: "EACCES" })
    })

    it("speaks with sockets that are not ours", async () => {
      const path = fresh()
      const foreign = createServer((socket) => socket.end("hello"))
      foreign.listen(path)
      await once(foreign, "listening")
      const stream = await pairs.connect(`ipc://${path}`)
      const heard = await new Promise<string>((resolve) => {
        let text = ""
        stream.start({
          data: (chunk) => {
            text += chunk
          },
          drained: () => {},
          ended: () => resolve(text),
          closed: () => {},
        })
      })
      expect(heard).toBe("hello")
      foreign.close()
    })
  })
})

/** Another process that listens there and echoes. */
async function serve(path: string): Promise<ChildProcess> {
  const script = `require("node:net").createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
    .listen(${JSON.stringify(path)}, () => process.stdout.write("listening"))`
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout as NonNullable<typeof child.stdout>, "data")
  return child
}
