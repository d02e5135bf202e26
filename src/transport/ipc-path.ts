// The path of a Unix socket: taking it, and giving it back. Three promises are kept here: the socket has its mode
// before anybody can reach it; nothing that is alive, not a socket, or somebody else's is ever removed; and of all who
// want a path at once, exactly one gets it.
//
// A socket is made under a temporary name in a private directory beside its path, given its mode, and then linked to
// the path: link() never replaces anything, so it decides who is first. If something is there already, it is looked at
// (never followed), probed, and removed only if it is a socket of ours that refuses connections.
//
// All steps on disk are synchronous: within a process they are one step, and no connection is accepted between the
// link and the moment the listener is known. They happen once per bind, on a local file system.

import {
  type BigIntStats,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fromString } from "../bytes.ts"
import { wallTime } from "../clock.ts"
import type { EndpointError } from "../errors.ts"
import { cannot } from "./net-error.ts"
import { refusalAtOnce } from "./told-at-once.ts"

/** What `sun_path` holds beside its final NUL: 108 octets on Linux, 104 on the BSDs and macOS. */
export const LONGEST_PATH: number = process.platform === "linux" || process.platform === "android" ? 107 : 103

/** After this long, in ms, the mark of somebody who is removing a stale socket is itself a leftover of a crash. */
const CLAIM_LIFE = 10_000

/** A path for one listener, from before it listens until after it is closed. */
export class SocketPath {
  /** The path that peers connect to. */
  readonly path: string
  /** Where to listen: not to be reached by others before {@link publish}. */
  readonly staged: string
  /** Directories that are ours, to be removed with all that they hold. */
  readonly #directories: string[]
  readonly #absolute: string
  #socket: BigIntStats | undefined

  private constructor(path: string, staged: string, directories: string[]) {
    this.path = path
    this.staged = staged
    this.#directories = directories
    this.#absolute = resolve(path)
  }

  /** Makes the directories anew, or none at all. */
  static #make(place: (directories: string[]) => { path: string; staged: string }): SocketPath {
    const directories: string[] = []
    try {
      const { path, staged } = place(directories)
      // Node.js would cut the path off, and use another.
      if (fits(staged)) return new SocketPath(path, staged, directories)
      throw Object.assign(new Error(`${staged} is too long for a socket`), { code: "ENAMETOOLONG" })
    } catch (error) {
      for (const directory of directories) remove(directory)
      throw error
    }
  }

  /** A new path in a directory of its own, which nobody else can enter. */
  static chosen(): SocketPath {
    return SocketPath.#make((directories) => {
      const path = join(make(directories, join(tmpdir(), "brokerless-")), "ipc")
      return { path, staged: path }
    })
  }

  static given(path: string): SocketPath {
    return SocketPath.#make((directories) => {
      const beside = make(directories, `${dirname(resolve(path))}/.`)
      const staged = join(beside, "s")
      if (fits(staged)) return { path, staged }
      // Seen through a symbolic link elsewhere, the same place has a shorter name.
      const elsewhere = make(directories, join(tmpdir(), "ipc-"))
      symlinkSync(beside, join(elsewhere, "d"))
      return { path, staged: join(elsewhere, "d", "s") }
    })
  }

  /**
   * Makes the socket that listens at {@link staged} known at {@link path}.
   *
   * @throws EndpointError `EADDRINUSE` when the path is taken; or the system's own error
   */
  async publish(endpoint: string, mode: number): Promise<void> {
    this.#prepare(mode)
    for (let found = this.#link(); found !== undefined; found = this.#link()) {
      makeWay(endpoint, this.#absolute, found, found.isSocket() ? await refusal(this.path) : undefined)
    }
  }

  /** As {@link publish}, at once. */
  publishNow(endpoint: string, mode: number): void {
    this.#prepare(mode)
    for (let found = this.#link(); found !== undefined; found = this.#link()) {
      makeWay(endpoint, this.#absolute, found, found.isSocket() ? refusalAtOnce(this.path) : undefined)
    }
  }

  #prepare(mode: number): void {
    chmodSync(this.staged, mode)
    this.#socket = lstatSync(this.staged, { bigint: true })
  }

  /** Links the socket to its path, unless something is there: then that is returned. */
  #link(): BigIntStats | undefined {
    if (this.staged === this.path) return undefined
    while (!linked(this.staged, this.#absolute)) {
      const found = lstatSync(this.#absolute, { bigint: true, throwIfNoEntry: false })
      if (found !== undefined) return found
    }
    for (const directory of this.#directories.splice(0)) remove(directory)
    return undefined
  }

  /**
   * Gives the path back if it still leads to our socket, and leaves nothing else behind. To be called while the socket
   * listens: until then nobody takes the path from us, and no other file can have its inode.
   */
  release(): void {
    try {
      const found = lstatSync(this.#absolute, { bigint: true, throwIfNoEntry: false })
      if (found !== undefined && found.dev === this.#socket?.dev && found.ino === this.#socket.ino) {
        unlinkSync(this.#absolute)
      }
    } catch {
      // The directory has become inaccessible or has gone: what is left is stale, and will be found to be.
    }
    for (const directory of this.#directories.splice(0)) remove(directory)
  }
}

/** A new directory of mode 0700, on the list of those to be removed. */
function make(directories: string[], prefix: string): string {
  const directory = mkdtempSync(prefix)
  directories.push(directory)
  return directory
}

function fits(path: string): boolean {
  return fromString(path).length <= LONGEST_PATH
}

/** Whether `path` leads to the socket now; not if something was there. */
function linked(staged: string, path: string): boolean {
  try {
    linkSync(staged, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

/**
 * Removes what was found at the path, or throws if it must stay.
 *
 * @param refusal the code with which a connection to it was refused, if it was
 */
function makeWay(endpoint: string, absolute: string, found: BigIntStats, refusal: string | undefined): void {
  if (!found.isSocket()) throw taken(endpoint, "something that is not a socket is at this path, and is left alone")
  if (refusal === "ENOENT") return
  // Only a refusal proves that nobody listens.
  if (refusal !== "ECONNREFUSED") throw taken(endpoint, "a live socket is at this path")
  if (found.uid !== BigInt(process.geteuid?.() ?? -1)) {
    throw taken(endpoint, "a stale socket of another user is at this path, and is left alone")
  }
  removeStale(endpoint, absolute, found)
}

/** Connects to a path and parts at once: the code of the system's error, or undefined if somebody listens there. */
function refusal(path: string): Promise<string | undefined> {
  return new Promise((answer) => {
    const socket = connect(path)
    socket.on("connect", () => {
      socket.destroy()
      answer(undefined)
    })
    socket.on("error", ({ code }: NodeJS.ErrnoException) => answer(code))
  })
}

/**
 * Removes that socket and no other. Between the probe and now another process may have removed it and put its own
 * there; so whoever removes a socket claims it first, by a directory named after it, and then looks once more.
 */
function removeStale(endpoint: string, path: string, stale: BigIntStats): void {
  const claim = join(dirname(path), `.${stale.ino}-${stale.mtimeNs}`)
  try {
    mkdirSync(claim)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    const age = wallTime() - (lstatSync(claim, { throwIfNoEntry: false })?.mtimeMs ?? 0)
    if (age < CLAIM_LIFE) throw taken(endpoint, "another process is just taking this path")
    remove(claim)
    return
  }
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (found?.dev === stale.dev && found.ino === stale.ino && found.mtimeNs === stale.mtimeNs) unlinkSync(path)
  } finally {
    remove(claim)
  }
}

/** A directory of ours; one that cannot be removed stays, and is in nobody's way. */
function remove(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true })
  } catch {}
}

function taken(endpoint: string, why: string): EndpointError {
  return cannot("bind", endpoint, "EADDRINUSE", why)
}
