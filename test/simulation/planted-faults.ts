// Faults that the simulation has to find.

import type { Fault } from "./laboratory.ts"

export const FAULTS: readonly Fault[] = []
