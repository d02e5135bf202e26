// A checksum in 32 bits, taken on from one value to the next: cheap, and it tells order as well as content.

/** What a checksum starts from. */
export const emptyChecksum: number = 0x811c9dc5 | 0

/** The checksum after `text` too. */
export function foldText(checksum: number, text: string): number {
  for (let i = 0; i < text.length; i++) checksum = mix(checksum, text.charCodeAt(i))
  return checksum
}

const double = new Float64Array(1)
const halves = new Int32Array(double.buffer)

/** The checksum after `value` too, all 64 bits of it. */
export function foldNumber(checksum: number, value: number): number {
  double[0] = value
  return mix(mix(checksum, halves[0]!), halves[1]!)
}

/** As people compare them: eight hexadecimal digits. */
export function showChecksum(checksum: number): string {
  return (checksum >>> 0).toString(16).padStart(8, "0")
}

// As FNV-1a does it, and then the upper bits come down, so that every bit of the next value meets all of them.
function mix(checksum: number, value: number): number {
  const product = Math.imul(checksum ^ value, 0x01000193)
  return product ^ (product >>> 15)
}
