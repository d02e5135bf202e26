import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Pipe } from "../../src/pipe/pipe.ts"
import { READ_TURN, Rotation, WAITING_TURN, WRITE_TURN } from "../../src/routing/rotation.ts"
import { testPipe } from "../support/pipes.ts"

describe("a rotation", () => {
  it("gives everybody a turn, in the order of coming, again and again", () => {
    const rotation = new Rotation(WRITE_TURN)
    const pipes = [testPipe(), testPipe(), testPipe()]
    for (const pipe of pipes) rotation.enter(pipe)
    for (let turn = 0; turn < 9; turn++) {
      expect(rotation.head()).toBe(pipes[turn % 3])
      rotation.advance()
    }
  })

  it("has a place for each only once", () => {
    const rotation = new Rotation(READ_TURN)
    const pipe = testPipe()
    rotation.enter(pipe)
    rotation.enter(pipe)
    expect([...rotation.pipes()].length).toBe(1)
    rotation.advance()
    expect(rotation.head()).toBe(pipe)
  })

  it("keeps nobody who has left, and the order of the others", () => {
    const rotation = new Rotation(WRITE_TURN)
    const pipes = Array.from({ length: 1000 }, () => testPipe())
    for (const pipe of pipes) rotation.enter(pipe)
    const stay = pipes.filter((_, i) => i % 100 === 7)
    for (const pipe of pipes) if (!stay.includes(pipe)) rotation.leave(pipe)
    expect([...rotation.pipes()].length).toBeLessThan(100)
    const turns = [...stay, ...stay].map(() => {
      for (let head = rotation.head(); head !== undefined && !stay.includes(head); head = rotation.head()) {
        rotation.retire()
      }
      const head = rotation.head()
      rotation.advance()
      return pipes.indexOf(head as Pipe)
    })
    expect(turns).toEqual([...stay, ...stay].map((pipe) => pipes.indexOf(pipe)))
    expect([...rotation.pipes()]).toHaveLength(stay.length)
  })

  it("leaves out those who come and go although nobody ever asks whose turn it is", () => {
    const rotation = new Rotation(WRITE_TURN)
    for (let i = 0; i < 10_000; i++) {
      const pipe = testPipe()
      rotation.enter(pipe)
      rotation.leave(pipe)
      rotation.leave(pipe)
    }
    expect([...rotation.pipes()].length).toBeLessThan(100)
  })

  it("forgets who retires, until it enters again, at the end", () => {
    const rotation = new Rotation(READ_TURN)
    const [one, two] = [testPipe(), testPipe()]
    rotation.enter(one)
    rotation.enter(two)
    rotation.retire()
    expect([rotation.head(), [...rotation.pipes()].length]).toEqual([two, 1])
    rotation.enter(one)
    expect(rotation.head()).toBe(two)
    rotation.advance()
    expect(rotation.head()).toBe(one)
  })

  it("does not mind being empty", () => {
    const rotation = new Rotation(READ_TURN)
    rotation.advance()
    rotation.retire()
    expect([rotation.head(), [...rotation.pipes()].length]).toEqual([undefined, 0])
  })

  it("knows nothing of the other rotations that a pipe is in", () => {
    const rotations = [READ_TURN, WRITE_TURN, WAITING_TURN].map((bit) => new Rotation(bit as typeof READ_TURN))
    const pipe = testPipe()
    for (const rotation of rotations) rotation.enter(pipe)
    rotations[1]?.retire()
    expect(rotations.map((each) => [...each.pipes()].length)).toEqual([1, 0, 1])
    for (const rotation of rotations) rotation.enter(pipe)
    expect(rotations.map((each) => [...each.pipes()].length)).toEqual([1, 1, 1])
  })

  it("is a line without repetition, whatever is asked of it", () => {
    const call = fc.record({ name: fc.constantFrom("enter", "enter", "advance", "retire"), n: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 100 }), (calls) => {
        const rotation = new Rotation(WRITE_TURN)
        const pipes = Array.from({ length: 6 }, () => testPipe())
        let line: Pipe[] = []
        for (const { name, n } of calls) {
          const pipe = pipes[n] as Pipe
          if (name === "enter") {
            rotation.enter(pipe)
            if (!line.includes(pipe)) line.push(pipe)
          } else if (name === "advance") {
            rotation.advance()
            line = [...line.slice(1), ...line.slice(0, 1)]
          } else {
            rotation.retire()
            line.shift()
          }
          expect(rotation.head()).toBe(line[0])
          expect([...rotation.pipes()].length).toBe(line.length)
        }
      }),
    )
  })
})
