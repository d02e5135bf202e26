// Aligned columns for the terminal.

export type Alignment = "left" | "right"

/** Lays out rows, the first being the heading, with a rule below it. */
export function columns(rows: readonly (readonly string[])[], alignments: readonly Alignment[]): string {
  const widths = alignments.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return alignments[column] === "right" ? cell.padStart(width) : cell.padEnd(width)
      })
      .join("  ")
      .trimEnd(),
  )
  lines.splice(1, 0, "─".repeat(Math.max(...lines.map((line) => line.length))))
  return lines.join("\n")
}
