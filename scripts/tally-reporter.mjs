// A vitest reporter of one line: the last words of `npm test`, plain and alone on their line.

/** @implements {import("vitest/reporters").Reporter} */
export default class TallyReporter {
  /** Failures are failed tests, files that could not be loaded, and errors nobody caught. */
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0
    let failed = unhandledErrors.length
    for (const module of modules) {
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "passed") passed++
        else if (state === "failed") failed++
      }
    }
    // The default reporter writes its summary in the same turn; this line comes after it.
    process.once("exit", () => console.log(`${passed} passed, ${failed} failed`))
  }
}
