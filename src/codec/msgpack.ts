// Values as MessagePack, packed and unpacked by msgpackr. What a peer sent is looked at before msgpackr sees it, and
// what msgpackr made before it is sent. The only file that knows msgpackr.

import type { Options, Packr as PackrClass } from "msgpackr"
// Not the package's main door: that one loads native code if it finds some.
import { Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE } from "msgpackr/pack"
import { allocate, type Bytes, copy } from "../bytes.ts"
import { CodecError } from "../errors.ts"
import { describe, type Frame } from "../message.ts"
import { reasonOf } from "../thrown.ts"
import type { Codec } from "./codec.ts"
import { frameOf } from "./frames.ts"
import { type CodecLimits, type CodecOption, LIMITS, type SettledLimits, settle } from "./limits.ts"
import { LONG_MARKED_TEXT, markedTwice } from "./marked-text.ts"
import { msgpackCheck } from "./msgpack-check.ts"

/** What can be said of {@link msgpack}. */
export interface MsgpackOptions extends CodecLimits {
  /**
   * What integers of 64 bits are received as. `"bigint"` (the default) is what was sent: numbers of JavaScript never
   * travel as such integers, and a `bigint` always does. `"number"` gives a number wherever it is exact, for peers in
   * other languages, which send any large integer like this; a `bigint` is left only beyond ±2^53.
   */
  readonly int64?: "bigint" | "number" | undefined
}

const INT64: CodecOption = {
  accepts: '"bigint" or "number"',
  test: (value) => value === "bigint" || value === "number",
  standard: "bigint",
}

type SettledOptions = SettledLimits & { readonly int64: "bigint" | "number" }

/** Some of what msgpackr takes, its declarations do not know. */
type Settings = Omit<Options, "int64AsType"> & { skipValues?: unknown[]; int64AsType?: "bigint" | "auto" }

const SETTINGS: Settings = {
  // Records are code made from the names that a peer sends.
  useRecords: false,
  mapsAsObjects: true,
  moreTypes: false,
  structuredClone: false,
  // Maps of any size, in as few octets as possible.
  variableMapSize: true,
  // As in JSON: undefined is left out of an object, and null in an array.
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
  // Octets that are received share no memory with the frame, nor with other receivers of it.
  copyBuffers: true,
  writeFunction() {
    throw new CodecError("MessagePack has no word for a function")
  },
}

/** Where msgpackr has put what it packed: in memory that it uses again. */
type Packed = Bytes & { readonly start: number; readonly end: number }

/** Frames up to this many octets are unpacked from memory that is used again: a view for msgpackr costs more. */
const DESK = 4096
/** Once it has packed as much, msgpackr is given a small buffer again. */
const LARGE = 256 * 1024

const MODE = (REUSE_BUFFER_MODE as number) | (RESET_BUFFER_MODE as number)
const desk: Bytes = allocate(DESK)
const packrs = new Map<SettledOptions["int64"], PackrClass>()
let tidying = false

/**
 * Values as MessagePack, each in a frame of its own, readable by every other implementation.
 *
 * What arrives is what was sent for `null`, booleans, numbers, strings, `bigint`s of up to 64 bits, octets (any view of
 * them arrives as octets in memory of their own), arrays and plain objects. A property that is `undefined` is left out;
 * in an array it becomes `null`. An object of a class arrives as a plain object with its own properties, or as what its
 * `toJSON` returned; a `Map` as a plain object; a `Set`, an `Error` and a `RegExp` as arrays of what they hold; `-0` as
 * `0`; and half of a surrogate pair as U+FFFD.
 *
 * Rejects its `send` with {@link CodecError}: a `Date` and whatever else would be an extension type, functions,
 * symbols, larger `bigint`s, cycles, and what is over a limit. Announced as `message:invalid` is what arrives and is
 * not exactly one value of the plain types, is over a limit, or has the key `__proto__`. No class is revived, no code
 * is made from what a peer names, and nothing is allocated for what it announces.
 *
 * What is received is believed to be an `R`; {@link validated} looks whether it is.
 *
 * @typeParam S - what is sent
 * @typeParam R - what is received
 * @throws OptionError for an option that does not exist or is not accepted
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function msgpack<S = unknown, R = S>(options?: MsgpackOptions): Codec<NoInfer<S>, NoInfer<R>> {
  // NoInfer: what a peer sends is never guessed from where the codec goes; it is what one says, or unknown.
  const { int64, ...limits } = settle<SettledOptions>("msgpack", { ...LIMITS, int64: INT64 }, options)
  const check = msgpackCheck(limits)
  const packr = packrOf(int64)
  return {
    encode(value) {
      const packed = pack(packr, value)
      const { start, end } = packed
      if (end - start > LARGE) tidy(packr)
      check(packed, start, end)
      return frameOf(packed, start, end)
    },
    decode(frame) {
      const size = frame.length
      let octets = frame
      if (size <= DESK) {
        copy(frame, desk, 0)
        octets = desk
      }
      const marked = check(octets, 0, size)
      if (marked !== undefined && losesMarks(packr)) {
        octets = markedTwice(octets, size, marked)
        return unpack(packr, octets, octets.length) as R
      }
      return unpack(packr, octets, size) as R
    },
  }
}

/** One for all codecs of a kind, so that all of them run what is compiled already. */
function packrOf(int64: SettledOptions["int64"]): PackrClass {
  let packr = packrs.get(int64)
  if (packr === undefined) {
    packr = new Packr({ ...SETTINGS, int64AsType: int64 === "number" ? "auto" : "bigint" }) as PackrClass
    packrs.set(int64, packr)
  }
  return packr
}

function pack(packr: PackrClass, value: unknown): Packed {
  if (value === undefined) throw new CodecError("MessagePack has no word for undefined")
  try {
    return packr.pack(value, MODE) as Packed
  } catch (error) {
    tidy(packr)
    if (error instanceof CodecError) throw error
    const reason = error instanceof RangeError ? reasonOfRange(error) : reasonOf(error)
    throw new CodecError(`There is no MessagePack for ${describe(value)}: ${reason}`, { cause: error })
  }
}

/** In our own words: what msgpackr says is about options of its own. */
function reasonOfRange({ message }: RangeError): string {
  if (message.includes("64-bit")) return "a bigint needs more than 64 bits"
  return /stack|buffer size/.test(message) ? "it is nested too deep, or holds itself" : message
}

function unpack(packr: PackrClass, octets: Frame, size: number): unknown {
  try {
    return packr.unpack(octets, size)
  } catch (error) {
    throw new CodecError(`A frame could not be unpacked: ${reasonOf(error)}`, { cause: error })
  }
}

/** Its own decoder does, native code does not, and others of the process may have loaded that. */
function losesMarks(packr: PackrClass): boolean {
  return !(packr.unpack(LONG_MARKED_TEXT) as string).startsWith("\ufeff")
}

/** Makes msgpackr let go of a large buffer: later, since it may be in the middle of packing something else. */
function tidy(packr: PackrClass): void {
  if (tidying) return
  tidying = true
  queueMicrotask(() => {
    tidying = false
    packr.useBuffer(allocate(2 * DESK))
  })
}
