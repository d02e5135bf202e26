import brokerless = require("brokerless")

async function main(): Promise<void> {
  const { Pull, Push } = brokerless
  await using pull = new Pull()
  await using push: brokerless.Push = new Push()
  push.connect(await pull.bind("inproc://consumer"))

  await push.send(["packed", "and", "unpacked"])
  const message: Buffer[] = await pull.receive({ timeout: 10_000 })
  if (message.join(" ") !== "packed and unpacked") throw new Error(`received ${message.join(" ")}`)
}

main().then(() =>
  console.log(
    Object.keys(brokerless)
      .filter((name) => name !== "__esModule" && name !== "default")
      .sort()
      .join(" "),
  ),
)
