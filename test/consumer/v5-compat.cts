import zmq = require("brokerless/zeromq/v5-compat")

const rep = zmq.socket("rep")
const req: zmq.Socket = zmq.createSocket("req")
rep.bind("tcp://127.0.0.1:*", (error) => {
  if (error) throw error
  req.connect(rep.last_endpoint)
  req.send("required")
})
rep.on("message", (question) => rep.send(`${question}!`))
req.on("message", (answer) => {
  if (String(answer) !== "required!") throw new Error(`received ${answer}`)
  req.close()
  rep.close()
  console.log(Object.keys(zmq).sort().join(" "))
})
