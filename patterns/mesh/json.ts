// The codec of a mesh to which none is given: JSON, in which a peer cannot plant a prototype.

import { type Codec, CodecError, type Frame } from "brokerless"

/** What `JSON.stringify` writes only for what is rare, so that a text without it needs no second look. */
const SUSPICIOUS = /__proto__|\\u/

/** Values as JSON. A key `__proto__` that arrives is left out. */
export const json: Codec<unknown> = {
  encode(value: unknown): string {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new CodecError(`JSON has no text for ${typeof value}`)
    return text
  },
  decode(frame: Frame): unknown {
    const text = frame.toString()
    return SUSPICIOUS.test(text) ? JSON.parse(text, withoutPrototype) : JSON.parse(text)
  },
}

function withoutPrototype(key: string, value: unknown): unknown {
  return key === "__proto__" ? undefined : value
}
