// How much memory for octets is asked for while something runs, to the octet and whenever the garbage is collected.

type Maker = "alloc" | "allocUnsafe" | "allocUnsafeSlow"

const MAKERS: readonly Maker[] = ["alloc", "allocUnsafe", "allocUnsafeSlow"]

/** Octets that were allocated meanwhile; what is copied from something that exists by other means is not counted. */
export function allocated(act: () => void): number {
  let octets = 0
  const originals = MAKERS.map((maker) => Buffer[maker])
  for (const [i, maker] of MAKERS.entries()) {
    const original = originals[i] as (size: number) => Buffer
    Object.assign(Buffer, {
      [maker]: (size: number, ...more: []) => {
        octets += size
        return original.call(Buffer, size, ...more)
      },
    })
  }
  try {
    act()
  } finally {
    for (const [i, maker] of MAKERS.entries()) Object.assign(Buffer, { [maker]: originals[i] })
  }
  return octets
}
