// Writes docs/tables/ from the code: options, limits, events, errors, drop reasons, legal pairs. What a table says is said
// once, in src/; nothing is written here by hand but headings.
//
//   npm run docs:tables              writes them; a test fails when they are out of date

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = new URL("..", import.meta.url)

/** The text of every table, by the name of its file. */
export function tables({ options, socketTypes, legalPeers }) {
  return new Map([
    ["options.md", optionTable(options)],
    ["limits.md", limitTable(options)],
    ["legal-pairs.md", pairTable(socketTypes, legalPeers)],
    ["events.md", eventTable()],
    ["errors.md", errorTable()],
    ["drop-reasons.md", reasonTable()],
  ])
}

function optionTable(options) {
  const classes = [...new Set(Object.values(options).flatMap(({ on }) => on))]
  const docs = interfaceDocs("src/options.ts")
  const rows = Object.entries(options).map(([name, row]) => [
    `\`${name}\``,
    defaultOf(row),
    row.unit ?? "",
    classesOf(row.on, classes),
    docs.get(name) ?? row.doc,
  ])
  return page(
    "Options",
    "Given to the constructor, checked at once, frozen. `undefined` stands for the default. Times are in milliseconds, " +
      "sizes in octets.",
    ["option", "default", "unit", "on", "what it is about"],
    rows,
  )
}

function limitTable(options) {
  const docs = interfaceDocs("src/options.ts")
  const rows = Object.entries(options)
    .filter(([, row]) => row.bites !== undefined)
    .map(([name, row]) => [`\`${name}\``, defaultOf(row), row.unit ?? "", docs.get(name) ?? row.doc, row.bites])
  return page(
    "Limits",
    "What bounds a peer, known or not, and what is held for it. Each is an option, met where the thing grows and not " +
      "where it is complete, and each that is met is told of by an event; a `limit` event names the option.",
    ["option", "default", "unit", "what it bounds", "what happens there"],
    rows,
  )
}

function defaultOf({ default: value, defaultOn = {}, unit }) {
  const own = Object.entries(defaultOn).map(([name, other]) => `${shown(other, unit)} on ${name}`)
  return [shown(value, unit), ...own].join("; ")
}

function shown(value, unit) {
  if (value === undefined || (value instanceof Map && value.size === 0)) return "none"
  if (typeof value === "string") return `\`"${value}"\``
  if (value === 0o600 && unit === undefined) return "`0o600`"
  if (typeof value !== "number") return `\`${value}\``
  if (unit !== "bytes") return String(value)
  for (const [size, name] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ]) {
    if (value >= size && value % size === 0) return `${value / size} ${name}`
  }
  return String(value)
}

function classesOf(on, all) {
  if (on.length === all.length) return "all"
  const missing = all.filter((name) => !on.includes(name))
  return missing.length <= 3 ? `all but ${missing.join(", ")}` : on.join(", ")
}

function pairTable(types, legalPeers) {
  const rows = types.map((type) => [type, ...types.map((other) => (legalPeers(type).includes(other) ? "●" : ""))])
  return page(
    "Legal pairs",
    "Which socket types talk to each other (RFC 28 to 31, 37). Peers of any other pair are refused in the handshake. On " +
      "the wire a `Fanout` is a PUSH.",
    ["", ...types],
    rows,
  )
}

function eventTable() {
  const { members } = declarationOf("src/events.ts", "EventTable")
  const rows = members.map((member) => [
    `\`${nameOf(member)}\``,
    ts.isTypeLiteralNode(member.type) ? member.type.members.map((field) => fieldOf(field)).join(", ") : "",
    docOf(member),
  ])
  return page(
    "Events",
    "`socket.events` tells them. Every event has `type`, `endpoint` (empty if it is about the socket as a whole) and, " +
      "once it is known, `peer`.",
    ["event", "carries", "what happened"],
    rows,
  )
}

function errorTable() {
  const { statements } = parse("src/errors.ts")
  const rows = statements
    .filter((each) => ts.isClassDeclaration(each) && each.heritageClauses !== undefined)
    .filter((each) => each.name.text !== "MessagingError")
    .map((each) => [`\`${each.name.text}\``, codesOf(each), docOf(each)])
  return page(
    "Errors",
    "Each is a `MessagingError`, which is an `Error` with a `code`. Where the operating system said no, the code is its " +
      "own.",
    ["class", "code", "when"],
    rows,
  )
}

function codesOf(declaration) {
  const code = declaration.members.find((member) => ts.isPropertyDeclaration(member) && nameOf(member) === "code")
  const text = code.initializer?.getText() ?? code.type.getText()
  const codes = [...text.matchAll(/"(\w+)"/g)].map(([, name]) => `\`${name}\``)
  if (codes.length > 0) return codes.join(", ")
  // An open set: those that its documentation names.
  return `${[...docOf(declaration).matchAll(/`E[A-Z]+`/g)].join(", ")}, …`
}

function reasonTable() {
  const { source, list } = reasons()
  const rows = list.map((element) => [`\`${element.text}\``, commentBefore(source, element)])
  return page(
    "Reasons for which a message is dropped",
    "The keys of `stats.dropped`, and the `reason` of `message:dropped` events. The set is closed: what `send` accepted " +
      "either goes to a peer or is counted here.",
    ["reason", "what happened"],
    rows,
  )
}

function reasons() {
  const source = parse("src/stats.ts")
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue
    const [declaration] = statement.declarationList.declarations
    if (declaration.name.getText() !== "DROP_REASONS") continue
    return { source, list: declaration.initializer.expression.elements }
  }
  throw new Error("src/stats.ts has no DROP_REASONS")
}

/** The documentation of all members of the interfaces of a file, by their names, without what tags say. */
function interfaceDocs(path) {
  const docs = new Map()
  for (const statement of parse(path).statements) {
    if (!ts.isInterfaceDeclaration(statement)) continue
    for (const member of statement.members) {
      const doc = docOf(member)
      if (doc !== "" && !docs.has(nameOf(member))) docs.set(nameOf(member), doc)
    }
  }
  return docs
}

function declarationOf(path, name) {
  const found = parse(path).statements.find((each) => each.name?.text === name)
  if (found === undefined) throw new Error(`${path} has no ${name}`)
  return found
}

function parse(path) {
  return ts.createSourceFile(path, readFileSync(new URL(path, root), "utf8"), ts.ScriptTarget.Latest, true)
}

function nameOf({ name }) {
  return name === undefined ? "" : ts.isStringLiteral(name) ? name.text : name.getText()
}

function fieldOf(field) {
  return `\`${nameOf(field)}${field.questionToken === undefined ? "" : "?"}: ${typeOf(field)}\``
}

function typeOf(field) {
  return field.type.getText().replace(" | undefined", "")
}

function docOf(node) {
  const [doc] = ts.getJSDocCommentsAndTags(node)
  if (doc === undefined || !ts.isJSDoc(doc)) return ""
  return oneLine(ts.getTextOfJSDocComment(doc.comment) ?? "").replaceAll(/\{@link (\S+?)\}/g, "`$1`")
}

function commentBefore(source, node) {
  const text = source.getFullText()
  const ranges = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []
  return oneLine(ranges.map(({ pos, end }) => text.slice(pos, end).replace(/^\/\/ ?/, "")).join(" "))
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, " ").trim()
}

function page(title, words, heading, rows) {
  const cells = [heading, heading.map(() => "---"), ...rows]
  const lines = cells.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
  return [
    `# ${title}`,
    "",
    "<!-- written by `npm run docs:tables` from the sources -->",
    "",
    words,
    "",
    ...lines,
    "",
  ].join("\n")
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { OPTIONS } = await import("../dist/options.js")
  const { SOCKET_TYPES, legalPeers } = await import("../dist/socket-type.js")
  const folder = new URL("docs/tables/", root)
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of tables({ options: OPTIONS, socketTypes: SOCKET_TYPES, legalPeers })) {
    writeFileSync(new URL(file, folder), text)
  }
}
