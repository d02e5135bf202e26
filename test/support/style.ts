// Rules of form that hold for every source which is published. Each returns the places where it is broken.

import ts from "typescript"
import { findAll, type Source } from "./sources.ts"

/** Names, never a default. */
export function defaultExports(sources: readonly Source[]): string[] {
  return findAll(sources, (node) => {
    if (ts.isExportAssignment(node)) return node.getText()
    if (ts.isNamespaceExport(node) && node.name.text === "default") return "a default export"
    const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) return "a default export"
    return ts.isExportSpecifier(node) && node.name.text === "default" ? "a default export" : undefined
  })
}

/** Types that leave something behind: enums, namespaces, parameter properties. */
export function typesThatStay(sources: readonly Source[]): string[] {
  return findAll(sources, (node) => {
    if (ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node)) return node.getText().slice(0, 40)
    return ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent) ? node.getText() : undefined
  })
}

export function saysAny(sources: readonly Source[]): string[] {
  return findAll(sources, (node) => (node.kind === ts.SyntaxKind.AnyKeyword ? node.parent.getText() : undefined))
}

/** Re-exports, except in the files that `mayDo` names. */
export function barrels(sources: readonly Source[], mayDo: (path: string) => boolean): string[] {
  return findAll(sources, (node, { path }) =>
    !mayDo(path) && ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined ? node.getText() : undefined,
  )
}

/** Statements of a file that do something else than to re-export. */
export function otherThanExports({ tree }: Source): string[] {
  return tree.statements.filter((statement) => !ts.isExportDeclaration(statement)).map((each) => each.getText())
}

/** Files that do not open with what lives there. */
export function silent(sources: readonly Source[]): string[] {
  return pathsOf(sources.filter(({ text }) => !/^(\/\/\/ <reference [^\n]*\n)?\/\/ \S/.test(text)))
}

/** Names that are not in kebab-case after one thing, or say nothing. */
export function poorNames(sources: readonly Source[]): string[] {
  return sources
    .flatMap(({ path }) => path.replace(/(\.test)?\.ts$/, "").split("/"))
    .filter(
      (name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^(utils?|helpers?|common|misc|shared|lib|types)$/.test(name),
    )
}

export function longerThan(lines: number, sources: readonly Source[]): string[] {
  return pathsOf(sources.filter(({ text }) => text.split("\n").length > lines))
}

export function widerThan(columns: number, sources: readonly Source[]): string[] {
  return pathsOf(sources.filter(({ text }) => text.split("\n").some((line) => line.length > columns)))
}

function pathsOf(sources: readonly Source[]): string[] {
  return sources.map(({ path }) => path)
}
