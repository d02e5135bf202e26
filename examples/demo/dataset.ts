// The files of the npm package vega-datasets, wherever it has been installed.

import { readFileSync } from "node:fs"

/** The text of one file of its data folder. */
export function readDataset(name: string): string {
  return readFileSync(new URL(`../data/${name}`, import.meta.resolve("vega-datasets")), "utf8")
}

/** The rows of a table in CSV, its heading left out. No cell that we use is quoted. */
export function readTable(name: string): string[][] {
  const [, ...rows] = readDataset(name).trim().split("\n")
  return rows.map((row) => row.split(","))
}
