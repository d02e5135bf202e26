// What a reader has heard, boiled down to two numbers: the same two that the data itself yields.

import { emptyChecksum, foldNumber, foldText } from "../checksum.ts"

export class Tally {
  count = 0
  checksum: number = emptyChecksum

  /** One more quote. The order counts: two quotes the other way round make another checksum. */
  add(topic: string, value: number): void {
    this.count++
    this.checksum = foldNumber(foldText(this.checksum, topic), value)
  }
}
